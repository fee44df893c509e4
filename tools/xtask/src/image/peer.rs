//! Skopeo, a registry's client from Debian, reads the layout and must see the same image.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result, bail};
use serde_json::Value;

use super::layout::{Image, Origin, digest};
use crate::checks::Outcome;
use crate::dist::Scratch;
use crate::services::{Depot, demand};

/// Inspects the layout and copies it into a plain folder, then compares digests.
pub fn agrees(
    depot: &Depot,
    out: &Path,
    image: &Image,
    origin: &Origin,
    scratch: &Scratch,
) -> Result<Outcome> {
    let program = match demand::fetch_program(depot, &demand::SKOPEO) {
        Ok(program) => program,
        Err(reason) => return Ok(Outcome::Skipped(reason)),
    };
    let source = format!("oci:{}:{}", out.display(), origin.version);
    let seen: Value = serde_json::from_str(&run(Command::new(&program).args(["inspect", &source]))?)?;
    let copied = scratch.folder("copied")?;
    let target = format!("dir:{}", copied.display());
    run(Command::new(&program).args(["--insecure-policy", "copy", "--preserve-digests", &source, &target]))?;
    let mut faults = Vec::new();
    if seen["Digest"] != image.manifest_digest.as_str() {
        faults.push(format!("skopeo sees manifest {}, not {}", seen["Digest"], image.manifest_digest));
    }
    if seen["Layers"] != serde_json::json!([image.layer_digest]) {
        faults.push(format!("skopeo sees layers {}, not {}", seen["Layers"], image.layer_digest));
    }
    let (_, layer) = image.layer_digest.split_once(':').unwrap_or_default();
    for (name, wanted) in [("manifest.json", &image.manifest_digest), (layer, &image.layer_digest)] {
        let copy = fs::read(copied.join(name)).with_context(|| format!("skopeo copied no {name}"))?;
        if digest(&copy) != *wanted {
            faults.push(format!("skopeo's copy of {name} has another digest"));
        }
    }
    Ok(Outcome::of_faults(&faults, format!("inspects and copies {}", image.manifest_digest)))
}

fn run(command: &mut Command) -> Result<String> {
    let output = command.output().context("cannot run skopeo")?;
    if !output.status.success() {
        bail!("skopeo ended with {}: {}", output.status, String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}
