//! The four tools: how each is called, whether it is there, and by which words it says that it found something.

use std::path::Path;
use std::process::Command;

use crate::process;

const MANIFEST: &str = "tools/race/Cargo.toml";
const SUPPRESSIONS: &str = "tools/race/suppressions.txt";
/// Preemptions of a thread that loom tries in one execution, in less than a minute and without hurry.
const PREEMPTIONS: [&str; 2] = ["3", "6"];
const SCHEDULES: [&str; 2] = ["5000", "200000"];
const SEEDS: [u64; 2] = [32, 512];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tool {
    Loom,
    Shuttle,
    Miri,
    ThreadSanitizer,
}

/// Which source a stage looks at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Subject {
    AsItIs,
    Planted,
}

impl Tool {
    pub const ALL: [Tool; 4] = [Tool::Loom, Tool::Shuttle, Tool::Miri, Tool::ThreadSanitizer];

    pub fn name(self) -> &'static str {
        match self {
            Tool::Loom => "loom",
            Tool::Shuttle => "shuttle",
            Tool::Miri => "miri",
            Tool::ThreadSanitizer => "thread-sanitizer",
        }
    }

    /// What its iterations are.
    pub fn unit(self) -> &'static str {
        match self {
            Tool::Loom => "executions",
            Tool::Shuttle => "schedules",
            Tool::Miri => "seeds",
            Tool::ThreadSanitizer => "runs",
        }
    }

    /// The test target in `tools/race`.
    fn target(self) -> &'static str {
        match self {
            Tool::Loom => "loom",
            Tool::Shuttle => "shuttle",
            Tool::Miri => "litmus",
            Tool::ThreadSanitizer => "sanitizer",
        }
    }

    /// Words of a finding; a test that fails without them failed for another reason.
    pub(super) fn finding(self) -> &'static [&'static str] {
        match self {
            Tool::Loom | Tool::Shuttle => &["panicked at"],
            Tool::Miri => &["panicked at", "deadlock"],
            Tool::ThreadSanitizer => &["WARNING: ThreadSanitizer: data race"],
        }
    }

    /// Seeds of one test, for the tool that takes them from here.
    pub(super) fn seeds(self, quick: bool) -> Option<u64> {
        (self == Tool::Miri).then_some(SEEDS[usize::from(!quick)])
    }

    /// Its version, or why it cannot run here.
    pub(super) fn version(self, root: &Path, quick: bool) -> Result<String, String> {
        match self {
            Tool::Loom | Tool::Shuttle => locked_version(root, self.name()),
            Tool::Miri => miri(),
            Tool::ThreadSanitizer if quick => {
                Err("left out by --quick; `cargo xtask race` runs it".to_owned())
            }
            Tool::ThreadSanitizer => nightly_with_source(),
        }
    }

    /// `cargo test` on this tool's tests; what follows `--` goes to them.
    pub(super) fn command(self, root: &Path, subject: Subject, quick: bool) -> Command {
        let mut command = self.cargo(root);
        command.args(["--manifest-path", MANIFEST, "--locked", "--test", self.target()]);
        let own = matches!(self, Tool::Loom | Tool::Shuttle).then_some("loom,shuttle");
        let planted = (subject == Subject::Planted).then_some("planted");
        let features: Vec<_> = own.into_iter().chain(planted).collect();
        command.arg("--features").arg(features.join(","));
        command.env("LOOM_MAX_PREEMPTIONS", PREEMPTIONS[usize::from(!quick)]);
        command.env("RACE_SCHEDULES", SCHEDULES[usize::from(!quick)]);
        command
    }

    /// The verb that tests, with the toolchain and the flags the tool needs.
    pub(super) fn cargo(self, root: &Path) -> Command {
        let mut command = match self {
            Tool::Loom | Tool::Shuttle => process::cargo(root),
            Tool::Miri | Tool::ThreadSanitizer => nightly(root),
        };
        command.env("CARGO_TARGET_DIR", super::folder(root)).env("CARGO_TERM_COLOR", "never");
        match self {
            Tool::Loom | Tool::Shuttle => command.arg("test"),
            Tool::Miri => command.args(["miri", "test"]),
            Tool::ThreadSanitizer => {
                let suppressions = root.join(SUPPRESSIONS);
                command.env("RUSTFLAGS", "-Zsanitizer=thread -Cforce-frame-pointers=yes");
                command.env("TSAN_OPTIONS", format!("exitcode=66 suppressions={}", suppressions.display()));
                // Sanitizers need a target that is named, also where it is the host's.
                let host = format!("{}-unknown-linux-gnu", std::env::consts::ARCH);
                command.args(["test", "-Zbuild-std", "--target", &host])
            }
        };
        command
    }
}

fn nightly(root: &Path) -> Command {
    let mut command = Command::new("rustup");
    command.args(["run", "nightly", "cargo"]).current_dir(root).stdin(std::process::Stdio::null());
    // Those of the toolchain that runs this tool.
    ["CARGO", "RUSTC", "RUSTDOC", "RUSTFLAGS", "RUSTUP_TOOLCHAIN"].iter().for_each(|name| {
        command.env_remove(name);
    });
    command
}

fn locked_version(root: &Path, name: &str) -> Result<String, String> {
    let lock =
        std::fs::read_to_string(root.join("tools/race/Cargo.lock")).map_err(|error| error.to_string())?;
    let lock: toml::Table = lock.parse().map_err(|error: toml::de::Error| error.to_string())?;
    let packages = lock.get("package").and_then(|packages| packages.as_array()).into_iter().flatten();
    let mut found =
        packages.filter(|package| package.get("name").and_then(|name| name.as_str()) == Some(name));
    let version = found.next().and_then(|package| package.get("version")?.as_str().map(str::to_owned));
    version.map(|version| format!("{name} {version}")).ok_or_else(|| format!("{name} is not locked"))
}

fn miri() -> Result<String, String> {
    nightly_with_source()?;
    let version = said(&["run", "nightly", "cargo", "miri", "--version"]);
    version.ok_or_else(|| "nightly has no miri; `rustup component add --toolchain nightly miri`".to_owned())
}

fn nightly_with_source() -> Result<String, String> {
    let version = said(&["run", "nightly", "rustc", "--version"]);
    let version = version.ok_or("there is no nightly toolchain; `rustup toolchain add nightly`")?;
    let sysroot = said(&["run", "nightly", "rustc", "--print", "sysroot"]).unwrap_or_default();
    let source = Path::new(&sysroot).join("lib/rustlib/src/rust/library/Cargo.toml");
    if !source.exists() {
        return Err("nightly has no rust-src; `rustup component add --toolchain nightly rust-src`".to_owned());
    }
    Ok(version)
}

/// One line of what rustup prints.
fn said(args: &[&str]) -> Option<String> {
    let output = Command::new("rustup").args(args).output().ok().filter(|output| output.status.success())?;
    Some(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}
