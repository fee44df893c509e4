//! The tags rules may name, and which of them is nearest to a name that is none. Pure.

use crate::syntax::Kind;
use std::collections::BTreeMap;

/// Names looked at for a near one; a fault's message is not worth more.
const NEAR_MAX: usize = 10_000;

/// What tags there are. Ordered, so that everything made from it is the same each time.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Catalog {
    tags: BTreeMap<String, Kind>,
    /// Topics that are in no model may be named too: a name with a `/` in it that is not listed. What kind it is follows from its
    /// first use.
    pub topics: bool,
}

impl Catalog {
    pub fn new(tags: impl IntoIterator<Item = (String, Kind)>) -> Catalog {
        Catalog { tags: tags.into_iter().collect(), topics: false }
    }

    /// Any topic, and no tag of a model.
    pub fn of_topics() -> Catalog {
        Catalog { tags: BTreeMap::new(), topics: true }
    }

    pub fn insert(&mut self, name: impl Into<String>, kind: Kind) {
        self.tags.insert(name.into(), kind);
    }

    pub fn kind(&self, name: &str) -> Option<Kind> {
        self.tags.get(name).copied()
    }

    /// Whether an unlisted name is taken for a topic.
    pub(crate) fn takes_topic(&self, name: &str) -> bool {
        self.topics && name.contains('/')
    }

    /// The tags under a pattern with `+` for one part and `#` for all that follow; parts end at `/` and `.`.
    pub(crate) fn matching(&self, pattern: &str) -> Vec<(&str, Kind)> {
        let matches = |name: &&String| matches(pattern, name);
        let found = self.tags.iter().filter(|(name, _)| matches(name));
        found.map(|(name, kind)| (name.as_str(), *kind)).collect()
    }

    pub(crate) fn nearest(&self, name: &str) -> Option<String> {
        nearest(name, self.tags.keys().map(String::as_str))
    }
}

pub(crate) fn is_pattern(name: &str) -> bool {
    parts(name).any(|part| matches!(part, "+" | "#"))
}

fn parts(name: &str) -> impl Iterator<Item = &str> {
    name.split(['/', '.'])
}

fn matches(pattern: &str, name: &str) -> bool {
    let mut names = parts(name);
    for part in parts(pattern) {
        match (part, names.next()) {
            ("#", Some(_)) => return true,
            ("+", Some(_)) => {}
            (part, Some(name)) if part == name => {}
            _ => return false,
        }
    }
    names.next().is_none()
}

/// The candidate that is the fewest edits away, if they are few for the name's length.
pub(crate) fn nearest<'a>(name: &str, candidates: impl Iterator<Item = &'a str>) -> Option<String> {
    let far = name.chars().count() / 3 + 1;
    let scored = candidates.take(NEAR_MAX).map(|candidate| (edits(name, candidate), candidate));
    scored.filter(|(edits, _)| *edits <= far).min().map(|(_, candidate)| candidate.to_owned())
}

/// Levenshtein's distance, by rows.
fn edits(one: &str, other: &str) -> usize {
    let other: Vec<char> = other.chars().collect();
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (at, c) in one.chars().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], at + 1);
        for (column, d) in other.iter().enumerate() {
            let replaced = diagonal + usize::from(c != *d);
            diagonal = row[column + 1];
            row[column + 1] = replaced.min(diagonal + 1).min(row[column] + 1);
        }
    }
    row[other.len()]
}
