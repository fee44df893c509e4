//! A cell: a program alone in a root of its own, on a kernel that knows no system call newer than Linux 4.19.
//!
//! [`enter`] changes the process it runs in and does not come back, so it is a command of this tool (`cargo xtask cell
//! ROOT PROGRAM ARGS`) that others start. On x86-64 numbers of system calls grow with time: `rseq` of 4.18 is 334, 4.19
//! brought none, and what came later has a greater number. The filter answers those with `ENOSYS`, as 4.19 would.
//! It shows nothing of new flags of old calls.

use std::convert::Infallible;
use std::ffi::OsString;
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result};
use seccompiler::{BpfProgram, SeccompAction, SeccompFilter, TargetArch};

/// Exit status of a cell that this machine does not permit; programs in use here end with smaller ones.
pub const NOT_PERMITTED: i32 = 125;

const SYSCALL_LAST_OF_4_19: i64 = 334;
/// Well above the newest (some 470), and above the x32 calls at 512 to 547 that no 64-bit program makes.
const SYSCALL_MAX: i64 = 600;
const ENOSYS: u32 = 38;

/// Who the program runs as where this tool may choose: nobody in particular, as in the image.
pub const USER: u32 = 65532;

/// The command that runs `program` of the folder `root` in a cell. What it prints is the program's alone.
pub fn command(own: &Path, root: &Path, program: &str) -> Command {
    // A plain user becomes root in a namespace of its own, where the kernel allows that.
    let mut command = if is_root() {
        Command::new(own)
    } else {
        let mut command = Command::new("unshare");
        command.arg("--map-root-user").arg(own);
        command
    };
    command.arg("cell").arg(root).arg(program);
    command
}

pub fn is_root() -> bool {
    fs::metadata("/proc/self").is_ok_and(|own| own.uid() == 0)
}

/// Turns this process into `program`. Comes back only with an error: `Err(reason)` inside where it is not permitted.
pub fn enter(root: &Path, program: &str, args: Vec<OsString>) -> Result<Result<Infallible, String>> {
    let owns_machine = is_root() && !in_user_namespace();
    match std::os::unix::fs::chroot(root) {
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
            return Ok(Err(format!("chroot into {}: {error}", root.display())));
        }
        other => other.with_context(|| format!("cannot chroot into {}", root.display()))?,
    }
    std::env::set_current_dir("/")?;
    seccompiler::apply_filter(&filter()?).context("no filter for system calls")?;
    let mut command = Command::new(program);
    command.args(args).env_clear();
    if owns_machine {
        command.uid(USER).gid(USER);
    }
    Err(command.exec()).with_context(|| format!("cannot run {program} in the cell"))
}

/// Only one identity is mapped in the namespace that `unshare` makes.
fn in_user_namespace() -> bool {
    let map = fs::read_to_string("/proc/self/uid_map").unwrap_or_default();
    map.split_whitespace().nth(2) == Some("1")
}

fn filter() -> Result<BpfProgram> {
    let newer = (SYSCALL_LAST_OF_4_19 + 1..=SYSCALL_MAX).map(|number| (number, Vec::new())).collect();
    let filter =
        SeccompFilter::new(newer, SeccompAction::Allow, SeccompAction::Errno(ENOSYS), TargetArch::x86_64)?;
    Ok(filter.try_into()?)
}
