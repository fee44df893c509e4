//! The source tree as the checks see it: its files, its crates, and cargo's view of their dependencies.
//!
//! Reads the disk and runs `git` and `cargo metadata` once each when opened; never writes and never compiles.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result};
use cargo_metadata::{DependencyKind, Metadata, MetadataCommand, Package};

/// Folders that no listing enters when git cannot be asked.
const NEVER_SOURCE: &[&str] = &[".git", "target", "tidegate-data", "node_modules"];

/// The repository's root: two folders above the manifest that `cargo run` names, or the current folder.
pub fn root() -> Result<PathBuf> {
    let manifest_dir = std::env::var_os("CARGO_MANIFEST_DIR").map(PathBuf::from);
    match manifest_dir.as_deref().and_then(|dir| dir.ancestors().nth(2)) {
        Some(root) => Ok(root.to_path_buf()),
        None => std::env::current_dir().context("the current folder cannot be read"),
    }
}

/// A source tree with paths relative to its root, `/` between their parts.
#[derive(Debug)]
pub struct Tree {
    pub root: PathBuf,
    pub files: BTreeSet<String>,
}

impl Tree {
    pub fn open(root: &Path) -> Result<Self> {
        let mut files = BTreeSet::new();
        // A fixture may lie inside another repository's ignored folder; git would list nothing there.
        let listed = if root.join(".git").exists() { git_files(root) } else { None };
        match listed {
            Some(listed) => files.extend(listed),
            None => walk(root, root, &mut files)?,
        }
        files.retain(|path| root.join(path).is_file());
        Ok(Self { root: root.to_path_buf(), files })
    }

    pub fn has(&self, path: &str) -> bool {
        self.files.contains(path)
    }

    /// The file's text; `None` if it is absent or no UTF-8 text.
    pub fn read(&self, path: &str) -> Option<String> {
        if !self.has(path) {
            return None;
        }
        let bytes = std::fs::read(self.root.join(path)).ok()?;
        if bytes.contains(&0) { None } else { String::from_utf8(bytes).ok() }
    }

    pub fn has_folder(&self, folder: &str) -> bool {
        self.under(folder).next().is_some()
    }

    pub fn under(&self, folder: &str) -> impl Iterator<Item = &str> {
        let prefix = format!("{folder}/");
        self.files.iter().map(String::as_str).filter(move |path| path.starts_with(&prefix))
    }
}

/// Tracked files and new ones that are not ignored, so that a fault shows before it is committed.
fn git_files(root: &Path) -> Option<Vec<String>> {
    let output = Command::new("git")
        .args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"])
        .current_dir(root)
        .output()
        .ok()
        .filter(|output| output.status.success())?;
    let listing = String::from_utf8(output.stdout).ok()?;
    Some(listing.split_terminator('\0').map(str::to_owned).collect())
}

fn walk(root: &Path, folder: &Path, files: &mut BTreeSet<String>) -> Result<()> {
    let entries = std::fs::read_dir(folder).with_context(|| format!("cannot list {}", folder.display()))?;
    for entry in entries {
        let entry = entry?;
        let path = entry.path();
        if entry.file_type()?.is_dir() {
            if !NEVER_SOURCE.iter().any(|name| entry.file_name() == *name) {
                walk(root, &path, files)?;
            }
        } else if let Some(relative) = relative(root, &path) {
            files.insert(relative);
        }
    }
    Ok(())
}

/// `path` below `root` as the checks write it; the root itself is the empty string.
pub fn relative(root: &Path, path: &Path) -> Option<String> {
    let parts: Option<Vec<&str>> =
        path.strip_prefix(root).ok()?.components().map(|part| part.as_os_str().to_str()).collect();
    Some(parts?.join("/"))
}

/// A member crate of the product's workspace.
#[derive(Debug)]
pub struct Crate {
    pub name: String,
    /// Relative to the root: `codecs/mqtt`.
    pub folder: String,
    pub dependencies: Vec<Edge>,
    pub metadata: serde_json::Value,
    pub id: cargo_metadata::PackageId,
}

impl Crate {
    pub fn manifest(&self) -> String {
        format!("{}/Cargo.toml", self.folder)
    }

    /// First part of the folder: `codecs` of `codecs/mqtt`.
    pub fn layer(&self) -> &str {
        self.folder.split('/').next().unwrap_or_default()
    }
}

/// A dependency on another crate of this tree.
#[derive(Debug)]
pub struct Edge {
    pub folder: String,
    pub for_tests: bool,
}

/// Crates and the resolved graph. A workspace without members has neither, and cargo refuses to speak of it.
#[derive(Debug, Default)]
pub struct Crates {
    pub members: Vec<Crate>,
    pub metadata: Option<Metadata>,
}

impl Crates {
    pub fn open(root: &Path) -> Result<Self> {
        if !has_members(root)? {
            return Ok(Self::default());
        }
        let metadata = MetadataCommand::new()
            .current_dir(root)
            .features(cargo_metadata::CargoOpt::AllFeatures)
            .exec()
            .context("cargo metadata failed")?;
        // Cargo answers with real paths, so a root reached by a symbolic link must be resolved as well.
        let real_root = root.canonicalize().with_context(|| format!("no folder {}", root.display()))?;
        let members = metadata
            .workspace_packages()
            .into_iter()
            .filter_map(|package| member(&real_root, package))
            .collect();
        Ok(Self { members, metadata: Some(metadata) })
    }
}

/// Whether the root manifest names members; true also for a manifest this function cannot judge.
pub fn has_members(root: &Path) -> Result<bool> {
    let path = root.join("Cargo.toml");
    if !path.exists() {
        return Ok(false);
    }
    let manifest: toml::Table = std::fs::read_to_string(&path)?.parse().context("Cargo.toml of the root")?;
    let members = manifest.get("workspace").and_then(|workspace| workspace.get("members"));
    Ok(members.and_then(toml::Value::as_array).is_none_or(|members| !members.is_empty()))
}

fn member(root: &Path, package: &Package) -> Option<Crate> {
    let edges = package.dependencies.iter().filter_map(|dependency| {
        let path = dependency.path.as_ref()?;
        Some(Edge {
            folder: relative(root, path.as_std_path())?,
            for_tests: dependency.kind == DependencyKind::Development,
        })
    });
    Some(Crate {
        name: package.name.to_string(),
        folder: relative(root, package.manifest_path.parent()?.as_std_path())?,
        dependencies: edges.collect(),
        metadata: package.metadata.clone(),
        id: package.id.clone(),
    })
}

/// The version of the product.
pub fn version(root: &Path) -> Result<String> {
    let manifest: toml::Table = std::fs::read_to_string(root.join("Cargo.toml"))?.parse()?;
    let version =
        manifest.get("workspace").and_then(|workspace| workspace.get("package")?.get("version")?.as_str());
    version.map(str::to_owned).context("Cargo.toml of the root has no workspace.package.version")
}
