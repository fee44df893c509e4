//! `tidegate support-bundle`: one file for whoever helps, made of what the node says of itself and what the doctor finds.
//!
//! What is in it is listed before anything is written. Secrets are left out at their source: the settings that hold one are shown
//! as such, hashes of tokens are replaced, and no reading, payload or log is in it.

use crate::banner::say;
use crate::cli::SupportBundle;
use crate::config::{self, Origins};
use crate::doctor::case::Case;
use crate::doctor::findings;
use crate::doctor::host::{Host, Machine};
use crate::failure::Failure;
use crate::{asking, cli::Running};
use std::io::{self, IsTerminal};
use std::path::Path;
use std::process::ExitCode;

/// Of the machine; none of them names a person or an address.
const FILES: [&str; 4] = ["/proc/meminfo", "/proc/loadavg", "/proc/sys/kernel/osrelease", "/etc/os-release"];
/// Settings whose value nobody else needs.
const HIDDEN: [&str; 5] = ["sha256", "password", "secret", "token", "key"];
/// What a running node is asked; the accounts say how many, never what.
const ASKED: [&str; 5] =
    ["/readyz", "/api/v1/ingest/accounts", "/api/v1/ingest/rules", "/debug/tasks", "/debug/dumps"];

/// A named part of the bundle.
#[derive(Debug)]
pub(super) struct Part {
    pub(super) name: String,
    pub(super) text: String,
}

pub(crate) fn run(options: &SupportBundle) -> Result<ExitCode, Failure> {
    let parts = parts(&Origins::at(&options.place), &options.node);
    say(&list(&parts, &options.out));
    if !options.yes && !agreed() {
        say("nothing was written; --yes writes it\n");
        return Ok(ExitCode::SUCCESS);
    }
    config::write_new(&options.out, &whole(&parts)).map_err(|error| unwritten(&options.out, &error))?;
    say(&format!("{} written\n", options.out.display()));
    Ok(ExitCode::SUCCESS)
}

fn parts(origins: &Origins, node: &Running) -> Vec<Part> {
    let part = |name: &str, text: String| Part { name: name.to_owned(), text };
    let version = format!("tidegate {}\n", env!("CARGO_PKG_VERSION"));
    let found = findings(&Case::of(&Machine, origins), true);
    let doctor = found.iter().map(|finding| finding.json() + "\n").collect();
    let mut parts =
        vec![part("version", version), part("doctor", doctor), part("settings", settings(origins))];
    parts.extend(FILES.iter().map(|path| part(path, Machine.system(path).unwrap_or_default() + "\n")));
    parts.extend(ASKED.iter().filter_map(|path| {
        let answer = asking::ask(node, "GET", path).ok()?;
        Some(part(path, format!("{answer}\n")))
    }));
    parts
}

/// Each setting that differs from its default; what may be secret is named and not shown.
fn settings(origins: &Origins) -> String {
    let Ok((values, _)) = origins.read() else {
        return "the configuration has faults; see the doctor\n".to_owned();
    };
    let shown = values.shown();
    shown
        .iter()
        .map(|shown| format!("{} = {}\n", shown.path, value(&shown.path, shown.text.as_deref())))
        .collect()
}

pub(super) fn value<'t>(path: &str, text: Option<&'t str>) -> &'t str {
    let key = path.rsplit('.').next().unwrap_or(path);
    match text {
        None => "(not set)",
        Some(_) if HIDDEN.iter().any(|hidden| key.contains(hidden)) => "(removed)",
        Some(text) => text,
    }
}

fn list(parts: &[Part], out: &Path) -> String {
    let lines: String =
        parts.iter().map(|part| format!("  {:<28}{:>8} bytes\n", part.name, part.text.len())).collect();
    format!("{} is to hold:\n{lines}no readings, no logs, no secrets\n", out.display())
}

fn whole(parts: &[Part]) -> String {
    parts.iter().map(|part| format!("==== {}\n{}\n", part.name, part.text)).collect()
}

/// Asks whoever sits there; nobody does where there is no terminal.
fn agreed() -> bool {
    if !(io::stdin().is_terminal() && io::stdout().is_terminal()) {
        return false;
    }
    say("write it? [y/N] ");
    let mut line = String::new();
    io::stdin().read_line(&mut line).is_ok() && matches!(line.trim(), "y" | "Y" | "yes")
}

fn unwritten(out: &Path, error: &io::Error) -> Failure {
    let message = format!("could not write {}: {error}", out.display());
    Failure::message("TG-DR-050", message, "choose another path with --out")
}
