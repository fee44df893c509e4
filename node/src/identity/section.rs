//! The section `[identity]`: from the field table to principals, and each fault to its place.

use crate::identity::config::{Anonymous, Config, Entry, IdentityError, PRINCIPALS_MAX};
use crate::identity::register::Register;
use std::num::NonZeroU32;
use tidegate_kernel_plug::config::{Fault, Faults, Field, Group, Kind, Many, Place, Reload, Section, Values};
use tidegate_kernel_plug::{Allowance, PrincipalKind, Role, SCOPES_MAX};

const MANY: Many = Many { groups_max: PRINCIPALS_MAX, reload: Reload::Live };
const AT_ONCE: Kind = Kind::Integer { min: 1, max: u32::MAX as i64 };
const KINDS: &[&str] = &["device", "person", "node"];
const ROLES: &[&str] = &["operator", "admin", "auditor"];

pub(crate) const SECTION: Section = Section::new(
    "identity",
    "Who may come in, over every protocol. `tidegate identity` makes a secret and prints its lines.",
    &[Field::new(
        "anonymous",
        Kind::Choice(&["loopback", "never"]),
        "loopback",
        "Where somebody who shows nothing is let in: on listeners that only this machine reaches, or nowhere.",
    )
    .live()],
)
.with(&[
    Group::many("tokens", "Who shows a token, as in `Authorization: Bearer`.", MANY, PRINCIPAL),
    Group::many("devices", "Who shows this name with a secret, as MQTT's password or in HTTP's Basic.", MANY, PRINCIPAL),
]);

const PRINCIPAL: &[Field] = &[
    Field::required(
        "sha256",
        Kind::Text { bytes_max: 64 },
        "SHA-256 of the token or secret, in hex; the node keeps nothing else of it.",
    )
    .live(),
    Field::new("kind", Kind::Choice(KINDS), "device", "What it is.").live(),
    Field::new(
        "roles",
        Kind::List { of: &Kind::Choice(ROLES), items_max: ROLES.len() },
        "[]",
        "What it may do to the node itself.",
    )
    .live(),
    Field::new(
        "scopes",
        Kind::List { of: &Kind::Text { bytes_max: 1024 }, items_max: SCOPES_MAX },
        "[]",
        "What it may do to topics: publish:FILTER or subscribe:FILTER, with MQTT topic filters.",
    )
    .live(),
    Field::optional("connections_max", AT_ONCE, "Connections it may have at once.").live(),
    Field::optional("messages_per_s_max", AT_ONCE, "Readings it may send in a second.").live(),
    Field::optional("bytes_per_s_max", AT_ONCE, "Bytes it may send in a second.").live(),
];

impl Config {
    /// Everything that is wrong with the principals is a fault at one of them.
    pub(crate) fn from_values(values: &Values, faults: &mut Faults) -> Config {
        let anonymous = match values.get::<String>("anonymous").as_str() {
            "never" => Anonymous::Never,
            _ => Anonymous::Loopback,
        };
        let all = |group: &str| values.named(group).map(|(name, values)| entry(name, values)).collect();
        let config = Config { anonymous, tokens: all("tokens"), devices: all("devices") };
        if let Err(errors) = Register::new(&config) {
            errors.iter().for_each(|error| faults.push(fault(values, error)));
        }
        config
    }

    /// Whether anyone but nobody in particular could be let in.
    pub(crate) fn knows_anyone(&self) -> bool {
        !self.tokens.is_empty() || !self.devices.is_empty()
    }
}

fn entry(name: &str, values: &Values) -> Entry {
    let limit = |key| values.find::<u32>(key).and_then(NonZeroU32::new);
    Entry {
        name: name.to_owned(),
        sha256: values.get("sha256"),
        kind: match values.get::<String>("kind").as_str() {
            "person" => PrincipalKind::Person,
            "node" => PrincipalKind::Node,
            _ => PrincipalKind::Device,
        },
        roles: values.get::<Vec<String>>("roles").iter().map(|role| role_of(role)).collect(),
        scopes: values.get("scopes"),
        allowance: Allowance {
            connections_max: limit("connections_max"),
            messages_per_s_max: limit("messages_per_s_max"),
            bytes_per_s_max: limit("bytes_per_s_max"),
        },
    }
}

fn role_of(name: &str) -> Role {
    match name {
        "admin" => Role::Admin,
        "auditor" => Role::Auditor,
        _ => Role::Operator,
    }
}

fn fault(values: &Values, error: &IdentityError) -> Fault {
    let (name, key) = match error {
        IdentityError::Scope { name, .. } => (name.as_str(), "scopes"),
        IdentityError::Name { name } | IdentityError::Twice { name } => (name.as_str(), "sha256"),
        IdentityError::Digest { name } | IdentityError::Shared { name, .. } => (name.as_str(), "sha256"),
        IdentityError::TooMany { .. } => ("", ""),
    };
    // Of two with one name it is the last that is too many.
    let found =
        values.named("tokens").chain(values.named("devices")).filter(|(known, _)| *known == name).last();
    let place = found.map_or(Place::Whole, |(_, values)| values.origin(key).place());
    Fault { place, code: error.code(), message: error.to_string(), hint: error.hint().to_owned() }
}
