//! How much memory this process may have: the lowest limit of the control groups it is in, or the machine's.

use std::fs;
use std::path::{Path, PathBuf};

/// What a system without a limit says in cgroup v1: a number no machine has.
const NO_LIMIT_BYTES: u64 = 1 << 60;

/// In bytes; nothing where the system does not say.
pub(super) fn memory_bytes() -> Option<u64> {
    let groups = fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
    let limits = files(&groups).into_iter().filter_map(|file| limit(&fs::read_to_string(file).ok()?));
    limits.chain(machine_bytes()).min()
}

/// The files that hold the limits, of every group from ours up to the root.
fn files(groups: &str) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for line in groups.lines() {
        let mut parts = line.splitn(3, ':').skip(1);
        let (controllers, group) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
        let (root, file) = match controllers {
            "" => ("/sys/fs/cgroup", "memory.max"),
            "memory" => ("/sys/fs/cgroup/memory", "memory.limit_in_bytes"),
            _ => continue,
        };
        let below = |above: &Path| Path::new(root).join(above.strip_prefix("/").unwrap_or(above)).join(file);
        files.extend(Path::new(group).ancestors().map(below));
    }
    files
}

fn limit(text: &str) -> Option<u64> {
    text.trim().parse().ok().filter(|bytes| *bytes < NO_LIMIT_BYTES)
}

fn machine_bytes() -> Option<u64> {
    let text = fs::read_to_string("/proc/meminfo").ok()?;
    let kib = text.lines().find_map(|line| line.strip_prefix("MemTotal:"))?.trim().strip_suffix("kB")?;
    Some(kib.trim().parse::<u64>().ok()? * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_looked_for_in_every_group_above() {
        let found = files("0::/site/node\n");
        let expected = [
            "/sys/fs/cgroup/site/node/memory.max",
            "/sys/fs/cgroup/site/memory.max",
            "/sys/fs/cgroup/memory.max",
        ];
        assert_eq!(found, expected.map(PathBuf::from));
        let found = files("3:cpu:/a\n2:memory:/a\n");
        assert_eq!(found[0], Path::new("/sys/fs/cgroup/memory/a/memory.limit_in_bytes"));
    }

    #[test]
    fn the_word_for_no_limit_and_a_number_beyond_machines_are_none() {
        assert_eq!(
            (limit("max\n"), limit("9223372036854771712\n"), limit("4096\n")),
            (None, None, Some(4096))
        );
    }
}
