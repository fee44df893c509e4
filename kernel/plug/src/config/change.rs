//! What differs between the values that hold and the ones that are to. Pure.

use crate::config::field::Reload;
use crate::config::values::{Entry, Inner, Origin, Values};

/// One setting, or one named group, that is not what it was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// `mqtt.listen`.
    pub path: String,
    pub reload: Reload,
    /// Of the new value.
    pub origin: Origin,
    /// As it would be shown; nothing for a group, and for what is not set.
    pub from: Option<String>,
    pub to: Option<String>,
}

/// What a reload from `old` to `new` would change. Both are of one table.
pub fn changes(old: &Values, new: &Values) -> Vec<Change> {
    let mut found = Vec::new();
    compare(old, new, &mut found);
    found
}

fn compare(old: &Values, new: &Values, found: &mut Vec<Change>) {
    let entries = old.entries.iter().zip(&new.entries);
    found.extend(entries.filter_map(|(old, new_entry)| changed(&new.path, old, new_entry)));
    for ((_, old), (_, new)) in old.inner.iter().zip(&new.inner) {
        match (old, new) {
            (Inner::One(old), Inner::One(new)) => compare(old, new, found),
            (Inner::Named(many, old), Inner::Named(_, new)) => compare_named(many.reload, old, new, found),
            _ => unreachable!("both are of one table"),
        }
    }
}

fn compare_named(
    reload: Reload,
    old: &[(String, Values)],
    new: &[(String, Values)],
    found: &mut Vec<Change>,
) {
    let group =
        |values: &Values, origin| Change { path: values.path.clone(), reload, origin, from: None, to: None };
    for (name, values) in old {
        match new.iter().find(|(other, _)| other == name) {
            Some((_, now)) => compare(values, now, found),
            None => found.push(group(values, Origin::Default)),
        }
    }
    let is_new = |name: &String| old.iter().all(|(other, _)| other != name);
    found.extend(new.iter().filter(|(name, _)| is_new(name)).map(|(_, values)| group(values, values.origin)));
}

fn changed(path: &str, old: &Entry, new: &Entry) -> Option<Change> {
    if old.setting == new.setting {
        return None;
    }
    let text = |entry: &Entry| entry.setting.as_ref().map(ToString::to_string);
    Some(Change {
        path: format!("{path}.{}", new.key),
        reload: new.reload,
        origin: new.origin,
        from: text(old),
        to: text(new),
    })
}
