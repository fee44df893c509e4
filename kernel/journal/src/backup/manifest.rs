//! What a backup says of itself: a text, one segment a line, with a checksum at its end. Written last.
//!
//! ```text
//! tidegate backup 2
//! made 1763800000123
//! journal queues 120 1763800000000
//! segment 4 2712847316 101 57 63 120 8192 1763800000000 here 901833441
//! segment 5 ... before
//! snapshot history-118.snap 4096 77120913
//! journal books 1 1763700000000
//! ...
//! crc 305419896
//! ```
//!
//! A journal: name, last record, its stamp. A segment: number, salt, first record, first batch, batch behind the last, last record,
//! bytes, stamp of the last batch, and whether its bytes are here, with their CRC32C, or in a backup before. A snapshot: name, bytes,
//! CRC32C. Format 1 had no checksums there; it is read as well.

use super::Saved;
use super::error::{BackupError, io};
use crate::folder;
use std::fmt::Write;
use std::fs::{self, File};
use std::path::Path;

/// Its name in a backup.
pub(super) const FILE: &str = "BACKUP";
const FORMAT: u32 = 2;
const HEAD: &str = "tidegate backup ";

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Manifest {
    pub(super) made_ms: u64,
    pub(super) journals: Vec<Journal>,
}

#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Journal {
    pub(super) name: String,
    pub(super) segments: Vec<Segment>,
    pub(super) snapshots: Vec<Snapshot>,
}

/// A file as long as this, with this CRC32C.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Mark {
    pub(super) bytes: u64,
    pub(super) crc: u32,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Snapshot {
    pub(super) file: String,
    /// Nothing in a list of format 1.
    pub(super) mark: Option<Mark>,
}

/// One segment as far as it is whole. Its number and salt tell it from any other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Segment {
    pub(super) number: u64,
    pub(super) salt: u32,
    pub(super) first_seq: u64,
    pub(super) first_batch: u64,
    pub(super) next_batch: u64,
    pub(super) last_seq: u64,
    pub(super) bytes: u64,
    pub(super) last_stamp_ms: u64,
    pub(super) is_here: bool,
    /// Of bytes that are here; nothing in a list of format 1.
    pub(super) crc: Option<u32>,
}

impl Manifest {
    pub(super) fn journal(&self, name: &str) -> Option<&Journal> {
        self.journals.iter().find(|journal| journal.name == name)
    }

    pub(super) fn write(&self, folder: &Path) -> Result<(), BackupError> {
        let (path, draft) = (folder.join(FILE), folder.join("BACKUP.draft"));
        fs::write(&draft, self.text())
            .and_then(|()| File::open(&draft)?.sync_all())
            .and_then(|()| fs::rename(&draft, &path))
            .and_then(|()| folder::sync_names(folder))
            .map_err(io(&path))
    }

    /// Out of the list's text, which is of the backup at `path`.
    pub(super) fn parse(text: &str, path: &Path) -> Result<Manifest, BackupError> {
        match text.lines().next().and_then(|line| line.strip_prefix(HEAD)?.parse().ok()) {
            Some(1..=FORMAT) => parse(text).ok_or_else(|| BackupError::Damaged { path: path.join(FILE) }),
            Some(found) => Err(BackupError::Newer { path: path.to_owned(), found, known: FORMAT }),
            None => Err(BackupError::NotABackup { path: path.to_owned() }),
        }
    }

    pub(super) fn text(&self) -> String {
        let mut text = format!("{HEAD}{FORMAT}\nmade {}\n", self.made_ms);
        self.journals.iter().for_each(|journal| journal.put(&mut text));
        let crc = crc32c::crc32c(text.as_bytes());
        writeln!(text, "crc {crc}").expect("writing to a string does not fail");
        text
    }
}

impl Journal {
    pub(super) fn last_seq(&self) -> u64 {
        self.segments.last().map_or(0, |segment| segment.last_seq)
    }

    pub(super) fn last_stamp_ms(&self) -> u64 {
        self.segments.last().map_or(0, |segment| segment.last_stamp_ms)
    }

    pub(super) fn saved(&self) -> Saved {
        let here = self.segments.iter().filter(|segment| segment.is_here);
        Saved {
            journal: self.name.clone(),
            last_seq: self.last_seq(),
            last_stamp_ms: self.last_stamp_ms(),
            segments: self.segments.len(),
            copied_segments: here.clone().count(),
            copied_bytes: here.map(|segment| segment.bytes).sum(),
        }
    }

    fn put(&self, text: &mut String) {
        let mut lines = format!("journal {} {} {}\n", self.name, self.last_seq(), self.last_stamp_ms());
        for segment in &self.segments {
            let Segment { number, salt, first_seq, first_batch, next_batch, .. } = segment;
            let Segment { last_seq, bytes, last_stamp_ms, is_here, crc, .. } = segment;
            let place = match (is_here, crc) {
                (false, _) => "before".to_owned(),
                (true, None) => "here".to_owned(),
                (true, Some(crc)) => format!("here {crc}"),
            };
            lines.push_str(&format!(
                "segment {number} {salt} {first_seq} {first_batch} {next_batch} {last_seq} {bytes} {last_stamp_ms} {place}\n"
            ));
        }
        for Snapshot { file, mark } in &self.snapshots {
            let mark = mark.map_or_else(String::new, |Mark { bytes, crc }| format!(" {bytes} {crc}"));
            lines.push_str(&format!("snapshot {file}{mark}\n"));
        }
        text.push_str(&lines);
    }
}

fn parse(text: &str) -> Option<Manifest> {
    let (body, crc) = text.strip_suffix('\n')?.rsplit_once("crc ")?;
    if crc.parse() != Ok(crc32c::crc32c(body.as_bytes())) {
        return None;
    }
    let mut lines = body.lines().skip(1);
    let made_ms = lines.next()?.strip_prefix("made ")?.parse().ok()?;
    let mut manifest = Manifest { made_ms, journals: Vec::new() };
    for line in lines {
        let words: Vec<&str> = line.split(' ').collect();
        match words.as_slice() {
            ["journal", name, _, _] => {
                manifest.journals.push(Journal { name: plain(name)?, ..Journal::default() });
            }
            ["segment", words @ ..] => manifest.journals.last_mut()?.segments.push(segment(words)?),
            ["snapshot", file, mark @ ..] => {
                let snapshot = Snapshot { file: plain(file)?, mark: parse_mark(mark)? };
                manifest.journals.last_mut()?.snapshots.push(snapshot);
            }
            _ => return None,
        }
    }
    Some(manifest)
}

/// A name that leads nowhere else.
fn plain(file: &str) -> Option<String> {
    (!file.contains(['/', '\0']) && file != "..").then(|| file.to_owned())
}

fn parse_mark(words: &[&str]) -> Option<Option<Mark>> {
    match words {
        [] => Some(None),
        [bytes, crc] => Some(Some(Mark { bytes: bytes.parse().ok()?, crc: crc.parse().ok()? })),
        _ => None,
    }
}

fn segment(words: &[&str]) -> Option<Segment> {
    let (numbers, place) = words.split_at_checked(8)?;
    let (is_here, crc) = match place {
        ["before"] => (false, None),
        ["here"] => (true, None),
        ["here", crc] => (true, Some(crc.parse().ok()?)),
        _ => return None,
    };
    let numbers: Vec<u64> = numbers.iter().map(|number| number.parse().ok()).collect::<Option<_>>()?;
    let [number, salt, first_seq, first_batch, next_batch, last_seq, bytes, last_stamp_ms] =
        numbers.try_into().ok()?;
    let salt = salt.try_into().ok()?;
    Some(Segment {
        number,
        salt,
        first_seq,
        first_batch,
        next_batch,
        last_seq,
        bytes,
        last_stamp_ms,
        is_here,
        crc,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use tempfile::TempDir;

    fn sample() -> Manifest {
        let segment = |number, is_here| Segment {
            number,
            salt: 3,
            first_seq: 4,
            first_batch: 5,
            next_batch: 6,
            last_seq: 7,
            bytes: 8,
            last_stamp_ms: 9,
            is_here,
            crc: is_here.then_some(10),
        };
        let queues = Journal {
            name: "queues".to_owned(),
            segments: vec![segment(1, false), segment(2, true)],
            snapshots: vec![Snapshot {
                file: "history-7.snap".to_owned(),
                mark: Some(Mark { bytes: 11, crc: 12 }),
            }],
        };
        Manifest {
            made_ms: 10,
            journals: vec![queues, Journal { name: "books".to_owned(), ..Journal::default() }],
        }
    }

    fn read(text: &str) -> Result<Manifest, BackupError> {
        Manifest::parse(text, Path::new("monday"))
    }

    #[test]
    fn what_is_written_is_read_back() {
        assert_eq!(read(&sample().text()).unwrap(), sample());
        let dir = TempDir::new().unwrap();
        sample().write(dir.path()).unwrap();
        assert_eq!(fs::read_to_string(dir.path().join(FILE)).unwrap(), sample().text());
    }

    #[test]
    fn a_list_of_the_format_before_is_read_without_its_checksums() {
        let body = "tidegate backup 1\nmade 10\njournal queues 7 9\nsegment 2 3 4 5 6 7 8 9 here\nsnapshot history-7.snap\n";
        let text = format!("{body}crc {}\n", crc32c::crc32c(body.as_bytes()));
        let queues = &read(&text).unwrap().journals[0];
        assert_eq!((queues.segments[0].is_here, queues.segments[0].crc), (true, None));
        assert_eq!(queues.snapshots[0], Snapshot { file: "history-7.snap".to_owned(), mark: None });
    }

    #[test]
    fn a_changed_letter_is_damage_a_later_format_is_said_and_anything_else_is_no_backup() {
        let code = |text: &str| read(text).unwrap_err().code();
        let text = sample().text();
        assert_eq!(code(&text.replace("segment 2", "segment 3")), "TG-BK-005");
        assert_eq!(code(&text[..text.len() - 5]), "TG-BK-005");
        assert_eq!(code("tidegate backup 3\nmade 5\n"), "TG-BK-002");
        assert_eq!(code("tidegate backup 0\nmade 5\n"), "TG-BK-002");
        assert_eq!(code("something"), "TG-BK-001");
        for name in ["../etc", ".."] {
            let body = format!("tidegate backup 2\nmade 10\njournal {name} 7 9\n");
            assert_eq!(code(&format!("{body}crc {}\n", crc32c::crc32c(body.as_bytes()))), "TG-BK-005");
        }
    }
}
