//! `cargo xtask image`: writes the binary as an OCI image from scratch, without a daemon and without root.
//!
//! One layer with `/tidegate` and an empty `/data`. Two runs on one commit give the same digests.

pub mod instant;
pub mod layout;
pub mod peer;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result};
use serde_json::json;

use crate::checks::{Checks, Outcome};
use crate::dist::{Scratch, build};
use crate::services::Depot;
use crate::workspace;
use layout::{Image, Origin};

/// Nobody in particular; the number that images without a user database commonly take.
pub const USER: u32 = 65532;
pub const DATA_FOLDER: &str = "data";
/// MQTT, and management with `/metrics` and `/readyz`.
pub const PORTS: &[u16] = &[1883, 7300, 7301, 7310, 8883];
/// Arguments of the entry point.
pub const COMMAND: &[&str] = &["up", "--data", "/data"];
const BYTES_MAX: u64 = 10_000_000;

/// What to write from and where to.
#[derive(Debug, Default)]
pub struct Order {
    pub out: Option<PathBuf>,
    /// A binary that is there already; otherwise one is built.
    pub binary: Option<PathBuf>,
}

pub fn run(root: &Path, order: &Order) -> Result<bool> {
    let binary = match &order.binary {
        Some(binary) => binary.clone(),
        None => build::build(root)?,
    };
    let program = fs::read(&binary).with_context(|| format!("cannot read {}", binary.display()))?;
    let origin = origin(root)?;
    let out = order.out.clone().unwrap_or_else(|| root.join("target/image"));
    let image = layout::write(&out, &program, &origin)?;
    println!(
        "{}",
        json!({ "scenario": "image.bytes", "unit": "B", "value": image.bytes, "digest": image.manifest_digest })
    );
    eprintln!("{}: {} bytes compressed, manifest {}", out.display(), image.bytes, image.manifest_digest);
    let scratch = Scratch::create(&root.join("target/image-check"))?;
    let mut checks = Checks::default();
    checks.add("size", Ok(size(&image)));
    checks.add("reproducible", again(&scratch, &program, &origin, &image));
    checks.add("skopeo", peer::agrees(&Depot::at(root), &out, &image, &origin, &scratch));
    Ok(checks.end())
}

fn size(image: &Image) -> Outcome {
    let faults =
        (image.bytes >= BYTES_MAX).then(|| format!("{} bytes, and {BYTES_MAX} is too much", image.bytes));
    Outcome::of_faults(faults.as_slice(), format!("{} of at most {BYTES_MAX} bytes", image.bytes))
}

fn again(scratch: &Scratch, program: &[u8], origin: &Origin, first: &Image) -> Result<Outcome> {
    let second = layout::write(&scratch.folder("again")?, program, origin)?;
    let faults = (second != *first).then(|| format!("a second run gives {}", second.manifest_digest));
    Ok(Outcome::of_faults(faults.as_slice(), "a second run gives the same digests"))
}

fn origin(root: &Path) -> Result<Origin> {
    let version = workspace::version(root)?;
    Ok(Origin { version, revision: revision(root), created_s: instant::of_source(root)? })
}

/// The commit, marked where the tree holds more than it.
fn revision(root: &Path) -> Option<String> {
    let args = ["describe", "--always", "--abbrev=40", "--exclude=*", "--dirty"];
    let output = Command::new("git").args(args).current_dir(root).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?.trim().to_owned();
    (output.status.success() && !text.is_empty()).then_some(text)
}
