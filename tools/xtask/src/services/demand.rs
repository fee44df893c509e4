//! Tools that one command of this tool needs, fetched when it runs: rows as in the table, but for no test run.

use std::path::PathBuf;

use super::Depot;
use super::install::{self, Installed};
use super::table::{Counterpart, Program, Role, Source};

const fn tool(
    name: &'static str,
    source: Source,
    packages: &'static [&'static str],
    programs: &'static [Program],
) -> Counterpart {
    Counterpart { name, source, packages, heavy: true, role: Role::Tool { programs } }
}

/// Runs the shipped binary on an older processor than this machine's.
pub const QEMU: Counterpart = tool(
    "qemu-user-static",
    Source::Apt,
    &["qemu-user-static"],
    &[Program { name: "qemu-x86_64-static", env: "TIDEGATE_TEST_QEMU" }],
);

/// Reads the image as any registry's client would.
pub const SKOPEO: Counterpart =
    tool("skopeo", Source::Apt, &["skopeo"], &[Program { name: "skopeo", env: "TIDEGATE_TEST_SKOPEO" }]);

/// The version that reads what this compiler's coverage writes; Debian's older ones do not.
pub const LLVM: Counterpart = tool(
    "llvm-22",
    Source::Apt,
    &["llvm-22"],
    &[
        Program { name: "llvm-cov-22", env: "LLVM_COV" },
        Program { name: "llvm-profdata-22", env: "LLVM_PROFDATA" },
    ],
);

pub const CARGO_LLVM_COV: Counterpart = tool(
    "cargo-llvm-cov",
    Source::Cargo,
    &["cargo-llvm-cov@0.9.1"],
    &[Program { name: "cargo-llvm-cov", env: "CARGO_LLVM_COV_PROGRAM" }],
);

/// A tool that is there or can be fetched, or the reason why not.
pub fn fetch(depot: &Depot, row: &Counterpart) -> Result<Installed, String> {
    let folder = std::fs::create_dir_all(&depot.folder).map_err(|error| error.to_string());
    folder.and_then(|()| install::ensure(depot, row).map_err(|error| format!("{error:#}")))
}

/// The first program of a tool.
pub fn fetch_program(depot: &Depot, row: &Counterpart) -> Result<PathBuf, String> {
    let installed = fetch(depot, row)?;
    let Role::Tool { programs: [first, ..] } = &row.role else {
        return Err(format!("{} is no tool", row.name));
    };
    installed.program(first.name).map_err(|error| error.to_string())
}
