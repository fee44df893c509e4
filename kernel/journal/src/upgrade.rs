//! `tidegate upgrade`: from an older format to this version's, by building the new journal beside the old one.
//!
//! The old folder is not touched until the new one is whole and synced; then names are swapped and the old files stay as
//! `queues.format-0`. Cut off anywhere, it starts over.

mod prospect;

pub use prospect::{Prospect, Work, prospect};

use crate::caretaker;
use crate::clock::{Clock, SystemClock};
use crate::committer;
use crate::control::{CONTROL, Fact};
use crate::disk::RealDisk;
use crate::error::OpenError;
use crate::folder::{self, BOOKS, FORMAT, QUEUES};
use crate::format0::Log;
use crate::journal::Journal;
use crate::options::Options;
use crate::record::{self, Framed};
use crate::recovery::io_error;
use crate::state::{Bell, State};
use std::fs;
use std::io;
use std::path::Path;
use std::sync::Arc;

/// Where the files of the older format are kept.
const KEPT: &str = "queues.format-0";
const DRAFT: &str = "queues.draft";

/// What an upgrade did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Upgraded {
    pub from: u32,
    pub to: u32,
    pub records: u64,
    /// The old files, below the data folder; nothing if the folder already was of this format.
    pub kept: Option<&'static str>,
}

/// Brings the data folder to this version's format. What is refused is refused before anything is written.
pub fn upgrade(path: &Path) -> Result<Upgraded, OpenError> {
    let prospect = prospect(path)?;
    if let Some(refusal) = prospect.refusal {
        return Err(refusal);
    }
    if prospect.work.is_none() {
        return Ok(Upgraded { from: FORMAT, to: FORMAT, records: 0, kept: None });
    }
    let _lock = folder::lock(path)?;
    let io = |source| io_error(&path.to_string_lossy(), source);
    start_over(path).map_err(io)?;
    let log = Log::read(path, QUEUES)?;
    let records = build(path, &log)?;
    swap(path).map_err(io)?;
    Ok(Upgraded { from: 0, to: FORMAT, records, kept: Some(KEPT) })
}

/// Takes back what an upgrade that was cut off has done.
fn start_over(path: &Path) -> io::Result<()> {
    for draft in [DRAFT, BOOKS] {
        remove(&path.join(draft))?;
    }
    if path.join(KEPT).exists() {
        remove(&path.join(QUEUES))?;
        fs::rename(path.join(KEPT), path.join(QUEUES))?;
    }
    folder::sync_names(path)
}

fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Writes every record under its own number and stamp, and an empty `books` beside.
fn build(path: &Path, log: &Log) -> Result<u64, OpenError> {
    let journal = fresh(&path.join(DRAFT), Options::queues())?;
    fresh(&path.join(BOOKS), Options::books())?;
    let mut count = 0;
    for (framed, raw) in log.records() {
        import(&journal, &framed, raw)?;
        count += 1;
    }
    settle(&journal, 0)?;
    Ok(count)
}

fn fresh(path: &Path, options: Options) -> Result<Journal, OpenError> {
    let disk = RealDisk::open(path).map_err(|error| io_error(&path.to_string_lossy(), error))?;
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    Journal::open(Arc::new(disk), clock, options, Arc::new(Bell::default()))
}

fn import(journal: &Journal, framed: &Framed, raw: &[u8]) -> Result<(), OpenError> {
    settle(journal, framed.padded())?;
    journal.shared.lock().import(framed, framed.payload(raw));
    Ok(())
}

/// Writes what is queued until so many bytes more fit; all of it if none are asked for.
fn settle(journal: &Journal, bytes: usize) -> Result<(), OpenError> {
    let shared = &journal.shared;
    while caretaker::tend(shared) {}
    let options = &shared.options;
    if bytes > 0 && shared.lock().admit(2 * bytes, false, options).is_ok() {
        return Ok(());
    }
    while committer::turn(shared) > 0 || caretaker::tend(shared) {}
    match shared.lock().stopped.clone() {
        Some(why) => Err(io_error(QUEUES, io::Error::other(why))),
        None => Ok(()),
    }
}

impl State {
    /// Takes a record of an older format in as it was.
    fn import(&mut self, framed: &Framed, payload: &[u8]) {
        let head = record::Head { batch: self.batch, ..framed.head };
        assert_eq!(head.seq, self.head_seq + 1, "the numbers of an older format have no gaps");
        self.head_seq = head.seq;
        self.stamps.next(head.stamp_ms);
        record::encode(&mut self.pending, &head, payload);
        if head.stream != CONTROL {
            self.learn(&head);
        } else if let Some(fact) = Fact::decode(head.kind, payload) {
            self.control.apply(fact);
            self.in_flight.resize(self.control.cursors.len(), Default::default());
        }
    }
}

fn swap(path: &Path) -> io::Result<()> {
    fs::rename(path.join(QUEUES), path.join(KEPT))?;
    fs::rename(path.join(DRAFT), path.join(QUEUES))?;
    folder::sync_names(path)?;
    folder::write_format(path, FORMAT)
}
