//! `tidegate ledger`: verifies and prunes books that lie in a folder, and asks a running node for proofs.

mod json;
mod pruning;
mod words;

use crate::asking::ask;
use crate::audit::{AUDIT, FOLDER, tell_proof};
use crate::banner::say;
use crate::cli::{Ledger, Place, Running, VerifyBooks};
use crate::config::Origins;
use crate::failure::Failure;
use crate::node::runtime;
use crate::{gear, inspection, progress};
use std::fs;
use std::io;
use std::path::Path;
use std::process::ExitCode;
use tidegate_gear_postgres::Reader;
use tidegate_kernel_audit::AuditError;
use tidegate_kernel_sm::field::is_name as is_subject;
use tidegate_service_ledger::verify::{Acts, Database, Trust, verify_with};

/// Bytes of a file with checkpoints: some ten thousand of them.
const CHECKPOINTS_BYTES_MAX: u64 = 4 << 20;

pub(crate) fn run(command: &Ledger) -> Result<ExitCode, Failure> {
    match command {
        Ledger::Verify(options) => tell(options),
        Ledger::Prune(options) => pruning::run(options),
        Ledger::Proof { id, book, tree, node } => tell_proof(&format!("ledger/{book}"), id, tree, node),
        Ledger::Shred { subject, node } => shred(subject, node),
        Ledger::RotateKey { node } => rotate_key(node),
    }
}

fn shred(subject: &str, node: &Running) -> Result<ExitCode, Failure> {
    if !is_subject(subject) {
        let message = format!("{subject:?} is no subject");
        return Err(Failure::message("TG-SM-008", message, "compare it with the subject of a memo"));
    }
    let told = ask(node, "POST", &format!("/v1/ledger/subjects/{subject}/shred"))?;
    let when =
        if told["status"] == "known" { "were made unreadable before" } else { "are unreadable from now on" };
    say(&format!("the memos of {subject} {when}; copies of DATA/memos made before still have the key\n"));
    Ok(ExitCode::SUCCESS)
}

fn rotate_key(node: &Running) -> Result<ExitCode, Failure> {
    let told = ask(node, "POST", "/v1/ledger/keys/rotate")?;
    say(&format!(
        "all keys of memos are under version {} of the outer key; copy DATA/memos anew\n",
        told["version"]
    ));
    Ok(ExitCode::SUCCESS)
}

fn tell(options: &VerifyBooks) -> Result<ExitCode, Failure> {
    let (data, trust) = (&options.data, trust(options)?);
    let runtime = runtime("verify", None)?;
    // The database's connection lives on the runtime's threads; this one blocks.
    let _within = runtime.enter();
    let mut database = options.config.as_deref().map(database).transpose()?;
    let verified = progress::during("verify", options.json, || {
        verify_with(data, &trust, database.as_mut().map(|reader| -> &mut dyn Database { reader }))
    });
    let verification = verified.map_err(|error| inspection::refusal(data, &error))?;
    say(&match options.json {
        true => json::of(&verification, data, options.accounts),
        false => words::of(&verification, data, options.accounts),
    });
    match verification.faults().first() {
        None => Ok(ExitCode::SUCCESS),
        Some(fault) => Err(Failure::message(fault.code(), fault.to_string(), fault.hint())),
    }
}

/// The one that a configuration names.
fn database(file: &Path) -> Result<Reader, Failure> {
    let (_, settings) = Origins::at(&Place { config: Some(file.to_owned()), data: None }).settings()?;
    let Some(database) = settings.postgres.database.clone() else { return Err(gear::no_database()) };
    Ok(Reader::new(settings.sinks.dialer()?, database))
}

fn trust(options: &VerifyBooks) -> Result<Trust, Failure> {
    let unusable = |error: AuditError| Failure::new(error.code(), &error, error.hint());
    let keys = options.key.iter().map(|key| key.parse()).collect::<Result<_, _>>().map_err(unusable)?;
    let notes = options.checkpoints.as_deref().map(notes).transpose()?.unwrap_or_default();
    let acts = Acts { stream: AUDIT, trees: options.data.join(FOLDER) };
    Ok(Trust { keys, notes, acts: Some(acts) })
}

fn notes(file: &Path) -> Result<Vec<String>, Failure> {
    let hint = "give a file of checkpoints as audit.copy_to writes it, or the end of one";
    let unread =
        |error: io::Error| Failure::message("TG-AU-004", format!("{}: {error}", file.display()), hint);
    let bytes = fs::metadata(file).map_err(unread)?.len();
    if bytes > CHECKPOINTS_BYTES_MAX {
        return Err(unread(io::Error::other(format!("it has {bytes} bytes"))));
    }
    let text = fs::read_to_string(file).map_err(unread)?;
    let notes = Trust::notes_of(&text);
    let malformed =
        |error: AuditError| Failure::message(error.code(), format!("{}: {error}", file.display()), hint);
    Trust::readable(&notes).map_err(malformed)?;
    Ok(notes)
}
