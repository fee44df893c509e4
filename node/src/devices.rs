//! `tidegate ingest devices`: templates and devices out of a spreadsheet, and into one.
//!
//! What is imported ends in the file of devices beside the configuration, which is made anew of what it had and what the spreadsheet
//! says, judged together with the configuration as a start would, and put in place at once or not at all. The configuration itself is
//! never written.

mod document;
mod export;
mod fault;
mod neuron;
mod plain;
mod row;
mod sheet;
mod stock;

use crate::banner::say;
use crate::cli::{Devices, Export, Import};
use crate::config::{self, Origins, Unread};
use crate::devices::document::Document;
use crate::devices::fault::Told;
use crate::devices::neuron::Order;
use crate::devices::plain::Found;
use crate::devices::sheet::Sheet;
use crate::devices::stock::Stock;
use crate::failure::Failure;
use crate::settings;
use std::fs;
use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;
use tidegate_kernel_plug::config::{Change, Fault, Faults, Origin, changes};

/// `--dry-run` found something to change.
const WOULD_CHANGE: u8 = 3;

pub(crate) fn run(command: &Devices) -> Result<ExitCode, Failure> {
    match command {
        Devices::Import(options) => import(options),
        Devices::Export(options) => write_out(options),
    }
}

fn import(options: &Import) -> Result<ExitCode, Failure> {
    let stock = Stock::read(Origins::at(&options.place))?;
    let found = found(&stock, options)?;
    let document = Document::of(&stock.with(&found, options.replace));
    let values = stock.judged(&document).map_err(|unread| match unread {
        Unread::Faults(faults) => {
            refused(options, stock.told(&faults, &document, &found, &name(options)), faults.len())
        }
        unread @ Unread::File(_) => stock.unread(unread),
    })?;
    let changes = changes(&stock.values, &values);
    changes.iter().for_each(|change| say(&line(change)));
    match (changes.len(), options.dry_run) {
        (0, _) => say("nothing to change\n"),
        (many, true) => {
            say(&format!("{many} changes, and nothing was written\n"));
            return Ok(WOULD_CHANGE.into());
        }
        (many, false) => {
            stock.write(&document)?;
            say(&format!("{many} changes, written to {}\n", stock.beside.display()));
        }
    }
    if options.reload { config::reload(&options.node) } else { Ok(ExitCode::SUCCESS) }
}

/// What the spreadsheet says that is not written by hand as well.
fn found(stock: &Stock, options: &Import) -> Result<Found, Failure> {
    let name = name(options);
    let bytes =
        config::head(&options.file, sheet::BYTES_MAX).map_err(|error| config::unreadable(&name, &error))?;
    let mut faults = Faults::default();
    let mut found = match Sheet::read(&bytes, options.encoding, &mut faults) {
        Some(sheet) => understood(&sheet, options, &mut faults)?,
        None => Found::default(),
    };
    stock.take_out_known(&mut found, &mut faults);
    if faults.is_empty() {
        return Ok(found);
    }
    let told = faults.iter().map(|fault| Told::in_sheet(fault.clone(), &name)).collect();
    Err(refused(options, told, faults.len()))
}

fn name(options: &Import) -> String {
    options.file.display().to_string()
}

fn understood(sheet: &Sheet, options: &Import, faults: &mut Faults) -> Result<Found, Failure> {
    let table = settings::table();
    match (neuron::is_of_neuron(sheet), &options.driver) {
        (false, None) => Ok(plain::read(sheet, &table, faults)),
        (true, Some(driver)) => {
            let name = options.file.file_stem().map(|name| name.to_string_lossy().into_owned());
            let template = options.template.clone().or(name).unwrap_or_default();
            let (found, notes) = neuron::read(sheet, &table, &Order { driver, template: &template }, faults);
            for note in notes {
                let _ = writeln!(io::stderr(), "note: {note}");
            }
            Ok(found)
        }
        (true, None) => Err(Failure::message(
            "TG-DI-009",
            format!(
                "{} has tags of EMQX Neuron, whose addresses are each driver's own",
                options.file.display()
            ),
            "say what the devices speak: --driver modbus or --driver s7",
        )),
        (false, Some(_)) => Err(Failure::message(
            "TG-DI-009",
            format!("{} has no tags of EMQX Neuron", options.file.display()),
            "leave --driver out, or name the columns name, address, attribute and type",
        )),
    }
}

/// One fault speaks for itself; more of them are told before.
fn refused(options: &Import, mut told: Vec<Told>, many: usize) -> Failure {
    if many == 1
        && let Some(Told { place, fault }) = told.pop()
    {
        let Fault { code, message, hint, .. } = fault;
        return Failure::message(code, format!("{place}: {message}"), hint);
    }
    let _ = io::stderr().write_all(fault::report(&told, many).as_bytes());
    let message = format!("{} has {many} faults, and nothing was imported", name(options));
    Failure::message("TG-DI-008", message, "mend them; each is named above")
}

fn line(change: &Change) -> String {
    let Change { path, origin, from, to, .. } = change;
    match (from, to, origin) {
        (None, None, Origin::Default) => format!("- {path}\n"),
        (None, None, _) => format!("+ {path}\n"),
        (from, to, _) => {
            let text = |side: &Option<String>| side.clone().unwrap_or_else(|| "not set".to_owned());
            format!("~ {path}: {} -> {}\n", text(from), text(to))
        }
    }
}

fn write_out(options: &Export) -> Result<ExitCode, Failure> {
    let stock = Stock::read(Origins::at(&options.place))?;
    let rows = stock.rows();
    let text = export::text(&rows, &settings::table());
    match &options.out {
        None => say(&text),
        Some(out) => {
            fs::write(out, &text).map_err(|error| unwritten(out, &error))?;
            say(&format!("{} rows in {}\n", rows.len(), out.display()));
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn unwritten(file: &Path, error: &io::Error) -> Failure {
    let message = format!("could not write {}: {error}", file.display());
    Failure::message("TG-CF-019", message, "look at the folder and its permissions")
}
