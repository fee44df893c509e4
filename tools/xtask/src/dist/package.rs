//! What a machine installs: a Debian package, and a tarball for machines without one. Written by our own few lines, so that any
//! machine can build them, and the same bytes for the same binary and commit.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::json;

use super::deb;
use crate::image::instant;
use crate::tar::{Archive, Owner};
use crate::workspace;

/// Debian's name for x86-64.
pub const ARCHITECTURE: &str = "amd64";

/// One version of the product, built.
#[derive(Debug, Clone)]
pub struct Release {
    pub version: String,
    /// Of the data folder, which the package refuses to go back behind.
    pub format: u32,
    /// Seconds since 1970 that everything in it says.
    pub made_s: u64,
    pub program: Vec<u8>,
}

/// A file as it is installed.
#[derive(Debug, Clone)]
pub struct Item {
    pub path: String,
    pub mode: u32,
    pub bytes: Vec<u8>,
}

impl Release {
    pub fn of(root: &Path, binary: &Path, format: u32) -> Result<Self> {
        let program = fs::read(binary).with_context(|| format!("cannot read {}", binary.display()))?;
        let (version, made_s) = (workspace::version(root)?, instant::of_source(root)?);
        Ok(Self { version, format, made_s, program })
    }
}

/// Writes the Debian package and the tarball; their paths, in this order.
pub fn write(release: &Release, root: &Path, folder: &Path) -> Result<Vec<PathBuf>> {
    let Release { version, .. } = release;
    let outputs = [
        (format!("tidegate_{version}_{ARCHITECTURE}.deb"), deb::package(release, root)?),
        (format!("tidegate-{version}-linux-{ARCHITECTURE}.tar.gz"), tarball(release, root)?),
    ];
    let put = |(name, bytes): (String, Vec<u8>)| {
        let path = folder.join(&name);
        fs::write(&path, &bytes).with_context(|| format!("cannot write {}", path.display()))?;
        println!("{}", json!({ "scenario": "dist.bytes", "file": name, "unit": "B", "value": bytes.len() }));
        Ok(path)
    };
    outputs.into_iter().map(put).collect()
}

/// What both have in them, by the path at which it is installed.
pub fn items(release: &Release, root: &Path) -> Result<Vec<Item>> {
    let file = |path: &str, from: &str| -> Result<Item> {
        let bytes = fs::read(root.join(from)).with_context(|| format!("cannot read {from}"))?;
        Ok(Item { path: path.to_owned(), mode: 0o644, bytes })
    };
    Ok(vec![
        Item { path: "usr/bin/tidegate".to_owned(), mode: 0o755, bytes: release.program.clone() },
        file("usr/lib/systemd/system/tidegate.service", "deploy/tidegate.service")?,
        file("etc/tidegate/tidegate.toml", "deploy/tidegate.toml")?,
        file("usr/share/doc/tidegate/README.md", "deploy/README.md")?,
        file("usr/share/doc/tidegate/README.zh-CN.md", "deploy/README.zh-CN.md")?,
        file("usr/share/doc/tidegate/copyright", "LICENSE")?,
    ])
}

fn tarball(release: &Release, root: &Path) -> Result<Vec<u8>> {
    let folder = format!("tidegate-{}", release.version);
    let mut items = items(release, root)?;
    items.iter_mut().for_each(|item| item.path = format!("{folder}/{}", item.path));
    packed("", &items, release.made_s)
}

/// A tar file with every folder on the way to a file, below `top`, gzipped.
pub fn packed(top: &str, items: &[Item], made_s: u64) -> Result<Vec<u8>> {
    let mut archive = Archive::new(GzEncoder::new(Vec::new(), Compression::best()), made_s);
    let mut made: Vec<String> = Vec::new();
    for item in items {
        for (at, _) in item.path.match_indices('/') {
            let folder = format!("{top}{}/", &item.path[..at]);
            if !made.contains(&folder) {
                archive.folder(&folder, Owner { user: 0, mode: 0o755 })?;
                made.push(folder);
            }
        }
        let owner = Owner { user: 0, mode: item.mode };
        archive.file(&format!("{top}{}", item.path), owner, &item.bytes)?;
    }
    Ok(archive.finish()?.finish()?)
}
