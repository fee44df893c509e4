//! What was read, by key. Asking for what the table does not have, or as another type, is a fault of the program and panics. Pure.

use crate::config::fault::{Fault, Flaw, Place, REFUSED};
use crate::config::field::{Many, Reload};
use crate::config::position::Position;
use crate::config::setting::{FromSetting, Setting};
use std::time::Duration;

/// Where a value comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    Default,
    /// Where the value stands.
    File(Position),
    /// The same in the file beside it.
    Beside(Position),
    /// The option.
    CommandLine(&'static str),
}

/// The values of one group, and the groups in it.
#[derive(Debug, Clone)]
pub struct Values {
    pub(super) path: String,
    /// Where the file begins it; the default where it does not have it.
    pub(super) origin: Origin,
    pub(super) entries: Vec<Entry>,
    pub(super) inner: Vec<(&'static str, Inner)>,
}

/// One field's value; nothing where it was left out and has no default.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    pub(super) key: &'static str,
    pub(super) setting: Option<Setting>,
    pub(super) origin: Origin,
    /// Where the items of a list in the file are.
    pub(super) items: Vec<Origin>,
    pub(super) reload: Reload,
}

/// Groups in a group.
#[derive(Debug, Clone)]
pub(super) enum Inner {
    One(Values),
    /// In the order of the file.
    Named(Many, Vec<(String, Values)>),
}

impl Origin {
    /// The place that a fault of it has.
    pub fn place(self) -> Place {
        match self {
            Origin::Default => Place::Whole,
            Origin::File(position) => Place::File(position),
            Origin::Beside(position) => Place::Beside(position),
            Origin::CommandLine(option) => Place::CommandLine(option),
        }
    }
}

impl Values {
    /// The value of a field that is required or has a default.
    pub fn get<T: FromSetting>(&self, key: &str) -> T {
        self.find(key).unwrap_or_else(|| panic!("{}.{key} may be left out: ask with find", self.path))
    }

    /// The value of a field that may be left out.
    pub fn find<T: FromSetting>(&self, key: &str) -> Option<T> {
        let taken = |setting| {
            T::from_setting(setting)
                .unwrap_or_else(|| panic!("{}.{key} is not of the type it was asked for", self.path))
        };
        self.entry(key).setting.as_ref().map(taken)
    }

    /// A duration in milliseconds.
    pub fn millis(&self, key: &str) -> u64 {
        u64::try_from(self.get::<Duration>(key).as_millis())
            .expect("the table's limit is a number of milliseconds")
    }

    /// A group there is one of, with its defaults where the file does not have it. Several steps at once with dots.
    pub fn group(&self, path: &str) -> &Values {
        path.split('.').fold(self, |values, name| match values.inner(name) {
            Inner::One(values) => values,
            Inner::Named(..) => panic!("[{}.{name}] is named by the file: ask with named", values.path),
        })
    }

    /// The same, but only if the file has it or something in it.
    pub fn find_group(&self, path: &str) -> Option<&Values> {
        Some(self.group(path)).filter(|values| values.origin != Origin::Default)
    }

    /// The groups that the file names, with their names, in the order of the file.
    pub fn named(&self, name: &str) -> impl ExactSizeIterator<Item = (&str, &Values)> {
        match self.inner(name) {
            Inner::Named(_, groups) => groups.iter().map(|(name, values)| (name.as_str(), values)),
            Inner::One(_) => panic!("[{}.{name}] is not named by the file: ask with group", self.path),
        }
    }

    /// What is said of this group itself, not of those in it, in the order of the table.
    pub fn given(&self) -> impl Iterator<Item = (&'static str, &Setting)> {
        let given = self.entries.iter().filter(|entry| entry.origin != Origin::Default);
        given.filter_map(|entry| Some((entry.key, entry.setting.as_ref()?)))
    }

    /// Where the group begins.
    pub fn begin(&self) -> Origin {
        self.origin
    }

    /// `ingest.sinks.plant`.
    pub fn path(&self) -> &str {
        &self.path
    }

    pub fn origin(&self, key: &str) -> Origin {
        self.entry(key).origin
    }

    /// A fault that only the capability can see, at the value.
    pub fn fault(&self, key: &str, message: impl Into<String>, hint: impl Into<String>) -> Fault {
        Flaw::new(REFUSED, message, hint).at(self.origin(key).place())
    }

    /// The same at one item of a list, counted from 0.
    pub fn fault_in(
        &self,
        key: &str,
        item: usize,
        message: impl Into<String>,
        hint: impl Into<String>,
    ) -> Fault {
        let entry = self.entry(key);
        let at = entry.items.get(item).copied().unwrap_or(entry.origin);
        Flaw::new(REFUSED, message, hint).at(at.place())
    }

    /// The same at the group itself.
    pub fn fault_here(&self, message: impl Into<String>, hint: impl Into<String>) -> Fault {
        Flaw::new(REFUSED, message, hint).at(self.origin.place())
    }

    fn entry(&self, key: &str) -> &Entry {
        let found = self.entries.iter().find(|entry| entry.key == key);
        found.unwrap_or_else(|| panic!("the table has no {}.{key}", self.path))
    }

    fn inner(&self, name: &str) -> &Inner {
        let found = self.inner.iter().find(|(known, _)| *known == name);
        found.map_or_else(|| panic!("the table has no [{}.{name}]", self.path), |(_, inner)| inner)
    }
}
