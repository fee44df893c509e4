//! `cargo xtask dist`: builds the binary that is shipped, proves what is said of it, and measures size and start.
//!
//! The checks work on any binary, so that each can be shown one that breaks it. docs/guides/release.md says what every
//! check proves and what it does not.

pub mod build;
pub mod bundle;
pub mod cell;
pub mod deb;
pub mod elf;
pub mod package;
pub mod start;

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use serde_json::json;

use crate::checks::{Checks, Outcome};
use crate::services::{Depot, demand};
use bundle::Key;
use package::Release;
use start::{Node, READY_WITHIN, up_args};

/// Of the level x86-64-v2 and without AVX.
const OLD_PROCESSOR: &str = "Nehalem";
const STARTS: usize = 11;

/// Builds, checks, measures and packs, and signs with the private key in a file, if one is given; true if no check failed.
pub fn run(root: &Path, key: Option<&Path>) -> Result<bool> {
    let key = key.map(Key::read).transpose()?;
    let binary = build::build(root)?;
    let own = std::env::current_exe().context("this tool does not know where it lies")?;
    let scratch = Scratch::create(&root.join("target/dist/check"))?;
    let emulator = demand::fetch_program(&Depot::at(root), &demand::QEMU);
    let mut checks = check(&Subject { binary: &binary, root, own: &own, scratch: &scratch, emulator })?;
    measure(&binary, &scratch)?;
    let release = Release::of(root, &binary, format_in(&scratch.folder("start-0")?)?)?;
    let folder = binary.parent().context("the binary is in a folder")?;
    let packages = package::write(&release, root, folder)?;
    checks.add("deb", deb::agrees(&packages[0], &release, &scratch));
    checks.add("bundle", bundle::agrees(&binary, &release, &packages, &scratch));
    if let Some(key) = key {
        bundle::write(folder, &release, &packages, &key)?;
    }
    Ok(checks.end())
}

/// The format of the data folder that a node has just made.
fn format_in(data: &Path) -> Result<u32> {
    let text = fs::read_to_string(data.join("FORMAT")).context("the node made no data folder")?;
    text.trim().parse().with_context(|| format!("FORMAT is no number: {text:?}"))
}

/// A binary under examination, and what the examination needs.
#[derive(Debug)]
pub struct Subject<'a> {
    pub binary: &'a Path,
    /// The repository it was built in.
    pub root: &'a Path,
    /// This tool, which becomes the cell.
    pub own: &'a Path,
    pub scratch: &'a Scratch,
    /// Qemu for one program, or why there is none.
    pub emulator: Result<PathBuf, String>,
}

pub fn check(subject: &Subject) -> Result<Checks> {
    let bytes =
        fs::read(subject.binary).with_context(|| format!("cannot read {}", subject.binary.display()))?;
    let facts = elf::Facts::read(&bytes)?;
    let mut checks = Checks::default();
    let linking = "static and position independent, no dynamic linker, no shared library";
    checks.add("static", Ok(Outcome::of_faults(&facts.faults_of_linking(), linking)));
    let oldest = facts.kernel_min.map(elf::words).unwrap_or_default();
    let kernel = format!("its C library starts on Linux {oldest}");
    checks.add("kernel-note", Ok(Outcome::of_faults(&facts.faults_of_kernel(), kernel)));
    let paths = build::paths_in(&bytes, subject.root);
    checks.add("no-build-paths", Ok(Outcome::of_faults(&paths, "no path of the build machine")));
    checks.add("empty-root", in_cell(subject));
    checks.add("old-processor", on_old_processor(subject));
    Ok(checks)
}

/// The binary as the only file of an empty root, on a kernel without system calls newer than 4.19.
fn in_cell(subject: &Subject) -> Result<Outcome> {
    let root = subject.scratch.folder("cell")?;
    let program = root.join("tidegate");
    fs::copy(subject.binary, &program).context("cannot copy the binary")?;
    fs::set_permissions(&program, fs::Permissions::from_mode(0o555))?;
    let data = root.join("data");
    fs::create_dir_all(&data)?;
    if cell::is_root() {
        std::os::unix::fs::chown(&data, Some(cell::USER), Some(cell::USER))?;
    }
    let command = || cell::command(subject.own, &root, "/tidegate");
    let output = command().arg("--version").output().context("the cell cannot be started")?;
    let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    if output.status.code() == Some(cell::NOT_PERMITTED) || said.starts_with("unshare:") {
        return Ok(Outcome::Skipped(said));
    }
    if !output.status.success() {
        bail!("`tidegate --version` ended with {}: {said}", output.status);
    }
    let version = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    start_and_stop(command().args(up_args("/data")))?;
    Ok(Outcome::Holds(format!("`{version}` starts, answers /readyz and ends on SIGTERM")))
}

fn on_old_processor(subject: &Subject) -> Result<Outcome> {
    let program = match &subject.emulator {
        Ok(program) => program,
        Err(reason) => return Ok(Outcome::Skipped(reason.clone())),
    };
    let data = subject.scratch.folder("emulated")?.display().to_string();
    let mut command = Command::new(program);
    command.args(["-cpu", OLD_PROCESSOR]).arg(subject.binary).args(up_args(&data));
    start_and_stop(&mut command)?;
    Ok(Outcome::Holds(format!("starts and answers /readyz on an emulated {OLD_PROCESSOR}")))
}

fn start_and_stop(command: &mut Command) -> Result<()> {
    let status = Node::start(command, READY_WITHIN)?.stop()?;
    if !status.success() {
        bail!("after SIGTERM it ended with {status}");
    }
    Ok(())
}

/// Prints size and start time: an object for programs, words for people. Judges neither.
fn measure(binary: &Path, scratch: &Scratch) -> Result<()> {
    let bytes = fs::metadata(binary)?.len();
    let mut times: Vec<Duration> = Vec::with_capacity(STARTS);
    for number in 0..STARTS {
        // An empty folder each time: the first start is the one that makes the journals.
        let data = scratch.folder(&format!("start-{number}"))?.display().to_string();
        let node = Node::start(Command::new(binary).args(up_args(&data)), READY_WITHIN)?;
        times.push(node.ready_in);
        node.stop()?;
    }
    times.sort();
    let micros = |index: usize| times.get(index).map_or(0, Duration::as_micros);
    let (median, longest) = (micros(STARTS / 2), micros(STARTS - 1));
    println!(
        "{}",
        json!({
            "scenario": "dist", "binary_bytes": bytes, "start_ready_us_p50": median,
            "start_ready_us_max": longest, "starts": STARTS,
            "load": "empty data folder each time", "loadavg": load_average(),
        })
    );
    eprintln!(
        "{}: {bytes} bytes; ready {:.1} ms after the start (median of {STARTS}, longest {:.1} ms)",
        binary.display(),
        median as f64 / 1000.0,
        longest as f64 / 1000.0,
    );
    Ok(())
}

fn load_average() -> f64 {
    let text = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split(' ').next().and_then(|first| first.parse().ok()).unwrap_or_default()
}

/// A folder for what checks leave behind, emptied before and removed after.
#[derive(Debug)]
pub struct Scratch {
    path: PathBuf,
}

impl Scratch {
    pub fn create(path: &Path) -> Result<Self> {
        if path.exists() {
            fs::remove_dir_all(path).with_context(|| format!("cannot empty {}", path.display()))?;
        }
        fs::create_dir_all(path).with_context(|| format!("cannot make {}", path.display()))?;
        Ok(Self { path: path.to_path_buf() })
    }

    pub fn folder(&self, name: &str) -> Result<PathBuf> {
        let folder = self.path.join(name);
        fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
        Ok(folder)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // It lies below target/ and is emptied before its next use.
        let _left_behind = fs::remove_dir_all(&self.path);
    }
}
