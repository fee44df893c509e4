//! Clippy sees what it must: every crate takes the workspace's lints, and the pure layers ban clock, disk and network.
//!
//! Clippy reads the *nearest* `clippy.toml` above a package's manifest and that one alone, also when it checks a whole
//! workspace. So `codecs/clippy.toml` and `engines/clippy.toml` hold for their crates and must repeat the bans of the
//! root. The lints stand at `warn` in the root manifest; the clippy stage denies warnings.

use anyhow::Result;

use super::Context;
use super::finding::Finding;
use super::purity::is_pure_layer;
use super::source::{Kind, Source};
use crate::workspace::Crate;

pub const NAME: &str = "lints";

/// Clippy can ban types and functions but no modules, so these are the doors; `senses` looks for the whole modules.
const BANNED_TYPES: &[&str] = &[
    "std::time::Instant",
    "std::time::SystemTime",
    "std::fs::File",
    "std::fs::OpenOptions",
    "std::net::TcpListener",
    "std::net::TcpStream",
    "std::net::UdpSocket",
];
const BANNED_METHODS: &[&str] = &[
    "std::fs::read",
    "std::fs::read_dir",
    "std::fs::read_to_string",
    "std::fs::write",
    "std::thread::spawn",
];

const LISTS: &[(&str, &[&str])] =
    &[("disallowed-types", BANNED_TYPES), ("disallowed-methods", BANNED_METHODS)];
const LINTS: &[&str] = &["disallowed_methods", "disallowed_types", "iter_over_hash_type"];

pub fn check(context: &Context) -> Result<Vec<Finding>> {
    let members = &context.crates.members;
    let mut findings = Vec::new();
    if !members.is_empty() {
        findings.extend(workspace_lints(context)?);
    }
    for member in members {
        findings.extend(inherits(context, member)?);
        if is_pure_layer(member) {
            findings.extend(bans(context, member)?);
            findings.extend(allows(context, member));
        }
    }
    // Crates of one layer share a clippy.toml, and with it its findings.
    findings.sort();
    findings.dedup();
    Ok(findings)
}

fn finding(path: impl Into<String>, line: usize, message: String, hint: &str) -> Finding {
    Finding { path: path.into(), line, rule: NAME, message, hint: hint.to_owned() }
}

fn table(context: &Context, path: &str) -> Result<toml::Table> {
    let text = context.tree.read(path).unwrap_or_default();
    text.parse().map_err(|error| anyhow::anyhow!("{path}: {error}"))
}

fn workspace_lints(context: &Context) -> Result<Vec<Finding>> {
    let root = table(context, "Cargo.toml")?;
    let clippy = root.get("workspace").and_then(|it| it.get("lints")).and_then(|it| it.get("clippy"));
    let is_on = |lint: &str| {
        let value = clippy.and_then(|clippy| clippy.get(lint));
        let level = value.and_then(|value| value.get("level").unwrap_or(value).as_str());
        matches!(level, Some("warn" | "deny" | "forbid"))
    };
    let off = LINTS.iter().filter(|lint| !is_on(lint));
    Ok(off
        .map(|lint| {
            let message = format!("clippy::{lint} is not on in the workspace");
            finding(
                "Cargo.toml",
                1,
                message,
                "the purity of codecs and engines rests on it: set it to \"warn\"",
            )
        })
        .collect())
}

fn inherits(context: &Context, member: &Crate) -> Result<Option<Finding>> {
    let manifest = table(context, &member.manifest())?;
    let inherited =
        manifest.get("lints").and_then(|lints| lints.get("workspace")).and_then(toml::Value::as_bool);
    let message = format!("{} does not take the workspace's lints", member.folder);
    let hint = "add [lints] with workspace = true";
    Ok((inherited != Some(true)).then(|| finding(member.manifest(), 1, message, hint)))
}

fn bans(context: &Context, member: &Crate) -> Result<Vec<Finding>> {
    let own = [member.folder.as_str(), member.layer()].map(|folder| format!("{folder}/clippy.toml"));
    let Some(path) = own.iter().find(|path| context.tree.has(path)) else {
        let message = format!("nothing bans clock, disk and network in {}", member.layer());
        let hint = "write the bans of tidy's lints rule there, with those of the root's clippy.toml";
        return Ok(vec![finding(own[1].clone(), 1, message, hint)]);
    };
    let (config, root) = (table(context, path)?, table(context, "clippy.toml")?);
    let mut findings = Vec::new();
    for (list, required) in LISTS {
        let banned = paths(&config, list);
        let of_root = paths(&root, list);
        let missing = required.iter().map(|path| (*path).to_owned()).chain(of_root);
        for missing in missing.filter(|path| !banned.contains(path)) {
            let message = format!("{list} lacks {missing}");
            findings.push(finding(path.clone(), 1, message, "clippy reads the nearest clippy.toml alone"));
        }
    }
    Ok(findings)
}

/// The entries of a list, each either a path or a table with one.
fn paths(config: &toml::Table, list: &str) -> Vec<String> {
    let entries = config.get(list).and_then(toml::Value::as_array);
    let paths = entries.into_iter().flatten().filter_map(|entry| entry.get("path").unwrap_or(entry).as_str());
    paths.map(str::to_owned).collect()
}

fn allows(context: &Context, member: &Crate) -> Vec<Finding> {
    let prefix = format!("{}/", member.folder);
    let sources = context.sources.iter().filter(|source| source.path.starts_with(&prefix));
    sources.flat_map(lints_named).collect()
}

/// In a pure crate's product code there is one reason to name these lints: to turn them off.
fn lints_named(source: &Source) -> Vec<Finding> {
    let mut findings = Vec::new();
    for window in source.tokens.windows(4) {
        let [clippy, _, _, lint] = window else { continue };
        let (Kind::Ident(clippy), Kind::Ident(lint)) = (&clippy.kind, &lint.kind) else { continue };
        if clippy == "clippy" && LINTS.contains(&lint.as_str()) {
            let message = format!("clippy::{lint} is turned off in a pure crate");
            findings.push(finding(
                source.path.clone(),
                window[3].line,
                message,
                "sort, or use a BTreeMap; pass input in",
            ));
        }
    }
    findings
}
