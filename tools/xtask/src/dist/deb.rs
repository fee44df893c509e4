//! A Debian package, written without Debian's tools: an ar file with a version, what dpkg reads, and what it unpacks (deb(5)).

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result, ensure};

use super::Scratch;
use super::package::{Item, Release, items, packed};
use crate::checks::Outcome;

/// Texts with the names of values in them.
const TEMPLATES: &str = "deploy/deb";
const SCRIPTS: [&str; 4] = ["preinst", "postinst", "prerm", "postrm"];
const CONFFILES: &str = "/etc/tidegate/tidegate.toml\n";
const MEMBER_MODE: &str = "100644";

pub fn package(release: &Release, root: &Path) -> Result<Vec<u8>> {
    let items = items(release, root)?;
    let mut control = vec![item("control", 0o644, template(release, root, "control", &items)?)];
    control.push(item("conffiles", 0o644, CONFFILES.to_owned()));
    for name in SCRIPTS {
        control.push(item(name, 0o755, template(release, root, name, &items)?));
    }
    let members = [
        ("debian-binary", b"2.0\n".to_vec()),
        ("control.tar.gz", packed("./", &control, release.made_s)?),
        ("data.tar.gz", packed("./", &items, release.made_s)?),
    ];
    let mut bytes = b"!<arch>\n".to_vec();
    members.iter().for_each(|(name, member)| append(&mut bytes, name, member, release.made_s));
    Ok(bytes)
}

fn item(path: &str, mode: u32, text: String) -> Item {
    Item { path: path.to_owned(), mode, bytes: text.into_bytes() }
}

fn template(release: &Release, root: &Path, name: &str, items: &[Item]) -> Result<String> {
    let path = root.join(TEMPLATES).join(name);
    let text = fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
    let kibibytes = items.iter().map(|item| item.bytes.len().div_ceil(1024)).sum::<usize>();
    let text = text
        .replace("@VERSION@", &release.version)
        .replace("@FORMAT@", &release.format.to_string())
        .replace("@KIBIBYTES@", &kibibytes.to_string());
    ensure!(!text.contains("@@") && !has_name(&text), "{} names a value there is none of", path.display());
    Ok(text)
}

/// Whether something like `@NAME@` is left.
fn has_name(text: &str) -> bool {
    let is_name = |word: &str| !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_uppercase());
    text.split('@').skip(1).step_by(2).any(is_name)
}

/// A member of an ar file: sixty bytes of text, the content, and a byte more where its length is odd.
fn append(file: &mut Vec<u8>, name: &str, member: &[u8], made_s: u64) {
    let len = member.len();
    file.extend_from_slice(
        format!("{name:<16}{made_s:<12}{:<6}{:<6}{MEMBER_MODE:<8}{len:<10}`\n", 0, 0).as_bytes(),
    );
    file.extend_from_slice(member);
    file.extend_from_slice(&b"\n"[..len % 2]);
}

/// Whether Debian's own tool reads the package as it was meant, and unpacks the same program.
pub fn agrees(package: &Path, release: &Release, scratch: &Scratch) -> Result<Outcome> {
    let ask = |words: &[&str]| Command::new("dpkg-deb").args(words).arg(package).output();
    let Ok(fields) = ask(&["--field"]) else {
        return Ok(Outcome::Skipped("dpkg-deb is not installed".to_owned()));
    };
    let text = String::from_utf8_lossy(&fields.stdout).into_owned();
    let folder = scratch.folder("deb")?;
    let unpacked = Command::new("dpkg-deb").arg("--extract").arg(package).arg(&folder).output()?;
    let mut faults = Vec::new();
    for output in [&fields, &unpacked].into_iter().filter(|output| !output.status.success()) {
        faults.push(String::from_utf8_lossy(&output.stderr).trim().to_owned());
    }
    if !text.lines().any(|line| line == format!("Version: {}", release.version)) {
        faults.push(format!("dpkg-deb finds no version {} in it", release.version));
    }
    if fs::read(folder.join("usr/bin/tidegate")).ok().as_ref() != Some(&release.program) {
        faults.push("another program comes out of it than went in".to_owned());
    }
    Ok(Outcome::of_faults(&faults, "dpkg-deb reads it and unpacks the same program"))
}
