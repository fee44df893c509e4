//! Where and how a benchmark runs: the machine in words, its load, the command. Reads /proc and CPU clocks, nothing else.

use crate::row::Row;
use rustix::time::{ClockId, clock_gettime};
use std::fs;
use std::path::Path;
use std::time::Duration;

/// What every row of a run says alike.
#[derive(Debug, Clone)]
pub struct Setting {
    machine: String,
    command: String,
}

impl Setting {
    /// This machine, with the file system that holds `folder`, which must exist.
    pub fn here(folder: &Path, command: String) -> Setting {
        let mounts = fs::read_to_string("/proc/mounts").unwrap_or_default();
        let absolute = fs::canonicalize(folder).unwrap_or_else(|_| folder.to_owned());
        let cpus = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        let release = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
        let file_system = file_system(&mounts, &absolute).unwrap_or("unknown file system");
        let machine = format!("{}, Linux {}, {file_system}", processors(&cpus), release.trim());
        Setting { machine, command }
    }

    /// The row with the machine, its load as of now and the command filled in.
    pub fn stamp(&self, row: Row) -> Row {
        let (machine, command) = (self.machine.clone(), self.command.clone());
        Row { machine, command, loadavg: loadavg(), ..row }.rounded()
    }
}

fn processors(cpuinfo: &str) -> String {
    let of = |key: &str, line: &str| Some(line.strip_prefix(key)?.split_once(':')?.1.trim().to_owned());
    let count = cpuinfo.lines().filter(|line| line.starts_with("processor")).count();
    let model = cpuinfo.lines().find_map(|line| of("model name", line));
    format!("{count} x {}", model.as_deref().unwrap_or(std::env::consts::ARCH))
}

/// The type of the mount whose point is the longest one above `folder`.
fn file_system<'a>(mounts: &'a str, folder: &Path) -> Option<&'a str> {
    let fields = mounts.lines().map(|line| line.split(' ').collect::<Vec<_>>());
    let above = fields.filter(|fields| fields.len() > 2 && folder.starts_with(fields[1]));
    above.max_by_key(|fields| fields[1].len()).map(|fields| fields[2])
}

fn loadavg() -> f64 {
    let text = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split(' ').next().and_then(|first| first.parse().ok()).unwrap_or_default()
}

/// CPU time of this process so far, all threads together.
pub fn process_cpu() -> Duration {
    cpu(ClockId::ProcessCPUTime)
}

/// CPU time of the calling thread so far.
pub fn thread_cpu() -> Duration {
    cpu(ClockId::ThreadCPUTime)
}

fn cpu(clock: ClockId) -> Duration {
    let spent = clock_gettime(clock);
    Duration::new(spent.tv_sec.unsigned_abs(), spent.tv_nsec as u32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn processors_are_counted_and_named() {
        let cpuinfo =
            "processor\t: 0\nmodel name\t: Loongson-3A\n\nprocessor\t: 1\nmodel name\t: Loongson-3A\n";
        assert_eq!(processors(cpuinfo), "2 x Loongson-3A");
    }

    #[test]
    fn the_deepest_mount_above_a_folder_says_its_file_system() {
        let mounts = "/dev/a / ext4 rw 0 0\nb /srv tmpfs rw 0 0\n/dev/c /srv/data xfs rw 0 0\n";
        assert_eq!(file_system(mounts, Path::new("/srv/data/books")), Some("xfs"));
        assert_eq!(file_system(mounts, Path::new("/srv/database")), Some("tmpfs"));
        assert_eq!(file_system(mounts, Path::new("/home")), Some("ext4"));
    }
}
