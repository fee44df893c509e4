//! A bundle for machines without internet: packages with a list of them that is signed. `tidegate bundle verify` reads it, and says at
//! the head of its source what it is made of. The private key comes from a file and is kept nowhere.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, anyhow, bail};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use ring::rand::SystemRandom;
use ring::signature::{Ed25519KeyPair, KeyPair as _};
use sha2::{Digest as _, Sha256};

use super::Scratch;
use super::package::{ARCHITECTURE, Release};
use crate::checks::Outcome;
use crate::tar::{Archive, Owner};

/// What stands before the 32 bytes of a public key (RFC 8410).
const PUBLIC_HEAD: [u8; 12] = [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];
const OWNER: Owner = Owner { user: 0, mode: 0o644 };

/// Whoever signs.
#[derive(Debug)]
pub struct Key {
    pair: Ed25519KeyPair,
}

impl Key {
    /// Out of a file as `openssl genpkey -algorithm ed25519` writes it.
    pub fn read(path: &Path) -> Result<Self> {
        let text = fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
        let parse = || {
            let body = text.split_once("-----BEGIN PRIVATE KEY-----")?.1.split_once("-----END")?.0;
            let body: String = body.split_whitespace().collect();
            Ed25519KeyPair::from_pkcs8_maybe_unchecked(&BASE64_STANDARD.decode(body).ok()?).ok()
        };
        let pair =
            parse().with_context(|| format!("{} has no private Ed25519 key in PEM", path.display()))?;
        Ok(Self { pair })
    }

    /// One that nobody has and that goes with the process: to show that a bundle can be verified.
    pub fn passing() -> Result<Self> {
        let document = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new())
            .map_err(|_| anyhow!("the system has no randomness"))?;
        let pair = Ed25519KeyPair::from_pkcs8(document.as_ref()).map_err(|error| anyhow!("{error}"))?;
        Ok(Self { pair })
    }

    pub fn public_pem(&self) -> String {
        let der = [&PUBLIC_HEAD[..], self.pair.public_key().as_ref()].concat();
        format!("-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n", BASE64_STANDARD.encode(der))
    }
}

/// Writes the bundle and, beside it, the public key; the bundle's path.
pub fn write(folder: &Path, release: &Release, packages: &[PathBuf], key: &Key) -> Result<PathBuf> {
    let bundle = folder.join(format!("tidegate-{}-{ARCHITECTURE}.bundle", release.version));
    let outputs =
        [(&bundle, bytes(release, packages, key)?), (&public_of(&bundle), key.public_pem().into_bytes())];
    for (path, bytes) in outputs {
        fs::write(path, bytes).with_context(|| format!("cannot write {}", path.display()))?;
    }
    Ok(bundle)
}

/// Where the public key lies that a bundle can be verified by.
pub fn public_of(bundle: &Path) -> PathBuf {
    bundle.with_extension("pub.pem")
}

fn bytes(release: &Release, packages: &[PathBuf], key: &Key) -> Result<Vec<u8>> {
    let mut list = format!("tidegate bundle 1\nversion {}\nmade {}\n", release.version, release.made_s);
    let mut files = Vec::new();
    for path in packages {
        let bytes = fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
        let name = path.file_name().context("a package has a name")?.to_string_lossy().into_owned();
        let sha256: String = Sha256::digest(&bytes).iter().map(|byte| format!("{byte:02x}")).collect();
        list.push_str(&format!("file {name} {} {sha256}\n", bytes.len()));
        files.push((name, bytes));
    }
    let signature = format!("{}\n", BASE64_STANDARD.encode(key.pair.sign(list.as_bytes())));
    let mut archive = Archive::new(Vec::new(), release.made_s);
    archive.file("BUNDLE", OWNER, list.as_bytes())?;
    archive.file("BUNDLE.sig", OWNER, signature.as_bytes())?;
    for (name, bytes) in &files {
        archive.file(name, OWNER, bytes)?;
    }
    archive.finish()
}

/// Whether the program itself finds such a bundle genuine, and not one with a flipped bit, nor by another key.
pub fn agrees(binary: &Path, release: &Release, packages: &[PathBuf], scratch: &Scratch) -> Result<Outcome> {
    let folder = scratch.folder("bundle")?;
    let bundle = write(&folder, release, packages, &Key::passing()?)?;
    let (public, other) = (public_of(&bundle), folder.join("other.pub.pem"));
    fs::write(&other, Key::passing()?.public_pem())?;
    let verify = |key: &Path| -> Result<bool> {
        let mut command = Command::new(binary);
        let output = command.args(["bundle", "verify"]).arg(&bundle).arg("--key").arg(key).output()?;
        match output.status.code() {
            Some(0) => Ok(true),
            Some(1) => Ok(false),
            _ => bail!("`bundle verify` ended with {}", output.status),
        }
    };
    let mut faults = Vec::new();
    faults.extend((!verify(&public)?).then_some("the program does not find it genuine"));
    faults.extend(verify(&other)?.then_some("the program finds it genuine by another key"));
    let mut flipped = fs::read(&bundle)?;
    let middle = flipped.len() / 2;
    flipped[middle] ^= 1;
    fs::write(&bundle, flipped)?;
    faults.extend(verify(&public)?.then_some("the program does not find a flipped bit"));
    let faults: Vec<String> = faults.into_iter().map(str::to_owned).collect();
    Ok(Outcome::of_faults(&faults, "the program finds it genuine, and refuses a flipped bit and another key"))
}
