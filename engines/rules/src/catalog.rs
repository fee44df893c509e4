//! The tags rules may name, and which of them is nearest to a name that is none. Pure.

use crate::syntax::Kind;
use std::collections::BTreeMap;

/// Names looked at for a near one; a fault's message is not worth more.
const NEAR_MAX: usize = 10_000;

/// What tags there are. Ordered, so that everything made from it is the same each time.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Catalog {
    tags: BTreeMap<String, Kind>,
    /// Tags of devices whose names are not known before they speak; nothing for one that is not of one kind everywhere.
    open: BTreeMap<String, Option<Kind>>,
    /// Tags that rules make.
    derived: BTreeMap<String, Kind>,
    /// Topics that are in no model may be named too: a name with a `/` in it that is not listed. What kind it is follows from its
    /// first use.
    pub topics: bool,
}

impl Catalog {
    pub fn new(tags: impl IntoIterator<Item = (String, Kind)>) -> Catalog {
        Catalog { tags: tags.into_iter().collect(), ..Catalog::default() }
    }

    /// Any topic, and no tag of a model.
    pub fn of_topics() -> Catalog {
        Catalog { topics: true, ..Catalog::default() }
    }

    pub fn insert(&mut self, name: impl Into<String>, kind: Kind) {
        self.tags.insert(name.into(), kind);
    }

    /// A rule makes this tag; no pattern takes it in, so that nothing is made of itself.
    pub(crate) fn insert_derived(&mut self, name: &str, kind: Kind) {
        self.derived.insert(name.to_owned(), kind);
    }

    /// Any device may have this tag, as `device.tag`.
    pub fn insert_open(&mut self, tag: &str, kind: Kind) {
        let known = self.open.entry(tag.to_owned()).or_insert(Some(kind));
        *known = known.filter(|known| *known == kind);
    }

    pub fn kind(&self, name: &str) -> Option<Kind> {
        let named = self.tags.get(name).or_else(|| self.derived.get(name));
        named.copied().or_else(|| self.open_kind(name).flatten())
    }

    /// Whether any device may have the tag, and templates do not agree on what it is.
    pub(crate) fn is_unclear(&self, name: &str) -> bool {
        !self.tags.contains_key(name) && self.open_kind(name) == Some(None)
    }

    /// Names of devices and tags may have dots in them, so each dot may be the one between the two.
    fn open_kind(&self, name: &str) -> Option<Option<Kind>> {
        let tags = name.match_indices('.').filter(|(at, _)| *at > 0).map(|(at, _)| &name[at + 1..]);
        tags.filter_map(|tag| self.open.get(tag)).next().copied()
    }

    /// Whether it is a number that any device may have.
    pub(crate) fn has_open(&self, name: &str) -> bool {
        self.open_kind(name) == Some(Some(Kind::Number))
    }

    /// What is left without the tags that have a name.
    pub(crate) fn open_only(&self) -> Catalog {
        Catalog { open: self.open.clone(), ..Catalog::default() }
    }

    /// Tags that any device may have and that are numbers.
    pub(crate) fn open_numbers(&self) -> impl Iterator<Item = &str> {
        let numbers = self.open.iter().filter(|(_, kind)| **kind == Some(Kind::Number));
        numbers.map(|(tag, _)| tag.as_str())
    }

    /// Whether the pattern can take in numbers of devices whose names are not known yet.
    pub(crate) fn is_open(&self, pattern: &str) -> bool {
        self.open_numbers().any(|tag| may_be_of(pattern, tag))
    }

    /// Whether an unlisted name is taken for a topic.
    pub(crate) fn takes_topic(&self, name: &str) -> bool {
        self.topics && name.contains('/')
    }

    /// The numbers under a pattern with `+` for one part and `#` for all that follow; parts end at `/` and `.`.
    pub(crate) fn matching(&self, pattern: &str) -> Vec<&str> {
        let is_meant = |(name, kind): &(&String, &Kind)| **kind == Kind::Number && matches(pattern, name);
        self.tags.iter().filter(is_meant).map(|(name, _)| name.as_str()).collect()
    }

    pub(crate) fn nearest(&self, name: &str) -> Option<String> {
        nearest(name, self.tags.keys().chain(self.derived.keys()).map(String::as_str))
    }
}

pub(crate) fn is_pattern(name: &str) -> bool {
    parts(name).any(|part| matches!(part, "+" | "#"))
}

fn parts(name: &str) -> impl Iterator<Item = &str> {
    name.split(['/', '.'])
}

/// Whether a device can have a name under which its tag matches.
pub(crate) fn may_be_of(pattern: &str, tag: &str) -> bool {
    match pattern.split_once(['/', '.']) {
        Some((_, rest)) => matches(rest, tag),
        None => pattern == "#",
    }
}

pub(crate) fn matches(pattern: &str, name: &str) -> bool {
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
