//! An OCI image layout on disk: blobs by digest, a config, a manifest, an index (image-spec 1.1).
//!
//! Writes JSON with keys in a fixed order, so that digests depend on nothing but the image. Reads no clock.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use flate2::{Compression, GzBuilder};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::instant;
use super::{DATA_FOLDER, PORTS, USER};
use crate::tar::{Archive, Owner};

const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const CONFIG: &str = "application/vnd.oci.image.config.v1+json";
const LAYER: &str = "application/vnd.oci.image.layer.v1.tar+gzip";
const MODE_PROGRAM: u32 = 0o555;
const MODE_DATA: u32 = 0o750;

/// What the image says of itself.
#[derive(Debug, Clone)]
pub struct Origin {
    pub version: String,
    /// The commit; absent outside a repository.
    pub revision: Option<String>,
    /// Seconds since 1970.
    pub created_s: u64,
}

/// What was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Image {
    pub manifest_digest: String,
    pub layer_digest: String,
    /// Manifest, config and compressed layer: what a pull transfers.
    pub bytes: u64,
}

#[derive(Debug)]
struct Blob {
    digest: String,
    bytes: u64,
}

impl Blob {
    fn descriptor(&self, media_type: &str) -> Value {
        json!({ "mediaType": media_type, "digest": self.digest, "size": self.bytes })
    }
}

/// Writes the image with `program` as `/tidegate` into the folder `out`, replacing what an earlier run left there.
pub fn write(out: &Path, program: &[u8], origin: &Origin) -> Result<Image> {
    let blobs = blobs_folder(out)?;
    let layer = layer(program, origin.created_s)?;
    let packed = put(&blobs, &compressed(&layer)?)?;
    let config = put(&blobs, &document(&config(origin, &digest(&layer))))?;
    let manifest = put(
        &blobs,
        &document(&json!({
            "schemaVersion": 2, "mediaType": MANIFEST,
            "config": config.descriptor(CONFIG), "layers": [packed.descriptor(LAYER)],
            "annotations": labels(origin),
        })),
    )?;
    let mut entry = manifest.descriptor(MANIFEST);
    entry["platform"] = json!({ "architecture": "amd64", "os": "linux" });
    entry["annotations"] = json!({ "org.opencontainers.image.ref.name": origin.version });
    let index = json!({ "schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json", "manifests": [entry] });
    fs::write(out.join("index.json"), document(&index))?;
    fs::write(out.join("oci-layout"), document(&json!({ "imageLayoutVersion": "1.0.0" })))?;
    Ok(Image {
        bytes: packed.bytes + config.bytes + manifest.bytes,
        manifest_digest: manifest.digest,
        layer_digest: packed.digest,
    })
}

/// Only a folder that is empty or holds a layout is replaced: `--out` may name anything.
fn blobs_folder(out: &Path) -> Result<PathBuf> {
    let is_empty = fs::read_dir(out).map_or(true, |mut entries| entries.next().is_none());
    if !is_empty {
        anyhow::ensure!(out.join("oci-layout").is_file(), "{} holds something else", out.display());
        fs::remove_dir_all(out).with_context(|| format!("cannot replace {}", out.display()))?;
    }
    let blobs = out.join("blobs/sha256");
    fs::create_dir_all(&blobs).with_context(|| format!("cannot make {}", blobs.display()))?;
    Ok(blobs)
}

fn layer(program: &[u8], created_s: u64) -> Result<Vec<u8>> {
    let mut archive = Archive::new(Vec::with_capacity(program.len() + 4096), created_s);
    archive.folder(&format!("{DATA_FOLDER}/"), Owner { user: USER, mode: MODE_DATA })?;
    archive.file("tidegate", Owner { user: 0, mode: MODE_PROGRAM }, program)?;
    archive.finish()
}

fn compressed(bytes: &[u8]) -> Result<Vec<u8>> {
    // No name and no time in the header, and a fixed system: the same bytes on every machine.
    let mut encoder = GzBuilder::new().mtime(0).operating_system(255).write(Vec::new(), Compression::best());
    encoder.write_all(bytes)?;
    Ok(encoder.finish()?)
}

fn config(origin: &Origin, layer_digest: &str) -> Value {
    let created = instant::rfc3339(origin.created_s);
    let ports: serde_json::Map<String, Value> =
        PORTS.iter().map(|port| (format!("{port}/tcp"), json!({}))).collect();
    json!({
        "created": created, "architecture": "amd64", "os": "linux",
        "config": {
            "User": format!("{USER}:{USER}"), "ExposedPorts": ports, "Entrypoint": ["/tidegate"],
            "Cmd": super::COMMAND, "WorkingDir": "/", "Labels": labels(origin),
        },
        "rootfs": { "type": "layers", "diff_ids": [layer_digest] },
        "history": [{ "created": created, "created_by": "cargo xtask image" }],
    })
}

fn labels(origin: &Origin) -> Value {
    let mut labels = json!({
        "org.opencontainers.image.title": "tidegate",
        "org.opencontainers.image.description": "The high-concurrency edge of a site in one file",
        "org.opencontainers.image.licenses": "Apache-2.0",
        "org.opencontainers.image.version": origin.version,
        "org.opencontainers.image.created": instant::rfc3339(origin.created_s),
    });
    if let Some(revision) = &origin.revision {
        labels["org.opencontainers.image.revision"] = json!(revision);
    }
    labels
}

fn document(value: &Value) -> Vec<u8> {
    value.to_string().into_bytes()
}

fn put(blobs: &Path, bytes: &[u8]) -> Result<Blob> {
    let digest = digest(bytes);
    let (_, hex) = digest.split_once(':').expect("a digest names its algorithm");
    fs::write(blobs.join(hex), bytes).with_context(|| format!("cannot write {hex}"))?;
    Ok(Blob { digest, bytes: bytes.len() as u64 })
}

/// `sha256:` and 64 hexadecimal digits.
pub fn digest(bytes: &[u8]) -> String {
    let hex: String = Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect();
    format!("sha256:{hex}")
}
