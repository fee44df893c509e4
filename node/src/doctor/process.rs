//! The node that runs on the data folder, where one does: what it uses of what it may.
//!
//! Limits and control groups are those of that process; of this one where none runs, which is then taken for the one to be.

use crate::doctor::case::{Case, Setup};
use crate::doctor::finding::Finding;
use crate::doctor::host::Host;
use crate::doctor::machine;

/// Of a limit, from where on little is left.
const NEARLY_PERCENT: u64 = 90;
/// Memory in use, which the kernel takes back less easily than files.
const MEMORY_PERCENT: u64 = 80;
/// Of the periods, those in which the group had to wait.
const WAITED_PERCENT: u64 = 10;
/// Fewer periods than these say nothing.
const PERIODS_MIN: u64 = 100;

/// The process whose limits count, as `/proc` names it.
pub(super) fn subject(case: &Case<'_>) -> String {
    let pid = case.setup.as_ref().ok().and_then(|setup| node(case.host, setup));
    pid.map_or_else(|| "self".to_owned(), |pid| pid.to_string())
}

/// The node of this folder, if it runs.
pub(super) fn node(host: &dyn Host, setup: &Setup) -> Option<u32> {
    let pid = host.read(&setup.data.join("LOCK"))?.trim().parse().ok()?;
    let name = host.system(&format!("/proc/{pid}/comm"))?;
    (name == "tidegate").then_some(pid)
}

pub(super) fn look(case: &Case<'_>, found: &mut Vec<Finding>) {
    let subject = subject(case);
    files(case, &subject, found);
    file_size(case, &subject, found);
    memory(case, &subject, found);
    waits(case, found);
    tasks(case, found);
}

fn files(case: &Case<'_>, subject: &str, found: &mut Vec<Finding>) {
    let folder = format!("/proc/{subject}/fd");
    let (Some(open), Some(limit)) = (case.host.entries(&folder), limit(case.host, subject, "Max open files"))
    else {
        return;
    };
    if open * 100 >= limit * NEARLY_PERCENT {
        case.note(found, "TG-DR-030", format!("{folder}: {open}; Max open files = {limit}"));
    }
}

fn file_size(case: &Case<'_>, subject: &str, found: &mut Vec<Finding>) {
    if let Some(limit) = limit(case.host, subject, "Max file size") {
        case.note(found, "TG-DR-031", format!("/proc/{subject}/limits: Max file size = {limit}"));
    }
}

fn memory(case: &Case<'_>, subject: &str, found: &mut Vec<Finding>) {
    let Some((path, limit)) = machine::memory(case) else { return };
    let status = case.host.system(&format!("/proc/{subject}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap_or_default();
    let held =
        line.trim().strip_suffix("kB").and_then(|kib| kib.trim().parse::<u64>().ok()).unwrap_or(0) * 1024;
    if subject != "self" && held * 100 >= limit * MEMORY_PERCENT {
        case.note(found, "TG-DR-032", format!("/proc/{subject}/status: VmRSS = {held}; {path} = {limit}"));
    }
}

fn waits(case: &Case<'_>, found: &mut Vec<Finding>) {
    let Some((path, text)) = machine::of_group(case, &["cpu.stat", "cpu/cpu.stat"]) else { return };
    let number = |key: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(key));
        line.and_then(|rest| rest.trim().parse::<u64>().ok()).unwrap_or(0)
    };
    let (periods, waited) = (number("nr_periods "), number("nr_throttled "));
    if periods >= PERIODS_MIN && waited * 100 >= periods * WAITED_PERCENT {
        case.note(found, "TG-DR-033", format!("{path}: nr_throttled = {waited}, nr_periods = {periods}"));
    }
}

fn tasks(case: &Case<'_>, found: &mut Vec<Finding>) {
    let number = |names| {
        let (path, text) = machine::of_group(case, names)?;
        Some((path, text.parse::<u64>().ok()?))
    };
    let max: Option<(String, u64)> = number(&["pids.max", "pids/pids.max"]);
    let (Some((_, now)), Some((path, max))) = (number(&["pids.current", "pids/pids.current"]), max) else {
        return;
    };
    if now * 100 >= max * NEARLY_PERCENT {
        case.note(found, "TG-DR-034", format!("{path} = {max}; pids.current = {now}"));
    }
}

/// A soft limit (proc(5), `/proc/PID/limits`); nothing where there is none.
fn limit(host: &dyn Host, subject: &str, name: &str) -> Option<u64> {
    let limits = host.system(&format!("/proc/{subject}/limits"))?;
    let rest = limits.lines().find_map(|line| line.strip_prefix(name))?;
    rest.split_whitespace().next()?.parse().ok()
}
