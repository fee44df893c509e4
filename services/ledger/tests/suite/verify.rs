//! What a verifier finds in a copied folder: everything right, one byte that is not, an end that was cut off, history written over.

use crate::asks::{order, reserve, transfer};
use crate::desk::Desk;
use crate::folder::{Copied, Place, sealed};
use std::collections::BTreeMap;
use std::hash::{BuildHasher, RandomState};
use tidegate_kernel_audit::Profile;
use tidegate_service_ledger::verify::{Fault, Trust, Verification, verify};
use tidegate_service_ledger::{Ask, NamedAction, Shared};

/// Two segments, reservations of every fate, linked orders, and trees that were signed in between and at the end.
pub(crate) async fn filled() -> Copied {
    let quiet = Shared { scrub: std::time::Duration::from_secs(3600), ..Shared::default() };
    let mut desk = Desk::with(quiet).with_accounts().await;
    for round in 0..3 {
        desk.done(transfer("source", "a", 1000)).await;
        for amount in 1..40 {
            desk.done(transfer("a", "b", amount)).await;
        }
        let [kept, posted, void] = [5, 6, 7].map(|amount| order(reserve("a", "b", amount, None)));
        for held in [&kept, &posted, &void] {
            desk.one(held.clone()).await.unwrap();
        }
        desk.done(NamedAction::Post { reservation: posted.id, amount: Some(4) }).await;
        desk.done(NamedAction::Void { reservation: void.id }).await;
        desk.done(reserve("b", "a", 3, Some(0))).await;
        let linked = vec![order(transfer("a", "b", 1)), order(transfer("b", "a", 2))];
        desk.book.submit(vec![Ask::Linked(linked)]).await.unwrap().remove(0).unwrap();
        if round < 2 {
            sealed(&desk);
            desk = desk.reopen();
        }
    }
    sealed(&desk);
    Copied::of(desk)
}

/// The same numbers for the same seed.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % bound
    }
}

pub(crate) fn codes(verification: &Verification) -> Vec<&'static str> {
    verification.faults().iter().map(|fault| fault.code()).collect()
}

pub(crate) fn checked(folder: &Copied) -> Verification {
    verify(folder.path(), &Trust::default()).unwrap()
}

#[tokio::test]
async fn a_sound_copy_is_sound_and_adds_up_to_what_the_book_has() {
    let folder = filled().await;
    let trust = Trust { keys: folder.keys(), ..Trust::default() };
    let verification = verify(folder.path(), &trust).unwrap();
    assert_eq!((codes(&verification), verification.notes()), (vec![], vec![]));
    let names: Vec<_> = verification.books.iter().map(|book| book.book.as_str()).collect();
    assert_eq!(names, ["main", "other"]);
    let main = &verification.books[0];
    let balances: BTreeMap<_, _> = main
        .reckoning
        .accounts()
        .iter()
        .map(|account| (account.name.to_string(), [account.posted, account.outgoing, account.incoming]))
        .collect();
    assert_eq!(balances, folder.balances);
    assert!(main.reckoning.trial().values().all(|trial| trial.is_even()));
    for tree in &main.trees {
        assert_eq!((tree.counted.held, tree.is_trusted), (Some(main.reckoning.facts()), Some(true)));
    }
}

#[tokio::test]
async fn one_byte_that_is_not_as_it_was_is_reported_wherever_it_lies() {
    let folder = filled().await;
    let seed = RandomState::new().hash_one(0) | 1;
    println!("seed {seed}");
    let mut random = Random(seed);
    let segments = folder.segments();
    let (tail, mut reported) = (segments.len() - 1, [0; 3]);
    for (at, segment) in segments.iter().enumerate() {
        let every = if at == tail { 11 } else { 37 };
        for position in (random.below(every)..segment.used_bytes).step_by(every as usize) {
            let bit = 1 << random.below(8);
            let flipped = folder.flipped(&segment.file, position, bit);
            let (found, place) = (checked(&folder), segment.place(position));
            drop(flipped);
            let (faults, notes) = (found.faults(), found.notes());
            let what =
                format!("seed {seed}, {} byte {position} bit {bit}: {faults:?} {notes:?}", segment.file);
            match place {
                Place::Header => assert!(notes[0].contains("copies of the header"), "{what}"),
                Place::LastBatch => assert!(notes[0].contains("cut off"), "{what}"),
                Place::Record { offset } => {
                    let damage = faults.into_iter().find_map(|fault| match fault {
                        Fault::Damaged(finding) => Some((finding.file.clone(), finding.offset)),
                        _ => None,
                    });
                    assert_eq!(damage, Some((segment.file.clone(), offset)), "{what}");
                }
            }
            reported[place.kind()] += 1;
        }
    }
    assert!(reported.iter().all(|count| *count > 3), "{reported:?} of headers, records and the last batch");
}

#[tokio::test]
async fn a_byte_of_a_tree_that_is_not_as_it_was_is_told_and_speaks_against_no_book() {
    let folder = filled().await;
    for file in folder.files("ledger/main/sm3/tile") {
        let _flipped = folder.flipped(&file, 70, 1);
        let found = checked(&folder);
        assert_eq!(codes(&found), Vec::<&str>::new(), "{file}");
        let told = found.notes().into_iter().any(|note| note.contains("makes it again"));
        // Parts of a tile that were signed on the way are of no use to anybody any more.
        assert!(told || folder.is_superseded(&file), "{file}: {:?}", found.notes());
    }
    let _flipped = folder.flipped("ledger/main/sha256/checkpoint", 45, 1);
    assert!(!checked(&folder).faults().is_empty());
}

#[tokio::test]
async fn unused_space_is_not_looked_at() {
    let folder = filled().await;
    let tail = folder.segments().pop().unwrap();
    let before = checked(&folder).notes();
    for position in (tail.used_bytes..tail.file_bytes).step_by(9973) {
        let _flipped = folder.flipped(&tail.file, position, 0x40);
        let found = checked(&folder);
        assert_eq!((codes(&found), found.notes()), (vec![], before.clone()), "byte {position}");
    }
}

#[tokio::test]
async fn an_end_that_is_gone_is_seen_by_the_checkpoint_that_covered_it() {
    let folder = filled().await;
    let (tail, last) = (folder.segments().pop().unwrap(), folder.last_of_book("main"));
    let _cut = folder.zeroed(&tail.file, last.offset, tail.used_bytes);
    let found = checked(&folder);
    assert_eq!(codes(&found), ["TG-LE-062", "TG-LE-062"]);
    assert!(found.faults()[0].seq().is_some_and(|seq| seq <= last.seq), "{:?}", found.faults());
    folder.remove("ledger");
    let found = checked(&folder);
    assert_eq!(codes(&found), Vec::<&str>::new(), "without a checkpoint nobody can know");
    assert!(found.notes().iter().any(|note| note.contains("no checkpoint")));
}

#[tokio::test]
async fn a_checkpoint_kept_elsewhere_shows_a_folder_that_was_put_back() {
    let old = filled().await;
    let note = old.read("ledger/main/sm3/checkpoint");
    let notes = Trust { notes: Trust::notes_of(&note), ..Trust::default() };
    assert_eq!(codes(&verify(old.path(), &notes).unwrap()), Vec::<&str>::new());
    // As many records, of another time.
    let other = filled().await;
    assert_eq!(codes(&verify(other.path(), &notes).unwrap()), ["TG-LE-061"]);
}

#[tokio::test]
async fn a_record_forged_with_right_checksums_is_named() {
    let folder = filled().await;
    let record = folder.nth_of_book("main", 60);
    // One unit more in the amount of a transfer: byte 32 of its fact.
    let seq = Some(record.seq);
    let expected = [("TG-LE-060", seq), ("TG-LE-061", seq), ("TG-LE-061", seq)];
    // The second one is in what tells a retry: it is in no balance, and in both trees all the same.
    for (byte, expected) in [(32, &expected[..]), (48, &expected[1..])] {
        let forged = folder.forged(&record, byte);
        let found = checked(&folder);
        drop(forged);
        let told: Vec<_> = found.faults().iter().map(|fault| (fault.code(), fault.seq())).collect();
        assert_eq!(told, expected, "byte {byte}");
    }
}

#[tokio::test]
async fn with_keys_only_what_they_signed_counts() {
    let folder = filled().await;
    let mut keys = folder.keys();
    let trust = |keys| Trust { keys, ..Trust::default() };
    keys.retain(|key| key.profile() == Profile::Sm3);
    assert_eq!(codes(&verify(folder.path(), &trust(keys)).unwrap()), ["TG-AU-006"]);
    let forged = folder.read("ledger/main/sm3/checkpoint").replacen("/main/", "/other/", 1);
    folder.write("ledger/main/sm3/checkpoint", &forged);
    assert_eq!(codes(&checked(&folder)), ["TG-AU-006"], "a checkpoint of another book");
}

#[tokio::test]
async fn a_folder_without_books_is_none_to_verify() {
    let dir = tempfile::TempDir::new().unwrap();
    tidegate_kernel_journal::DataFolder::open(dir.path()).unwrap().close();
    let found = verify(dir.path(), &Trust::default()).unwrap();
    assert_eq!(codes(&found), ["TG-LE-064"]);
}
