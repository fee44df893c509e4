//! `tidegate journal inspect` and `verify`: what lies in a data folder, in words or as JSON.
//!
//! Reads only: takes no lock, writes and makes nothing, so it works on a copy and beside a running node.

mod json;
mod words;

pub(crate) use words::utc;

use crate::banner::say;
use crate::cli::{Journal, Look};
use crate::failure::Failure;
use crate::progress;
use std::fs;
use std::path::Path;
use std::process::ExitCode;
use tidegate_kernel_journal::{Examination, Finding, JournalReport, OpenError, examine};

/// How often a folder is read before its damage is believed: beside a running node, reading and writing may cross.
const READINGS_MAX: usize = 3;
const DAMAGED_HINT: &str =
    "keep a copy of the folder before anything else; then restore a good one, or start with a new folder";

/// What was found in a data folder.
#[derive(Debug)]
struct Inspection<'a> {
    data: &'a Path,
    found: Found,
}

#[derive(Debug)]
enum Found {
    Folder(Examination),
    /// The process was stopped while it made the folder.
    Unmade,
}

/// The answer in one word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    Sound,
    /// Sound, but for an end that was cut off while it was written.
    Unfinished,
    Damaged,
    Unmade,
}

pub(crate) fn run(command: &Journal) -> Result<ExitCode, Failure> {
    match command {
        Journal::Inspect(look) => inspect(look),
        Journal::Verify(look) => verify(look),
    }
}

fn inspect(look: &Look) -> Result<ExitCode, Failure> {
    let inspection = progress::during("inspect", look.json, || Inspection::of(&look.data))?;
    say(&if look.json { inspection.json() } else { inspection.in_full() });
    Ok(ExitCode::SUCCESS)
}

fn verify(look: &Look) -> Result<ExitCode, Failure> {
    let inspection = progress::during("verify", look.json, || Inspection::of(&look.data))?;
    say(&if look.json { inspection.json() } else { inspection.in_short() });
    match inspection.first_bad() {
        None => Ok(ExitCode::SUCCESS),
        Some((journal, finding)) => Err(damaged(journal, finding)),
    }
}

fn damaged(journal: &JournalReport, finding: &Finding) -> Failure {
    let place = words::place(journal, &finding.file);
    let message = format!("{place} is damaged at byte {}: {}", finding.offset, finding.what);
    let hint =
        "keep a copy of the folder before anything else; then restore a good one, or start with a new folder";
    Failure::message("TG-JR-013", message, hint)
}

impl Inspection<'_> {
    fn of(data: &Path) -> Result<Inspection<'_>, Failure> {
        match examine_calmly(data) {
            Ok(examination) => Ok(Inspection { data, found: Found::Folder(examination) }),
            Err(OpenError::NotAFolder { .. }) if was_being_made(data) => {
                Ok(Inspection { data, found: Found::Unmade })
            }
            Err(error) => Err(refusal(data, &error)),
        }
    }

    fn journals(&self) -> &[JournalReport] {
        match &self.found {
            Found::Folder(examination) => &examination.journals,
            Found::Unmade => &[],
        }
    }

    fn first_bad(&self) -> Option<(&JournalReport, &Finding)> {
        self.journals().iter().find_map(|journal| Some((journal, fatal(journal)?)))
    }

    fn verdict(&self) -> Verdict {
        let unfinished = self.journals().iter().any(|journal| journal.unfinished_bytes > 0);
        match self.found {
            Found::Unmade => Verdict::Unmade,
            Found::Folder(_) if self.first_bad().is_some() => Verdict::Damaged,
            Found::Folder(_) if unfinished => Verdict::Unfinished,
            Found::Folder(_) => Verdict::Sound,
        }
    }
}

fn fatal(journal: &JournalReport) -> Option<&Finding> {
    journal.findings.iter().find(|finding| finding.fatal)
}

/// Damage stays where it is; what only looks like it moves on with the node that writes there.
fn examine_calmly(data: &Path) -> Result<Examination, OpenError> {
    let mut examination = examine(data)?;
    for _ in 1..READINGS_MAX {
        let before: Vec<_> = examination.journals.iter().filter_map(fatal).cloned().collect();
        if before.is_empty() {
            break;
        }
        examination = examine(data)?;
        if examination.journals.iter().filter_map(fatal).eq(&before) {
            break;
        }
    }
    Ok(examination)
}

/// A start takes the lock, then says that it is making the folder, and writes FORMAT last.
fn was_being_made(data: &Path) -> bool {
    let holds = |name| fs::exists(data.join(name)).unwrap_or(false);
    !holds("FORMAT") && (holds("CREATING") || holds("LOCK") && !holds("queues") && !holds("books"))
}

/// The hints of a start speak of `--data`, which there is none of here, and of this very command.
pub(crate) fn refusal(data: &Path, error: &OpenError) -> Failure {
    match error {
        OpenError::NotAFolder { .. } => no_data_folder(data),
        OpenError::Locked { .. } => Failure::new(error.code(), error, "stop the node that runs on it"),
        OpenError::Corrupt { .. } => Failure::new(error.code(), error, DAMAGED_HINT),
        error => Failure::new(error.code(), error, error.hint()),
    }
}

pub(crate) fn no_data_folder(data: &Path) -> Failure {
    let message = format!("{} has no FORMAT that can be read, so it is no data folder", data.display());
    Failure::message("TG-JR-012", message, "give the folder that `tidegate up` was given with --data")
}
