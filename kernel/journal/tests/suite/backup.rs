//! Backups of a folder in use, and folders made of them.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::SystemTime;
use tempfile::TempDir;
use tidegate_kernel_journal::{
    BackupError, Counts, Cursor, DataFolder, Entry, FolderOptions, Journal, Level, Options, ReadLimit,
    Retention, Tally, Until, backup, examine, restore, restore_check,
};

const STREAM: u16 = 16;

/// Segments so small that a few hundred records fill many.
fn options() -> FolderOptions {
    let small = |retention| Options { segment_bytes: [16 << 10; 3], retention, ..Options::queues() };
    FolderOptions {
        books: small(Retention::Keep),
        queues: small(Retention::Drain { keep_bytes: 32 << 10, bytes_max: 1 << 20 }),
        network_allowed: false,
    }
}

fn open(path: &Path) -> DataFolder {
    DataFolder::open_with(path, options()).unwrap()
}

/// Appends these numbers, each in a batch of its own, and says the last record's.
fn append(journal: &Journal, numbers: std::ops::Range<u64>) -> u64 {
    let mut last = 0;
    for number in numbers {
        let payload = [&number.to_le_bytes()[..], &[7; 200]].concat();
        let entry = Entry { stream: STREAM, payload: &payload, ..Entry::default() };
        let ticket = super::patiently(|| journal.append(entry));
        ticket.wait(Level::Disk).unwrap();
        last = ticket.seq();
    }
    last
}

/// Record numbers and what was appended.
fn read(journal: &Journal) -> Vec<(u64, u64)> {
    let (mut found, mut through) = (Vec::new(), 0);
    loop {
        let (records, looked_at) =
            journal.read(STREAM, through, ReadLimit { records: 1000, bytes: 1 << 20 }).unwrap();
        let number = |payload: &[u8]| u64::from_le_bytes(payload[..8].try_into().unwrap());
        found.extend(records.iter().map(|record| (record.head.seq, number(&record.payload))));
        if looked_at == through {
            return found;
        }
        through = looked_at;
    }
}

/// What is in a folder that was made of these backups.
fn restored(backups: &[PathBuf], until: &Until) -> Result<[Vec<(u64, u64)>; 2], BackupError> {
    let dir = TempDir::new().unwrap();
    let target = dir.path().join("data");
    let told = restore_check(backups, until)?;
    assert_eq!(restore(backups, &target, until)?, told);
    for journal in examine(&target).unwrap().journals {
        assert!(journal.findings.is_empty(), "{journal:?}");
    }
    let folder = open(&target);
    Ok([read(folder.queues()), read(folder.books())])
}

fn numbers(records: &[(u64, u64)]) -> Vec<u64> {
    records.iter().map(|(_, number)| *number).collect()
}

/// In a folder, or in one file.
const FORMS: [&str; 2] = ["", ".tar"];

/// A folder in use with three backups of it, each on top of the one before.
struct Site {
    dir: TempDir,
    folder: DataFolder,
    backups: Vec<PathBuf>,
    /// What the names of backups end with, each of which takes the next.
    forms: Vec<&'static str>,
    /// Has settled nothing, so that nothing goes.
    _waiting: Cursor,
}

impl Site {
    fn new() -> Site {
        Site::in_forms(&[""])
    }

    fn in_forms(forms: &[&'static str]) -> Site {
        let dir = TempDir::new().unwrap();
        let folder = open(&dir.path().join("data"));
        let waiting = folder.queues().cursor("sink", STREAM).unwrap();
        let mut site = Site { dir, folder, backups: Vec::new(), forms: forms.to_vec(), _waiting: waiting };
        for part in 0..3 {
            append(site.folder.queues(), part * 100..part * 100 + 100);
            append(site.folder.books(), part * 10..part * 10 + 10);
            site.back_up();
        }
        site
    }

    fn data(&self) -> PathBuf {
        self.dir.path().join("data")
    }

    fn back_up(&mut self) -> u64 {
        let count = self.backups.len();
        let target = self.dir.path().join(format!("backup-{count}{}", self.forms[count % self.forms.len()]));
        let saved = backup(&self.data(), &target, self.backups.last().map(PathBuf::as_path)).unwrap();
        self.backups.push(target);
        saved.iter().map(|journal| journal.copied_bytes).sum()
    }
}

#[test]
fn a_full_backup_and_those_on_top_of_it_are_the_folder_again() {
    for forms in [&[""][..], &[".tar"], &["", ".tar"], &[".tar", ""]] {
        is_the_folder_again(&Site::in_forms(forms));
    }
}

fn is_the_folder_again(site: &Site) {
    let [queues, books] = restored(&site.backups, &Until::End).unwrap();
    assert_eq!((queues, books), (read(site.folder.queues()), read(site.folder.books())));
    let [queues, books] = restored(&site.backups[..2], &Until::End).unwrap();
    assert_eq!(numbers(&queues), (0..200).collect::<Vec<_>>());
    assert_eq!(numbers(&books), (0..20).collect::<Vec<_>>());
}

#[test]
fn a_backup_on_top_of_another_has_what_is_new_alone() {
    FORMS.iter().for_each(|form| has_what_is_new_alone(Site::in_forms(&[form])));
}

fn has_what_is_new_alone(mut site: Site) {
    let nothing_new = site.back_up();
    assert_eq!(nothing_new, 0);
    let full = site.dir.path().join("full");
    let whole: u64 = backup(&site.data(), &full, None).unwrap().iter().map(|saved| saved.copied_bytes).sum();
    append(site.folder.queues(), 300..301);
    let little = site.back_up();
    assert!(little > 0 && little < whole / 2, "{little} of {whole}");
    let [queues, _] = restored(&site.backups, &Until::End).unwrap();
    assert_eq!(numbers(&queues).last(), Some(&300));
}

#[test]
fn to_a_record_nothing_behind_it_is_there_and_the_other_journal_ends_at_its_time() {
    FORMS.iter().for_each(|form| ends_at_each_record(&Site::in_forms(&[form])));
}

fn ends_at_each_record(site: &Site) {
    let records = read(site.folder.queues());
    for at in [0, 57, 99, 100, 250] {
        let until = Until::Seq { journal: "queues".to_owned(), seq: records[at].0 };
        let [queues, books] = restored(&site.backups, &until).unwrap();
        assert_eq!(queues, records[..=at]);
        // Each part of the books was appended behind the part of the queues.
        let most = (at as u64 / 100 + 1) * 10;
        assert!(books.len() as u64 <= most, "{at}: {}", books.len());
    }
}

#[test]
fn to_a_time_nothing_that_came_later_is_there() {
    let dir = TempDir::new().unwrap();
    let folder = open(dir.path());
    let _waiting = folder.queues().cursor("sink", STREAM).unwrap();
    append(folder.queues(), 0..20);
    append(folder.books(), 0..5);
    let between_ms = now_ms();
    while now_ms() <= between_ms {
        thread::yield_now();
    }
    append(folder.queues(), 20..40);
    append(folder.books(), 5..9);
    for form in FORMS {
        let target = TempDir::new().unwrap();
        let target = target.path().join(format!("full{form}"));
        backup(dir.path(), &target, None).unwrap();
        let [queues, books] = restored(&[target], &Until::Time { ms: between_ms }).unwrap();
        assert_eq!((queues.len(), books.len()), (20, 5));
    }
}

#[test]
fn while_a_node_appends_settles_and_lets_segments_go_a_backup_is_whole() {
    let dir = TempDir::new().unwrap();
    let folder = open(&dir.path().join("data"));
    let mut cursor = folder.queues().cursor("sink", STREAM).unwrap();
    let is_over = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            for number in 0.. {
                if is_over.load(Ordering::Relaxed) {
                    break;
                }
                append(folder.queues(), number..number + 1);
                let batch = cursor.read(ReadLimit { records: 100, bytes: 1 << 20 }).unwrap();
                let delivered = Counts { process: batch.deliveries.len() as u64, critical: 0 };
                let tally = Tally { delivered, ..Tally::default() };
                super::patiently(|| cursor.commit(batch.through, tally));
            }
        });
        let mut backups: Vec<PathBuf> = Vec::new();
        for at in 0..20 {
            let safe = folder.queues().synced().value();
            let target = dir.path().join(format!("backup-{at}{}", FORMS[at % 2]));
            backup(&dir.path().join("data"), &target, backups.last().map(PathBuf::as_path)).unwrap();
            backups.push(target);
            let dir = TempDir::new().unwrap();
            let restored = restore(&backups, &dir.path().join("data"), &Until::End).unwrap();
            assert!(restored[0].last_seq >= safe, "{restored:?} and {safe} was synced before");
            for journal in examine(&dir.path().join("data")).unwrap().journals {
                assert!(journal.findings.is_empty(), "{journal:?}");
                assert!(
                    journal.accounts.iter().all(|account| account.tally.shed.total() == 0),
                    "{journal:?}"
                );
            }
            drop(open(&dir.path().join("data")));
        }
        is_over.store(true, Ordering::Relaxed);
    });
    assert!(folder.queues().status().tallies.segments_made > 3);
}

#[test]
fn what_is_wrong_with_backups_is_said_by_its_code_and_makes_no_folder() {
    let site = Site::new();
    let dir = TempDir::new().unwrap();
    let code = |backups: &[PathBuf], until: &Until| {
        let target = dir.path().join("data");
        let code = restore(backups, &target, until).unwrap_err().code();
        assert!(!target.exists(), "{code}");
        assert_eq!(restore_check(backups, until).unwrap_err().code(), code);
        code
    };
    let [full, second, third] = [0, 1, 2].map(|at| site.backups[at].clone());
    assert_eq!(code(&[full.clone(), third.clone()], &Until::End), "TG-BK-004");
    assert_eq!(code(&[third.clone(), second.clone(), full.clone()][..1], &Until::End), "TG-BK-004");
    assert_eq!(code(&[dir.path().join("none")], &Until::End), "TG-BK-001");
    assert_eq!(code(&[site.data()], &Until::End), "TG-BK-001");
    assert_eq!(code(&site.backups, &Until::Time { ms: 5 }), "TG-BK-006");
    assert_eq!(code(&site.backups, &Until::Time { ms: u64::MAX }), "TG-BK-006");
    for seq in [0, 1_000_000] {
        assert_eq!(code(&site.backups, &Until::Seq { journal: "queues".to_owned(), seq }), "TG-BK-006");
    }
    let none = Until::Seq { journal: "shelf".to_owned(), seq: 1 };
    assert_eq!(code(&site.backups, &none), "TG-BK-006");
    let taken = restore(&site.backups, &site.data(), &Until::End).unwrap_err();
    assert_eq!(taken.code(), "TG-BK-003");
    let file = dir.path().join("taken.tar");
    fs::write(&file, "something else").unwrap();
    for taken in [&full, &file] {
        assert_eq!(backup(&site.data(), taken, None).unwrap_err().code(), "TG-BK-003");
    }
    assert_eq!(fs::read(&file).unwrap(), b"something else");
    assert_eq!(code(&[file], &Until::End), "TG-BK-001");
    assert_eq!(
        backup(&dir.path().join("none"), &dir.path().join("b"), None).unwrap_err().code(),
        "TG-JR-014"
    );
    flip(&full.join("queues/0000000001.seg"), 3000);
    assert_eq!(code(&[full], &Until::End), "TG-BK-005");
}

/// A backup in one file, with a snapshot in it.
fn small_file(dir: &Path) -> PathBuf {
    let folder = open(&dir.join("data"));
    append(folder.queues(), 0..9);
    let seq = append(folder.books(), 0..3);
    folder.books().write_snapshot("balances", seq, b"so much").unwrap();
    let file = dir.join("small.tar");
    backup(&dir.join("data"), &file, None).unwrap();
    assert!(!dir.join("small.tar.draft").exists());
    file
}

#[test]
fn any_flipped_bit_of_a_file_is_refused_and_nothing_is_made_of_it() {
    let dir = TempDir::new().unwrap();
    let file = small_file(dir.path());
    let (bytes, target) = (fs::read(&file).unwrap(), dir.path().join("new"));
    // Of each three bytes one: a block has no multiple of three, so nowhere is left out in all of them.
    for at in (0..bytes.len()).step_by(3) {
        let mut flipped = bytes.clone();
        flipped[at] ^= 1;
        fs::write(&file, flipped).unwrap();
        let refused = restore(std::slice::from_ref(&file), &target, &Until::End);
        let code = refused.map_err(|error| error.code()).expect_err(&format!("byte {at} was flipped"));
        assert!(["TG-BK-001", "TG-BK-002", "TG-BK-005"].contains(&code), "byte {at}: {code}");
        assert!(!target.exists(), "byte {at}: {code}");
    }
    fs::write(&file, bytes).unwrap();
    restore(&[file], &target, &Until::End).unwrap();
    assert_eq!(open(&target).books().snapshot("balances").unwrap().unwrap().1, b"so much");
}

#[test]
fn a_file_that_was_cut_off_anywhere_or_has_something_behind_it_is_refused() {
    let dir = TempDir::new().unwrap();
    let file = small_file(dir.path());
    let (bytes, target) = (fs::read(&file).unwrap(), dir.path().join("new"));
    let longer = [&bytes[..], &[0]].concat();
    for bytes in (0..bytes.len()).step_by(97).map(|end| &bytes[..end]).chain([&longer[..]]) {
        fs::write(&file, bytes).unwrap();
        let code = restore(std::slice::from_ref(&file), &target, &Until::End).unwrap_err().code();
        assert!(["TG-BK-001", "TG-BK-005"].contains(&code), "{} bytes: {code}", bytes.len());
        assert!(!target.exists(), "{} bytes: {code}", bytes.len());
    }
}

#[test]
fn a_flipped_bit_of_a_snapshot_in_a_folder_is_refused() {
    let dir = TempDir::new().unwrap();
    small_file(dir.path());
    let full = dir.path().join("full");
    backup(&dir.path().join("data"), &full, None).unwrap();
    let names = fs::read_dir(full.join("books")).unwrap().map(|entry| entry.unwrap().path());
    let snapshot = names.into_iter().find(|path| path.extension().is_some_and(|end| end == "snap")).unwrap();
    flip(&snapshot, 30);
    let refused = restore(&[full], &dir.path().join("new"), &Until::End).unwrap_err();
    assert_eq!(refused.code(), "TG-BK-005");
    assert!(refused.to_string().contains("balances"), "{refused}");
}

#[test]
fn a_file_is_what_tar_reads() {
    let dir = TempDir::new().unwrap();
    let file = small_file(dir.path());
    let folder = dir.path().join("unpacked");
    fs::create_dir(&folder).unwrap();
    let status = std::process::Command::new("tar").arg("-xf").arg(&file).arg("-C").arg(&folder).status();
    assert!(status.unwrap().success());
    let [queues, _] = restored(&[folder], &Until::End).unwrap();
    assert_eq!(numbers(&queues), (0..9).collect::<Vec<_>>());
}

fn now_ms() -> u64 {
    SystemTime::UNIX_EPOCH.elapsed().unwrap().as_millis() as u64
}

fn flip(file: &Path, at: usize) {
    let mut bytes = fs::read(file).unwrap();
    bytes[at] ^= 1;
    fs::write(file, bytes).unwrap();
}
