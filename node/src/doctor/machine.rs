//! The machine itself: limits, clocks, kernel, what a container allows.

use crate::doctor::case::Case;
use crate::doctor::finding::Finding;
use crate::doctor::process;

/// Files a node has open beside its connections.
const OWN_FILES: u64 = 64;
/// Nobody has built this before 2025, so an earlier clock has lost its time.
const EARLIEST_S: u64 = 1_735_689_600;
const DRIFT_S_MAX: u64 = 300;
const KERNEL_MIN: (u64, u64) = (4, 19);
const MEMORY_BYTES_MIN: u64 = 256 << 20;
/// What a cgroup without a limit says in version 1: the largest number of pages.
const NO_LIMIT: u64 = 1 << 60;

pub(super) fn look(case: &Case<'_>, found: &mut Vec<Finding>) {
    files(case, found);
    clocks(case, found);
    kernel(case, found);
    cgroup(case, found);
}

fn files(case: &Case<'_>, found: &mut Vec<Finding>) {
    let Ok(setup) = &case.setup else { return };
    let needed = setup.connections_max + OWN_FILES;
    if let Some(limit) = case.host.open_files().filter(|limit| *limit < needed) {
        case.note(
            found,
            "TG-DR-001",
            format!("RLIMIT_NOFILE = {limit}; mqtt.connections_max + {OWN_FILES} = {needed}"),
        );
    }
}

fn clocks(case: &Case<'_>, found: &mut Vec<Finding>) {
    let now_s = case.host.now_s();
    if now_s < EARLIEST_S {
        case.note(found, "TG-DR-002", format!("CLOCK_REALTIME = {now_s} s since 1970"));
    }
    let hardware = case.host.number("/sys/class/rtc/rtc0/since_epoch");
    if let Some(rtc_s) = hardware.filter(|rtc_s| rtc_s.abs_diff(now_s) > DRIFT_S_MAX) {
        case.note(found, "TG-DR-003", format!("/sys/class/rtc/rtc0: {rtc_s} s, clock: {now_s} s since 1970"));
    }
    let Ok(setup) = &case.setup else { return };
    if let Some(last_s) = case.host.last_record_s(&setup.data).filter(|last_s| *last_s > now_s + 1) {
        case.note(
            found,
            "TG-DR-004",
            format!("{}: {last_s} s, clock: {now_s} s since 1970", setup.data.display()),
        );
    }
}

fn kernel(case: &Case<'_>, found: &mut Vec<Finding>) {
    let release = case.host.system("/proc/sys/kernel/osrelease").unwrap_or_default();
    if version(&release).is_some_and(|version| version < KERNEL_MIN) {
        case.note(found, "TG-DR-005", format!("/proc/sys/kernel/osrelease = {release}"));
    }
    if case.host.system("/proc/pressure/memory").is_none() {
        case.note(found, "TG-DR-006", format!("/proc/pressure/memory: -; kernel {release}"));
    }
}

fn version(release: &str) -> Option<(u64, u64)> {
    let mut numbers = release.split(|letter: char| !letter.is_ascii_digit());
    Some((numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?))
}

fn cgroup(case: &Case<'_>, found: &mut Vec<Finding>) {
    if let Some((path, bytes)) = memory(case).filter(|(_, bytes)| *bytes < MEMORY_BYTES_MIN) {
        case.note(found, "TG-DR-007", format!("{path} = {bytes}"));
    }
    if let Some((path, percent)) = cpu(case).filter(|(_, percent)| *percent < 100) {
        case.note(found, "TG-DR-008", format!("{path}: {percent} % of one CPU"));
    }
}

/// What the group may have; nothing for no limit.
pub(super) fn memory(case: &Case<'_>) -> Option<(String, u64)> {
    let (path, text) = of_group(case, &["memory.max", "memory/memory.limit_in_bytes"])?;
    Some((path, text.parse().ok().filter(|bytes| *bytes < NO_LIMIT)?))
}

fn cpu(case: &Case<'_>) -> Option<(String, u64)> {
    if let Some((path, text)) = of_group(case, &["cpu.max"]) {
        let mut words = text.split(' ').map(|word| word.parse::<u64>().ok());
        if let (Some(Some(quota)), Some(Some(period))) = (words.next(), words.next()) {
            return Some((path, quota * 100 / period.max(1)));
        }
    }
    let (path, quota) = of_group(case, &["cpu/cpu.cfs_quota_us"])?;
    let (_, period) = of_group(case, &["cpu/cpu.cfs_period_us"])?;
    Some((path, quota.parse::<u64>().ok()? * 100 / period.parse::<u64>().ok()?.max(1)))
}

/// A file of the group that the node is in, by version 2 or 1 of cgroups, and its path; a container sees its own as the root.
pub(super) fn of_group(case: &Case<'_>, names: &[&str]) -> Option<(String, String)> {
    let groups = case.host.system(&format!("/proc/{}/cgroup", process::subject(case))).unwrap_or_default();
    let own = groups.lines().find_map(|line| line.strip_prefix("0::")).unwrap_or_default();
    let places = [format!("/sys/fs/cgroup{}", own.trim_end_matches('/')), "/sys/fs/cgroup".to_owned()];
    let mut paths = places.iter().flat_map(|place| names.iter().map(move |name| format!("{place}/{name}")));
    paths.find_map(|path| Some((path.clone(), case.host.system(&path)?)))
}
