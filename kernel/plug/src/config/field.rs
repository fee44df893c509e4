//! The rows of the table: sections, groups in them, fields in those. Constants that a capability writes down. Pure.

use crate::config::fault::{Fault, Place};
use crate::config::setting::Setting;
use crate::config::value;

/// All a capability can be told: one table of the file, `[mqtt]` for one.
///
/// Two sections of one name are one table of the file; so a connector adds its group to a section that is another one's.
#[derive(Debug, Clone, Copy)]
pub struct Section {
    /// May have dots: `ingest.sinks`.
    pub name: &'static str,
    /// What it is about, for the sample and the reference.
    pub help: &'static str,
    pub fields: &'static [Field],
    pub groups: &'static [Group],
}

/// A table inside a section: one, or as many as are named.
#[derive(Debug, Clone, Copy)]
pub struct Group {
    pub name: &'static str,
    pub help: &'static str,
    /// Nothing for a group there is one of.
    pub many: Option<Many>,
    pub fields: &'static [Field],
    /// Groups in it, named ones as well: `[ingest.templates.press.tags.temp]`.
    pub groups: &'static [Group],
}

/// How many groups there may be that the file names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Many {
    pub groups_max: usize,
    /// Whether one can be added or taken away while the node runs.
    pub reload: Reload,
}

/// One setting.
#[derive(Debug, Clone, Copy)]
pub struct Field {
    pub key: &'static str,
    pub kind: Kind,
    pub preset: Preset,
    pub reload: Reload,
    /// One sentence or two: what it does, not what type it has.
    pub help: &'static str,
}

/// What a setting is without the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Preset {
    /// As the file would write it, without quotes: `10 s`, `127.0.0.1:1883`, `[]`.
    Is(&'static str),
    /// Nothing; the capability does without.
    Absent,
    /// The file must say.
    Required,
}

/// When a changed setting takes effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reload {
    /// At the reload.
    Live,
    /// At the next start; a reload that changes it is refused.
    Restart,
}

/// The type of a setting, with its limits.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Kind {
    /// `true` or `false`.
    Flag,
    Integer {
        min: i64,
        max: i64,
    },
    Real {
        min: f64,
        max: f64,
    },
    /// `65536` or `"64 MiB"`.
    Bytes {
        min: u64,
        max: u64,
    },
    /// `"250 ms"`, `"2 s"`, `"10 min"`. A `min_ms` above zero refuses zero by name.
    Duration {
        min_ms: u64,
        max_ms: u64,
    },
    Text {
        bytes_max: usize,
    },
    /// One of these words.
    Choice(&'static [&'static str]),
    /// `127.0.0.1:1883`.
    Address,
    /// `scheme://host...`, with one of these schemes.
    Url(&'static [&'static str]),
    Path,
    /// Text that is never shown; may be `{ file = "..." }` or `{ env = "..." }`.
    Secret,
    List {
        of: &'static Kind,
        items_max: usize,
    },
}

impl Section {
    pub const fn new(name: &'static str, help: &'static str, fields: &'static [Field]) -> Section {
        Section { name, help, fields, groups: &[] }
    }

    #[must_use]
    pub const fn with(mut self, groups: &'static [Group]) -> Section {
        self.groups = groups;
        self
    }
}

impl Group {
    /// A group there is one of.
    pub const fn one(name: &'static str, help: &'static str, fields: &'static [Field]) -> Group {
        Group { name, help, many: None, fields, groups: &[] }
    }

    /// Groups that the file names.
    pub const fn many(name: &'static str, help: &'static str, many: Many, fields: &'static [Field]) -> Group {
        Group { name, help, many: Some(many), fields, groups: &[] }
    }

    /// More fields of a group that a section before this one has: another capability's, for one.
    pub const fn more(name: &'static str, fields: &'static [Field]) -> Group {
        Group { name, help: "", many: None, fields, groups: &[] }
    }

    #[must_use]
    pub const fn with(mut self, groups: &'static [Group]) -> Group {
        self.groups = groups;
        self
    }

    /// Without a help of its own it adds to one that is there.
    pub(super) fn is_more(&self) -> bool {
        self.help.is_empty() && self.many.is_none()
    }
}

impl Field {
    /// A setting with a default, which is written as in the file but without quotes.
    pub const fn new(key: &'static str, kind: Kind, preset: &'static str, help: &'static str) -> Field {
        Field { key, kind, preset: Preset::Is(preset), reload: Reload::Restart, help }
    }

    /// A setting that may be left out and has no default.
    pub const fn optional(key: &'static str, kind: Kind, help: &'static str) -> Field {
        Field { key, kind, preset: Preset::Absent, reload: Reload::Restart, help }
    }

    /// A setting that must be there wherever its group is.
    pub const fn required(key: &'static str, kind: Kind, help: &'static str) -> Field {
        Field { key, kind, preset: Preset::Required, reload: Reload::Restart, help }
    }

    /// A value that stands alone: as in the file, but without quotes.
    pub fn read(&self, text: &str) -> Result<Setting, Fault> {
        value::from_text(&self.kind, text).map_err(|flaw| flaw.at(Place::Whole))
    }

    /// Takes effect at a reload.
    #[must_use]
    pub const fn live(mut self) -> Field {
        self.reload = Reload::Live;
        self
    }
}

impl Kind {
    /// Whether the file writes it in quotes.
    pub(super) fn is_quoted(&self) -> bool {
        !matches!(self, Kind::Flag | Kind::Integer { .. } | Kind::Real { .. } | Kind::List { .. })
    }
}
