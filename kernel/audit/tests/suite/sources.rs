//! Trees over records that others can write over: what they went in as is what counts, whatever becomes of them.

use crate::site::signer;
use std::fs;
use std::sync::{Arc, Mutex};
use tempfile::TempDir;
use tidegate_kernel_audit::{AuditError, Builder, Entry, Found, Profile, Recount, Source, note_in};
use tidegate_kernel_journal::{Head, Id, Record};

/// Rows that anybody may change.
#[derive(Debug, Clone, Default)]
struct Rows(Arc<Mutex<Vec<Record>>>);

impl Rows {
    fn add(&self, count: u64) {
        let mut rows = self.0.lock().unwrap();
        for _ in 0..count {
            let seq = rows.last().map_or(1, |last| last.head.seq + 3);
            let head = Head {
                stream: 7,
                kind: 1,
                version: 1,
                seq,
                stamp_ms: seq,
                id: Id::v7(seq),
                ..Head::default()
            };
            rows.push(Record { head, payload: format!("row {seq}").into_bytes().into() });
        }
    }

    fn behind(&self, after: u64, most: usize) -> Found {
        let rows = self.0.lock().unwrap();
        let found: Vec<_> = rows.iter().filter(|row| row.head.seq > after).take(most).cloned().collect();
        let through = found.last().map_or(after, |last| last.head.seq);
        (found, through)
    }
}

impl Source for Rows {
    fn read(&self, after: u64, most: usize) -> Result<Found, AuditError> {
        Ok(self.behind(after, most))
    }

    fn kept_seq(&self) -> u64 {
        self.0.lock().unwrap().last().map_or(0, |last| last.head.seq)
    }

    fn read_again(&self, after: u64, most: usize) -> Result<Option<Found>, AuditError> {
        Ok(Some(self.behind(after, most)))
    }
}

fn opened(dir: &TempDir, rows: &Rows) -> Result<Builder, AuditError> {
    let signers = Profile::ALL.map(signer).into();
    Builder::over(dir.path(), Box::new(rows.clone()), signers).map(|(builder, _)| builder)
}

fn grow(builder: &mut Builder) {
    while builder.step().unwrap().records > 0 {}
    builder.sign().unwrap();
}

/// Every entry once at least.
fn compare(builder: &mut Builder) -> Result<usize, AuditError> {
    (0..8).map(|_| builder.compare()).sum()
}

#[test]
fn rows_that_are_as_they_were_are_right_while_the_trees_grow_by_any_number() {
    let (dir, rows) = (TempDir::new().unwrap(), Rows::default());
    let mut builder = opened(&dir, &rows).unwrap();
    assert_eq!(builder.compare().unwrap(), 0);
    for count in [1, 254, 1, 1, 300, 43, 168, 512] {
        rows.add(count);
        // What is not signed is not compared.
        builder.compare().unwrap();
        grow(&mut builder);
        assert!(compare(&mut builder).unwrap() > 0);
        builder.compare().unwrap();
    }
    assert_eq!(opened(&dir, &rows).unwrap().lag().size, 1280);
}

#[test]
fn any_row_that_is_another_one_or_gone_is_named_and_nothing_is_made_of_it() {
    let (dir, rows) = (TempDir::new().unwrap(), Rows::default());
    rows.add(600);
    let mut builder = opened(&dir, &rows).unwrap();
    grow(&mut builder);
    let file = dir.path().join("sm3/tile/entries/000");
    let (sound, before) = (rows.0.lock().unwrap().clone(), fs::read(&file).unwrap());
    type Change = fn(&mut Vec<Record>, usize);
    let changes: [(Change, &str); 5] = [
        (|rows, at| rows[at].payload = b"another".to_vec().into(), "is not what it was"),
        (|rows, at| rows[at].head.id = Id::v7(9), "is not what it was"),
        (|rows, at| drop(rows.remove(at)), "is missing"),
        (|rows, at| rows.truncate(at), "is missing"),
        (|rows, at| rows[at].head.seq += 1, "is missing"),
    ];
    for at in [0, 255, 256, 511, 599] {
        for (change, what) in changes {
            change(&mut rows.0.lock().unwrap(), at);
            let told = compare(&mut builder).unwrap_err();
            assert_eq!(told.code(), "TG-AU-013");
            let said = format!("leaf {at} of the sha256 tree, which is record {}, {what}", 1 + 3 * at);
            assert!(told.to_string().starts_with(&said), "{told}");
            let is_last = rows.0.lock().unwrap().last() != sound.last();
            assert_eq!(opened(&dir, &rows).is_err(), is_last, "{said}");
            *rows.0.lock().unwrap() = sound.clone();
        }
    }
    assert_eq!(fs::read(&file).unwrap(), before);
    // Where and when a row was written first is the entry's to say.
    rows.0.lock().unwrap().iter_mut().for_each(|row| (row.head.stream, row.head.stamp_ms) = (9, 9));
    assert_eq!(compare(&mut opened(&dir, &rows).unwrap()).unwrap(), 600 + 600 + 512);
}

#[test]
fn a_damaged_file_of_the_tree_is_not_taken_for_a_row_that_was_changed() {
    let (dir, rows) = (TempDir::new().unwrap(), Rows::default());
    rows.add(600);
    let mut builder = opened(&dir, &rows).unwrap();
    grow(&mut builder);
    let file = dir.path().join("sha256/tile/entries/001");
    let mut bytes = fs::read(&file).unwrap();
    bytes[70] ^= 1;
    fs::write(&file, bytes).unwrap();
    assert_eq!(compare(&mut builder).unwrap_err().code(), "TG-AU-002");
}

#[test]
fn moved_rows_come_to_the_root_that_was_signed_and_so_do_the_files_alone() {
    let (dir, rows) = (TempDir::new().unwrap(), Rows::default());
    rows.add(600);
    grow(&mut opened(&dir, &rows).unwrap());
    rows.0.lock().unwrap().iter_mut().for_each(|row| (row.head.stream, row.head.stamp_ms) = (9, 9));
    rows.add(2);
    let mut changed = rows.behind(0, 1000).0;
    changed[300].payload = b"another".to_vec().into();
    for profile in Profile::ALL {
        let path = dir.path().join(profile.name());
        let note = note_in(&path).unwrap().unwrap();
        let own = tidegate_kernel_audit::Checkpoint::open(&note, &signer(profile).verifier()).unwrap();
        let recount = || Recount::beside(&path, profile, own.size, vec![own.clone()]);
        let counted = |rows: &[Record]| {
            let mut recount = recount();
            rows.iter().for_each(|row| recount.push_moved(row).unwrap());
            recount.finish()
        };
        let whole = counted(&rows.behind(0, 1000).0);
        assert_eq!((whole.size, whole.held, whole.broken, whole.damaged), (602, Some(600), None, None));
        let other = counted(&changed);
        assert_eq!((other.broken.map(|broken| broken.size), other.first_other), (Some(600), Some(901)));
        let mut alone = recount();
        while let Some(entry) = alone.lying().unwrap() {
            alone.push_entry(&entry).unwrap();
        }
        let alone = alone.finish();
        assert_eq!((alone.size, alone.root, alone.held), (600, own.root, Some(600)));
        assert!(!Entry::of(profile, &changed[300]).is_of(&Entry::of(profile, &rows.behind(0, 1000).0[300])));
    }
}
