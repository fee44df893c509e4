//! What lies in a data folder, read without changing or locking it: for `tidegate journal inspect` and `verify`.
//!
//! Reads every record of every segment. Works on a copy, on an older format, and on a folder in use, whose newest records may
//! then look unfinished.

use crate::account::{Account, Counts, counts_as};
use crate::batch::Batches;
use crate::control::{CONTROL, Control, Fact};
use crate::disk::{Disk, RealDisk};
use crate::error::OpenError;
use crate::folder::{self, BOOKS, QUEUES};
use crate::format0::{self, Log};
use crate::record::{Framed, HEADER_BYTES, Record};
use crate::recovery::{self, Listed};
use bytes::Bytes;
use std::collections::BTreeMap;
use std::path::Path;

/// A data folder as it was found.
#[derive(Debug, Clone)]
pub struct Examination {
    pub format: u32,
    pub journals: Vec<JournalReport>,
}

/// One journal as it was found.
#[derive(Debug, Clone, Default)]
pub struct JournalReport {
    pub name: &'static str,
    pub segments: Vec<SegmentReport>,
    pub head_seq: u64,
    pub last_stamp_ms: u64,
    pub records: u64,
    /// Of these, those whose payload is gone.
    pub pruned: u64,
    pub counts: Vec<(u16, Counts)>,
    pub accounts: Vec<Account>,
    pub registers: Registers,
    /// Names of the snapshot files beside the log.
    pub snapshots: Vec<String>,
    /// Bytes of a batch that was cut off while it was written; the next start drops them.
    pub unfinished_bytes: u64,
    /// What is wrong, the first first.
    pub findings: Vec<Finding>,
}

/// What consumers keep in the journal, by name.
pub type Registers = BTreeMap<String, Vec<u8>>;

/// Is shown each record that is a fact, and the registers as they stand there.
pub type Visit<'a> = dyn FnMut(&Record, &Registers) + 'a;

/// One segment as it was found.
#[derive(Debug, Clone)]
pub struct SegmentReport {
    pub file: String,
    pub first_seq: u64,
    /// One less than `first_seq` where it has no record.
    pub last_seq: u64,
    pub batches: u64,
    pub file_bytes: u64,
    pub used_bytes: u64,
}

/// Something that is not as it was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    pub file: String,
    pub offset: u64,
    /// The record that should be there, where that can be said.
    pub seq: Option<u64>,
    pub what: String,
    /// Whether the node refuses to start on it.
    pub fatal: bool,
}

/// Reads the whole folder.
pub fn examine(path: &Path) -> Result<Examination, OpenError> {
    match folder::format_of(path)? {
        Some(0) => Ok(Examination { format: 0, journals: vec![examine_format_0(path)?] }),
        Some(folder::FORMAT) => {
            let journals = [BOOKS, QUEUES].map(|name| examine_journal(path, name, &mut |_, _| {}));
            Ok(Examination {
                format: folder::FORMAT,
                journals: journals.into_iter().collect::<Result<_, _>>()?,
            })
        }
        Some(found) => Err(OpenError::Newer { path: path.to_owned(), found, known: folder::FORMAT }),
        None => Err(OpenError::NotAFolder { path: path.to_owned() }),
    }
}

/// Reads the journal `books` alone, and shows each record to `visit`, oldest first, up to the first that is wrong.
pub fn examine_books(path: &Path, visit: &mut Visit<'_>) -> Result<JournalReport, OpenError> {
    match folder::format_of(path)? {
        Some(folder::FORMAT) => examine_journal(path, BOOKS, visit),
        Some(found) if found < folder::FORMAT => Err(OpenError::Older { path: path.to_owned(), found }),
        Some(found) => Err(OpenError::Newer { path: path.to_owned(), found, known: folder::FORMAT }),
        None => Err(OpenError::NotAFolder { path: path.to_owned() }),
    }
}

fn examine_format_0(path: &Path) -> Result<JournalReport, OpenError> {
    let log = Log::read(path, QUEUES)?;
    let ignore = &mut |_: &Record, _: &Registers| {};
    let mut reading = Reading::new(QUEUES, ignore);
    log.records().for_each(|(framed, raw)| reading.take(&framed, &Bytes::copy_from_slice(raw)));
    let mut report = reading.finish();
    report.unfinished_bytes = log.cut_bytes();
    report.segments.push(SegmentReport {
        file: format0::LOG.to_owned(),
        first_seq: 1,
        last_seq: report.head_seq,
        batches: 0,
        file_bytes: log.bytes(),
        used_bytes: log.bytes() - log.cut_bytes(),
    });
    Ok(report)
}

fn examine_journal(
    path: &Path,
    name: &'static str,
    visit: &mut Visit<'_>,
) -> Result<JournalReport, OpenError> {
    let folder = path.join(name);
    let disk =
        RealDisk::existing(&folder).map_err(|error| recovery::io_error(&folder.to_string_lossy(), error))?;
    let mut reading = Reading::new(name, visit);
    match recovery::list(&disk) {
        Ok(listed) if listed.is_empty() => {
            reading.find(name, 0, None, "there are no segments: copied only half?")
        }
        Ok(listed) => reading.segments(&disk, &listed)?,
        Err(OpenError::Corrupt { file, offset, what }) => reading.find(&file, offset, None, what),
        Err(other) => return Err(other),
    }
    let files = disk.list().map_err(|error| recovery::io_error(name, error))?;
    reading.report.snapshots =
        files.into_iter().map(|(file, _)| file).filter(|file| file.ends_with(".snap")).collect();
    Ok(reading.finish())
}

/// A journal while it is being read through.
struct Reading<'a, 'b> {
    report: JournalReport,
    control: Control,
    visit: &'a mut Visit<'b>,
}

impl<'a, 'b> Reading<'a, 'b> {
    fn new(name: &'static str, visit: &'a mut Visit<'b>) -> Reading<'a, 'b> {
        let report = JournalReport { name, ..JournalReport::default() };
        Reading { report, control: Control::default(), visit }
    }

    fn segments(&mut self, disk: &dyn Disk, listed: &[Listed]) -> Result<(), OpenError> {
        for (at, part) in listed.iter().enumerate() {
            if !part.header_whole {
                let what = "one of the two copies of the header is damaged; the other serves";
                self.report.findings.push(finding(&part.name(), 0, None, what, false));
            }
            let next = listed.get(at + 1);
            if !self.segment(disk, part, next).map_err(|error| recovery::io_error(&part.name(), error))? {
                break;
            }
        }
        Ok(())
    }

    /// Whether reading can go on behind it.
    fn segment(&mut self, disk: &dyn Disk, part: &Listed, next: Option<&Listed>) -> std::io::Result<bool> {
        let name = part.name();
        let file = disk.open(&name)?;
        let mut batches = Batches::of(&*file, &part.header, part.file_bytes);
        let until = next.map_or(u64::MAX, |next| next.header.first_batch);
        while batches.next_batch() < until
            && let Some(found) = batches.next()?
        {
            found.records.iter().for_each(|(framed, raw)| self.take(framed, raw));
        }
        self.report.head_seq = batches.last_seq();
        self.report.segments.push(SegmentReport {
            file: name.clone(),
            first_seq: part.header.first_seq,
            last_seq: batches.last_seq(),
            batches: batches.next_batch() - part.header.first_batch,
            file_bytes: part.file_bytes,
            used_bytes: batches.end(),
        });
        let cut_short = next.is_some_and(|next| batches.next_batch() != next.header.first_batch);
        if cut_short || (next.is_none() && batches.is_damaged()?) {
            let (offset, seq) = batches.first_bad()?;
            self.find(&name, offset, Some(seq), "this record, or the batch it is in, is damaged");
            return Ok(false);
        }
        if next.is_none() {
            self.report.unfinished_bytes = batches.unfinished_bytes()?;
        }
        Ok(true)
    }

    fn take(&mut self, framed: &Framed, raw: &Bytes) {
        let head = &framed.head;
        self.report.last_stamp_ms = head.stamp_ms;
        self.report.head_seq = self.report.head_seq.max(head.seq);
        if !head.flags.restated {
            self.report.records += 1;
            self.report.pruned += u64::from(head.flags.pruned);
        }
        if head.stream != CONTROL {
            *self.control.counts.entry(head.stream).or_default() += counts_as(head);
            let record = Record { head: *head, payload: raw.slice(HEADER_BYTES..framed.length) };
            (self.visit)(&record, &self.control.registers);
        } else if let Some(fact) = Fact::decode(head.kind, framed.payload(raw)) {
            self.control.apply(fact);
        }
    }

    fn find(&mut self, file: &str, offset: u64, seq: Option<u64>, what: &str) {
        self.report.findings.push(finding(file, offset, seq, what, true));
    }

    fn finish(self) -> JournalReport {
        let Reading { mut report, control, .. } = self;
        report.counts = control.counts.iter().map(|(stream, counts)| (*stream, *counts)).collect();
        report.accounts =
            control.cursors.values().map(|cursor| control.account(cursor, Counts::default())).collect();
        report.registers = control.registers;
        report
    }
}

fn finding(file: &str, offset: u64, seq: Option<u64>, what: &str, fatal: bool) -> Finding {
    Finding { file: file.to_owned(), offset, seq, what: what.to_owned(), fatal }
}
