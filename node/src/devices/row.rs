//! A row of the spreadsheet, which is a group of the configuration: from the file to rows and back. Pure.

use std::collections::BTreeMap;
use tidegate_kernel_plug::config::{Origin, Setting, Values, joined};

/// What a row is. In the order in which the file of devices has them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    /// What a template says beside its groups and tags.
    Template,
    /// How often tags are read together, and their class.
    Group,
    Tag,
    Device,
    /// What a device has otherwise than its template.
    Override,
}

/// Which row it is: two of one key say the same thing twice.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Key {
    is_device: bool,
    /// The template or device.
    pub(super) of: String,
    pub(super) kind: Kind,
    /// Of the group or tag; of itself else.
    pub(super) name: String,
}

/// What a row says, by key of the field.
pub(super) type Cells = BTreeMap<&'static str, Setting>;

/// Rows, each once, in the order of the file of devices.
pub(super) type Rows = BTreeMap<Key, Cells>;

impl Kind {
    pub(super) const ALL: [Kind; 5] = [Kind::Template, Kind::Group, Kind::Tag, Kind::Device, Kind::Override];

    pub(super) fn word(self) -> &'static str {
        match self {
            Kind::Template => "template",
            Kind::Group => "group",
            Kind::Tag => "tag",
            Kind::Device => "device",
            Kind::Override => "override",
        }
    }

    pub(super) fn named(word: &str) -> Option<Kind> {
        Kind::ALL.into_iter().find(|kind| kind.word() == word)
    }

    /// Its table of the configuration.
    pub(super) fn path(self) -> &'static str {
        match self {
            Kind::Template => "ingest.templates",
            Kind::Group => "ingest.templates.groups",
            Kind::Tag => "ingest.templates.tags",
            Kind::Device => "ingest.devices",
            Kind::Override => "ingest.devices.tags",
        }
    }

    /// The column that says what it is part of; nothing for what stands alone.
    pub(super) fn owner(self) -> Option<&'static str> {
        match self {
            Kind::Group | Kind::Tag => Some("template"),
            Kind::Override => Some("device"),
            Kind::Template | Kind::Device => None,
        }
    }
}

impl Key {
    pub(super) fn new(kind: Kind, owner: Option<&str>, name: &str) -> Key {
        let is_device = matches!(kind, Kind::Device | Kind::Override);
        Key { is_device, of: owner.unwrap_or(name).to_owned(), kind, name: name.to_owned() }
    }

    /// `ingest.templates.meter.tags.power`.
    pub(super) fn path(&self) -> String {
        let of = joined(if self.is_device { "ingest.devices" } else { "ingest.templates" }, &self.of);
        match self.kind {
            Kind::Template | Kind::Device => of,
            Kind::Group => joined(&format!("{of}.groups"), &self.name),
            Kind::Tag | Kind::Override => joined(&format!("{of}.tags"), &self.name),
        }
    }
}

/// Every row of the configuration's section `ingest`, and where it begins.
pub(super) fn of_values(ingest: &Values) -> Vec<(Key, Cells, Origin)> {
    let mut rows = Vec::new();
    for (name, template) in ingest.named("templates") {
        rows.push(row(Kind::Template, None, name, template));
        rows.extend(template.named("groups").map(|(group, of)| row(Kind::Group, Some(name), group, of)));
        rows.extend(template.named("tags").map(|(tag, of)| row(Kind::Tag, Some(name), tag, of)));
    }
    for (name, device) in ingest.named("devices") {
        rows.push(row(Kind::Device, None, name, device));
        rows.extend(device.named("tags").map(|(tag, of)| row(Kind::Override, Some(name), tag, of)));
    }
    // A template that says nothing itself is there by its groups and tags.
    rows.retain(|(key, cells, _)| key.kind != Kind::Template || !cells.is_empty());
    rows
}

fn row(kind: Kind, owner: Option<&str>, name: &str, values: &Values) -> (Key, Cells, Origin) {
    let cells = values.given().map(|(key, setting)| (key, setting.clone())).collect();
    (Key::new(kind, owner, name), cells, values.begin())
}
