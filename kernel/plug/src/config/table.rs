//! The table: sections of all capabilities joined into one tree. A table that contradicts itself is a fault of the program. Pure.

use crate::config::edge::{Beside, Source};
use crate::config::field::{Field, Group, Many, Preset, Section};
use crate::config::read::{self, Reading};
use crate::config::value;
use crate::config::values::Values;

/// Groups inside each other, the file itself included.
const DEPTH_MAX: usize = 8;

/// Every setting there is.
#[derive(Debug, Clone)]
pub struct Table {
    pub(super) root: Node,
}

/// One table of the file, or the shape of all that have one name's place.
#[derive(Debug, Clone, Default)]
pub(super) struct Node {
    pub(super) name: &'static str,
    pub(super) help: &'static str,
    pub(super) many: Option<Many>,
    pub(super) fields: Vec<Field>,
    pub(super) groups: Vec<Node>,
}

impl Table {
    /// Joins sections. Panics where two say different things of one key, or a default is not within its own limits.
    pub fn new(sections: &[Section]) -> Table {
        let mut root = Node::default();
        for section in sections {
            root.join(section);
        }
        root.check("", 0);
        Table { root }
    }

    /// Reads the file and the command line. The capabilities look at their sections next, so that every fault is told at once.
    pub fn read(&self, source: &Source<'_>) -> Reading {
        read::read(self, source, None)
    }

    /// The same with a second file.
    pub fn read_both(&self, source: &Source<'_>, beside: &Beside<'_>) -> Reading {
        read::read(self, source, Some(beside))
    }

    /// The fields of a group, whichever of its names the file gives: `ingest.templates.tags`. Panics where there is none.
    pub fn fields(&self, path: &str) -> &[Field] {
        let node = path.split('.').try_fold(&self.root, |node, name| node.group(name));
        &node.unwrap_or_else(|| panic!("the table has no [{path}]")).fields
    }

    /// What holds without a file.
    pub fn defaults(&self) -> Values {
        let source = Source { file: None, overrides: &[], secrets: &|_| Err("not asked for".to_owned()) };
        self.read(&source).finish().expect("a default is within its limits, and no section needs to be there")
    }
}

impl Table {
    /// The field at a path without named groups in it.
    pub(super) fn field(&self, path: &str) -> Option<&Field> {
        let (groups, key) = path.rsplit_once('.')?;
        groups.split('.').try_fold(&self.root, |node, name| node.group(name))?.field(key)
    }
}

impl Node {
    fn join(&mut self, section: &Section) {
        let mut node = self;
        for name in section.name.split('.') {
            node = node.child(name);
        }
        assert!(node.many.is_none(), "[{}] is named by the file, so it cannot be a section", section.name);
        if node.help.is_empty() {
            node.help = section.help;
        }
        node.extend(section.fields, section.groups);
    }

    fn child(&mut self, name: &'static str) -> &mut Node {
        let at = self.groups.iter().position(|node| node.name == name).unwrap_or_else(|| {
            self.groups.push(Node { name, ..Node::default() });
            self.groups.len() - 1
        });
        &mut self.groups[at]
    }

    fn extend(&mut self, fields: &[Field], groups: &[Group]) {
        self.fields.extend(fields);
        for group in groups {
            let is_there = self.group(group.name).is_some();
            let child = self.child(group.name);
            if group.is_more() {
                assert!(is_there, "[{}] is not there, so nothing can be added to it", group.name);
            } else {
                assert!(child.fields.is_empty() && child.many.is_none(), "[{}] is there twice", group.name);
                (child.help, child.many) = (group.help, group.many);
            }
            child.extend(group.fields, group.groups);
        }
    }

    fn check(&self, path: &str, depth: usize) {
        assert!(depth < DEPTH_MAX, "{path} is too deep");
        for (at, field) in self.fields.iter().enumerate() {
            let is_twice = self.fields[..at].iter().any(|other| other.key == field.key)
                || self.groups.iter().any(|group| group.name == field.key);
            assert!(!is_twice, "{path}.{} is there twice", field.key);
            if let Preset::Is(text) = field.preset
                && let Err(flaw) = value::from_text(&field.kind, text)
            {
                panic!("the default of {path}.{} is no good: {}", field.key, flaw.message);
            }
        }
        self.groups.iter().for_each(|group| group.check(&format!("{path}.{}", group.name), depth + 1));
    }

    pub(super) fn field(&self, key: &str) -> Option<&Field> {
        self.fields.iter().find(|field| field.key == key)
    }

    pub(super) fn group(&self, name: &str) -> Option<&Node> {
        self.groups.iter().find(|group| group.name == name)
    }

    pub(super) fn names(&self) -> impl Iterator<Item = &'static str> {
        self.fields.iter().map(|field| field.key).chain(self.groups.iter().map(|group| group.name))
    }
}
