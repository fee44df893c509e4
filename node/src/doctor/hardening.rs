//! The security baseline, with `--hardening`: what an auditor asks first.

use crate::doctor::case::{Case, Setup};
use crate::doctor::finding::Finding;
use std::path::Path;

const DAY_S: u64 = 86_400;
const TOKEN_DAYS_MAX: u64 = 365;
/// Everybody but the owner.
const OTHERS: u32 = 0o077;

pub(super) fn look(case: &Case<'_>, found: &mut Vec<Finding>) {
    process(case, found);
    let Ok(setup) = &case.setup else { return };
    files(case, setup, found);
    doors(case, setup, found);
    token(case, setup, found);
}

fn process(case: &Case<'_>, found: &mut Vec<Finding>) {
    if case.host.uid() == 0 {
        case.note(found, "TG-DR-021", "uid = 0");
    }
    if case.host.core_bytes() != Some(0) {
        let pattern = case.host.system("/proc/sys/kernel/core_pattern").unwrap_or_default();
        case.note(found, "TG-DR-022", format!("RLIMIT_CORE > 0; core_pattern = {pattern}"));
    }
    if let Some(value) = case.host.number("/proc/sys/kernel/randomize_va_space").filter(|value| *value < 2) {
        case.note(found, "TG-DR-023", format!("kernel.randomize_va_space = {value}"));
    }
}

fn files(case: &Case<'_>, setup: &Setup, found: &mut Vec<Finding>) {
    let open =
        |path: &Path| case.host.meta(path).map(|meta| meta.mode & 0o777).filter(|mode| mode & OTHERS != 0);
    let each = [
        ("TG-DR-024", Some(&setup.data)),
        ("TG-DR-025", setup.key.as_ref()),
        ("TG-DR-026", setup.file.as_ref()),
    ];
    for (code, path) in each {
        if let Some((path, mode)) = path.and_then(|path| Some((path, open(path)?))) {
            case.note(found, code, format!("{}: {mode:04o}", path.display()));
        }
    }
}

fn doors(case: &Case<'_>, setup: &Setup, found: &mut Vec<Finding>) {
    for door in setup.doors.iter().filter(|door| !door.has_tls && !door.address.ip().is_loopback()) {
        case.note(found, "TG-DR-027", format!("{} = {}", door.key, door.address));
    }
    if setup.anonymous == "loopback" {
        case.note(found, "TG-DR-028", "identity.anonymous = \"loopback\"");
    }
}

fn token(case: &Case<'_>, setup: &Setup, found: &mut Vec<Finding>) {
    let file = setup.data.join("lan/token.sha256");
    let Some(meta) = case.host.meta(&file) else { return };
    let days = case.host.now_s().saturating_sub(meta.modified_s) / DAY_S;
    if days > TOKEN_DAYS_MAX {
        case.note(found, "TG-DR-029", format!("{}: {days} d", file.display()));
    }
}
