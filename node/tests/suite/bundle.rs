//! `tidegate bundle verify` on bundles made with a key of the test's own: genuine, altered, cut off, older, signed by others.

use crate::process::run;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use ring::digest::{SHA256, digest};
use ring::rand::SystemRandom;
use ring::signature::{Ed25519KeyPair, KeyPair};
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

const SPKI_HEAD: [u8; 12] = [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];
const NOW: &str = env!("CARGO_PKG_VERSION");
const FILES: [(&str, &[u8]); 2] = [("tidegate_amd64.deb", b"a package"), ("notes.txt", b"what is new")];

/// Whoever signs.
struct Signer {
    pair: Ed25519KeyPair,
    public: PathBuf,
}

impl Signer {
    fn new(dir: &Path, name: &str) -> Signer {
        let document = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).unwrap();
        let pair = Ed25519KeyPair::from_pkcs8(document.as_ref()).unwrap();
        let der = [&SPKI_HEAD[..], pair.public_key().as_ref()].concat();
        let pem = format!(
            "-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n",
            BASE64_STANDARD.encode(der)
        );
        let public = dir.join(format!("{name}.pub.pem"));
        fs::write(&public, pem).unwrap();
        Signer { pair, public }
    }

    fn bundle(&self, version: &str) -> Vec<u8> {
        let mut list = format!("tidegate bundle 1\nversion {version}\nmade 1763800000\n");
        for (name, bytes) in FILES {
            let sha256: String =
                digest(&SHA256, bytes).as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
            list.push_str(&format!("file {name} {} {sha256}\n", bytes.len()));
        }
        let signature = format!("{}\n", BASE64_STANDARD.encode(self.pair.sign(list.as_bytes())));
        packed(&[&[("BUNDLE", list.as_bytes()), ("BUNDLE.sig", signature.as_bytes())], &FILES[..]].concat())
    }
}

fn packed(entries: &[(&str, &[u8])]) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    for (name, bytes) in entries {
        let mut header = tar::Header::new_ustar();
        header.set_size(bytes.len() as u64);
        builder.append_data(&mut header, name, *bytes).unwrap();
    }
    builder.into_inner().unwrap()
}

/// A folder with a signer in it.
struct Desk {
    dir: TempDir,
    signer: Signer,
}

impl Desk {
    fn new() -> Desk {
        let dir = TempDir::new().unwrap();
        let signer = Signer::new(dir.path(), "release");
        Desk { dir, signer }
    }

    fn put(&self, bytes: &[u8]) {
        fs::write(self.dir.path().join("it.bundle"), bytes).unwrap();
    }

    fn verify(&self, also: &[&str]) -> std::process::Output {
        self.verify_by(&self.signer.public, also)
    }

    fn verify_by(&self, key: &Path, also: &[&str]) -> std::process::Output {
        let file = self.dir.path().join("it.bundle");
        let words = ["bundle", "verify", file.to_str().unwrap(), "--key", key.to_str().unwrap()];
        run(&[&words, also].concat())
    }

    fn code(&self, also: &[&str]) -> String {
        code(&self.verify(also))
    }
}

fn code(output: &std::process::Output) -> String {
    let errors = String::from_utf8_lossy(&output.stderr);
    assert_eq!((output.status.code(), errors.contains("\nhint: ")), (Some(1), true), "{output:?}");
    errors.strip_prefix("error[").unwrap().split(']').next().unwrap().to_owned()
}

#[test]
fn a_genuine_bundle_is_told_in_words_and_as_json_and_unpacked() {
    let desk = Desk::new();
    desk.put(&desk.signer.bundle(NOW));
    let output = desk.verify(&[]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let words = String::from_utf8(output.stdout).unwrap();
    assert!(words.starts_with(&format!("genuine: tidegate {NOW}, signed by the key in ")), "{words}");
    assert!(words.contains("\n  tidegate_amd64.deb (9 bytes)\n"), "{words}");
    let to = desk.dir.path().join("unpacked");
    let output = desk.verify(&["--json", "--to", to.to_str().unwrap()]);
    let told: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&told["version"], &told["files"][1]["name"]), (&Value::from(NOW), &Value::from("notes.txt")));
    let mut names: Vec<_> =
        fs::read_dir(&to).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    assert_eq!(names, ["notes.txt", "tidegate_amd64.deb"]);
    assert_eq!(fs::read(to.join("tidegate_amd64.deb")).unwrap(), b"a package");
}

#[test]
fn any_flipped_bit_of_what_is_in_a_bundle_is_refused_and_nothing_is_unpacked() {
    let desk = Desk::new();
    let (bundle, to) = (desk.signer.bundle(NOW), desk.dir.path().join("unpacked"));
    // List, signature, both files: each in a block of its own, behind a block of names.
    for at in [1, 3, 5, 7].iter().flat_map(|block| block * 512..block * 512 + 9).chain([0, 1024, 2048, 3072])
    {
        let mut flipped = bundle.clone();
        flipped[at] ^= 1;
        desk.put(&flipped);
        let code = desk.code(&["--to", to.to_str().unwrap()]);
        assert!(["TG-BD-001", "TG-BD-003", "TG-BD-004"].contains(&&*code), "byte {at}: {code}");
        let left = fs::read_dir(&to).map_or(0, |entries| entries.count());
        assert_eq!(left, 0, "byte {at}: {code}");
    }
}

#[test]
fn a_bundle_that_was_cut_off_or_has_more_in_it_than_was_signed_is_refused() {
    let desk = Desk::new();
    let bundle = desk.signer.bundle(NOW);
    for end in (0..bundle.len() - 1024).step_by(512) {
        desk.put(&bundle[..end]);
        let code = desk.code(&[]);
        assert!(["TG-BD-001", "TG-BD-004"].contains(&&*code), "{end} bytes: {code}");
    }
    let more = packed(&[("evil", b"sh")]);
    desk.put(&[&bundle[..bundle.len() - 1024], &more].concat());
    assert_eq!(desk.code(&[]), "TG-BD-004");
}

#[test]
fn the_key_decides_and_what_is_no_public_key_is_refused() {
    let desk = Desk::new();
    desk.put(&desk.signer.bundle(NOW));
    let other = Signer::new(desk.dir.path(), "other");
    assert_eq!(code(&desk.verify_by(&other.public, &[])), "TG-BD-003");
    desk.put(&other.bundle(NOW));
    assert_eq!(desk.code(&["--allow-older"]), "TG-BD-003");
    let file = desk.dir.path().join("it.bundle");
    assert_eq!(code(&desk.verify_by(&file, &[])), "TG-BD-006");
    assert_eq!(code(&desk.verify_by(&desk.dir.path().join("none"), &[])), "TG-BD-008");
}

#[test]
fn an_older_bundle_is_refused_unless_that_is_meant() {
    let desk = Desk::new();
    desk.put(&desk.signer.bundle("0.0.9"));
    assert_eq!(desk.code(&[]), "TG-BD-005");
    assert_eq!(desk.verify(&["--allow-older"]).status.code(), Some(0));
    for version in [NOW, "99.0.0"] {
        desk.put(&desk.signer.bundle(version));
        assert_eq!(desk.verify(&[]).status.code(), Some(0), "{version}");
    }
}

#[test]
fn a_folder_with_something_in_it_is_not_unpacked_into() {
    let desk = Desk::new();
    desk.put(&desk.signer.bundle(NOW));
    assert_eq!(desk.code(&["--to", desk.dir.path().to_str().unwrap()]), "TG-BD-007");
}
