//! What a backup says of itself: a text, one segment a line, with a checksum at its end. Written last.
//!
//! ```text
//! tidegate backup 1
//! made 1763800000123
//! journal queues 120 1763800000000
//! segment 4 2712847316 101 57 63 120 8192 1763800000000 here
//! snapshot history-118.snap
//! journal books 1 1763700000000
//! ...
//! crc 305419896
//! ```
//!
//! A journal: name, last record, its stamp. A segment: number, salt, first record, first batch, batch behind the last, last record,
//! bytes, stamp of the last batch, and whether its bytes are here or in a backup before.

use super::Saved;
use super::error::{BackupError, io};
use crate::folder;
use std::fmt::Write;
use std::fs::{self, File};
use std::path::Path;

const FILE: &str = "BACKUP";
const FORMAT: u32 = 1;
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
    pub(super) snapshots: Vec<String>,
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

    pub(super) fn read(folder: &Path) -> Result<Manifest, BackupError> {
        let none = || BackupError::NotABackup { path: folder.to_owned() };
        let text = fs::read_to_string(folder.join(FILE)).map_err(|_| none())?;
        let found = text.lines().next().and_then(|line| line.strip_prefix(HEAD)?.parse().ok());
        match found {
            Some(FORMAT) => parse(&text).ok_or_else(|| BackupError::Damaged { path: folder.join(FILE) }),
            Some(found) => Err(BackupError::Newer { path: folder.to_owned(), found, known: FORMAT }),
            None => Err(none()),
        }
    }

    fn text(&self) -> String {
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
            let Segment { last_seq, bytes, last_stamp_ms, is_here, .. } = segment;
            let place = if *is_here { "here" } else { "before" };
            lines.push_str(&format!(
                "segment {number} {salt} {first_seq} {first_batch} {next_batch} {last_seq} {bytes} {last_stamp_ms} {place}\n"
            ));
        }
        self.snapshots.iter().for_each(|file| lines.push_str(&format!("snapshot {file}\n")));
        text.push_str(&lines);
    }
}

fn parse(text: &str) -> Option<Manifest> {
    let (body, crc) = text.trim_end().rsplit_once("crc ")?;
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
                manifest.journals.push(Journal { name: (*name).to_owned(), ..Journal::default() });
            }
            ["segment", numbers @ .., place] => {
                let segment = segment(numbers, *place == "here")?;
                manifest.journals.last_mut()?.segments.push(segment);
            }
            ["snapshot", file] => manifest.journals.last_mut()?.snapshots.push((*file).to_owned()),
            _ => return None,
        }
    }
    Some(manifest)
}

fn segment(numbers: &[&str], is_here: bool) -> Option<Segment> {
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
        };
        let queues = Journal {
            name: "queues".to_owned(),
            segments: vec![segment(1, false), segment(2, true)],
            snapshots: vec!["history-7.snap".to_owned()],
        };
        Manifest {
            made_ms: 10,
            journals: vec![queues, Journal { name: "books".to_owned(), ..Journal::default() }],
        }
    }

    #[test]
    fn what_is_written_is_read_back() {
        let dir = TempDir::new().unwrap();
        sample().write(dir.path()).unwrap();
        assert_eq!(Manifest::read(dir.path()).unwrap(), sample());
    }

    #[test]
    fn a_changed_letter_is_damage_a_later_format_is_said_and_anything_else_is_no_backup() {
        let dir = TempDir::new().unwrap();
        let code = |text: &str| {
            fs::write(dir.path().join(FILE), text).unwrap();
            Manifest::read(dir.path()).unwrap_err().code()
        };
        let text = sample().text();
        assert_eq!(code(&text.replace("segment 2", "segment 3")), "TG-BK-005");
        assert_eq!(code(&text[..text.len() - 5]), "TG-BK-005");
        assert_eq!(code("tidegate backup 2\nmade 5\n"), "TG-BK-002");
        assert_eq!(code("something"), "TG-BK-001");
        assert_eq!(Manifest::read(&dir.path().join("none")).unwrap_err().code(), "TG-BK-001");
    }
}
