//! Every value with where it comes from, for a person or a script. A secret is not among what is shown. Pure.

use crate::config::values::{Inner, Origin, Values};

/// One setting as it holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shown {
    /// `mqtt.listen`.
    pub path: String,
    /// As the file would write it; nothing where it is not set.
    pub text: Option<String>,
    pub origin: Origin,
}

impl Values {
    /// All settings, in the order of the table.
    pub fn shown(&self) -> Vec<Shown> {
        let mut list = Vec::new();
        self.collect(&mut list);
        list
    }

    fn collect(&self, list: &mut Vec<Shown>) {
        list.extend(self.entries.iter().map(|entry| Shown {
            path: format!("{}.{}", self.path, entry.key),
            text: entry.setting.as_ref().map(ToString::to_string),
            origin: entry.origin,
        }));
        for (_, inner) in &self.inner {
            match inner {
                Inner::One(values) => values.collect(list),
                Inner::Named(_, groups) => groups.iter().for_each(|(_, values)| values.collect(list)),
            }
        }
    }
}
