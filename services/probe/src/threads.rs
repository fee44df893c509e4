//! The threads of this process as the kernel tells them, out of `/proc/self/task`. Nothing where there is no `/proc`.

use serde::Serialize;
use std::fs;
use std::path::PathBuf;

/// One thread.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Thread {
    pub(crate) thread: u32,
    pub(crate) name: String,
    /// As proc(5) has it: `R` runs, `S` waits, `D` waits for a disk.
    pub(crate) state: char,
    pub(crate) cpu_ms: u64,
    /// What it waits for in the kernel; nothing where that is not told.
    pub(crate) kernel_wait: Option<String>,
}

/// The numbers of all threads, in order.
pub(crate) fn numbers() -> Vec<u32> {
    let tasks = fs::read_dir("/proc/self/task").into_iter().flatten().flatten();
    let mut numbers: Vec<u32> = tasks.filter_map(|task| task.file_name().to_str()?.parse().ok()).collect();
    numbers.sort_unstable();
    numbers
}

pub(crate) fn name(thread: u32) -> String {
    fs::read_to_string(of(thread, "comm")).unwrap_or_default().trim_end().to_owned()
}

pub(crate) fn all() -> Vec<Thread> {
    numbers().into_iter().filter_map(one).collect()
}

/// The kernel's own stack of a thread, which only an administrator may read.
pub(crate) fn kernel_stack(thread: u32) -> Option<String> {
    fs::read_to_string(of(thread, "stack")).ok().filter(|text| !text.is_empty())
}

fn of(thread: u32, file: &str) -> PathBuf {
    format!("/proc/self/task/{thread}/{file}").into()
}

fn one(thread: u32) -> Option<Thread> {
    let stat = fs::read_to_string(of(thread, "stat")).ok()?;
    let (head, rest) = stat.rsplit_once(')')?;
    let name = head.split_once('(')?.1.to_owned();
    let mut fields = rest.split_whitespace();
    let state = fields.next()?.chars().next()?;
    let mut fields = fields.skip(10);
    let ticks = fields.next()?.parse::<u64>().ok()? + fields.next()?.parse::<u64>().ok()?;
    let wait = fs::read_to_string(of(thread, "wchan")).ok();
    let kernel_wait = wait.filter(|wait| !wait.is_empty() && wait != "0");
    let cpu_ms = ticks * 1000 / rustix::param::clock_ticks_per_second();
    Some(Thread { thread, name, state, cpu_ms, kernel_wait })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_thread_is_among_them_with_its_name_and_runs() {
        let named = std::thread::Builder::new().name("looks (here)".to_owned());
        let found = named.spawn(all).unwrap().join().unwrap();
        let own = found.iter().find(|thread| thread.name == "looks (here)").unwrap();
        assert_eq!((own.state, numbers().contains(&std::process::id())), ('R', true));
    }
}
