//! `tidegate gear`: which gear keeps the books of a data folder, and moving them to another one while no node runs.

use crate::audit::Audit;
use crate::banner::say;
use crate::cli::{Gear as Command, GearMove, Place};
use crate::config::Origins;
use crate::failure::Failure;
use crate::inspection::{no_data_folder, refusal};
use crate::node::runtime;
use crate::settings::Settings;
use serde_json::json;
use std::process::ExitCode;
use tidegate_gear_postgres::Postgres;
use tidegate_kernel_audit::{AuditError, Profile, note_in};
use tidegate_kernel_journal::{DataFolder, FolderOptions, Journal};
use tidegate_kernel_plug::{Act, Outcome, Witness};
use tidegate_service_ledger::{Embedded, Gear, Moved, OpenError, log_of, move_books, trees_folder};

pub(crate) fn run(command: &Command) -> Result<ExitCode, Failure> {
    let Command::Move(GearMove { to, json, place, .. }) = command;
    let (_, settings) = Origins::at(place).settings()?;
    let folder = open(&settings)?;
    let runtime = runtime("move", None)?;
    // Connections live on the runtime's threads; this one blocks.
    let _within = runtime.enter();
    let (audit, ends) = (Audit::new(folder.books().clone()), ends_of_logs(&folder, &settings)?);
    let number = runtime.block_on(audit.begin(act(to)));
    let number = number.map_err(|refusal| Failure::message(refusal.code, refusal.message, refusal.hint))?;
    let moved = between(folder.books(), &settings, to);
    let outcome = match &moved {
        Ok(_) => Outcome { status: 200, detail: ends },
        Err(failure) => Outcome { status: 409, detail: failure.line() },
    };
    runtime.block_on(audit.end(number, outcome));
    let moved = moved?;
    say(&if *json { report_json(to, &moved) } else { report(to, &moved, place) });
    Ok(ExitCode::SUCCESS)
}

/// Opens the folder as a start does, so that no node runs on it meanwhile; one that is not there is not made.
fn open(settings: &Settings) -> Result<DataFolder, Failure> {
    let data = &settings.data;
    if !data.join("FORMAT").is_file() {
        return Err(no_data_folder(data));
    }
    let options = FolderOptions { network_allowed: settings.network_allowed, ..FolderOptions::default() };
    DataFolder::open_with(data, options).map_err(|error| refusal(data, &error))
}

/// What the books' logs were signed over, for whoever asks later how the one before ended.
fn ends_of_logs(folder: &DataFolder, settings: &Settings) -> Result<String, Failure> {
    let failed = |error: AuditError| Failure::new(error.code(), &error, error.hint());
    let mut ends = Vec::new();
    for book in &settings.ledger.books {
        let trees = trees_folder(&settings.data, &log_of(folder.books(), &book.name));
        for profile in Profile::ALL {
            let note = note_in(&trees.join(profile.name())).map_err(failed)?;
            let lines = note.as_deref().unwrap_or_default().lines().take(3);
            ends.push(lines.collect::<Vec<_>>().join(" "));
        }
    }
    ends.retain(|end| !end.is_empty());
    Ok(ends.join("; "))
}

/// A move is an act of administration, though it comes over no request.
fn act(to: &str) -> Act {
    let texts = ["the command line", "gear move ledger", to, "this machine"];
    let [who, what, target, from] = texts.map(str::to_owned);
    Act { who, what, target, from, request: String::new() }
}

fn between(journal: &Journal, settings: &Settings, to: &str) -> Result<Vec<Moved>, Failure> {
    let Some(database) = settings.postgres.database.clone() else { return Err(no_database()) };
    let embedded = Embedded(journal.clone());
    let postgres = Postgres::new(journal.clone(), settings.sinks.dialer()?, database);
    let (from, to): (&dyn Gear, &dyn Gear) = match to {
        "postgres" => (&embedded, &postgres),
        _ => (&postgres, &embedded),
    };
    let moved = move_books(journal, from, to, &settings.ledger.books);
    moved.map_err(|error: OpenError| Failure::new(error.code(), &error, error.hint()))
}

pub(crate) fn no_database() -> Failure {
    let message = "the configuration does not say which database".to_owned();
    Failure::message("TG-LE-052", message, "write [ledger.postgres] with its url into the file")
}

fn report(to: &str, moved: &[Moved], place: &Place) -> String {
    let mut words = String::new();
    for Moved { book, tally } in moved {
        words.push_str(&format!(
            "book {book}: {} facts, {} accounts, {} open reservations, {} ids, postings of {}: the same on both sides\n",
            tally.facts,
            tally.trials.values().map(|trial| trial.accounts).sum::<u64>(),
            tally.reservations,
            tally.ids,
            tally.amounts
        ));
    }
    let file =
        place.config.as_ref().map_or_else(|| "tidegate.toml".to_owned(), |file| file.display().to_string());
    let done = if moved.is_empty() { "were moved before" } else { "are moved" };
    words.push_str(&format!(
        "the books {done}; write `gear = \"{to}\"` under [ledger] in {file} before the next start\n"
    ));
    words
}

fn report_json(to: &str, moved: &[Moved]) -> String {
    let books: Vec<_> = moved
        .iter()
        .map(|Moved { book, tally }| {
            json!({
                "book": book, "facts": tally.facts, "reservations": tally.reservations, "ids": tally.ids,
                "amounts": tally.amounts.to_string(),
            })
        })
        .collect();
    format!("{}\n", json!({"gear": to, "books": books}))
}
