//! The journal as its users see it, on a real folder.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on should say where")]

use std::fs;
use tempfile::TempDir;
use tidegate_kernel_journal::{Counts, DataFolder, Entry, Id, Journal, Level, ReadLimit, Tally};

const LIMIT: ReadLimit = ReadLimit { records: 1000, bytes: 1 << 20 };

fn append(journal: &Journal, payload: &[u8]) -> u64 {
    let entry = Entry { stream: 16, kind: 1, version: 1, id: Id::v7(1), payload, ..Entry::default() };
    let ticket = journal.append(entry).unwrap();
    ticket.wait(Level::Disk).unwrap();
    ticket.seq()
}

fn payloads(journal: &Journal) -> Vec<Vec<u8>> {
    let (records, _) = journal.read(16, 0, LIMIT).unwrap();
    records.iter().map(|record| record.payload.to_vec()).collect()
}

#[test]
fn what_was_appended_is_read_back_after_reopening() {
    let dir = TempDir::new().unwrap();
    let folder = DataFolder::open(dir.path()).unwrap();
    append(folder.queues(), b"one");
    append(folder.queues(), b"two");
    folder.close();
    let folder = DataFolder::open(dir.path()).unwrap();
    assert_eq!(payloads(folder.queues()), [b"one", b"two"]);
}

#[test]
fn an_unfinished_tail_is_cut_back_and_counted() {
    let dir = TempDir::new().unwrap();
    let folder = DataFolder::open(dir.path()).unwrap();
    append(folder.queues(), b"one");
    append(folder.queues(), b"two");
    folder.close();
    let log = dir.path().join("queues/log");
    let bytes = fs::read(&log).unwrap();
    fs::write(&log, &bytes[..bytes.len() - 3]).unwrap();
    let folder = DataFolder::open(dir.path()).unwrap();
    assert_eq!(payloads(folder.queues()), [b"one"]);
    assert_eq!(folder.queues().status().cut_bytes, 61);
}

#[test]
fn damage_before_a_whole_record_is_refused_and_changes_nothing() {
    let dir = TempDir::new().unwrap();
    let folder = DataFolder::open(dir.path()).unwrap();
    append(folder.queues(), b"one");
    append(folder.queues(), b"two");
    folder.close();
    let log = dir.path().join("queues/log");
    let mut bytes = fs::read(&log).unwrap();
    bytes[57] ^= 1;
    fs::write(&log, &bytes).unwrap();
    assert_eq!(DataFolder::open(dir.path()).unwrap_err().code(), "TG-JR-013");
    assert_eq!(fs::read(&log).unwrap(), bytes);
}

#[test]
fn a_cursor_comes_back_where_it_was_committed_and_marks_the_rest_as_replay() {
    let dir = TempDir::new().unwrap();
    let folder = DataFolder::open(dir.path()).unwrap();
    let mut cursor = folder.queues().cursor("file", 16).unwrap();
    append(folder.queues(), b"one");
    let batch = cursor.read(LIMIT).unwrap();
    assert!(!batch.deliveries[0].replay);
    let tally = Tally { delivered: Counts { process: 1, critical: 0 }, ..Tally::default() };
    cursor.commit(batch.through, tally).unwrap().wait(Level::Disk).unwrap();
    append(folder.queues(), b"two");
    folder.close();
    let folder = DataFolder::open(dir.path()).unwrap();
    let mut cursor = folder.queues().cursor("file", 16).unwrap();
    append(folder.queues(), b"three");
    let read: Vec<_> = cursor
        .read(LIMIT)
        .unwrap()
        .deliveries
        .iter()
        .map(|d| (d.record.payload.to_vec(), d.replay))
        .collect();
    assert_eq!(read, [(b"two".to_vec(), true), (b"three".to_vec(), false)]);
    let account = &folder.queues().status().accounts[0];
    assert_eq!((account.routed.process, account.tally.delivered.process), (3, 1));
    assert_eq!((account.in_flight.process, account.lag.process), (2, 0));
}

#[test]
fn a_folder_in_use_or_of_a_newer_format_or_of_something_else_is_refused() {
    let dir = TempDir::new().unwrap();
    let folder = DataFolder::open(dir.path()).unwrap();
    assert_eq!(DataFolder::open(dir.path()).unwrap_err().code(), "TG-JR-010");
    folder.close();
    fs::write(dir.path().join("FORMAT"), "7\n").unwrap();
    assert_eq!(DataFolder::open(dir.path()).unwrap_err().code(), "TG-JR-011");
    let other = TempDir::new().unwrap();
    fs::write(other.path().join("holiday.jpg"), b"").unwrap();
    assert_eq!(DataFolder::open(other.path()).unwrap_err().code(), "TG-JR-012");
}

#[test]
fn a_register_keeps_its_last_value() {
    let dir = TempDir::new().unwrap();
    let folder = DataFolder::open(dir.path()).unwrap();
    folder.queues().set_register("admission", b"1").unwrap();
    folder.queues().set_register("admission", b"2").unwrap().wait(Level::Disk).unwrap();
    folder.close();
    let folder = DataFolder::open(dir.path()).unwrap();
    assert_eq!(folder.queues().register("admission").as_deref(), Some(&b"2"[..]));
}
