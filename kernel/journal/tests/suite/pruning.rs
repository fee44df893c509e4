//! Pruned records on a real folder: found by whoever examines it, and carried by backups.

use std::path::{Path, PathBuf};
use tempfile::TempDir;
use tidegate_kernel_journal::{
    DataFolder, Entry, Id, Level, ReadLimit, Record, Until, backup, examine, restore,
};

const STREAM: u16 = 1024;

/// So many records, closed by a restart but for the last.
fn filled(data: &Path, records: u64) {
    for many in [records - 1, 1] {
        let folder = DataFolder::open(data).unwrap();
        for nth in 0..many {
            let payload = format!("what record {nth} says");
            let entry = Entry {
                stream: STREAM,
                kind: 3,
                version: 1,
                id: Id::v7(nth),
                payload: payload.as_bytes(),
                ..Entry::default()
            };
            folder.books().append(entry).unwrap().wait(Level::Disk).unwrap();
        }
        folder.close();
    }
}

fn prune(data: &Path, many: usize) -> u64 {
    let folder = DataFolder::open(data).unwrap();
    let limit = ReadLimit { records: many, bytes: 1 << 20 };
    let (records, _) = folder.books().read(STREAM, 0, limit).unwrap();
    let mut stubs = |record: &Record| (record.head.stream == STREAM).then(|| b"stub".to_vec());
    let done = folder.books().prune(records.last().unwrap().head.seq, &mut stubs).unwrap();
    folder.close();
    done.records
}

/// In `books`: records of the stream, how many are pruned, and what is wrong.
fn found(data: &Path) -> (u64, u64, usize) {
    let books = examine(data).unwrap().journals.remove(0);
    let appended =
        books.counts.iter().find(|(stream, _)| *stream == STREAM).map_or(0, |(_, counts)| counts.total());
    (appended, books.pruned, books.findings.len())
}

#[test]
fn pruned_records_are_counted_and_an_open_reader_sees_that_they_are() {
    let dir = TempDir::new().unwrap();
    filled(dir.path(), 50);
    assert_eq!(prune(dir.path(), 30), 30);
    assert_eq!(found(dir.path()), (50, 30, 0));
    let folder = DataFolder::open(dir.path()).unwrap();
    let (records, _) = folder.books().read(STREAM, 0, ReadLimit { records: 99, bytes: 1 << 20 }).unwrap();
    for (nth, record) in records.iter().enumerate() {
        let expected =
            if nth < 30 { b"stub".to_vec() } else { format!("what record {} says", nth % 49).into_bytes() };
        assert_eq!((record.head.flags.pruned, &record.payload[..]), (nth < 30, &expected[..]), "{nth}");
    }
    let by_id = folder.books().find(records[3].head.id).unwrap();
    assert!(by_id.is_none_or(|record| record.head.flags.pruned));
    folder.close();
    // A second time it is only the rest.
    assert_eq!(prune(dir.path(), 40), 10);
    assert_eq!(found(dir.path()), (50, 40, 0));
}

#[test]
fn a_backup_on_top_of_an_earlier_one_has_the_segments_that_were_written_anew() {
    let dir = TempDir::new().unwrap();
    let at = |name: &str| -> PathBuf { dir.path().join(name) };
    filled(&at("data"), 50);
    backup(&at("data"), &at("before"), None).unwrap();
    prune(&at("data"), 30);
    backup(&at("data"), &at("after"), Some(&at("before"))).unwrap();
    restore(&[at("before"), at("after")], &at("pruned"), &Until::End).unwrap();
    restore(&[at("before")], &at("whole"), &Until::End).unwrap();
    assert_eq!((found(&at("pruned")), found(&at("whole"))), ((50, 30, 0), (50, 0, 0)));
    DataFolder::open(&at("pruned")).unwrap().close();
    assert_eq!(found(&at("pruned")), (50, 30, 0));
}
