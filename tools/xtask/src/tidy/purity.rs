//! No crate below `codecs/` or `engines/` reaches async, randomness or the system by what it depends on.
//!
//! Looks at `cargo metadata`'s resolved graph, normal edges only, with every feature of the workspace on: a dependency
//! that can be built with tokio counts as one that is. What a crate does with `std` is the matter of `lints`, `senses`.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use anyhow::Result;
use cargo_metadata::{DependencyKind, Metadata, PackageId};

use super::Context;
use super::finding::{Finding, line_of};
use crate::workspace::Crate;

pub const NAME: &str = "purity";

const IMPURE: &[&str] = &[
    "async-std",
    "axum",
    "chrono",
    "fastrand",
    "futures-executor",
    "getrandom",
    "hyper",
    "mio",
    "rand",
    "reqwest",
    "rustix",
    "smol",
    "socket2",
    "tempfile",
    "time",
    "tokio",
    "ureq",
];
const IMPURE_FAMILIES: &[&str] = &["async-", "hyper-", "tokio-"];

/// Whether a crate belongs to the layers that decide and translate without senses.
pub(super) fn is_pure_layer(member: &Crate) -> bool {
    matches!(member.layer(), "codecs" | "engines")
}

pub fn check(context: &Context) -> Result<Vec<Finding>> {
    let Some(metadata) = &context.crates.metadata else { return Ok(Vec::new()) };
    let edges = normal_edges(metadata);
    let pure = context.crates.members.iter().filter(|member| is_pure_layer(member));
    Ok(pure.flat_map(|member| of_crate(context, metadata, &edges, member)).collect())
}

type Edges<'a> = BTreeMap<&'a PackageId, Vec<&'a PackageId>>;

fn normal_edges(metadata: &Metadata) -> Edges<'_> {
    let nodes = metadata.resolve.iter().flat_map(|resolve| &resolve.nodes);
    nodes
        .map(|node| {
            let normal = node.deps.iter().filter(|dependency| {
                dependency.dep_kinds.iter().any(|kind| kind.kind == DependencyKind::Normal)
            });
            (&node.id, normal.map(|dependency| &dependency.pkg).collect())
        })
        .collect()
}

/// Breadth first, so that the way shown to an impure crate is the shortest one.
fn of_crate(context: &Context, metadata: &Metadata, edges: &Edges<'_>, member: &Crate) -> Vec<Finding> {
    let manifest = context.tree.read(&member.manifest()).unwrap_or_default();
    let mut seen = BTreeSet::from([&member.id]);
    let mut queue = VecDeque::from([vec![&member.id]]);
    let mut findings = Vec::new();
    while let Some(way) = queue.pop_front() {
        let Some(id) = way.last() else { continue };
        let name = metadata[*id].name.as_str();
        if is_impure(name) {
            let names: Vec<&str> = way.iter().map(|id| metadata[*id].name.as_str()).collect();
            findings.push(finding(member, line_of(&manifest, names.get(1).unwrap_or(&name)), &names));
            continue;
        }
        for next in edges.get(id).into_iter().flatten().filter(|next| seen.insert(next)) {
            queue.push_back([way.as_slice(), &[*next]].concat());
        }
    }
    findings
}

fn is_impure(name: &str) -> bool {
    IMPURE.contains(&name) || IMPURE_FAMILIES.iter().any(|family| name.starts_with(family))
}

fn finding(member: &Crate, line: usize, way: &[&str]) -> Finding {
    Finding {
        path: member.manifest(),
        line,
        rule: NAME,
        message: format!("a pure crate reaches an impure one: {}", way.join(" > ")),
        hint: "take time, random bytes and input as arguments; the service above has the senses".to_owned(),
    }
}
