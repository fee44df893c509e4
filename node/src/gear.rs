//! `tidegate gear`: which gear keeps the books of a data folder, and moving them to another one while no node runs.

use crate::banner::say;
use crate::cli::{Gear as Command, GearMove, Place};
use crate::config::Origins;
use crate::failure::Failure;
use crate::inspection::{no_data_folder, refusal};
use crate::node::runtime;
use crate::settings::Settings;
use serde_json::json;
use std::fs;
use std::process::ExitCode;
use tidegate_gear_postgres::Postgres;
use tidegate_kernel_journal::{DataFolder, FolderOptions, Journal};
use tidegate_service_ledger::{
    Embedded, Gear, Moved, OpenError, gear_of, known_stream, move_books, trees_folder,
};

pub(crate) fn run(command: &Command) -> Result<ExitCode, Failure> {
    let Command::Move(GearMove { to, json, place, .. }) = command;
    let (_, settings) = Origins::at(place).settings()?;
    let folder = open(&settings)?;
    let runtime = runtime("move", None)?;
    // Connections live on the runtime's threads; this one blocks.
    let _within = runtime.enter();
    if to == "embedded" {
        set_trees_aside(&folder, &settings)?;
    }
    let moved = between(folder.books(), &settings, to)?;
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

/// A book that comes back goes on under new numbers, so trees over it begin anew; the old ones stay for whoever has a proof of theirs.
fn set_trees_aside(folder: &DataFolder, settings: &Settings) -> Result<(), Failure> {
    if gear_of(folder.books()).as_deref() != Some("postgres") {
        return Ok(());
    }
    for book in &settings.ledger.books {
        let (trees, stream) =
            (trees_folder(&settings.data, &book.name), known_stream(folder.books(), &book.name));
        if let (true, Some(stream)) = (trees.exists(), stream) {
            let aside = settings.data.join("ledger-left").join(format!("{}-{stream}", book.name));
            let moved = fs::create_dir_all(&aside).and_then(|()| fs::rename(&trees, &aside));
            moved.map_err(|error| {
                let message = format!("the trees in {} were not set aside: {error}", trees.display());
                Failure::message(
                    "TG-JR-014",
                    message,
                    "look at the disk under the data folder and its permissions",
                )
            })?;
        }
    }
    Ok(())
}

fn between(journal: &Journal, settings: &Settings, to: &str) -> Result<Vec<Moved>, Failure> {
    let Some(database) = settings.postgres.database.clone() else {
        let message = "the configuration does not say which database".to_owned();
        return Err(Failure::message(
            "TG-LE-052",
            message,
            "write [ledger.postgres] with its url into the file",
        ));
    };
    let embedded = Embedded(journal.clone());
    let postgres = Postgres::new(journal.clone(), settings.sinks.dialer()?, database);
    let (from, to): (&dyn Gear, &dyn Gear) = match to {
        "postgres" => (&embedded, &postgres),
        _ => (&postgres, &embedded),
    };
    let moved = move_books(journal, from, to, &settings.ledger.books);
    moved.map_err(|error: OpenError| Failure::new(error.code(), &error, error.hint()))
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
