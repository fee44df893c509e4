//! A data folder that was copied: where each record lies in it, and how to change a byte and put it back.

use crate::desk::Desk;
use crate::grown::signer;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use tempfile::TempDir;
use tidegate_kernel_audit::{Builder, Profile, Verifier};
use tidegate_kernel_journal::examine;
use tidegate_service_ledger::{known_stream, trees_folder};

const HEADER_BYTES: u64 = 1024;
/// Of a record, before its payload.
const HEAD_BYTES: u64 = 56;
/// On stream 0: the record that ends a batch.
const COMMIT: u16 = 1;

pub(crate) struct Copied {
    dir: TempDir,
    /// What the accounts of `main` had when it was copied.
    pub(crate) balances: BTreeMap<String, [i64; 3]>,
}

pub(crate) struct Segment {
    pub(crate) file: String,
    pub(crate) used_bytes: u64,
    pub(crate) file_bytes: u64,
    records: Vec<Lying>,
    is_tail: bool,
}

/// A record as it lies there.
#[derive(Debug, Clone)]
pub(crate) struct Lying {
    pub(crate) file: String,
    pub(crate) offset: u64,
    pub(crate) seq: u64,
    bytes: u64,
    batch: u64,
    stream: u16,
    kind: u16,
}

#[derive(Debug, Clone, Copy)]
pub(crate) enum Place {
    Header,
    Record { offset: u64 },
    LastBatch,
}

impl Place {
    pub(crate) fn kind(self) -> usize {
        match self {
            Place::Header => 0,
            Place::Record { .. } => 1,
            Place::LastBatch => 2,
        }
    }
}

fn number<const BYTES: usize>(bytes: &[u8], at: u64) -> u64 {
    let mut number = [0; 8];
    number[..BYTES].copy_from_slice(&bytes[at as usize..at as usize + BYTES]);
    u64::from_le_bytes(number)
}

impl Segment {
    pub(crate) fn place(&self, position: u64) -> Place {
        let last = self.records.last().map_or(0, |record| record.batch);
        match self.records.iter().find(|record| position < record.offset + record.bytes) {
            _ if position < HEADER_BYTES => Place::Header,
            Some(record) if self.is_tail && record.batch == last => Place::LastBatch,
            Some(record) => Place::Record { offset: record.offset },
            None => panic!("byte {position} of {} is in no record", self.file),
        }
    }
}

/// Grows the trees over all that the books have, and signs.
pub(crate) fn sealed(desk: &Desk) {
    for book in ["main", "other"] {
        let (journal, path) = (desk.folder().books(), trees_folder(desk.dir.path(), book));
        let signers = Profile::ALL.map(|profile| signer(book, profile)).into();
        let stream = known_stream(journal, book).unwrap();
        let (mut builder, _) = Builder::open(&path, journal, &[stream], signers).unwrap();
        while builder.step().unwrap().records > 0 {}
        builder.sign().unwrap();
    }
}

impl Copied {
    pub(crate) fn of(desk: Desk) -> Copied {
        let names = ["source", "a", "b", "dollars"];
        let balances = names.iter().map(|name| ((*name).to_owned(), desk.balance(name))).collect();
        let from = desk.close();
        let dir = TempDir::new().unwrap();
        copy(from.path(), dir.path());
        Copied { dir, balances }
    }

    pub(crate) fn path(&self) -> &Path {
        self.dir.path()
    }

    pub(crate) fn keys(&self) -> Vec<Verifier> {
        let of_book = |book| Profile::ALL.map(|profile| signer(book, profile).verifier());
        ["main", "other"].into_iter().flat_map(of_book).collect()
    }

    pub(crate) fn read(&self, file: &str) -> String {
        fs::read_to_string(self.path().join(file)).unwrap()
    }

    pub(crate) fn write(&self, file: &str, text: &str) {
        fs::write(self.path().join(file), text).unwrap();
    }

    pub(crate) fn remove(&self, folder: &str) {
        fs::remove_dir_all(self.path().join(folder)).unwrap();
    }

    /// Below a folder, as paths from the data folder.
    pub(crate) fn files(&self, folder: &str) -> Vec<String> {
        let (mut folders, mut found) = (vec![self.path().join(folder)], Vec::new());
        while let Some(folder) = folders.pop() {
            for path in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
                if path.is_dir() {
                    folders.push(path);
                } else {
                    found.push(path.strip_prefix(self.path()).unwrap().to_str().unwrap().to_owned());
                }
            }
        }
        found
    }

    /// A part of a tile that has become longer since.
    pub(crate) fn is_superseded(&self, file: &str) -> bool {
        let Some((tile, width)) = file.split_once(".p/") else { return false };
        let width: u64 = width.parse().unwrap();
        let longer = |other: &String| {
            other.split_once(".p/").is_some_and(|(of, w)| of == tile && w.parse::<u64>().unwrap() > width)
        };
        self.path().join(tile).exists() || self.files("ledger/main/sm3/tile").iter().any(longer)
    }

    pub(crate) fn segments(&self) -> Vec<Segment> {
        let report = examine(self.path()).unwrap().journals.remove(0);
        let count = report.segments.len();
        let segments = report.segments.into_iter().enumerate();
        segments
            .map(|(at, segment)| {
                let file = format!("books/{}", segment.file);
                let bytes = fs::read(self.path().join(&file)).unwrap();
                let records = lying(&segment.file, &bytes[..segment.used_bytes as usize]);
                let (used_bytes, file_bytes) = (segment.used_bytes, segment.file_bytes);
                Segment { file: segment.file, used_bytes, file_bytes, records, is_tail: at + 1 == count }
            })
            .collect()
    }

    /// A fact of a book, in the order of the journal.
    pub(crate) fn nth_of_book(&self, book: &str, nth: usize) -> Lying {
        let stream = if book == "main" { 1024 } else { 1025 };
        let records = self.segments().into_iter().flat_map(|segment| segment.records);
        records.filter(|record| record.stream == stream).nth(nth).unwrap()
    }

    pub(crate) fn last_of_book(&self, book: &str) -> Lying {
        let stream = if book == "main" { 1024 } else { 1025 };
        let mut records = self.segments().into_iter().flat_map(|segment| segment.records);
        records.rfind(|record| record.stream == stream).unwrap()
    }

    pub(crate) fn flipped(&self, file: &str, position: u64, bit: u8) -> Changed {
        self.changed(file, |bytes| bytes[position as usize] ^= bit)
    }

    pub(crate) fn zeroed(&self, file: &str, from: u64, until: u64) -> Changed {
        self.changed(file, |bytes| bytes[from as usize..until as usize].fill(0))
    }

    /// One bit of the record's payload, and every checksum over it made right again.
    pub(crate) fn forged(&self, record: &Lying, at: u64) -> Changed {
        self.changed(&record.file, |bytes| {
            bytes[(record.offset + HEAD_BYTES + at) as usize] ^= 1;
            let salt = number::<4>(bytes, 12) as u32;
            reseal(bytes, record.offset, salt);
            let batch: Vec<_> =
                lying(&record.file, bytes).into_iter().filter(|other| other.batch == record.batch).collect();
            let (commit, facts) = batch.split_last().unwrap();
            assert_eq!((commit.stream, commit.kind), (0, COMMIT));
            let sums = facts.iter().fold(0, |crc, fact| {
                let at = fact.offset as usize + 12;
                crc32c::crc32c_append(crc, &bytes[at..at + 4])
            });
            let at = (commit.offset + HEAD_BYTES) as usize + 4;
            bytes[at..at + 4].copy_from_slice(&sums.to_le_bytes());
            reseal(bytes, commit.offset, salt);
        })
    }

    fn changed(&self, file: &str, change: impl FnOnce(&mut [u8])) -> Changed {
        let below = if file.ends_with(".seg") { format!("books/{file}") } else { file.to_owned() };
        let path = self.path().join(below);
        let before = fs::read(&path).unwrap();
        let mut bytes = before.clone();
        change(&mut bytes);
        fs::write(&path, &bytes).unwrap();
        Changed { path, before: RefCell::new(before) }
    }
}

/// Puts the file back as it was.
pub(crate) struct Changed {
    path: PathBuf,
    before: RefCell<Vec<u8>>,
}

impl Drop for Changed {
    fn drop(&mut self) {
        // The folder may have been taken away meanwhile.
        let _ = fs::write(&self.path, self.before.take());
    }
}

/// Every record of a segment.
fn lying(file: &str, bytes: &[u8]) -> Vec<Lying> {
    let (mut records, mut offset) = (Vec::new(), HEADER_BYTES);
    while offset + HEAD_BYTES <= bytes.len() as u64 {
        let length = number::<4>(bytes, offset);
        if length < HEAD_BYTES {
            break;
        }
        records.push(Lying {
            file: file.to_owned(),
            offset,
            seq: number::<8>(bytes, offset + 16),
            bytes: length.next_multiple_of(8),
            batch: number::<8>(bytes, offset + 32),
            stream: number::<2>(bytes, offset + 4) as u16,
            kind: number::<2>(bytes, offset + 6) as u16,
        });
        offset += length.next_multiple_of(8);
    }
    records
}

fn reseal(bytes: &mut [u8], offset: u64, salt: u32) {
    let (at, length) = (offset as usize, number::<4>(bytes, offset) as usize);
    let crc = crc32c::crc32c_append(salt, &bytes[at..at + 12]);
    let crc = crc32c::crc32c_append(crc, &bytes[at + 16..at + length]);
    bytes[at + 12..at + 16].copy_from_slice(&crc.to_le_bytes());
}

fn copy(from: &Path, to: &Path) {
    for entry in fs::read_dir(from).unwrap().map(Result::unwrap) {
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            fs::create_dir_all(&target).unwrap();
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}
