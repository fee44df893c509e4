//! A control group for a child: as much memory and as many processors as a small node has. Made below the groups this process is in,
//! for v2 where that has both controllers, else for v1; taken away with the value.
//!
//! Where the system does not permit one, the reason stands in the row, and what the child needed is read all the same.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

/// What the smallest machine that the product is for has, beside two processors.
pub const SMALL_NODE_BYTES: u64 = 4 << 30;
const PERIOD_US: u64 = 100_000;
const QUOTA_US: u64 = 2 * PERIOD_US;

/// A group, or one for each controller.
#[derive(Debug)]
pub struct Cell {
    folders: Vec<PathBuf>,
    memory_bytes: u64,
    version: u8,
}

impl Cell {
    /// With so much memory, and two processors; or why the system does not permit one.
    pub fn new(memory_bytes: u64) -> Result<Cell, String> {
        let groups = fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
        let cell = |version| Cell { folders: Vec::new(), memory_bytes, version };
        cell(2).unified(&groups).or_else(|of_v2| {
            cell(1).split(&groups).map_err(|of_v1| format!("cgroup v2: {of_v2}; v1: {of_v1}"))
        })
    }

    /// Puts a process in, with all that it starts.
    pub fn admit(&self, pid: u32) -> io::Result<()> {
        self.folders.iter().try_for_each(|folder| fs::write(folder.join("cgroup.procs"), pid.to_string()))
    }

    /// What it is, for the row of a measurement.
    pub fn words(&self) -> String {
        let (mebibytes, version) = (self.memory_bytes >> 20, self.version);
        format!("a cgroup (v{version}) of {mebibytes} MiB and 2 processors")
    }

    fn unified(mut self, groups: &str) -> Result<Cell, String> {
        let own = own_folder(groups, "").ok_or("not mounted")?;
        let controllers = fs::read_to_string(own.join("cgroup.controllers")).unwrap_or_default();
        if !["memory", "cpu"]
            .iter()
            .all(|wanted| controllers.split_whitespace().any(|found| found == *wanted))
        {
            return Err("no controllers for memory and cpu".to_owned());
        }
        write(&own, "cgroup.subtree_control", "+memory +cpu")?;
        let folder = self.make(&own)?;
        write(&folder, "memory.max", &self.memory_bytes.to_string())?;
        write(&folder, "cpu.max", &format!("{QUOTA_US} {PERIOD_US}"))?;
        Ok(self)
    }

    fn split(mut self, groups: &str) -> Result<Cell, String> {
        let own = |controller| own_folder(groups, controller).ok_or(format!("{controller} is not mounted"));
        let folder = self.make(&own("memory")?)?;
        write(&folder, "memory.limit_in_bytes", &self.memory_bytes.to_string())?;
        let folder = self.make(&own("cpu")?)?;
        write(&folder, "cpu.cfs_period_us", &PERIOD_US.to_string())?;
        write(&folder, "cpu.cfs_quota_us", &QUOTA_US.to_string())?;
        Ok(self)
    }

    fn make(&mut self, own: &Path) -> Result<PathBuf, String> {
        static MADE: AtomicU32 = AtomicU32::new(0);
        let name = format!("tidegate-lab-{}-{}", std::process::id(), MADE.fetch_add(1, Ordering::Relaxed));
        let folder = own.join(name);
        fs::create_dir(&folder).map_err(|error| format!("no group below {}: {error}", own.display()))?;
        self.folders.push(folder.clone());
        Ok(folder)
    }
}

impl Drop for Cell {
    fn drop(&mut self) {
        // A group goes when nobody is in it any more; one that stays says by its name whose it was.
        self.folders.iter().for_each(|folder| drop(fs::remove_dir(folder)));
    }
}

/// Where this process's group of a controller is; that of v2 has no controller in its line.
fn own_folder(groups: &str, controller: &str) -> Option<PathBuf> {
    let group = groups.lines().find_map(|line| {
        let (controllers, group) = line.split_once(':')?.1.split_once(':')?;
        controllers.split(',').any(|found| found == controller).then(|| group.trim_start_matches('/'))
    })?;
    let mounts = fs::read_to_string("/proc/self/mounts").unwrap_or_default();
    Some(mounted(&mounts, controller)?.join(group)).filter(|folder| folder.is_dir())
}

/// The mount point of a controller of v1, or of v2 where there is none.
fn mounted(mounts: &str, controller: &str) -> Option<PathBuf> {
    mounts.lines().find_map(|line| {
        let [_, point, kind, options] = line.split(' ').take(4).collect::<Vec<_>>()[..] else { return None };
        let found = match controller {
            "" => kind == "cgroup2",
            _ => kind == "cgroup" && options.split(',').any(|option| option == controller),
        };
        found.then(|| point.into())
    })
}

fn write(folder: &Path, file: &str, text: &str) -> Result<(), String> {
    let file = folder.join(file);
    fs::write(&file, text).map_err(|error| format!("{}: {error}", file.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const MOUNTS: &str = "\
cgroup /sys/fs/cgroup/cpu,cpuacct cgroup rw,relatime,cpu,cpuacct 0 0
cgroup /sys/fs/cgroup/memory cgroup rw,relatime,memory 0 0
cgroup2 /sys/fs/cgroup/unified cgroup2 rw,relatime 0 0
";

    #[test]
    fn a_controller_is_found_where_it_is_mounted() {
        let point = |controller| mounted(MOUNTS, controller).map(|point| point.display().to_string());
        assert_eq!(point("cpu").as_deref(), Some("/sys/fs/cgroup/cpu,cpuacct"));
        assert_eq!(point("memory").as_deref(), Some("/sys/fs/cgroup/memory"));
        assert_eq!(point("").as_deref(), Some("/sys/fs/cgroup/unified"));
        assert_eq!(point("freezer"), None);
    }

    #[test]
    fn a_cell_that_is_permitted_holds_a_process_and_goes_with_the_value() {
        let Ok(cell) = Cell::new(SMALL_NODE_BYTES) else { return };
        let mut child =
            std::process::Command::new("cat").stdin(std::process::Stdio::piped()).spawn().unwrap();
        cell.admit(child.id()).unwrap();
        let inside = fs::read_to_string(cell.folders[0].join("cgroup.procs")).unwrap();
        assert_eq!(inside.trim(), child.id().to_string());
        child.kill().unwrap();
        child.wait().unwrap();
        let folders = cell.folders.clone();
        drop(cell);
        assert!(folders.iter().all(|folder| !folder.exists()));
    }
}
