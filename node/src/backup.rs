//! `tidegate backup` and `tidegate restore`: what is copied and made, in words and as JSON. Needs no running node, and minds none.

use crate::banner::say;
use crate::cli::{Backup, Restore};
use crate::failure::Failure;
use crate::inspection::refusal;
use crate::progress;
use serde_json::{Value, json};
use std::process::ExitCode;
use tidegate_kernel_journal::{self as journal, BackupError, Restored, Saved, Until};

pub(crate) fn back_up(options: &Backup) -> Result<ExitCode, Failure> {
    let Backup { data, to, since, json } = options;
    let saved = progress::during("backup", *json, || journal::backup(data, to, since.as_deref()));
    let saved = saved.map_err(|error| match &error {
        BackupError::Folder(error) => refusal(data, error),
        error => failure(error),
    })?;
    say(&if *json { saved_json(&saved) } else { saved.iter().map(saved_words).collect() });
    Ok(ExitCode::SUCCESS)
}

pub(crate) fn restore(options: &Restore) -> Result<ExitCode, Failure> {
    let until = match (&options.until_record, options.until) {
        (Some((journal, seq)), _) => Until::Seq { journal: journal.clone(), seq: *seq },
        (None, Some(time)) => Until::Time { ms: u64::try_from(time.as_millisecond()).unwrap_or(0) },
        (None, None) => Until::End,
    };
    let outcome = progress::during("restore", options.json, || match &options.to {
        Some(to) => journal::restore(&options.backups, to, &until),
        None => journal::restore_check(&options.backups, &until),
    });
    let restored = outcome.map_err(|error| failure(&error))?;
    say(&if options.json { restored_json(&restored) } else { restored.iter().map(restored_words).collect() });
    Ok(ExitCode::SUCCESS)
}

fn failure(error: &BackupError) -> Failure {
    Failure::new(error.code(), error, error.hint())
}

fn saved_words(saved: &Saved) -> String {
    let Saved { journal, last_seq, segments, copied_segments, copied_bytes, .. } = saved;
    format!(
        "{journal}: up to record {last_seq}; {copied_segments} of {segments} segments copied, {copied_bytes} bytes\n"
    )
}

fn saved_json(saved: &[Saved]) -> String {
    let one = |saved: &Saved| {
        json!({
            "journal": saved.journal,
            "last_seq": saved.last_seq,
            "last_stamp_ms": saved.last_stamp_ms,
            "segments": saved.segments,
            "copied_segments": saved.copied_segments,
            "copied_bytes": saved.copied_bytes,
        })
    };
    line(&json!({ "journals": saved.iter().map(one).collect::<Vec<_>>() }))
}

fn restored_words(restored: &Restored) -> String {
    format!("{}: up to record {}\n", restored.journal, restored.last_seq)
}

fn restored_json(restored: &[Restored]) -> String {
    let one = |restored: &Restored| {
        let Restored { journal, last_seq, last_stamp_ms } = restored;
        json!({ "journal": journal, "last_seq": last_seq, "last_stamp_ms": last_stamp_ms })
    };
    line(&json!({ "journals": restored.iter().map(one).collect::<Vec<_>>() }))
}

fn line(value: &Value) -> String {
    format!("{value}\n")
}
