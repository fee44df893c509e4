//! Debian packages: `apt-get install` as root, otherwise downloaded and unpacked under the depot.
//!
//! An unpacked program gets a small script in `target/services/bin` that shows it its libraries. A package that would
//! start its own daemon has that daemon stopped and disabled, but only if it was this tool that brought it in.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, bail};

use super::super::Depot;
use super::super::table::{Counterpart, Role};
use super::{Log, programs};

/// NUT's programs. Before the path: there `upsd` is a script that runs nothing on a machine that has no UPS.
const NUT: &str = "usr/lib/nut";

/// The search path, and the folders of daemons, which a plain user's path leaves out.
pub(super) fn system_folders() -> Vec<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = [Path::new("/").join(NUT)].into_iter().chain(std::env::split_paths(&path));
    let folders = folders.chain(["/usr/sbin", "/sbin"].map(PathBuf::from));
    folders.chain(versioned(Path::new("/usr/lib/postgresql"))).collect()
}

/// Where Debian puts the programs of a package that may be there in several versions, newest first.
fn versioned(folder: &Path) -> Vec<PathBuf> {
    let versions = fs::read_dir(folder).into_iter().flatten().flatten();
    let mut folders: Vec<PathBuf> = versions.map(|version| version.path().join("bin")).collect();
    folders.sort();
    folders.reverse();
    folders
}

pub(super) fn install(depot: &Depot, row: &Counterpart, log: &Log) -> Result<()> {
    if !is_root() {
        return unpack(depot, row, log);
    }
    install_as_root(row.packages, log)?;
    match &row.role {
        Role::Daemon { spec, .. } => spec.unit.map_or(Ok(()), |unit| silence(unit, log)),
        Role::Tool { .. } => Ok(()),
    }
}

fn is_root() -> bool {
    fs::metadata("/proc/self").is_ok_and(|own| own.uid() == 0)
}

fn apt_get() -> Command {
    let mut command = Command::new("apt-get");
    command.env("DEBIAN_FRONTEND", "noninteractive").args(["-o", "DPkg::Lock::Timeout=300"]);
    command
}

pub(super) fn install_as_root(packages: &[&str], log: &Log) -> Result<()> {
    if !is_root() {
        bail!("only root can install {}", packages.join(" "));
    }
    let install = || log.run(apt_get().args(["install", "-y", "--no-install-recommends"]).args(packages));
    if install().is_err() {
        // Most likely there are no package lists yet, or they are older than what the mirror still has.
        log.run(apt_get().arg("update"))?;
        install()?;
    }
    Ok(())
}

/// Ends the daemon that a package's own scripts may have started, and keeps it from starting at boot.
fn silence(unit: &str, log: &Log) -> Result<()> {
    if Path::new("/run/systemd/system").exists() {
        return log.run(Command::new("systemctl").args(["disable", "--now", unit]));
    }
    let script = Path::new("/etc/init.d").join(unit);
    if script.exists() {
        log.run(Command::new(script).arg("stop"))?;
        log.run(Command::new("update-rc.d").args([unit, "disable"]))?;
    }
    Ok(())
}

/// Private package lists and caches: the system's are root's.
fn private_apt_get(depot: &Depot) -> Command {
    let mut command = apt_get();
    let option = |name: &str, part: &str| format!("{name}={}", depot.path(part).display());
    command
        .args(["-o", "Debug::NoLocking=1"])
        .args(["-o", &option("Dir::State::Lists", "apt/lists")])
        .args(["-o", &option("Dir::Cache", "apt/cache")]);
    command
}

fn unpack(depot: &Depot, row: &Counterpart, log: &Log) -> Result<()> {
    for part in ["apt/lists/partial", "apt/cache/archives/partial", "apt/debs", "root", "bin"] {
        fs::create_dir_all(depot.path(part))?;
    }
    let wanted = match missing(depot, row.packages) {
        Ok(wanted) => wanted,
        Err(_) => {
            log.run(private_apt_get(depot).arg("update"))?;
            missing(depot, row.packages)?
        }
    };
    log.run(private_apt_get(depot).current_dir(depot.path("apt/debs")).arg("download").args(&wanted))?;
    for entry in fs::read_dir(depot.path("apt/debs"))? {
        let deb = entry?.path();
        log.run(Command::new("dpkg-deb").arg("-x").arg(&deb).arg(depot.path("root")))?;
        fs::remove_file(&deb)?;
    }
    programs(row).iter().try_for_each(|program| write_script(depot, program))
}

/// The packages that an installation would bring in, by a simulated one.
fn missing(depot: &Depot, packages: &[&str]) -> Result<Vec<String>> {
    let output = private_apt_get(depot)
        .args(["-s", "install", "--no-install-recommends"])
        .args(packages)
        .output()
        .context("cannot run apt-get")?;
    if !output.status.success() {
        bail!("apt-get knows no {}", packages.join(" "));
    }
    let names = installs(&String::from_utf8_lossy(&output.stdout));
    // An installed package whose program is not on the path is fetched again.
    Ok(if names.is_empty() { packages.iter().map(|name| (*name).to_owned()).collect() } else { names })
}

fn installs(simulation: &str) -> Vec<String> {
    let words = simulation.lines().filter_map(|line| line.strip_prefix("Inst ")?.split(' ').next());
    words.map(str::to_owned).collect()
}

fn write_script(depot: &Depot, program: &str) -> Result<()> {
    let root = depot.path("root");
    let plain = [NUT, "lib/nut", "usr/bin", "usr/sbin", "bin", "sbin"].map(|folder| root.join(folder));
    let folders = plain.into_iter().chain(versioned(&root.join("usr/lib/postgresql")));
    let places: Vec<PathBuf> = folders.map(|folder| folder.join(program)).collect();
    let Some(path) = places.iter().find(|path| path.is_file()) else {
        bail!("no {program} in the unpacked packages");
    };
    let text = format!(
        "#!/bin/sh\nexport LD_LIBRARY_PATH=\"{}\"\nexec \"{}\" \"$@\"\n",
        library_folders(&root)?.join(":"),
        path.display()
    );
    let script = depot.path("bin").join(program);
    fs::write(&script, text).with_context(|| format!("cannot write {}", script.display()))?;
    fs::set_permissions(&script, fs::Permissions::from_mode(0o755))?;
    Ok(())
}

/// `usr/lib`, `lib`, and the folders of an architecture in them.
fn library_folders(root: &Path) -> Result<Vec<String>> {
    let mut folders = Vec::new();
    for lib in ["usr/lib", "lib"].map(|lib| root.join(lib)) {
        if !lib.is_dir() {
            continue;
        }
        for entry in fs::read_dir(&lib)? {
            let path = entry?.path();
            if path.is_dir() && path.to_string_lossy().ends_with("-linux-gnu") {
                folders.push(path.display().to_string());
            }
        }
        folders.push(lib.display().to_string());
    }
    Ok(folders)
}
