//! A data folder out of backups: a full one and those that build on it, to their end or to an earlier place.
//!
//! Every batch that is put into the new folder was read and found whole before. FORMAT is written last, so that a folder that was cut
//! off is not taken for one.

use super::error::{BackupError, io};
use super::manifest::{Journal, Manifest, Segment};
use super::source::{copy_bytes, is_same, path_in, whole};
use super::{make_empty, segment_file, snapshot_seq};
use crate::batch::Batches;
use crate::folder::{self, FORMAT};
use crate::segment::{Header, SEGMENT_HEADER_BYTES};
use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};

/// How far to go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Until {
    End,
    /// No record beyond this one in this journal; in the other one none that was appended later.
    Seq {
        journal: String,
        seq: u64,
    },
    /// Nothing that was appended later than this, in milliseconds since 1970.
    Time {
        ms: u64,
    },
}

/// What a journal of the new folder has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Restored {
    pub journal: String,
    pub last_seq: u64,
    pub last_stamp_ms: u64,
}

/// The last record and stamp that may be in a journal.
#[derive(Debug, Clone, Copy)]
struct Bound {
    seq: u64,
    ms: u64,
}

/// Where a journal ends: all before this segment, and so much of it.
#[derive(Debug, Clone, Copy)]
struct Cut {
    number: u64,
    bytes: u64,
    last_seq: u64,
    last_stamp_ms: u64,
}

/// A backup that was read.
struct Volume {
    path: PathBuf,
    manifest: Manifest,
}

/// Makes a data folder at `target`, which is empty or not there, of `backups`, the full one first and each other one behind what it
/// builds on.
pub fn restore(backups: &[PathBuf], target: &Path, until: &Until) -> Result<Vec<Restored>, BackupError> {
    let volumes = backups
        .iter()
        .map(|path| Ok(Volume { path: path.clone(), manifest: Manifest::read(path)? }))
        .collect::<Result<Vec<_>, BackupError>>()?;
    let volumes = &volumes[..reaching(&volumes, until)?];
    let plan = plan(volumes, until)?;
    make_empty(target)?;
    let mut restored = Vec::new();
    for (journal, cut) in plan {
        write(volumes, journal, cut, &target.join(&journal.name))?;
        let Cut { last_seq, last_stamp_ms, .. } = cut;
        restored.push(Restored { journal: journal.name.clone(), last_seq, last_stamp_ms });
    }
    folder::write_format(target, FORMAT).map_err(io(target))?;
    Ok(restored)
}

/// How many of the backups are needed: the first one that goes so far is the last one. Older segments may be in it that later ones
/// have no more.
fn reaching(volumes: &[Volume], until: &Until) -> Result<usize, BackupError> {
    let reaches = |volume: &Volume| match until {
        Until::End => false,
        Until::Seq { journal, seq } => {
            volume.manifest.journal(journal).is_some_and(|journal| journal.last_seq() >= *seq)
        }
        Until::Time { ms } => volume.manifest.made_ms >= *ms,
    };
    match (volumes.iter().position(reaches), until) {
        (Some(at), _) => Ok(at + 1),
        (None, Until::Seq { journal, seq }) => {
            Err(BackupError::OutOfReach { what: format!("record {seq} of {journal}") })
        }
        (None, Until::Time { ms }) => Err(BackupError::OutOfReach { what: format!("the time {ms}") }),
        (None, Until::End) => Ok(volumes.len()),
    }
}

/// The journals with where each of them ends; all they need is in the backups. The one that a record is asked of says the time for the other one.
fn plan<'a>(volumes: &'a [Volume], until: &Until) -> Result<Vec<(&'a Journal, Cut)>, BackupError> {
    let Some(last) = volumes.last() else {
        return Err(BackupError::OutOfReach { what: "anything".to_owned() });
    };
    let open = Bound { seq: u64::MAX, ms: u64::MAX };
    let bound = match until {
        Until::End => open,
        Until::Time { ms } => Bound { ms: *ms, ..open },
        Until::Seq { journal, seq } => {
            let asked = last.manifest.journal(journal).expect("it reaches so far, so it is there");
            let cut = cut(volumes, asked, Bound { seq: *seq, ..open })?;
            Bound { ms: cut.last_stamp_ms, ..open }
        }
    };
    let bound_of = |journal: &Journal| match until {
        Until::Seq { journal: asked, seq } if *asked == journal.name => Bound { seq: *seq, ..open },
        _ => bound,
    };
    let mut plan = Vec::new();
    for journal in &last.manifest.journals {
        let cut = cut(volumes, journal, bound_of(journal))?;
        for segment in needed(journal, cut) {
            found(volumes, journal, segment)?;
        }
        plan.push((journal, cut));
    }
    Ok(plan)
}

fn cut(volumes: &[Volume], journal: &Journal, bound: Bound) -> Result<Cut, BackupError> {
    let begins_in = |segment: &&Segment| segment.first_seq <= bound.seq;
    let mut candidates: Vec<_> = journal.segments.iter().filter(begins_in).collect();
    while let Some(segment) = candidates.pop() {
        if let Some(cut) = cut_in(volumes, journal, segment, bound)? {
            return Ok(cut);
        }
    }
    let what = if bound.seq == u64::MAX {
        format!("the time {}", bound.ms)
    } else {
        format!("record {}", bound.seq)
    };
    Err(BackupError::OutOfReach { what: format!("{what} in {}", journal.name) })
}

fn needed(journal: &Journal, cut: Cut) -> impl Iterator<Item = &Segment> {
    journal.segments.iter().filter(move |segment| segment.number <= cut.number)
}

/// Where the bound is in this segment; nothing where all of it lies behind.
fn cut_in(
    volumes: &[Volume],
    journal: &Journal,
    segment: &Segment,
    bound: Bound,
) -> Result<Option<Cut>, BackupError> {
    let path = found(volumes, journal, segment)?;
    let (file, header) = open(&path, segment)?;
    let mut batches = Batches::of(&file, &header, segment.bytes);
    let mut cut = None;
    while batches.next_batch() < segment.next_batch {
        let damaged = || BackupError::Damaged { path: path.clone() };
        let batch = batches.next().map_err(io(&path))?.ok_or_else(damaged)?;
        let last_stamp_ms = batch.records.last().map_or(header.stamp_ms, |(framed, _)| framed.head.stamp_ms);
        if batch.last_seq > bound.seq || last_stamp_ms > bound.ms {
            break;
        }
        let (number, bytes, last_seq) = (segment.number, batches.end(), batch.last_seq);
        cut = Some(Cut { number, bytes, last_seq, last_stamp_ms });
    }
    Ok(cut)
}

fn open(path: &Path, segment: &Segment) -> Result<(File, Header), BackupError> {
    let mut file = File::open(path).map_err(io(path))?;
    let mut both = [0; SEGMENT_HEADER_BYTES as usize];
    let read = file.read_exact(&mut both);
    let header = read.ok().and_then(|()| Header::decode(&both)).map(|(header, _)| header);
    let is_it = |header: &Header| header.number == segment.number && header.salt == segment.salt;
    header
        .filter(is_it)
        .map(|header| (file, header))
        .ok_or_else(|| BackupError::Damaged { path: path.to_owned() })
}

/// The newest backup that has the bytes of this segment.
fn found(volumes: &[Volume], journal: &Journal, wanted: &Segment) -> Result<PathBuf, BackupError> {
    let has = |volume: &&Volume| {
        let known = volume.manifest.journal(&journal.name);
        known.is_some_and(|known| {
            known.segments.iter().any(|segment| segment.is_here && is_same(segment, wanted))
        })
    };
    let volume = volumes.iter().rev().find(has);
    volume.map(|volume| path_in(&volume.path, &journal.name, wanted.number)).ok_or_else(|| BackupError::Gap {
        path: volumes.last().map(|volume| volume.path.clone()).unwrap_or_default(),
        journal: journal.name.clone(),
        number: wanted.number,
    })
}

fn write(volumes: &[Volume], journal: &Journal, cut: Cut, target: &Path) -> Result<(), BackupError> {
    fs::create_dir(target).map_err(io(target))?;
    for segment in needed(journal, cut) {
        let path = found(volumes, journal, segment)?;
        let (file, header) = open(&path, segment)?;
        let whole = whole(&file, &header, segment.bytes, Some(segment.next_batch)).map_err(io(&path))?;
        if whole.is_none_or(|whole| whole.bytes != segment.bytes) {
            return Err(BackupError::Damaged { path });
        }
        let (copy, is_last) = (target.join(segment_file(segment.number)), segment.number == cut.number);
        copy_bytes(&file, &copy, if is_last { cut.bytes } else { segment.bytes })?;
        if is_last {
            // The node knows a file that was copied only half by its length.
            let grown = File::options().write(true).open(&copy).and_then(|file| {
                file.set_len(header.bytes)?;
                file.sync_all()
            });
            grown.map_err(io(&copy))?;
        }
    }
    write_snapshots(volumes, journal, cut, target)?;
    folder::sync_names(target).map_err(io(target))
}

/// Those of states that are in the folder.
fn write_snapshots(
    volumes: &[Volume],
    journal: &Journal,
    cut: Cut,
    target: &Path,
) -> Result<(), BackupError> {
    let Some(last) = volumes.last() else { return Ok(()) };
    let told =
        journal.snapshots.iter().filter(|file| snapshot_seq(file).is_some_and(|seq| seq <= cut.last_seq));
    for file in told {
        let (from, to) = (last.path.join(&journal.name).join(file), target.join(file));
        fs::copy(&from, &to).and_then(|_| File::open(&to)?.sync_all()).map_err(io(&from))?;
    }
    Ok(())
}
