//! The disk under the data folder: room, file system, how long a flush takes. Measures nothing: the kernel has counted.

use crate::doctor::case::{Case, Setup};
use crate::doctor::finding::Finding;
use crate::doctor::host::{Host, Space};
use std::path::Path;

const FREE_BYTES_MIN: u64 = 1 << 30;
const FREE_PERCENT_MIN: u64 = 5;
const FLUSH_MS_MAX: u64 = 20;
/// Fewer flushes say little.
const FLUSHES_MIN: u64 = 100;
const NETWORK: [&str; 8] = ["nfs", "nfs4", "cifs", "smb3", "9p", "afs", "fuse.sshfs", "ceph"];

/// Where a path is mounted.
struct Mount {
    /// `8:1`.
    device: String,
    kind: String,
}

pub(super) fn look(case: &Case<'_>, found: &mut Vec<Finding>) {
    let Ok(setup) = &case.setup else { return };
    let ground = setup.ground(case.host);
    if let [last, ..] = &case.host.dumps(&setup.data)[..] {
        case.note(found, "TG-DR-035", setup.data.join("probe").join(last).display().to_string());
    }
    if let Some(space) = case.host.space(ground) {
        room(case, setup, (ground, space), found);
    }
    let Some(mount) = mount(case.host, ground) else { return };
    if NETWORK.contains(&mount.kind.as_str()) && !setup.network_allowed {
        case.note(found, "TG-DR-012", format!("{}: {}", ground.display(), mount.kind));
    }
    if let Some(ms) = flush_ms(case.host, &mount.device).filter(|ms| *ms > FLUSH_MS_MAX) {
        case.note(found, "TG-DR-013", format!("/sys/dev/block/{}/stat: {ms} ms", mount.device));
    }
}

fn room(case: &Case<'_>, setup: &Setup, (ground, space): (&Path, Space), found: &mut Vec<Finding>) {
    let Space { bytes, free_bytes, files, free_files } = space;
    let place = ground.display();
    if free_bytes < FREE_BYTES_MIN || free_bytes < bytes / 100 * FREE_PERCENT_MIN {
        case.note(
            found,
            "TG-DR-009",
            format!("{place}: {} MiB free of {} MiB", free_bytes >> 20, bytes >> 20),
        );
    }
    if files > 0 && free_files < files / 100 * FREE_PERCENT_MIN {
        case.note(found, "TG-DR-010", format!("{place}: {free_files} inodes free of {files}"));
    }
    if setup.queue_bytes_max > bytes {
        let quota = setup.queue_bytes_max >> 20;
        case.note(
            found,
            "TG-DR-011",
            format!("queues.bytes_max = {quota} MiB; {place}: {} MiB", bytes >> 20),
        );
    }
}

/// The longest mount point that the path begins with, the last one where there are two (proc(5), `mountinfo`).
fn mount(host: &dyn Host, path: &Path) -> Option<Mount> {
    let path = if path.is_absolute() { path.to_owned() } else { std::env::current_dir().ok()?.join(path) };
    let mounts = host.system("/proc/self/mountinfo")?;
    let begins = mounts.lines().filter_map(|line| {
        let (before, after) = line.split_once(" - ")?;
        let mut fields = before.split(' ');
        let (device, point) = (fields.nth(2)?, fields.nth(1)?);
        path.starts_with(point).then(|| (point.len(), device, after.split(' ').next().unwrap_or_default()))
    });
    let (_, device, kind) = begins.max_by_key(|(length, ..)| *length)?;
    Some(Mount { device: device.to_owned(), kind: kind.to_owned() })
}

/// The mean of all flushes since the machine started (`Documentation/block/stat.rst`; there from Linux 5.5 on).
fn flush_ms(host: &dyn Host, device: &str) -> Option<u64> {
    let stat = host.system(&format!("/sys/dev/block/{device}/stat"))?;
    let mut fields = stat.split_whitespace().skip(15).map(|field| field.parse::<u64>().ok());
    let (flushes, ms) = (fields.next()??, fields.next()??);
    (flushes >= FLUSHES_MIN).then(|| ms / flushes)
}
