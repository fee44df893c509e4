//! `tidegate upgrade`: brings a data folder to this version's format and says where the old files are.
//! With `--check` it says what would come of that, and changes nothing.

use crate::banner::say;
use crate::cli::Upgrade;
use crate::failure::Failure;
use crate::inspection::refusal;
use crate::progress;
use serde_json::{Value, json};
use std::fs;
use std::path::Path;
use std::process::ExitCode;
use tidegate_kernel_journal::{OpenError, Prospect, Upgraded, Work, prospect, upgrade};

/// The status of a check that found an upgrade to be needed and possible.
const NEEDED: u8 = 3;

pub(crate) fn run(options: &Upgrade) -> Result<ExitCode, Failure> {
    let Upgrade { data, check: is_check, json } = options;
    require_format(data).map_err(|error| refusal(data, &error))?;
    if *is_check {
        return check(data, *json);
    }
    let upgraded =
        progress::during("upgrade", *json, || upgrade(data)).map_err(|error| refusal(data, &error))?;
    say(&if *json { done_json(data, &upgraded) } else { done_words(data, &upgraded) });
    Ok(ExitCode::SUCCESS)
}

/// What is no data folder of ours is told apart from one that was not made to the end.
fn require_format(data: &Path) -> Result<(), OpenError> {
    let read = fs::metadata(data).map_err(|source| OpenError::Io { path: data.to_owned(), source })?;
    match read.is_dir() && data.join("FORMAT").is_file() {
        true => Ok(()),
        false => Err(OpenError::NotAFolder { path: data.to_owned() }),
    }
}

fn check(data: &Path, json: bool) -> Result<ExitCode, Failure> {
    let prospect = prospect(data).map_err(|error| refusal(data, &error))?;
    say(&if json { prospect_json(data, &prospect) } else { prospect_words(data, &prospect) });
    match (prospect.refusal, prospect.work) {
        (Some(error), _) => Err(refusal(data, &error)),
        (None, Some(_)) => Ok(ExitCode::from(NEEDED)),
        (None, None) => Ok(ExitCode::SUCCESS),
    }
}

fn prospect_words(data: &Path, prospect: &Prospect) -> String {
    let Prospect { found, known, work, refusal } = prospect;
    let mut words = format!("{} is of format {found}; this version writes format {known}\n", data.display());
    if let Some(work) = work {
        words.push_str(&work_words(work));
    }
    words.push_str(match (refusal, work) {
        (Some(_), _) => "an upgrade would be refused, and nothing changed\n",
        (None, Some(_)) => "nothing speaks against an upgrade; the old files would be kept\n",
        (None, None) => "there is nothing to do\n",
    });
    words
}

fn work_words(work: &Work) -> String {
    let Work { records, bytes, needed_bytes, free_bytes, is_begun } = work;
    let begun = if *is_begun { "an upgrade was begun and cut off; it would start over\n" } else { "" };
    format!(
        "{records} records in {bytes} bytes would be copied; that needs {needed_bytes} bytes of room, and {free_bytes} are \
         free\n{begun}"
    )
}

fn prospect_json(data: &Path, prospect: &Prospect) -> String {
    let Prospect { found, known, work, refusal } = prospect;
    let verdict = match (refusal, work) {
        (Some(_), _) => "refused",
        (None, Some(_)) => "needed",
        (None, None) => "none",
    };
    let of = |number: fn(&Work) -> u64| work.as_ref().map(number);
    line(&json!({
        "data": data,
        "format": found,
        "format_known": known,
        "upgrade": verdict,
        "records": of(|work| work.records),
        "bytes": of(|work| work.bytes),
        "needed_bytes": of(|work| work.needed_bytes),
        "free_bytes": of(|work| work.free_bytes),
        "begun": work.is_some_and(|work| work.is_begun),
        "code": refusal.as_ref().map(OpenError::code),
    }))
}

fn done_words(data: &Path, upgraded: &Upgraded) -> String {
    let Upgraded { from, to, records, kept } = upgraded;
    let shown = data.display();
    match kept {
        None => format!("{shown} is of format {to} already; there was nothing to do\n"),
        Some(kept) => format!(
            "{shown} was of format {from} and is of format {to} now; all {records} records are in the new journal, under \
             their old numbers\nthe old files are kept in {}; remove them once you are content\n",
            data.join(kept).display()
        ),
    }
}

fn done_json(data: &Path, upgraded: &Upgraded) -> String {
    let Upgraded { from, to, records, kept } = upgraded;
    let kept = kept.map(|kept| data.join(kept));
    line(&json!({ "data": data, "from": from, "to": to, "records": records, "kept": kept }))
}

fn line(value: &Value) -> String {
    format!("{value}\n")
}
