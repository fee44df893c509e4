//! Builds the binary that is shipped: profile `dist`, linked statically, for processors of the level x86-64-v2.
//!
//! Flags in the environment would replace those of `.cargo/config.toml`, so all of them are given here, as one list that
//! a test compares with that file. Nothing of the build machine's paths may reach the binary.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::{Context as _, Result, bail};

use crate::process;
use crate::stages::node_binary;

pub const TARGET: &str = "x86_64-unknown-linux-gnu";

pub const FLAGS: &[&str] =
    &["-Cforce-frame-pointers=yes", "-Ctarget-cpu=x86-64-v2", "-Ctarget-feature=+crt-static"];

/// Where the shipped binary lies below the root.
pub const BINARY: &str = "target/dist/tidegate";

/// Folders whose names would otherwise stand in panic messages, and what stands there instead.
pub fn hidden_folders(root: &Path) -> Vec<(PathBuf, &'static str)> {
    let cargo_home = std::env::var_os("CARGO_HOME").map(PathBuf::from);
    let home = || std::env::var_os("HOME").map(|home| Path::new(&home).join(".cargo"));
    let cargo = cargo_home.or_else(home).map(|folder| (folder, "/cargo"));
    [(root.to_path_buf(), "/tidegate")].into_iter().chain(cargo).collect()
}

pub fn build(root: &Path) -> Result<PathBuf> {
    let mut flags: Vec<String> = FLAGS.iter().map(|flag| (*flag).to_owned()).collect();
    for (folder, instead) in hidden_folders(root) {
        flags.push(format!("--remap-path-prefix={}={instead}", folder.display()));
    }
    let output = process::cargo(root)
        .args(["build", "--locked", "--profile", "dist", "--target", TARGET])
        .args(["--package", "tidegate", "--bin", "tidegate", "--message-format", "json-render-diagnostics"])
        // With the target named, build scripts and macros are built without these flags.
        .env_remove("RUSTFLAGS")
        .env("CARGO_ENCODED_RUSTFLAGS", flags.join("\x1f"))
        .stderr(Stdio::inherit())
        .output()
        .context("cannot run cargo")?;
    if !output.status.success() {
        bail!("the build failed");
    }
    let built = node_binary(&String::from_utf8_lossy(&output.stdout)).context("cargo built no tidegate")?;
    let binary = root.join(BINARY);
    fs::create_dir_all(binary.parent().expect("the path has a folder"))?;
    fs::copy(&built, &binary).with_context(|| format!("cannot copy {built}"))?;
    Ok(binary)
}

/// Folders of the build machine whose names stand in the binary.
pub fn paths_in(bytes: &[u8], root: &Path) -> Vec<String> {
    let folders = hidden_folders(root).into_iter().map(|(folder, _)| folder.display().to_string());
    folders
        .filter(|folder| memmem(bytes, folder.as_bytes()))
        .map(|folder| format!("it names {folder}"))
        .collect()
}

fn memmem(bytes: &[u8], wanted: &[u8]) -> bool {
    bytes.windows(wanted.len()).any(|window| window == wanted)
}
