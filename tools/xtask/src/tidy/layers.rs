//! Folders are layers: a crate depends only on folders above its own.
//!
//! | crate in | may depend on | its tests also on |
//! | --- | --- | --- |
//! | `kernel/` | kernel crates before it in the order id, flow, trace, outbound, journal, sm, audit, plug, lab | every kernel crate |
//! | `codecs/`, `engines/` | `kernel/` | `codecs/`, `engines/` |
//! | `services/` | `kernel/`, `codecs/`, `engines/`; never a service | `drivers/`, `gears/`, `connectors/` |
//! | `drivers/`, `gears/`, `connectors/` | `kernel/`, `codecs/`, `engines/`, `services/` (whose port they implement) | one another |
//! | `examples/` | as `drivers/`; nothing depends on an example | |
//! | `node/` | everything but examples | everything but examples |
//!
//! So no test reaches for `node` from below, and no service for another one: what needs both is a test of `node`. Build
//! dependencies count as the crate's own. A folder that is not in the table is a finding, so the table stays whole.

use anyhow::Result;

use super::finding::{Finding, line_of};
use super::{Context, naming};
use crate::workspace::{Crate, Edge};

pub const NAME: &str = "layers";

const KERNEL_ORDER: &[&str] = &["id", "flow", "trace", "outbound", "journal", "sm", "audit", "plug", "lab"];

struct Layer {
    folder: &'static str,
    on: &'static [&'static str],
    tests_also_on: &'static [&'static str],
}

const PURE: &[&str] = &["codecs", "engines"];
const ENDS: &[&str] = &["drivers", "gears", "connectors"];
const BELOW_SERVICES: &[&str] = &["kernel", "codecs", "engines", "services"];

const LAYERS: &[Layer] = &[
    Layer { folder: "kernel", on: &[], tests_also_on: &["kernel"] },
    Layer { folder: "codecs", on: &["kernel"], tests_also_on: PURE },
    Layer { folder: "engines", on: &["kernel"], tests_also_on: PURE },
    Layer { folder: "services", on: &["kernel", "codecs", "engines"], tests_also_on: ENDS },
    Layer { folder: "drivers", on: BELOW_SERVICES, tests_also_on: ENDS },
    Layer { folder: "gears", on: BELOW_SERVICES, tests_also_on: ENDS },
    Layer { folder: "connectors", on: BELOW_SERVICES, tests_also_on: ENDS },
    Layer { folder: "examples", on: BELOW_SERVICES, tests_also_on: &[] },
    Layer {
        folder: "node",
        on: &["kernel", "codecs", "engines", "services", "drivers", "gears", "connectors"],
        tests_also_on: &[],
    },
];

pub fn check(context: &Context) -> Result<Vec<Finding>> {
    Ok(context.crates.members.iter().flat_map(|member| of_crate(context, member)).collect())
}

fn of_crate(context: &Context, member: &Crate) -> Vec<Finding> {
    let finding = |line, message, hint: &str| Finding {
        path: member.manifest(),
        line,
        rule: NAME,
        message,
        hint: hint.to_owned(),
    };
    let Some(layer) = LAYERS.iter().find(|layer| layer.folder == member.layer()) else {
        let message = format!("{} is no layer", member.layer());
        return vec![finding(
            1,
            message,
            "move the crate, or put the new layer into tidy's table and ARCHITECTURE.md",
        )];
    };
    let mut findings = Vec::new();
    if member.layer() == "kernel" && rank(&member.folder).is_none() {
        let message = format!("{} has no place in the order of the kernel", member.folder);
        findings.push(finding(1, message, "name it in the order in tidy's layers rule"));
    }
    let manifest = context.tree.read(&member.manifest()).unwrap_or_default();
    for edge in member.dependencies.iter().filter(|edge| !allows(layer, &member.folder, edge)) {
        let message = format!("{} must not depend on {}", member.folder, edge.folder);
        let line = line_of(&manifest, &naming::expected(&edge.folder).unwrap_or_else(|| edge.folder.clone()));
        findings.push(finding(line, message, hint(&member.folder, edge)));
    }
    findings
}

fn allows(layer: &Layer, from: &str, edge: &Edge) -> bool {
    let to = edge.folder.split('/').next().unwrap_or_default();
    let in_order = layer.folder == "kernel" && to == "kernel" && rank(&edge.folder) < rank(from);
    in_order || layer.on.contains(&to) || (edge.for_tests && layer.tests_also_on.contains(&to))
}

fn rank(folder: &str) -> Option<usize> {
    let name = folder.strip_prefix("kernel/")?;
    KERNEL_ORDER.iter().position(|known| *known == name)
}

fn hint(from: &str, edge: &Edge) -> &'static str {
    if from.starts_with("services/") && edge.folder.starts_with("services/") {
        "state the need as a port trait here and join the two in node, or pull a feed"
    } else if edge.for_tests {
        "a test that needs both belongs to a crate below both, most often node"
    } else {
        "a crate depends only on folders above its own; move the shared part up"
    }
}
