//! How many processors this process may use: the smallest quota of its control group and those around it, or the processors there are.
//!
//! Version 2 and version 1 of control groups. A container may see its group's path as the host has it, and its own group as the root:
//! every part of the path is tried, and the root. Reads through a function, so that it is tried on machines that never were.

use std::thread;

/// Where a mount of version 1 has the controller, in the order of how common it is.
const VERSION_1: [&str; 2] = ["/sys/fs/cgroup/cpu,cpuacct", "/sys/fs/cgroup/cpu"];
const VERSION_2: &str = "/sys/fs/cgroup";

/// Processors at once, and who says so.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Quota {
    pub(crate) processors: f64,
    /// A file of a control group, or `processors`.
    pub(crate) source: String,
}

impl Quota {
    /// As this machine has it now.
    pub(crate) fn of_this_machine() -> Quota {
        let available = thread::available_parallelism().map_or(1, usize::from);
        Quota::read(&|path| std::fs::read_to_string(path).ok(), available)
    }

    /// `available` is what is left to the process by its affinity.
    pub(crate) fn read(file: &dyn Fn(&str) -> Option<String>, available: usize) -> Quota {
        let whole = Quota { processors: available as f64, source: "processors".to_owned() };
        let groups = file("/proc/self/cgroup").unwrap_or_default();
        let quotas = groups.lines().flat_map(|line| of_group(line, file));
        quotas.fold(whole, |least, quota| if quota.processors < least.processors { quota } else { least })
    }
}

/// A line of `/proc/self/cgroup`: number, controllers, path. Version 2 has the number 0 and no controllers.
fn of_group(line: &str, file: &dyn Fn(&str) -> Option<String>) -> Vec<Quota> {
    let mut parts = line.splitn(3, ':');
    let (Some(_), Some(controllers), Some(path)) = (parts.next(), parts.next(), parts.next()) else {
        return Vec::new();
    };
    let folders = |mount: &str| around(path).map(|group| format!("{mount}{group}")).collect::<Vec<_>>();
    match controllers {
        "" => folders(VERSION_2).iter().filter_map(|folder| version_2(folder, file)).collect(),
        names if names.split(',').any(|name| name == "cpu") => {
            let folders = VERSION_1.into_iter().flat_map(folders);
            folders.filter_map(|folder| version_1(&folder, file)).collect()
        }
        _ => Vec::new(),
    }
}

/// The group, those around it, and the root.
fn around(path: &str) -> impl Iterator<Item = &str> {
    let path = path.trim_end_matches('/');
    std::iter::successors(Some(path), |path| path.rsplit_once('/').map(|(around, _)| around))
}

fn version_2(folder: &str, file: &dyn Fn(&str) -> Option<String>) -> Option<Quota> {
    let source = format!("{folder}/cpu.max");
    let text = file(&source)?;
    let mut words = text.split_whitespace();
    quota(words.next()?.parse().ok()?, words.next()?.parse().ok()?, source)
}

fn version_1(folder: &str, file: &dyn Fn(&str) -> Option<String>) -> Option<Quota> {
    let source = format!("{folder}/cpu.cfs_quota_us");
    let number = |path: &str| file(path)?.trim().parse::<i64>().ok();
    quota(number(&source)?, number(&format!("{folder}/cpu.cfs_period_us"))?, source)
}

/// Nothing where there is no quota: -1 in version 1.
fn quota(quota_us: i64, period_us: i64, source: String) -> Option<Quota> {
    let processors = quota_us as f64 / period_us as f64;
    (quota_us > 0 && period_us > 0).then_some(Quota { processors, source })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(files: &[(&str, &str)]) -> (f64, String) {
        let file = |path: &str| {
            let found = files.iter().find(|(name, _)| *name == path)?;
            Some(found.1.to_owned())
        };
        let Quota { processors, source } = Quota::read(&file, 4);
        (processors, source)
    }

    #[test]
    fn without_a_quota_it_is_the_processors_there_are() {
        let whole = (4.0, "processors".to_owned());
        assert_eq!(read(&[]), whole);
        let unlimited = [("/proc/self/cgroup", "0::/a\n"), ("/sys/fs/cgroup/a/cpu.max", "max 100000\n")];
        assert_eq!(read(&unlimited), whole);
        let minus_one = [
            ("/proc/self/cgroup", "4:cpu,cpuacct:/\n"),
            ("/sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us", "-1\n"),
            ("/sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us", "100000\n"),
        ];
        assert_eq!(read(&minus_one), whole);
        let more = [("/proc/self/cgroup", "0::/a\n"), ("/sys/fs/cgroup/a/cpu.max", "900000 100000\n")];
        assert_eq!(read(&more), whole);
        let broken = [("/proc/self/cgroup", "0::/a\nnonsense\n"), ("/sys/fs/cgroup/a/cpu.max", "50000 0\n")];
        assert_eq!(read(&broken), whole);
    }

    #[test]
    fn the_smallest_quota_around_a_group_of_version_2_holds() {
        let files = [
            ("/proc/self/cgroup", "0::/site.slice/tidegate.service\n"),
            ("/sys/fs/cgroup/site.slice/tidegate.service/cpu.max", "200000 100000\n"),
            ("/sys/fs/cgroup/site.slice/cpu.max", "150000 100000\n"),
        ];
        assert_eq!(read(&files), (1.5, "/sys/fs/cgroup/site.slice/cpu.max".to_owned()));
    }

    #[test]
    fn a_container_sees_its_own_group_as_the_root() {
        let version_2 = [("/proc/self/cgroup", "0::/\n"), ("/sys/fs/cgroup/cpu.max", "50000 100000\n")];
        assert_eq!(read(&version_2), (0.5, "/sys/fs/cgroup/cpu.max".to_owned()));
        let version_1 = [
            ("/proc/self/cgroup", "5:memory:/docker/7\n4:cpu,cpuacct:/docker/7\n1:name=systemd:/docker/7\n"),
            ("/sys/fs/cgroup/cpu/cpu.cfs_quota_us", "250000\n"),
            ("/sys/fs/cgroup/cpu/cpu.cfs_period_us", "100000\n"),
        ];
        assert_eq!(read(&version_1), (2.5, "/sys/fs/cgroup/cpu/cpu.cfs_quota_us".to_owned()));
    }
}
