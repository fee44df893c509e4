//! The journal as its users see it, on a real folder.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on should say where")]

mod backup;
mod pruning;
mod split;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tempfile::TempDir;
use tidegate_kernel_journal::{
    Clock, Counts, DOZE, DataFolder, Entry, Fault, Id, Journal, Level, Options, PAYLOAD_BYTES_MAX, ReadLimit,
    Refusal, Retention, SimDisk, SystemClock, Tally, Threads, examine, upgrade,
};

/// Longer than anything here takes.
const PATIENCE: Duration = Duration::from_secs(20);
const LIMIT: ReadLimit = ReadLimit { records: 1000, bytes: 1 << 20 };

fn append(journal: &Journal, payload: &[u8]) -> u64 {
    let entry = Entry { stream: 16, kind: 1, version: 1, id: Id::v7(1), payload, ..Entry::default() };
    let ticket = patiently(|| journal.append(entry));
    ticket.wait(Level::Disk).unwrap();
    ticket.seq()
}

/// On a machine with much to do the next segment may not be there yet; whoever appends comes again.
fn patiently<T>(mut attempt: impl FnMut() -> Result<T, Refusal>) -> T {
    let began = Instant::now();
    loop {
        match attempt() {
            Err(Refusal::Busy(_)) if began.elapsed() < PATIENCE => std::thread::yield_now(),
            other => return other.unwrap(),
        }
    }
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

/// Records that nobody waits for come with pauses on either side of how long the committer dozes, so that it is found awake, dozing,
/// asleep, and between two of these.
#[test]
#[expect(clippy::disallowed_methods, reason = "nothing but time goes by between two records")]
fn what_nobody_waits_for_is_synced_before_long_however_it_comes() {
    let dir = TempDir::new().unwrap();
    let folder = DataFolder::open(dir.path()).unwrap();
    let journal = folder.queues();
    for nth in 0..400 {
        let entry =
            Entry { stream: 16, kind: 1, version: 1, patient: true, id: Id::v7(1), ..Entry::default() };
        let seq = patiently(|| journal.append(entry)).seq();
        // As whoever reads the journal does, and does not ring for it.
        journal.synced().wait(seq).unwrap();
        std::thread::sleep(DOZE.mul_f64(f64::from(nth % 7) * 0.25));
    }
    assert_eq!(payloads(journal).len(), 400);
}

#[test]
fn what_was_settled_a_moment_ago_is_told() {
    let dir = TempDir::new().unwrap();
    let folder = DataFolder::open(dir.path()).unwrap();
    let journal = folder.queues();
    let mut cursor = journal.cursor("sink", 16).unwrap();
    for _ in 0..20 {
        let seq = append(journal, b"one");
        let delivered = Counts { process: 1, critical: 0 };
        patiently(|| cursor.commit(seq, Tally { delivered, ..Tally::default() }));
        let passages = journal.passages(16, seq).unwrap();
        assert!(passages[0].cursor == "sink" && passages[0].stamp_ms.is_some(), "{passages:?}");
    }
}

/// The segment of `queues` written last, with its bytes.
fn last_segment(dir: &Path) -> (PathBuf, Vec<u8>) {
    let names = fs::read_dir(dir.join("queues")).unwrap().map(|entry| entry.unwrap().path());
    let last = names.filter(|path| path.extension().is_some_and(|end| end == "seg")).max().unwrap();
    let bytes = fs::read(&last).unwrap();
    (last, bytes)
}

/// Where this payload stands in these bytes.
fn position(bytes: &[u8], payload: &[u8]) -> usize {
    bytes.windows(payload.len()).position(|window| window == payload).unwrap()
}

#[test]
fn an_unfinished_batch_is_cut_back_and_counted() {
    let dir = TempDir::new().unwrap();
    let folder = DataFolder::open(dir.path()).unwrap();
    append(folder.queues(), b"the first one");
    append(folder.queues(), b"the second one");
    folder.close();
    let (segment, mut bytes) = last_segment(dir.path());
    // The commit record, and with it the batch: its last byte that is not padding is the checksum of the checksums.
    let commit = position(&bytes, b"the second one") + 16 + 56;
    bytes[commit..].fill(0);
    fs::write(&segment, &bytes).unwrap();
    let report = &examine(dir.path()).unwrap().journals[1];
    assert_eq!((report.unfinished_bytes, report.findings.len()), (72, 0));
    let folder = DataFolder::open(dir.path()).unwrap();
    assert_eq!(payloads(folder.queues()), [b"the first one"]);
    assert_eq!(folder.queues().status().cut_bytes, 72);
}

#[test]
fn a_flipped_byte_before_the_last_batch_is_named_and_the_start_refused_without_a_change() {
    let dir = TempDir::new().unwrap();
    let folder = DataFolder::open(dir.path()).unwrap();
    append(folder.queues(), b"the first one");
    append(folder.queues(), b"the second one");
    folder.close();
    let (segment, mut bytes) = last_segment(dir.path());
    let at = position(&bytes, b"the first one");
    bytes[at] ^= 1;
    fs::write(&segment, &bytes).unwrap();
    assert_eq!(DataFolder::open(dir.path()).unwrap_err().code(), "TG-JR-013");
    assert_eq!(fs::read(&segment).unwrap(), bytes);
    let finding = &examine(dir.path()).unwrap().journals[1].findings[0];
    assert_eq!((finding.seq, finding.offset, finding.fatal), (Some(1), at as u64 - 56, true));
}

#[test]
fn a_flipped_byte_of_the_last_batch_is_an_unfinished_end_wherever_it_lies() {
    let dir = TempDir::new().unwrap();
    let folder = DataFolder::open(dir.path()).unwrap();
    append(folder.queues(), b"the first one");
    append(folder.queues(), b"the last one");
    folder.close();
    let (segment, bytes) = last_segment(dir.path());
    let (begin, record, commit) = (position(&bytes, b"the last one") - 56, 72, 64);
    for at in begin..begin + record + commit {
        let mut flipped = bytes.clone();
        flipped[at] ^= 0x10;
        fs::write(&segment, &flipped).unwrap();
        let report = &examine(dir.path()).unwrap().journals[1];
        assert!(report.unfinished_bytes > 0 && report.findings.is_empty(), "byte {at}: {report:?}");
    }
}

#[test]
fn every_flipped_byte_before_the_last_batch_is_found() {
    let dir = TempDir::new().unwrap();
    let folder = DataFolder::open(dir.path()).unwrap();
    append(folder.queues(), b"the first one");
    append(folder.queues(), b"the second one");
    append(folder.queues(), b"the last one");
    folder.close();
    let (segment, bytes) = last_segment(dir.path());
    let last_batch = position(&bytes, b"the last one") - 56;
    for at in 0..last_batch {
        let mut flipped = bytes[..bytes.len()].to_vec();
        flipped[at] ^= 0x10;
        fs::write(&segment, &flipped).unwrap();
        let findings = &examine(dir.path()).unwrap().journals[1].findings;
        assert!(!findings.is_empty(), "byte {at} was flipped and nothing found");
    }
}

#[test]
fn a_missing_or_shortened_segment_is_found() {
    let dir = TempDir::new().unwrap();
    for _ in 0..3 {
        let folder = DataFolder::open(dir.path()).unwrap();
        append(folder.queues(), b"one");
        folder.close();
    }
    fs::rename(dir.path().join("queues/0000000002.seg"), dir.path().join("elsewhere")).unwrap();
    assert_eq!(DataFolder::open(dir.path()).unwrap_err().code(), "TG-JR-013");
    assert!(examine(dir.path()).unwrap().journals[1].findings[0].fatal);
    fs::rename(dir.path().join("elsewhere"), dir.path().join("queues/0000000002.seg")).unwrap();
    let (segment, bytes) = last_segment(dir.path());
    fs::write(&segment, &bytes[..bytes.len() / 2]).unwrap();
    assert_eq!(DataFolder::open(dir.path()).unwrap_err().code(), "TG-JR-013");
    fs::remove_dir_all(dir.path().join("books")).unwrap();
    assert_eq!(DataFolder::open(dir.path()).unwrap_err().code(), "TG-JR-012");
}

#[test]
fn a_folder_that_was_not_made_to_the_end_is_made_again() {
    let dir = TempDir::new().unwrap();
    DataFolder::open(dir.path()).unwrap().close();
    fs::remove_file(dir.path().join("FORMAT")).unwrap();
    fs::write(dir.path().join("CREATING"), b"").unwrap();
    let folder = DataFolder::open(dir.path()).unwrap();
    assert!(payloads(folder.queues()).is_empty());
    assert!(!dir.path().join("CREATING").exists());
}

fn golden_folder() -> TempDir {
    let dir = TempDir::new().unwrap();
    copy(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/format-0"), dir.path());
    dir
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap().map(Result::unwrap) {
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

#[test]
fn the_golden_folder_of_format_0_is_only_read_until_it_is_upgraded_and_then_has_every_record_and_account() {
    let dir = golden_folder();
    assert_eq!(DataFolder::open(dir.path()).unwrap_err().code(), "TG-JR-015");
    let before = examine(dir.path()).unwrap().journals.remove(0);
    let upgraded = upgrade(dir.path()).unwrap();
    assert_eq!((upgraded.from, upgraded.to, upgraded.records), (0, 1, before.records));
    let after = examine(dir.path()).unwrap().journals.remove(1);
    assert_eq!(
        (after.counts, after.accounts, after.head_seq),
        (before.counts, before.accounts, before.head_seq)
    );
    let folder = DataFolder::open(dir.path()).unwrap();
    let account = &folder.queues().status().accounts[0];
    assert_eq!((account.routed.total(), account.lag.total()), (22, 7));
    let mut cursor = folder.queues().cursor(&account.cursor, 16).unwrap();
    let batch = cursor.read(LIMIT).unwrap();
    assert_eq!(batch.deliveries.len(), 7);
    assert!(batch.deliveries.iter().all(|delivery| delivery.replay));
    assert_eq!(fs::read(dir.path().join("queues.format-0/log")).unwrap().len(), 3712, "the old file is kept");
    drop(folder);
    assert_eq!(upgrade(dir.path()).unwrap().kept, None, "a second upgrade has nothing to do");
}

#[test]
fn an_upgrade_cut_off_between_its_renames_starts_over() {
    let dir = golden_folder();
    upgrade(dir.path()).unwrap();
    fs::write(dir.path().join("FORMAT"), "0\n").unwrap();
    assert_eq!(upgrade(dir.path()).unwrap().kept, Some("queues.format-0"));
    DataFolder::open(dir.path()).unwrap().close();
}

#[test]
fn an_id_to_be_accepted_once_is_refused_a_second_time_also_after_a_restart() {
    let dir = TempDir::new().unwrap();
    let now_ms = SystemClock.wall_ms();
    let entry =
        Entry { stream: 16, once: true, id: Id::v7(now_ms), payload: b"transfer", ..Entry::default() };
    let folder = DataFolder::open(dir.path()).unwrap();
    let seq = folder.books().append(entry).unwrap().seq();
    assert_eq!(folder.books().append(entry).unwrap_err(), Refusal::Known { seq });
    folder.close();
    let folder = DataFolder::open(dir.path()).unwrap();
    assert_eq!(folder.books().append(entry).unwrap_err(), Refusal::Known { seq });
    assert_eq!(folder.books().find(entry.id).unwrap().unwrap().payload, entry.payload);
    let ahead = Entry { id: Id::v7(now_ms + 3_600_000), ..entry };
    assert_eq!(folder.books().append(ahead).unwrap_err(), Refusal::Ahead);
}

#[test]
fn a_record_is_found_by_an_id_no_window_remembers() {
    let dir = TempDir::new().unwrap();
    let folder = DataFolder::open(dir.path()).unwrap();
    let ids: Vec<Id> = (0..500).map(|_| Id::v7(SystemClock.wall_ms())).collect();
    for id in &ids {
        let entry = Entry { stream: 16, id: *id, payload: &id.0, ..Entry::default() };
        folder.queues().append(entry).unwrap();
    }
    folder.queues().append(Entry { stream: 16, ..Entry::default() }).unwrap().wait(Level::Disk).unwrap();
    assert!(ids.iter().all(|id| folder.queues().find(*id).unwrap().unwrap().payload == id.0[..]));
    assert_eq!(folder.queues().find(Id::v7(SystemClock.wall_ms())).unwrap(), None);
}

#[test]
fn a_snapshot_is_found_again_and_one_of_a_state_not_durable_is_refused() {
    let dir = TempDir::new().unwrap();
    let folder = DataFolder::open(dir.path()).unwrap();
    let seq = append(folder.books(), b"one");
    folder.books().write_snapshot("balances", seq, b"state").unwrap();
    assert!(folder.books().write_snapshot("balances", seq + 99, b"state").is_err());
    folder.close();
    let folder = DataFolder::open(dir.path()).unwrap();
    assert_eq!(folder.books().snapshot("balances").unwrap(), Some((seq, b"state".to_vec())));
}

#[test]
fn what_does_not_fit_one_batch_or_one_record_is_refused() {
    let dir = TempDir::new().unwrap();
    let folder = DataFolder::open(dir.path()).unwrap();
    let payload = vec![0; PAYLOAD_BYTES_MAX + 1];
    let entry = Entry { stream: 16, payload: &payload, ..Entry::default() };
    assert_eq!(folder.books().append(entry).unwrap_err().code(), "TG-JR-002");
    let many = vec![Entry { payload: &payload[1..], ..entry }; 4];
    assert_eq!(folder.books().append_all(&many).unwrap_err().code(), "TG-JR-002");
}

/// A journal of 4 KiB segments on a simulated disk, with the shape of `queues`.
fn small(disk: &SimDisk, bytes_max: u64) -> (Journal, Threads) {
    let retention = Retention::Drain { keep_bytes: 4096, bytes_max };
    let options = Options { segment_bytes: [4096; 3], retention, ..Options::queues() };
    Journal::start(Arc::new(disk.clone()), Arc::new(SystemClock), options).unwrap()
}

/// Appends until the journal has no room, waiting where it is only busy. What was taken.
fn fill(journal: &Journal, critical: bool) -> u64 {
    let mut taken = 0;
    loop {
        let entry = Entry { stream: 16, critical, payload: &[7; 200], ..Entry::default() };
        match journal.append(entry) {
            Ok(ticket) => {
                ticket.wait(Level::Disk).unwrap();
                taken += 1;
            }
            Err(Refusal::Busy(_)) => std::thread::yield_now(),
            Err(Refusal::Full) => return taken,
            Err(other) => panic!("{other}"),
        }
    }
}

#[test]
fn on_a_full_disk_appends_are_refused_cursors_still_move_and_room_made_is_used_again() {
    let disk = SimDisk::default();
    let (journal, _threads) = small(&disk, 1 << 20);
    let mut cursor = journal.cursor("file", 16).unwrap();
    disk.plan(Fault::Full { bytes: 10 * 4096 });
    let taken = fill(&journal, true);
    assert!(journal.status().read_only.is_some());
    let mut delivered = 0;
    while delivered < taken {
        let batch = cursor.read(LIMIT).unwrap();
        delivered += batch.deliveries.len() as u64;
        let tally = Tally {
            delivered: Counts { process: 0, critical: batch.deliveries.len() as u64 },
            ..Tally::default()
        };
        match cursor.commit(batch.through, tally) {
            Ok(ticket) => ticket.wait(Level::Disk).unwrap(),
            Err(refusal) => panic!("a cursor could not move: {refusal}"),
        }
    }
    while journal.status().read_only.is_some() {
        std::thread::yield_now();
    }
    assert!(fill(&journal, true) > 0);
}

#[test]
fn over_quota_the_oldest_segment_goes_with_its_loss_counted_and_its_critical_records_carried() {
    let disk = SimDisk::default();
    let (journal, _threads) = small(&disk, 8 * 4096);
    let mut cursor = journal.cursor("file", 16).unwrap();
    let critical = Entry { stream: 16, critical: true, payload: b"fire", ..Entry::default() };
    let seq = journal.append(critical).unwrap().seq();
    for _ in 0..400 {
        let entry = Entry { stream: 16, payload: &[7; 200], ..Entry::default() };
        while journal.append(entry).is_err() {
            std::thread::yield_now();
        }
    }
    let account = &journal.status().accounts[0];
    assert!(account.tally.shed.process > 200, "{account:?}");
    assert_eq!((account.tally.shed.critical, account.lag.critical), (0, 1));
    assert_eq!(account.routed, account.tally.settled() + account.lag + account.in_flight);
    journal.close();
    let mut found = Vec::new();
    loop {
        let batch = cursor.read(LIMIT).unwrap();
        if batch.deliveries.is_empty() && batch.through >= journal.synced().value() {
            break;
        }
        found.extend(batch.deliveries.into_iter().filter(|delivery| delivery.record.head.flags.critical));
    }
    assert_eq!(found.len(), 1);
    assert_eq!(
        (found[0].record.head.seq, &found[0].record.payload[..], found[0].replay),
        (seq, &b"fire"[..], true)
    );
}

#[test]
fn over_quota_critical_records_are_refused_and_none_is_shed() {
    let disk = SimDisk::default();
    let (journal, _threads) = small(&disk, 8 * 4096);
    let _cursor = journal.cursor("file", 16).unwrap();
    let taken = fill(&journal, true);
    let account = &journal.status().accounts[0];
    assert_eq!((account.lag.critical, account.tally.shed.total()), (taken, 0));
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
    assert_eq!(fs::read_to_string(dir.path().join("FORMAT")).unwrap(), "7\n");
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

const ONE: Counts = Counts { process: 1, critical: 0 };
