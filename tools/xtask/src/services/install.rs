//! Puts a counterpart's packages where its programs can be run from, each source in its own way.
//!
//! Found again without asking any package tool, so that a second call takes milliseconds. Only this file uses the
//! network. Every installer's words go to `target/services/log/NAME`, whose end becomes the error message.

mod debian;
mod maven;

use std::fs::{self, File, OpenOptions};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, bail};

use super::Depot;
use super::daemon::tail;
use super::table::{Counterpart, Role, Source};
use crate::process;

/// Where the programs of a counterpart are looked for, in this order.
#[derive(Debug)]
pub struct Installed {
    folders: Vec<PathBuf>,
}

impl Installed {
    pub fn in_folders(folders: Vec<PathBuf>) -> Self {
        Self { folders }
    }

    pub fn program(&self, name: &str) -> Result<PathBuf> {
        let found = self.folders.iter().map(|folder| folder.join(name)).find(|path| path.is_file());
        found.with_context(|| format!("no program {name} where its packages put it"))
    }
}

/// The counterpart as it lies on this machine; `None` if it is missing or of other packages than the table's.
pub fn find(depot: &Depot, row: &Counterpart) -> Option<Installed> {
    let folders = match row.source {
        Source::Apt => [debian::system_folders(), vec![depot.path("bin")]].concat(),
        Source::Pypi => vec![depot.path("venv/bin")],
        Source::Npm => vec![depot.path("npm/node_modules/.bin")],
        Source::Cargo => vec![depot.path("cargo/bin")],
        Source::Maven => vec![depot.path("maven/bin")],
    };
    let installed = Installed::in_folders(folders);
    let complete = programs(row).iter().all(|name| installed.program(name).is_ok());
    let as_asked = row.source == Source::Apt || stamp_matches(depot, row);
    (complete && as_asked).then_some(installed)
}

pub fn ensure(depot: &Depot, row: &Counterpart) -> Result<Installed> {
    if let Some(installed) = find(depot, row) {
        return Ok(installed);
    }
    println!("installing {} ({})", row.name, row.packages.join(" "));
    let log = Log::create(depot, row.name)?;
    match row.source {
        Source::Apt => debian::install(depot, row, &log)?,
        Source::Pypi => pypi(depot, row, &log)?,
        Source::Npm => npm(depot, row, &log)?,
        Source::Cargo => cargo(depot, row, &log)?,
        Source::Maven => maven::install(depot, row, &log)?,
    }
    stamp(depot, row)?;
    find(depot, row).with_context(|| format!("installed, but without {}", programs(row).join(", ")))
}

fn programs(row: &Counterpart) -> Vec<&'static str> {
    match &row.role {
        Role::Tool { programs } => programs.iter().map(|program| program.name).collect(),
        Role::Daemon { spec, .. } => vec![spec.program],
    }
}

fn pypi(depot: &Depot, row: &Counterpart, log: &Log) -> Result<()> {
    let venv = depot.path("venv");
    let mut make = Command::new("python3");
    make.args(["-m", "venv"]).arg(&venv);
    if !venv.join("bin/pip").exists()
        && let Err(error) = log.run(&mut make)
    {
        // Debian's python3 comes without ensurepip; only root can add the package that holds it.
        debian::install_as_root(&["python3-venv"], log).context(error)?;
        log.run(&mut make)?;
    }
    let pip = ["-m", "pip", "install", "--no-input", "--disable-pip-version-check"];
    log.run(Command::new(venv.join("bin/python")).args(pip).args(row.packages))
}

fn npm(depot: &Depot, row: &Counterpart, log: &Log) -> Result<()> {
    let prefix = depot.path("npm");
    fs::create_dir_all(&prefix)?;
    let args = ["install", "--no-audit", "--no-fund", "--no-save", "--prefix"];
    log.run(Command::new("npm").args(args).arg(&prefix).args(row.packages))
}

/// Built from source in a folder of its own: the caller may have flags or wrappers set for the product.
fn cargo(depot: &Depot, row: &Counterpart, log: &Log) -> Result<()> {
    let mut command = process::cargo(&depot.folder);
    command.args(["install", "--locked", "--root"]).arg(depot.path("cargo")).args(row.packages);
    log.run(command.env("CARGO_TARGET_DIR", depot.path("cargo/target")))?;
    // Ten times what is kept; a later version is built from the start anyway.
    fs::remove_dir_all(depot.path("cargo/target")).context("cannot clear up after cargo install")
}

fn stamp_file(depot: &Depot, row: &Counterpart) -> PathBuf {
    depot.path(&format!("stamps/{}", row.name))
}

fn stamp(depot: &Depot, row: &Counterpart) -> Result<()> {
    fs::create_dir_all(depot.path("stamps"))?;
    fs::write(stamp_file(depot, row), row.packages.join(" ")).context("cannot note what was installed")
}

/// Whether this tool has brought it in, of these packages.
pub fn stamp_matches(depot: &Depot, row: &Counterpart) -> bool {
    fs::read_to_string(stamp_file(depot, row)).is_ok_and(|packages| packages == row.packages.join(" "))
}

/// Where an installer's words go.
#[derive(Debug)]
struct Log {
    path: PathBuf,
}

impl Log {
    fn create(depot: &Depot, name: &str) -> Result<Self> {
        let folder = depot.path("log");
        fs::create_dir_all(&folder)?;
        let path = folder.join(name);
        File::create(&path).with_context(|| format!("cannot write {}", path.display()))?;
        Ok(Self { path })
    }

    fn run(&self, command: &mut Command) -> Result<()> {
        let file = OpenOptions::new().append(true).open(&self.path)?;
        let program = Path::new(command.get_program()).display().to_string();
        let status = command
            .stdin(Stdio::null())
            .stdout(file.try_clone()?)
            .stderr(file)
            .status()
            .with_context(|| format!("cannot run {program}"))?;
        if !status.success() {
            bail!("{program} ended with {status}: {}", tail(&self.path));
        }
        Ok(())
    }
}
