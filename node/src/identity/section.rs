//! `[identity]` of the configuration file: who is let in, and what each may. Pure.

use crate::identity::config::{Anonymous, Config, Entry, IdentityError, PRINCIPALS_MAX};
use crate::identity::register::Register;
use std::num::NonZeroU32;
use tidegate_kernel_plug::config::{Fault, Faults, Field, Group, Kind, Many, Reload, Section, Values};
use tidegate_kernel_plug::{Allowance, PrincipalKind, Role, SCOPES_MAX};

const MANY: Many = Many { groups_max: PRINCIPALS_MAX, reload: Reload::Live };
const RATE: Kind = Kind::Integer { min: 1, max: u32::MAX as i64 };
const ROLE: Kind = Kind::Choice(&["operator", "admin", "auditor"]);
const SCOPE: Kind = Kind::Text { bytes_max: 65_535 };
const DIGEST_HELP: &str = "SHA-256 of the secret in 64 hex digits, as `tidegate identity` prints it.";

/// What the configuration file can say of it; all of it live.
pub(crate) const SECTION: Section = Section::new(
    "identity",
    "Who is let in.",
    &[
        Field::new(
            "anonymous",
            Kind::Choice(&["loopback", "never"]),
            "loopback",
            "Where somebody who shows nothing is let in.",
        )
        .live(),
        Field::optional(
            "lan_sha256",
            Kind::Text { bytes_max: 64 },
            "SHA-256 of the token of `up --lan`, which sets it: who shows that token may do everything.",
        )
        .live(),
    ],
)
.with(&[
    Group::many("tokens", "Somebody who shows a token, as in HTTP's Bearer.", MANY, &principal("person")),
    Group::many("devices", "Somebody who shows a name and a secret, as in MQTT.", MANY, &principal("device")),
    Group::many(
        "people",
        "Somebody who logs in with a name and a password, as at the console.",
        MANY,
        PERSON,
    ),
]);

const PERSON: &[Field] = &[
    Field::required(
        "argon2id",
        Kind::Text { bytes_max: 256 },
        "The line that `tidegate identity person NAME` prints.",
    )
    .live(),
    ROLES,
];
const ROLES: Field = Field::new(
    "roles",
    Kind::List { of: &ROLE, items_max: 3 },
    "[]",
    "What it may do to the node; auditor goes with no other.",
)
.live();

const fn principal(kind: &'static str) -> [Field; 7] {
    [
        Field::required("sha256", Kind::Text { bytes_max: 64 }, DIGEST_HELP).live(),
        Field::new("kind", Kind::Choice(&["person", "device", "node"]), kind, "What it is.").live(),
        ROLES,
        Field::new(
            "scopes",
            Kind::List { of: &SCOPE, items_max: SCOPES_MAX },
            "[]",
            "What it may do to topics: publish:FILTER or subscribe:FILTER each; command:FILTER to publish where rules send commands.",
        )
        .live(),
        Field::optional("connections_max", RATE, "Its connections at once.").live(),
        Field::optional("messages_per_s_max", RATE, "Its messages in a second.").live(),
        Field::optional("bytes_per_s_max", RATE, "Its bytes in a second.").live(),
    ]
}

impl Config {
    pub(crate) fn from_values(values: &Values, faults: &mut Faults) -> Config {
        let anonymous = match values.get::<String>("anonymous").as_str() {
            "never" => Anonymous::Never,
            _ => Anonymous::Loopback,
        };
        let entries =
            |group| values.named(group).map(|(name, values)| entry(name, values)).collect::<Vec<_>>();
        let people = values.named("people").map(|(name, values)| person(name, values)).collect();
        let lan = values.find("lan_sha256").map(neighbour);
        let tokens = lan.into_iter().chain(entries("tokens")).collect();
        let config = Config { anonymous, tokens, devices: entries("devices"), people };
        if let Err(errors) = Register::new(&config) {
            errors.iter().for_each(|error| faults.push(fault(values, error)));
        }
        config
    }
}

fn entry(name: &str, values: &Values) -> Entry {
    let limit = |key| values.find::<u32>(key).and_then(NonZeroU32::new);
    Entry {
        name: name.to_owned(),
        proof: values.get("sha256"),
        kind: match values.get::<String>("kind").as_str() {
            "device" => PrincipalKind::Device,
            "node" => PrincipalKind::Node,
            _ => PrincipalKind::Person,
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

/// Somebody who administers, and sends no readings.
fn person(name: &str, values: &Values) -> Entry {
    Entry {
        name: name.to_owned(),
        proof: values.get("argon2id"),
        kind: PrincipalKind::Person,
        roles: values.get::<Vec<String>>("roles").iter().map(|role| role_of(role)).collect(),
        scopes: Vec::new(),
        allowance: Allowance::default(),
    }
}

/// Who shows the token of `up --lan`: whoever was given it by the person who started the node.
fn neighbour(sha256: String) -> Entry {
    Entry {
        name: "lan".to_owned(),
        proof: sha256,
        kind: PrincipalKind::Person,
        roles: vec![Role::Operator, Role::Admin],
        scopes: ["publish:#", "subscribe:#", "command:#"].map(str::to_owned).to_vec(),
        allowance: Allowance::default(),
    }
}

fn role_of(word: &str) -> Role {
    match word {
        "operator" => Role::Operator,
        "admin" => Role::Admin,
        _ => Role::Auditor,
    }
}

/// At the group of whom it is about.
fn fault(values: &Values, error: &IdentityError) -> Fault {
    let group = error.name().and_then(|wanted| {
        let all = values.named("tokens").chain(values.named("devices")).chain(values.named("people"));
        all.filter(|(name, _)| *name == wanted).last().map(|(_, group)| group)
    });
    let here = group.unwrap_or(values).fault_here(error.to_string(), error.hint());
    Fault { code: error.code(), ..here }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tidegate_kernel_plug::config::{Source, Table};

    #[test]
    fn what_is_wrong_with_somebody_is_told_at_their_group() {
        let digest = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        let text = format!(
            "[identity.tokens.ada]\nsha256 = \"{digest}\"\nroles = [\"operator\"]\n\
             [identity.devices.press-7]\nsha256 = \"abc\"\n"
        );
        let none = |_: &_| Err(String::new());
        let source = Source { file: Some(text.as_bytes()), overrides: &[], secrets: &none };
        let mut reading = Table::new(&[SECTION]).read(&source);
        let config = reading.section("identity", Config::from_values).expect("the section itself is sound");
        assert_eq!(
            (config.tokens[0].name.as_str(), &config.tokens[0].roles[..]),
            ("ada", &[Role::Operator][..])
        );
        let faults = reading.finish().unwrap_err();
        let found: Vec<_> = faults.iter().map(|fault| (fault.place_in("f"), fault.code)).collect();
        assert_eq!(found, [("f:4:19".to_owned(), "TG-ID-011")]);
    }
}
