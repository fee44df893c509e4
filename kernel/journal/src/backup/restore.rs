//! A data folder out of backups: a full one and those that build on it, to their end or to an earlier place.
//!
//! Every batch that is put into the new folder was read and found whole before. FORMAT is written last, so that a folder that was cut
//! off is not taken for one.

use super::error::{BackupError, io};
use super::manifest::{Journal, Mark, Segment};
use super::part::Part;
use super::source::whole;
use super::target::copy;
use super::volume::{Volume, require};
use super::{make_empty, segment_file};
use crate::batch::Batches;
use crate::disk::{DiskFile, read_full};
use crate::folder::{self, FORMAT};
use crate::segment::{Header, SEGMENT_HEADER_BYTES};
use std::fs::{self, File};
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

/// Makes a data folder at `target`, which is empty or not there, of `backups`, the full one first and each other one behind what it
/// builds on. All that is needed is read and found whole before anything is made.
pub fn restore(backups: &[PathBuf], target: &Path, until: &Until) -> Result<Vec<Restored>, BackupError> {
    found_whole(backups, until, |volumes, plan| {
        make_empty(target)?;
        write_all(volumes, plan, target).inspect_err(|_| unmake(plan, target))
    })
}

/// What [`restore`] would make of these backups, with everything read that it would read, and nothing made.
pub fn restore_check(backups: &[PathBuf], until: &Until) -> Result<Vec<Restored>, BackupError> {
    found_whole(backups, until, |_, _| Ok(()))
}

/// Goes on with what there is to be restored once all of it was read.
fn found_whole(
    backups: &[PathBuf],
    until: &Until,
    then: impl FnOnce(&[Volume], &[(&Journal, Cut)]) -> Result<(), BackupError>,
) -> Result<Vec<Restored>, BackupError> {
    let volumes = backups.iter().map(|path| Volume::open(path)).collect::<Result<Vec<_>, _>>()?;
    let volumes = &volumes[..reaching(&volumes, until)?];
    let plan = plan(volumes, until)?;
    verify(volumes, &plan)?;
    then(volumes, &plan)?;
    Ok(restored(&plan))
}

fn restored(plan: &[(&Journal, Cut)]) -> Vec<Restored> {
    let one = |(journal, cut): &(&Journal, Cut)| {
        let Cut { last_seq, last_stamp_ms, .. } = *cut;
        Restored { journal: journal.name.clone(), last_seq, last_stamp_ms }
    };
    plan.iter().map(one).collect()
}

/// What was made of a folder that does not become whole.
fn unmake(plan: &[(&Journal, Cut)], target: &Path) {
    for (journal, _) in plan {
        // Without FORMAT nobody takes it for a data folder; this only leaves the room to others.
        let _ = fs::remove_dir_all(target.join(&journal.name));
    }
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
    let (_, part) = found(volumes, journal, segment)?;
    let header = header(&part, segment)?;
    let mut batches = Batches::of(&part, &header, segment.bytes);
    let mut cut = None;
    while batches.next_batch() < segment.next_batch {
        let batch = batches.next().map_err(io(&part.path))?.ok_or_else(|| part.damaged())?;
        let last_stamp_ms = batch.records.last().map_or(header.stamp_ms, |(framed, _)| framed.head.stamp_ms);
        if batch.last_seq > bound.seq || last_stamp_ms > bound.ms {
            break;
        }
        let (number, bytes, last_seq) = (segment.number, batches.end(), batch.last_seq);
        cut = Some(Cut { number, bytes, last_seq, last_stamp_ms });
    }
    Ok(cut)
}

fn header(part: &Part, segment: &Segment) -> Result<Header, BackupError> {
    let mut both = [0; SEGMENT_HEADER_BYTES as usize];
    let filled = read_full(part, &mut both, 0).map_err(io(&part.path))?;
    let header = (filled == both.len()).then(|| Header::decode(&both)).flatten().map(|(header, _)| header);
    let is_it = |header: &Header| header.number == segment.number && header.salt == segment.salt;
    header.filter(is_it).ok_or_else(|| part.damaged())
}

/// The bytes of this segment in the newest backup that has them, as that one lists them.
fn found<'a>(
    volumes: &'a [Volume],
    journal: &Journal,
    wanted: &Segment,
) -> Result<(&'a Segment, Part), BackupError> {
    let mut newest_first = volumes.iter().rev();
    let Some((segment, part)) = newest_first.find_map(|volume| volume.segment(&journal.name, wanted)) else {
        return Err(BackupError::Gap {
            path: volumes.last().map(|volume| volume.path.clone()).unwrap_or_default(),
            journal: journal.name.clone(),
            number: wanted.number,
        });
    };
    Ok((segment, part?))
}

/// Reads all that is going to be written.
fn verify(volumes: &[Volume], plan: &[(&Journal, Cut)]) -> Result<(), BackupError> {
    for (journal, cut) in plan {
        for wanted in needed(journal, *cut) {
            let (segment, part) = found(volumes, journal, wanted)?;
            if let Some(crc) = segment.crc {
                require(&part, Mark { bytes: segment.bytes, crc })?;
            }
            let header = header(&part, segment)?;
            let whole =
                whole(&part, &header, segment.bytes, Some(segment.next_batch)).map_err(io(&part.path))?;
            if whole.is_none_or(|whole| whole.bytes != segment.bytes) {
                return Err(part.damaged());
            }
        }
        snapshots(volumes, journal, *cut)?;
    }
    Ok(())
}

fn write_all(volumes: &[Volume], plan: &[(&Journal, Cut)], target: &Path) -> Result<(), BackupError> {
    for (journal, cut) in plan {
        write(volumes, journal, *cut, &target.join(&journal.name))?;
    }
    folder::write_format(target, FORMAT).map_err(io(target))
}

fn write(volumes: &[Volume], journal: &Journal, cut: Cut, target: &Path) -> Result<(), BackupError> {
    fs::create_dir(target).map_err(io(target))?;
    for wanted in needed(journal, cut) {
        let (segment, part) = found(volumes, journal, wanted)?;
        let path = target.join(segment_file(segment.number));
        if segment.number == cut.number {
            // The node knows a file that was copied only half by its length.
            write_file(&path, &part, cut.bytes, Some(header(&part, segment)?.bytes))?;
        } else {
            write_file(&path, &part, segment.bytes, None)?;
        }
    }
    for (file, part) in snapshots(volumes, journal, cut)? {
        write_file(&target.join(file), &part, part.bytes, None)?;
    }
    folder::sync_names(target).map_err(io(target))
}

/// The first `bytes`, with zeros behind them up to `grown_bytes`, synced.
fn write_file(
    path: &Path,
    from: &dyn DiskFile,
    bytes: u64,
    grown_bytes: Option<u64>,
) -> Result<(), BackupError> {
    let write = || {
        let mut file = File::create(path)?;
        copy(from, &mut file, bytes)?;
        if let Some(bytes) = grown_bytes {
            file.set_len(bytes)?;
        }
        file.sync_all()
    };
    write().map_err(io(path))
}

/// Those of states that are in the folder.
fn snapshots(volumes: &[Volume], journal: &Journal, cut: Cut) -> Result<Vec<(String, Part)>, BackupError> {
    volumes.last().map_or(Ok(Vec::new()), |last| last.snapshots(journal, cut.last_seq))
}
