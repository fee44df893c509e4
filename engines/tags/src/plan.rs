//! A template as it is used: tags by number, keys as a tree, nothing left to check.

use crate::template::{Deadband, Derived, Limits, Shape, TagClass, TimeField};
use crate::value::Type;
use std::sync::Arc;

/// A tag's number in its plan.
pub type TagId = u32;

/// What payloads of a device are read by.
#[derive(Debug, Clone)]
pub struct Plan {
    pub(crate) template: Arc<str>,
    pub(crate) tags: Vec<PlannedTag>,
    pub(crate) root: Root,
    pub(crate) nodes: Vec<Node>,
    pub(crate) time: TimeField,
    pub(crate) limits: Limits,
}

/// One tag of a plan; those that are made of windows have a number of their own.
#[derive(Debug, Clone)]
pub struct PlannedTag {
    pub name: Arc<str>,
    pub unit: Arc<str>,
    pub group: Arc<str>,
    pub of: Type,
    pub class: Option<TagClass>,
    pub(crate) shape: Shape,
    /// What is made of its samples, and as which tag.
    pub(crate) derived: Vec<(Derived, TagId)>,
}

/// How a payload begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Root {
    /// The payload is the value.
    Whole(TagId),
    /// It is an object, read by the first node.
    Object,
}

/// The keys of an object that lead somewhere.
#[derive(Debug, Clone, Default)]
pub(crate) struct Node {
    pub(crate) children: Vec<(Box<str>, To)>,
}

/// Where a key leads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum To {
    Node(usize),
    Tag(TagId),
    Time,
    Quality,
}

impl Plan {
    pub fn template(&self) -> &Arc<str> {
        &self.template
    }

    pub fn tags(&self) -> &[PlannedTag] {
        &self.tags
    }

    /// The tag of this name, looked for first at `hint`: who reads tags has them in the plan's order.
    pub(crate) fn find(&self, name: &str, hint: usize) -> Option<TagId> {
        let at = match self.tags.get(hint) {
            Some(tag) if *tag.name == *name => hint,
            _ => self.tags.iter().position(|tag| *tag.name == *name)?,
        };
        Some(at as TagId)
    }

    /// The tag with this number, which came from an interpretation by this plan.
    pub fn tag(&self, id: TagId) -> &PlannedTag {
        &self.tags[id as usize]
    }
}

impl Node {
    /// Where the key leads, tried first at `hint`: payloads have their keys in the same order each time.
    pub(crate) fn find(&self, key: &str, hint: usize) -> Option<(usize, To)> {
        match self.children.get(hint) {
            Some((known, to)) if **known == *key => Some((hint, *to)),
            _ => {
                let at = self.children.iter().position(|(known, _)| **known == *key)?;
                Some((at, self.children[at].1))
            }
        }
    }
}

impl PlannedTag {
    /// By how much a value must differ from the last one reported; nothing where any difference is news.
    pub(crate) fn band(&self, last: f64) -> Option<f64> {
        match self.shape.deadband {
            Deadband::None => None,
            Deadband::Absolute(band) => Some(band),
            Deadband::Percent(percent) => {
                let span = match (self.shape.min, self.shape.max) {
                    (Some(min), Some(max)) => max - min,
                    _ => last.abs(),
                };
                Some(span * percent / 100.0)
            }
        }
    }

    /// Whether a value of it can be no news at all.
    pub fn is_sifted(&self) -> bool {
        self.shape.deadband != Deadband::None || self.shape.by_exception
    }

    pub(crate) fn is_plausible(&self, value: f64) -> bool {
        self.shape.min.is_none_or(|min| value >= min) && self.shape.max.is_none_or(|max| value <= max)
    }
}
