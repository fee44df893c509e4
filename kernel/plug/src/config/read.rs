//! From text to values: walks the file along the table and collects everything that is wrong. Pure.

use crate::config::edge::{Beside, Override, Source};
use crate::config::fault::{
    DUPLICATE, Fault, Faults, Flaw, GROUPS, MISSING, NAME, NOT_UTF8, Place, STRANGER, SYNTAX, TOO_BIG, TYPE,
    UNKNOWN,
};
use crate::config::field::{Field, Many, Preset};
use crate::config::nearest::nearest;
use crate::config::position::{Lines, Position};
use crate::config::setting::{Setting, quoted};
use crate::config::table::{Node, Table};
use crate::config::value::{self, Fetch, Flawed};
use crate::config::values::{Entry, Inner, Origin, Values};
use crate::config::{BESIDE_BYTES_MAX, FILE_BYTES_MAX, NAME_BYTES_MAX};
use std::borrow::Cow;
use std::collections::BTreeSet;
use toml::Spanned;
use toml::de::{DeString, DeTable, DeValue};

/// A table that was read: values that hold, and what is wrong. Each capability takes its section out and adds its own faults.
#[derive(Debug)]
pub struct Reading {
    values: Values,
    faults: Faults,
    /// Groups with a fault; nobody is shown their values.
    unsound: BTreeSet<String>,
    /// The text is not TOML throughout, so that what stands somewhere may belong to any section.
    is_torn: bool,
}

impl Reading {
    /// Makes a capability's settings of its section; nothing where the section has faults already.
    pub fn section<T>(&mut self, path: &str, make: impl FnOnce(&Values, &mut Faults) -> T) -> Option<T> {
        let is_inside = |group: &String| {
            group.strip_prefix(path).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        };
        if self.is_torn || self.unsound.iter().any(is_inside) {
            return None;
        }
        Some(make(self.values.group(path), &mut self.faults))
    }

    /// The values, if nothing at all is wrong.
    pub fn finish(self) -> Result<Values, Faults> {
        if self.faults.is_empty() { Ok(self.values) } else { Err(self.faults) }
    }
}

pub(super) fn read(table: &Table, source: &Source<'_>, beside: Option<&Beside<'_>>) -> Reading {
    for given in source.overrides {
        assert!(
            table.field(given.path).is_some(),
            "the table has no {}, which {} sets",
            given.path,
            given.option
        );
    }
    let mut faults = Faults::default();
    let first = source.file.and_then(|bytes| text(bytes, FILE_BYTES_MAX, Place::File, &mut faults));
    let second = beside.and_then(|beside| text(beside.bytes, BESIDE_BYTES_MAX, Place::Beside, &mut faults));
    let (text, second) = joined_texts(first.unwrap_or_default(), second);
    let lines = second.map_or_else(|| Lines::of(&text), |second| Lines::of_both(&text, second));
    let (document, errors) = DeTable::parse_recoverable(&text);
    let mut walk = Walk {
        lines: &lines,
        faults,
        unsound: BTreeSet::new(),
        is_torn: !errors.iter().all(is_duplicate),
        overrides: source.overrides,
        fetch: source.secrets,
    };
    errors.iter().for_each(|error| walk.torn(error));
    if let (Some(beside), Some(second)) = (beside, second) {
        walk.strangers(&text[second..], second, beside.groups);
    }
    let begin = Origin::File(Position { line: 1, column: 1 });
    let values = walk.group(&table.root, String::new(), Some((document.get_ref(), begin)));
    Reading { values, faults: walk.faults, unsound: walk.unsound, is_torn: !errors.is_empty() }
}

fn text<'a>(
    bytes: &'a [u8],
    bytes_max: usize,
    place: fn(Position) -> Place,
    faults: &mut Faults,
) -> Option<&'a str> {
    if bytes.len() > bytes_max {
        let message = format!("the file has {} bytes, and at most {bytes_max} may be", bytes.len());
        let begin = place(Position { line: 1, column: 1 });
        faults.push(Flaw::new(TOO_BIG, message, "is this the right file?").at(begin));
        return None;
    }
    std::str::from_utf8(bytes).map_or_else(
        |error| {
            let good = std::str::from_utf8(&bytes[..error.valid_up_to()]).expect("valid up to there");
            let at = Lines::of(good).position(good.len());
            let hint = "save the file as UTF-8";
            faults.push(Flaw::new(NOT_UTF8, "this byte is not UTF-8", hint).at(place(at)));
            None
        },
        |text| Some(text.strip_prefix('\u{feff}').unwrap_or(text)),
    )
}

/// Both texts as one, and where the second begins: on a line of its own.
fn joined_texts<'a>(first: &'a str, second: Option<&str>) -> (Cow<'a, str>, Option<usize>) {
    let Some(second) = second else { return (Cow::Borrowed(first), None) };
    let line_end = if first.is_empty() || first.ends_with('\n') { "" } else { "\n" };
    (Cow::Owned([first, line_end, second].concat()), Some(first.len() + line_end.len()))
}

type Entries<'a, 'i> = Vec<(&'a Spanned<DeString<'i>>, &'a Spanned<DeValue<'i>>)>;

struct Walk<'a> {
    lines: &'a Lines<'a>,
    faults: Faults,
    unsound: BTreeSet<String>,
    /// The text is not TOML throughout, so what seems to be missing may be there.
    is_torn: bool,
    overrides: &'a [Override],
    fetch: Fetch<'a>,
}

impl Walk<'_> {
    fn group(&mut self, node: &Node, path: String, given: Option<(&DeTable<'_>, Origin)>) -> Values {
        let found = given.map(|(table, _)| in_order(table)).unwrap_or_default();
        for (key, _) in &found {
            self.known(node, &path, key);
        }
        let value_of = |name: &str| found.iter().find(|(key, _)| key.get_ref() == name).copied();
        let entries =
            node.fields.iter().map(|field| self.entry(field, &path, value_of(field.key), given)).collect();
        let inner =
            node.groups.iter().map(|group| (group.name, self.inner(group, &path, value_of(group.name))));
        let inner = inner.collect();
        Values { path, origin: given.map_or(Origin::Default, |(_, origin)| origin), entries, inner }
    }

    /// Is a name in the file one of the table's?
    fn known(&mut self, node: &Node, path: &str, key: &Spanned<DeString<'_>>) {
        let name = key.get_ref().as_ref();
        if node.names().any(|known| known == name) {
            return;
        }
        let here = if path.is_empty() { "the file".to_owned() } else { format!("[{path}]") };
        let hint = match nearest(name, node.names()) {
            Some(near) => format!("did you mean {near:?}?"),
            None => format!("{here} has {}", node.names().collect::<Vec<_>>().join(", ")),
        };
        let what = if path.is_empty() { "section" } else { "key" };
        self.flaw(path, key.span().start, Flaw::new(UNKNOWN, format!("{here} has no {what} {name:?}"), hint));
    }

    fn entry(
        &mut self,
        field: &Field,
        path: &str,
        found: Option<(&Spanned<DeString<'_>>, &Spanned<DeValue<'_>>)>,
        group: Option<(&DeTable<'_>, Origin)>,
    ) -> Entry {
        let mut entry = Entry {
            key: field.key,
            setting: preset(field),
            origin: Origin::Default,
            items: Vec::new(),
            reload: field.reload,
        };
        match (found, group) {
            (Some((_, value)), _) => self.take(field, path, value, &mut entry),
            (None, Some((_, origin))) if field.preset == Preset::Required && !self.is_torn => {
                let message = format!("[{path}] has no {:?}, which must be there", field.key);
                let hint = format!("add {} = ..., {}", field.key, value::limits(&field.kind));
                self.push(path, Flaw::new(MISSING, message, hint).at(origin.place()));
            }
            _ => {}
        }
        self.overridden(field, path, &mut entry);
        entry
    }

    fn take(&mut self, field: &Field, path: &str, value: &Spanned<DeValue<'_>>, entry: &mut Entry) {
        entry.origin = self.lines.origin(value.span().start);
        if let DeValue::Array(items) = value.get_ref() {
            entry.items = items.iter().map(|item| self.lines.origin(item.span().start)).collect();
        }
        match value::from_toml(&field.kind, value.get_ref(), self.fetch) {
            Ok(setting) => entry.setting = Some(setting),
            Err(flaws) => flaws.into_iter().for_each(|flawed| self.flawed(path, field.key, value, flawed)),
        }
    }

    fn flawed(&mut self, path: &str, key: &str, value: &Spanned<DeValue<'_>>, (at, flaw): Flawed) {
        let message = format!("{path}.{key}: {}", flaw.message);
        self.flaw(path, at.unwrap_or(value.span().start), Flaw { message, ..flaw });
    }

    fn overridden(&mut self, field: &Field, path: &str, entry: &mut Entry) {
        let is_it = |given: &&Override| given.path.rsplit_once('.') == Some((path, field.key));
        let Some(given) = self.overrides.iter().find(is_it) else { return };
        (entry.origin, entry.items) = (Origin::CommandLine(given.option), Vec::new());
        match value::from_texts(&field.kind, &given.texts) {
            Ok(setting) => entry.setting = Some(setting),
            Err(flaw) => self.push(path, flaw.at(Place::CommandLine(given.option))),
        }
    }

    fn inner(
        &mut self,
        node: &Node,
        path: &str,
        found: Option<(&Spanned<DeString<'_>>, &Spanned<DeValue<'_>>)>,
    ) -> Inner {
        let path = joined(path, node.name);
        let table = found.and_then(|(key, value)| self.table(&path, key, value));
        match (node.many, table) {
            (None, table) => Inner::One(self.group(node, path, table)),
            (Some(many), None) => Inner::Named(many, Vec::new()),
            (Some(many), Some((table, _))) => Inner::Named(many, self.named(node, many, &path, table)),
        }
    }

    fn named(&mut self, node: &Node, many: Many, path: &str, table: &DeTable<'_>) -> Vec<(String, Values)> {
        let mut groups = Vec::new();
        for (at, (key, value)) in in_order(table).into_iter().enumerate() {
            let name = key.get_ref().as_ref();
            if at == many.groups_max {
                let message = format!("[{path}] has {} groups, and at most {at} may be", table.len());
                self.flaw(path, key.span().start, Flaw::new(GROUPS, message, "leave some out"));
                break;
            }
            if name.is_empty() || name.len() > NAME_BYTES_MAX || name.contains(char::is_control) {
                let message = format!("{name:?} is no name of a group");
                let hint = format!("write 1 to {NAME_BYTES_MAX} bytes without control characters");
                self.flaw(path, key.span().start, Flaw::new(NAME, message, hint));
            }
            let path = joined(path, name);
            if let Some(given) = self.table(&path, key, value) {
                groups.push((name.to_owned(), self.group(node, path, Some(given))));
            }
        }
        groups
    }

    fn table<'v, 'i>(
        &mut self,
        path: &str,
        key: &Spanned<DeString<'_>>,
        value: &'v Spanned<DeValue<'i>>,
    ) -> Option<(&'v DeTable<'i>, Origin)> {
        if let DeValue::Table(table) = value.get_ref() {
            return Some((table, self.lines.origin(key.span().start)));
        }
        let found = value.get_ref().type_str();
        let message = format!("{path} is a group of settings, and this is of type {found}");
        self.flaw(
            path,
            key.span().start,
            Flaw::new(TYPE, message, format!("write [{path}] on a line of its own")),
        );
        None
    }

    /// What stands in the second text and is in none of the groups that may.
    fn strangers(&mut self, text: &str, begin: usize, groups: &[&str]) {
        let (document, _) = DeTable::parse_recoverable(text);
        let mut open = vec![(String::new(), document.get_ref())];
        while let Some((path, table)) = open.pop() {
            for (key, value) in table {
                let path = joined(&path, key.get_ref());
                let is_above = groups.iter().any(|group| group.starts_with(&format!("{path}.")));
                match value.get_ref() {
                    _ if groups.contains(&path.as_str()) => {}
                    DeValue::Table(table) if is_above => open.push((path, table)),
                    _ => self.stranger(&path, begin + key.span().start, groups),
                }
            }
        }
    }

    fn stranger(&mut self, path: &str, offset: usize, groups: &[&str]) {
        let message = format!("this file has {}, and not {path}", groups.join(" and "));
        self.flaw("", offset, Flaw::new(STRANGER, message, "write it into the configuration file"));
    }

    /// A fault of the TOML itself.
    fn torn(&mut self, error: &toml::de::Error) {
        let message = error.message().to_owned();
        let flaw = match is_duplicate(error) {
            true => Flaw::new(DUPLICATE, message, "keep one of the two"),
            false => Flaw::new(SYNTAX, message, "see toml.io for the form of the file"),
        };
        self.flaw("", error.span().map_or(0, |span| span.start), flaw);
    }

    fn flaw(&mut self, path: &str, offset: usize, flaw: Flaw) {
        let lines = self.lines;
        self.unsound.insert(path.to_owned());
        self.faults.push_with(|| flaw.at(lines.origin(offset).place()));
    }

    fn push(&mut self, path: &str, fault: Fault) {
        self.unsound.insert(path.to_owned());
        self.faults.push(fault);
    }
}

fn is_duplicate(error: &toml::de::Error) -> bool {
    error.message().contains("duplicate key")
}

fn preset(field: &Field) -> Option<Setting> {
    let Preset::Is(text) = field.preset else { return None };
    Some(value::from_text(&field.kind, text).expect("checked when the table was made"))
}

/// In the order of the file.
fn in_order<'a, 'i>(table: &'a DeTable<'i>) -> Entries<'a, 'i> {
    let mut entries: Entries<'a, 'i> = table.iter().collect();
    entries.sort_by_key(|(key, _)| key.span().start);
    entries
}

/// The path of a group in a group. A name that TOML writes in quotes is written so here as well.
pub fn joined(path: &str, name: &str) -> String {
    let is_bare =
        !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte));
    let name = if is_bare { name.to_owned() } else { quoted(name) };
    if path.is_empty() { name } else { format!("{path}.{name}") }
}
