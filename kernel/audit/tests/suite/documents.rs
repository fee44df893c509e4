//! Proofs as files: they hold for whoever has the key, and nothing beside them does.

use crate::site::{Site, signer};
use tidegate_kernel_audit::{Document, Profile};
use tidegate_kernel_journal::ReadLimit;

/// Each proof as text, with the content it speaks of.
fn proofs(profile: Profile) -> Vec<(String, Vec<u8>)> {
    let mut site = Site::new();
    site.append(500);
    let trees = site.build();
    let tree = trees.iter().find(|tree| tree.profile() == profile).unwrap();
    let (records, _) = site.folder.books().read(10, 0, ReadLimit { records: 500, bytes: 1 << 20 }).unwrap();
    let prove = |record: &tidegate_kernel_journal::Record| {
        let proof = tree.prove(record.head.seq).unwrap().unwrap().with_payload(&record.payload);
        (proof.to_string(), record.payload.to_vec())
    };
    records.iter().step_by(40).map(prove).collect()
}

#[test]
fn a_proof_holds_for_the_key_of_its_log_and_says_what_it_proves() {
    for profile in Profile::ALL {
        for (text, payload) in proofs(profile) {
            let proof = Document::parse(&text).unwrap();
            assert_eq!(proof.to_string(), text);
            let proven = proof.check(&signer(profile).verifier()).unwrap();
            assert_eq!((proven.payload.unwrap(), proven.checkpoint.size), (payload, 334));
            let other = Profile::ALL.into_iter().find(|other| *other != profile).unwrap();
            assert_eq!(proof.check(&signer(other).verifier()).unwrap_err().code(), "TG-AU-006");
        }
    }
}

#[test]
fn a_changed_character_anywhere_is_found() {
    let (text, _) = proofs(Profile::Sha256).pop().unwrap();
    let key = signer(Profile::Sha256).verifier();
    for at in 0..text.len() {
        let mut changed = text.clone().into_bytes();
        changed[at] = if changed[at] == b'1' { b'2' } else { b'1' };
        let Ok(changed) = String::from_utf8(changed) else { continue };
        let checked = Document::parse(&changed).and_then(|proof| proof.check(&key));
        assert!(checked.is_err(), "character {at}: {changed}");
    }
}

#[test]
fn a_proof_without_content_holds_and_one_with_another_content_does_not() {
    let (text, _) = proofs(Profile::Sm3).pop().unwrap();
    let (key, proof) = (signer(Profile::Sm3).verifier(), Document::parse(&text).unwrap());
    assert_eq!(proof.with_payload(b"another").check(&key).unwrap_err().code(), "TG-AU-005");
    let mut site = Site::new();
    site.append(4);
    let trees = site.build();
    let seq = trees[1].entry(0, 3).unwrap().seq;
    let proof = trees[1].prove(seq).unwrap().unwrap();
    let proven = Document::parse(&proof.to_string()).unwrap().check(&key).unwrap();
    assert_eq!((proven.payload, proven.index), (None, 0));
}

#[test]
fn what_is_no_proof_has_a_code() {
    let (text, _) = proofs(Profile::Sha256).pop().unwrap();
    let long = "A".repeat(2 << 20);
    for wrong in ["", "\n\n", &text[..text.len() / 3], &text.replacen("index 3", "index 03", 1), &long] {
        let checked =
            Document::parse(wrong).and_then(|proof| proof.check(&signer(Profile::Sha256).verifier()));
        assert_eq!(checked.unwrap_err().code(), "TG-AU-004", "{wrong}");
    }
}
