//! What others make of our trees. Of SHA-256: `tlog_tiles` and `signed_note` by Cloudflare, in the shape of Go's `sumdb/tlog` and
//! `sumdb/note`. Of SM3: OpenSSL, where it is.

use crate::site::{SM2_SECRET, Site, signer};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use signed_note::{Note, StandardVerifier, VerifierList};
use std::env;
use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::PathBuf;
use std::process::Command;
use tidegate_kernel_audit::{Profile, Tree};
use tidegate_kernel_sm::sm2;
use tlog_tiles::{
    Checkpoint, Error as TlogError, Hash, Tile, TileHashReader, TileReader, check_record, check_tree,
    prove_record, prove_tree, record_hash,
};

const HEIGHT: u8 = 8;

/// Our files as that crate reads them.
struct Files(PathBuf);

impl TileReader for Files {
    fn height(&self) -> u8 {
        HEIGHT
    }

    fn read_tiles(&self, tiles: &[Tile]) -> Result<Vec<Vec<u8>>, TlogError> {
        // Its paths have the height in front, which tlog-tiles left out.
        let path = |tile: &Tile| tile.path().replacen("tile/8/", "tile/", 1);
        Ok(tiles.iter().map(|tile| fs::read(self.0.join(path(tile))).unwrap()).collect())
    }

    fn save_tiles(&self, _: &[Tile], _: &[Vec<u8>]) {}
}

fn signed(tree: &Tree) -> Checkpoint {
    let verifier = StandardVerifier::new(&tree.key().to_string()).unwrap();
    let note = Note::from_bytes(tree.checkpoint().unwrap().unwrap().as_bytes()).unwrap();
    let (verified, _) = note.verify(&VerifierList::new(vec![Box::new(verifier)])).unwrap();
    assert_eq!(verified.len(), 1);
    Checkpoint::from_bytes(note.text()).unwrap()
}

#[test]
fn an_independent_verifier_opens_checkpoint_tiles_entries_and_growth() {
    let mut site = Site::new();
    site.append(300);
    let first = signed(&site.build()[0]);
    site.append(98_700);
    let tree = &site.build()[0];
    assert_eq!((tree.profile(), tree.key()), (Profile::Sha256, &signer(Profile::Sha256).verifier()));
    let new = signed(tree);
    assert_eq!((first.size(), new.size()), (200, 66_000));
    let files = Files(site.audit().join("sha256"));
    let reader = TileHashReader::new(new.size(), *new.hash(), &files);
    for index in [0, 1, 199, 255, 256, 65_535, 65_536, 65_999] {
        let entry = tree.entry(index, new.size()).unwrap().to_bytes();
        let theirs = prove_record(new.size(), index, &reader).unwrap();
        check_record(&theirs, new.size(), *new.hash(), index, record_hash(&entry)).unwrap();
        let ours = tree.prove(tree.entry(index, new.size()).unwrap().seq).unwrap().unwrap().to_string();
        assert!(theirs.iter().all(|hash| ours.contains(&hash.to_string())), "{index}");
    }
    let theirs = prove_tree(new.size(), first.size(), &reader).unwrap();
    check_tree(&theirs, new.size(), *new.hash(), first.size(), *first.hash()).unwrap();
    let ours: Vec<_> = tree.prove_growth(first.size(), new.size()).unwrap().into_iter().map(Hash).collect();
    assert_eq!(ours, theirs);
}

/// The program; without it the test announces that it is skipped, and returns.
fn openssl(test: &str) -> Option<PathBuf> {
    let found = env::var_os("TIDEGATE_TEST_OPENSSL").map(PathBuf::from);
    if found.is_none() {
        let reason = "openssl cannot be had here, TIDEGATE_TEST_OPENSSL is not set";
        let file = env::var_os("TIDEGATE_TEST_SKIPS").unwrap_or_else(|| {
            panic!("{reason}; `cargo xtask test` installs it, or skips this test by name")
        });
        let mut file = OpenOptions::new().append(true).open(file).unwrap();
        file.write_all(format!("SKIP interop::{test}: {reason}\n").as_bytes()).unwrap();
    }
    found
}

#[test]
fn openssl_verifies_a_checkpoint_of_the_sm3_tree_and_no_other_text() {
    let Some(openssl) = openssl("openssl_verifies_a_checkpoint_of_the_sm3_tree_and_no_other_text") else {
        return;
    };
    let mut site = Site::new();
    site.append(30);
    let note = site.build()[1].checkpoint().unwrap().unwrap();
    let (text, line) = note.trim_end().rsplit_once("\n\n").unwrap();
    let signature = STANDARD.decode(line.rsplit_once(' ').unwrap().1).unwrap();
    let key = sm2::SigningKey::from_bytes(&SM2_SECRET).unwrap().verifying_key();
    let path = |name: &str| site.dir.path().join(name);
    fs::write(path("key"), key.to_spki()).unwrap();
    // Four bytes of key id, then DER.
    fs::write(path("signature"), &signature[4..]).unwrap();
    for (text, holds) in [(format!("{text}\n"), true), (text.to_owned(), false)] {
        fs::write(path("text"), text).unwrap();
        let mut command = Command::new(&openssl);
        command.args([
            "dgst",
            "-sm3",
            "-keyform",
            "DER",
            "-sigopt",
            "distid:1234567812345678",
            "-verify",
            "key",
        ]);
        let output =
            command.args(["-signature", "signature", "text"]).current_dir(site.dir.path()).output().unwrap();
        assert_eq!(output.status.success(), holds, "{output:?}");
    }
}
