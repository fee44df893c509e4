//! A witness signs what grew out of what it signed, and nothing else.

use crate::site::{Site, pkcs8, signer};
use std::path::Path;
use tempfile::TempDir;
use tidegate_kernel_audit::{Profile, Submission, Tree, Witness, WitnessKey, WitnessRefusal};

fn witness(folder: &Path) -> Witness {
    let logs = Profile::ALL.map(|profile| signer(profile).verifier());
    Witness::new(folder, "witness.example/w1", &pkcs8(), logs.into()).unwrap()
}

/// The tree as it is, with its growth from `old` on.
fn submission(tree: &Tree, old: u64) -> Submission {
    let size = tree.signed().unwrap().unwrap().size;
    let path = tree.prove_growth(old, size).unwrap();
    Submission { old, path, checkpoint: tree.checkpoint().unwrap().unwrap() }
}

#[test]
fn a_log_that_grows_is_signed_at_every_step_also_by_a_witness_that_was_restarted() {
    let (mut site, folder, mut old) = (Site::new(), TempDir::new().unwrap(), 0);
    for (now_s, count) in (1_700_000_000..).zip([3, 30, 300, 1200]) {
        site.append(count);
        let trees = site.build();
        for tree in &trees {
            let (witness, submission) = (witness(folder.path()), submission(tree, old));
            let text = submission.to_string();
            assert_eq!(text.parse::<Submission>().unwrap(), submission);
            let lines = witness.add(&submission, now_s).unwrap();
            let key: WitnessKey = witness.key().to_string().parse().unwrap();
            assert_eq!(key.verify(&submission.checkpoint, &lines).unwrap(), now_s);
            let other = submission.checkpoint.replacen("example", "exampel", 1);
            assert_eq!(key.verify(&other, &lines).unwrap_err().code(), "TG-AU-006");
            assert_eq!(witness.seen(tree.key().name()).unwrap().unwrap(), submission.checkpoint);
        }
        old = trees[0].signed().unwrap().unwrap().size;
    }
}

#[test]
fn a_witness_says_where_it_is_and_takes_the_same_checkpoint_twice() {
    let (mut site, folder) = (Site::new(), TempDir::new().unwrap());
    site.append(30);
    let (tree, witness) = (site.build().remove(1), witness(folder.path()));
    witness.add(&submission(&tree, 0), 1).unwrap();
    assert!(matches!(witness.add(&submission(&tree, 0), 2), Err(WitnessRefusal::Elsewhere { size: 20 })));
    assert!(matches!(witness.add(&submission(&tree, 7), 2), Err(WitnessRefusal::Elsewhere { size: 20 })));
    witness.add(&submission(&tree, 20), 3).unwrap();
}

#[test]
fn history_that_was_written_over_is_not_signed() {
    let (mut site, mut other, folder) = (Site::new(), Site::new(), TempDir::new().unwrap());
    site.append(30);
    other.append(31);
    let witness = witness(folder.path());
    witness.add(&submission(&site.build()[0], 0), 1).unwrap();
    // The same keys over another journal: as many entries, and then more.
    let forged = &other.build()[0];
    let size = forged.signed().unwrap().unwrap().size;
    assert_eq!(size, 21);
    assert!(matches!(
        witness.add(&submission(forged, 20), 2),
        Err(WitnessRefusal::NotGrown { old: 20, new: 21, .. })
    ));
    let mut short = Site::new();
    short.append(30);
    let same_size = &short.build()[0];
    assert!(matches!(
        witness.add(&submission(same_size, 20), 2),
        Err(WitnessRefusal::OtherRoot { size: 20, .. })
    ));
    let mut cut = submission(forged, 20);
    cut.path.pop();
    assert!(matches!(witness.add(&cut, 2), Err(WitnessRefusal::NotGrown { .. })));
    assert!(witness.seen(forged.key().name()).unwrap().unwrap().contains("\n20\n"));
}

#[test]
fn unknown_logs_and_unsigned_checkpoints_are_refused() {
    let (mut site, folder) = (Site::new(), TempDir::new().unwrap());
    site.append(30);
    let (tree, witness) = (site.build().remove(0), witness(folder.path()));
    let with = |checkpoint: String| witness.add(&Submission { checkpoint, ..submission(&tree, 0) }, 1);
    let note = tree.checkpoint().unwrap().unwrap();
    assert!(matches!(with(note.replace("books", "other")), Err(WitnessRefusal::UnknownLog { .. })));
    for wrong in [note.replace("\n20\n", "\n21\n"), "nothing\n\n".to_owned()] {
        assert!(matches!(with(wrong), Err(WitnessRefusal::Unusable(_))));
    }
    assert!(witness.add(&submission(&tree, 0), 1).is_ok());
    for wrong in [
        "",
        "old 1",
        "old 01\n\nx",
        "old x\n\nx",
        "old 1\nnothing\n\nx",
        &format!("old 1\n{}\nx", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n".repeat(64)),
    ] {
        assert_eq!(wrong.parse::<Submission>().unwrap_err().code(), "TG-AU-004", "{wrong}");
    }
}
