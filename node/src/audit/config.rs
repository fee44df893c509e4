//! `[audit]` of the configuration file. Pure.

use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;
use tidegate_kernel_audit::{AuditError, Verifier, WitnessKey};
use tidegate_kernel_outbound::Endpoint;
use tidegate_kernel_plug::config::{Faults, Field, Group, Kind, Many, Reload, Section, Values};

pub(crate) const SECTION: Section = Section::new(
    "audit",
    "Hash trees over what people did to the node, with signed checkpoints.",
    &[
        Field::optional(
            "origin",
            Kind::Text { bytes_max: 200 },
            "What the trees are called in checkpoints and keys, as a URL without its scheme: example.com/gate-7; by default \
             tidegate/ and the beginning of the key's fingerprint.",
        ),
        Field::new(
            "checkpoint_every",
            Kind::Duration { min_ms: 100, max_ms: 3_600_000 },
            "1 s",
            "How often what is new is signed.",
        ),
        Field::optional(
            "copy_to",
            Kind::Path,
            "A file that each checkpoint is appended to: on another disk, or on a share.",
        ),
        Field::new(
            "left_within",
            Kind::Duration { min_ms: 1000, max_ms: 604_800_000 },
            "10 min",
            "Longest time in which no checkpoint leaves the node though there is a new one; then an alarm is raised. It needs copy_to or a \
             witness.",
        ),
    ],
)
.with(&[
    Group::many(
        "witnesses",
        "Who signs checkpoints after this node, and so keeps them: another node, or a program that speaks C2SP tlog-witness.",
        Many { groups_max: WITNESSES_MAX, reload: Reload::Restart },
        &[
            Field::required(
                "url",
                Kind::Url(&["http", "https"]),
                "What /add-checkpoint is appended to; of another node http://host:7301/api/v1/audit/witness.",
            ),
            Field::required("key", KEY, "Its key, as `tidegate audit keys` prints it there."),
        ],
    ),
    Group::many(
        "logs",
        "A tree whose checkpoints this node signs after it, so that nobody can write its history over unseen.",
        Many { groups_max: LOGS_MAX, reload: Reload::Restart },
        &[Field::required("key", KEY, "The tree's key, as `tidegate audit keys` prints it at the other node.")],
    ),
]);

const KEY: Kind = Kind::Text { bytes_max: 1024 };
const WITNESSES_MAX: usize = 8;
const LOGS_MAX: usize = 256;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Config {
    pub(crate) origin: Option<String>,
    pub(crate) checkpoint_every: Duration,
    pub(crate) copy_to: Option<PathBuf>,
    pub(crate) left_within: Duration,
    pub(crate) witnesses: Vec<WitnessConfig>,
    /// Whose checkpoints this node signs.
    pub(crate) logs: Vec<Verifier>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct WitnessConfig {
    pub(crate) name: String,
    pub(crate) endpoint: Endpoint,
    pub(crate) key: WitnessKey,
}

impl Config {
    pub(crate) fn from_values(values: &Values, faults: &mut Faults) -> Config {
        let origin: Option<String> = values.find("origin");
        let is_name =
            |origin: &String| !origin.is_empty() && !origin.contains(|c: char| c.is_whitespace() || c == '+');
        if !origin.as_ref().is_none_or(is_name) {
            let hint = "leave out spaces and plus signs: example.com/gate-7";
            faults.push(values.fault("origin", "it cannot be the name of a log", hint));
        }
        let witnesses =
            values.named("witnesses").filter_map(|(name, one)| witness(name, one, faults)).collect();
        let logs = values.named("logs").filter_map(|(_, one)| key(one, faults)).collect();
        Config {
            origin,
            checkpoint_every: values.get("checkpoint_every"),
            copy_to: values.find("copy_to"),
            left_within: values.get("left_within"),
            witnesses,
            logs,
        }
    }
}

/// Nothing after a fault.
fn witness(name: &str, values: &Values, faults: &mut Faults) -> Option<WitnessConfig> {
    let endpoint = values.get::<String>("url").parse();
    if let Err(error) = &endpoint {
        faults.push(values.fault(
            "url",
            format!("the URL cannot be used: {error}"),
            "write it as http://host:port/path",
        ));
    }
    let key = key(values, faults);
    Some(WitnessConfig { name: name.to_owned(), endpoint: endpoint.ok()?, key: key? })
}

fn key<Key: FromStr<Err = AuditError>>(values: &Values, faults: &mut Faults) -> Option<Key> {
    let key = values.get::<String>("key").parse();
    key.map_err(|error| {
        let hint = "copy the whole line that `tidegate audit keys` prints: name+id+key";
        faults.push(values.fault("key", format!("the key cannot be used: {error}"), hint));
    })
    .ok()
}
