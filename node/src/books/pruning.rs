//! `tidegate ledger prune`: on the folder of a node that is stopped.

use crate::audit::Stopped;
use crate::banner::say;
use crate::cli::{Place, PruneBook};
use crate::config::Origins;
use crate::failure::Failure;
use crate::inspection::{no_data_folder, refusal};
use crate::node::runtime;
use crate::progress;
use crate::settings::Settings;
use jiff::Timestamp;
use serde_json::json;
use std::path::Path;
use std::process::ExitCode;
use tidegate_kernel_journal::{DataFolder, FolderOptions, Pruned};
use tidegate_service_ledger::verify::{Trust, verify};
use tidegate_service_ledger::{Plan, PruneError, plan, prune};

/// As it is written down.
const WHAT: &str = "tidegate ledger prune";

pub(super) fn run(options: &PruneBook) -> Result<ExitCode, Failure> {
    let place =
        Place { config: options.config.clone(), data: Some(options.data.to_string_lossy().into_owned()) };
    let (_, settings) = Origins::at(&place).settings()?;
    if !settings.data.join("FORMAT").is_file() {
        return Err(no_data_folder(&settings.data));
    }
    let done = progress::during("prune", options.json, || match options.dry_run {
        true => planned(options, &settings).map(|plan| plan.map(|plan| (plan, None))),
        false => pruned(options, &settings),
    })?;
    say(&if options.json { report_json(options, done) } else { report(options, done) });
    Ok(ExitCode::SUCCESS)
}

/// What there is to do, of which something was done or nothing.
type Done = Option<(Plan, Option<Pruned>)>;

fn planned(options: &PruneBook, settings: &Settings) -> Result<Option<Plan>, Failure> {
    let (data, book) = (&settings.data, options.book.as_str());
    let sound = verify(data, &Trust::default()).map_err(|error| refusal(data, &error))?;
    if let Some(fault) = sound.faults().first() {
        return Err(Failure::message(fault.code(), format!("nothing was pruned: {fault}"), fault.hint()));
    }
    let known = settings.ledger.books.iter().find(|known| known.name == book);
    let limit = known.map(|known| known.limit).unwrap_or_default();
    plan(data, &sound, (book, limit), options.before).map_err(unpruned)
}

fn pruned(options: &PruneBook, settings: &Settings) -> Result<Done, Failure> {
    let data = &settings.data;
    let folder = open(data, settings)?;
    let Some(plan) = planned(options, settings)? else { return Ok(None) };
    let stopped = Stopped::open(data, folder.books(), &settings.audit)?;
    let target = format!("book {}, facts up to record {} of {}", plan.book, plan.through, at(plan.at_ms));
    let work = || {
        let signer = |profile| stopped.signer(&plan.book, profile);
        let done = prune(folder.books(), data, &plan, &signer).map_err(unpruned)?;
        let signed: String = done.signed.iter().map(ToString::to_string).collect();
        Ok((done.pruned, format!("{} facts were pruned\n{signed}", done.pruned.records)))
    };
    let witnessed = stopped.witnessed((WHAT, target), work);
    let done = runtime("prune", Some(1))?.block_on(witnessed)?;
    folder.close();
    Ok(Some((plan, Some(done))))
}

/// As a start does, so that no node runs on it meanwhile.
fn open(data: &Path, settings: &Settings) -> Result<DataFolder, Failure> {
    let options = FolderOptions { network_allowed: settings.network_allowed, ..FolderOptions::default() };
    DataFolder::open_with(data, options).map_err(|error| refusal(data, &error))
}

fn unpruned(error: PruneError) -> Failure {
    Failure::new(error.code(), &error, error.hint())
}

fn at(ms: u64) -> String {
    let time = i64::try_from(ms).ok().and_then(|ms| Timestamp::from_millisecond(ms).ok());
    time.map_or_else(|| format!("{ms} ms"), |time| time.to_string())
}

fn report(options: &PruneBook, done: Done) -> String {
    let book = &options.book;
    let Some((plan, pruned)) = done else {
        return format!("book {book}: no fact before that has its content any more, or there is none\n");
    };
    let Plan { through, at_ms, facts, .. } = plan;
    let until = format!("up to record {through} of {}", at(at_ms));
    let Some(Pruned { records, segments, bytes_before, bytes_after }) = pruned else {
        return format!("book {book}: the content of {facts} facts would go, {until}; nothing was changed\n");
    };
    let left = match facts - records {
        0 => String::new(),
        left => format!("; {left} in the segment that is written to stay until the next time"),
    };
    format!(
        "book {book}: the content of {records} facts is gone, {until}{left}\n  \
         {segments} segments were written anew, of {bytes_before} bytes, now {bytes_after}\n  \
         a signed snapshot of the book as of record {through} or later stands for them; backups made before still have them\n"
    )
}

fn report_json(options: &PruneBook, done: Done) -> String {
    let mut object = json!({
        "data": options.data.to_string_lossy(), "book": options.book, "dry_run": options.dry_run,
        "facts": 0, "pruned": 0,
    });
    if let Some((plan, pruned)) = done {
        let Pruned { records, segments, bytes_before, bytes_after } = pruned.unwrap_or_default();
        object["facts"] = plan.facts.into();
        object["through"] = plan.through.into();
        object["at_ms"] = plan.at_ms.into();
        object["pruned"] = records.into();
        object["segments"] = segments.into();
        object["bytes_before"] = bytes_before.into();
        object["bytes_after"] = bytes_after.into();
    }
    format!("{object}\n")
}
