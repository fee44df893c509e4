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
mod route;
mod row;
mod sheet;
mod stock;

pub(crate) use fault::Told;
pub(crate) use route::routes;

use crate::banner::say;
use crate::cli::{Devices, Encoding, Export, Import};
use crate::config::{self, Origins, Unread};
use crate::devices::document::Document;
use crate::devices::neuron::Order;
use crate::devices::plain::Found;
use crate::devices::sheet::Sheet;
use crate::devices::stock::Stock;
use crate::failure::Failure;
use crate::settings::{self, Settings};
use std::fs;
use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;
use tidegate_kernel_plug::config::{Change, Fault, Faults, Origin, Values, changes};

/// `--dry-run` found something to change.
const WOULD_CHANGE: u8 = 3;

pub(crate) fn run(command: &Devices) -> Result<ExitCode, Failure> {
    match command {
        Devices::Import(options) => import(options),
        Devices::Export(options) => write_out(options),
    }
}

/// A spreadsheet on its way in.
pub(crate) struct Delivery<'a> {
    /// As it is called where a fault in it is told.
    pub(crate) name: &'a str,
    pub(crate) bytes: &'a [u8],
    pub(crate) encoding: Encoding,
    /// What the devices of Neuron's tags speak, and the template that they make.
    pub(crate) neuron: Option<Order<'a>>,
    /// What was imported before and is not in it is taken away.
    pub(crate) replace: bool,
}

/// What would hold with it.
pub(crate) struct Judged {
    stock: Stock,
    document: Document,
    pub(crate) values: Values,
    pub(crate) settings: Settings,
}

/// Why nothing of it is taken over.
pub(crate) enum Refused {
    /// Of more than are told there are `many`.
    Faults {
        told: Vec<Told>,
        many: usize,
    },
    Other(Failure),
}

/// Looks at it, as a start would with what is there. Writes nothing.
pub(crate) fn judge(origins: Origins, delivery: &Delivery<'_>) -> Result<Judged, Refused> {
    let stock = Stock::read(origins)?;
    let found = found(&stock, delivery)?;
    let document = Document::of(&stock.with(&found, delivery.replace));
    match stock.judged(&document) {
        Ok((values, settings)) => Ok(Judged { stock, document, values, settings }),
        Err(Unread::Faults(faults)) => {
            let told = stock.told(&faults, &document, &found, delivery.name);
            Err(Refused::Faults { told, many: faults.len() })
        }
        Err(unread @ Unread::File(_)) => Err(stock.unread(unread).into()),
    }
}

impl Judged {
    /// Puts it in place of what is there.
    pub(crate) fn write(&self) -> Result<(), Failure> {
        self.stock.write(&self.document)
    }
}

impl From<Failure> for Refused {
    fn from(failure: Failure) -> Refused {
        Refused::Other(failure)
    }
}

fn import(options: &Import) -> Result<ExitCode, Failure> {
    let name = options.file.display().to_string();
    let bytes =
        config::head(&options.file, sheet::BYTES_MAX).map_err(|error| config::unreadable(&name, &error))?;
    let stem = options.file.file_stem().map(|name| name.to_string_lossy().into_owned());
    let template = options.template.clone().or(stem).unwrap_or_default();
    let neuron = options.driver.as_ref().map(|driver| Order { driver, template: &template });
    let Import { encoding, replace, .. } = *options;
    let delivery = Delivery { name: &name, bytes: &bytes, encoding, neuron, replace };
    let judged = judge(Origins::at(&options.place), &delivery).map_err(|why| refused(&name, why))?;
    let changes = changes(&judged.stock.values, &judged.values);
    changes.iter().for_each(|change| say(&line(change)));
    match (changes.len(), options.dry_run) {
        (0, _) => say("nothing to change\n"),
        (many, true) => {
            say(&format!("{many} changes, and nothing was written\n"));
            return Ok(WOULD_CHANGE.into());
        }
        (many, false) => {
            judged.write()?;
            say(&format!("{many} changes, written to {}\n", judged.stock.beside.display()));
        }
    }
    if options.reload { config::reload(&options.node) } else { Ok(ExitCode::SUCCESS) }
}

/// What the spreadsheet says that is not written by hand as well.
fn found(stock: &Stock, delivery: &Delivery<'_>) -> Result<Found, Refused> {
    let mut faults = Faults::default();
    let mut found = match Sheet::read(delivery.bytes, delivery.encoding, &mut faults) {
        Some(sheet) => understood(&sheet, delivery, &mut faults)?,
        None => Found::default(),
    };
    stock.keep_secrets(&mut found, &mut faults);
    stock.take_out_known(&mut found, &mut faults);
    if faults.is_empty() {
        return Ok(found);
    }
    let told = faults.iter().map(|fault| Told::in_sheet(fault.clone(), delivery.name)).collect();
    Err(Refused::Faults { told, many: faults.len() })
}

fn understood(sheet: &Sheet, delivery: &Delivery<'_>, faults: &mut Faults) -> Result<Found, Failure> {
    let table = settings::table();
    match (neuron::is_of_neuron(sheet), &delivery.neuron) {
        (false, None) => Ok(plain::read(sheet, &table, faults)),
        (true, Some(order)) => {
            let (found, notes) = neuron::read(sheet, &table, order, faults);
            for note in notes {
                let _ = writeln!(io::stderr(), "note: {note}");
            }
            Ok(found)
        }
        (true, None) => Err(Failure::message(
            "TG-DI-009",
            format!("{} has tags of EMQX Neuron, whose addresses are each driver's own", delivery.name),
            "say what the devices speak: --driver modbus or --driver s7",
        )),
        (false, Some(_)) => Err(Failure::message(
            "TG-DI-009",
            format!("{} has no tags of EMQX Neuron", delivery.name),
            "leave --driver out, or name the columns name, address, attribute and type",
        )),
    }
}

/// One fault speaks for itself; more of them are told before.
fn refused(name: &str, why: Refused) -> Failure {
    let (mut told, many) = match why {
        Refused::Faults { told, many } => (told, many),
        Refused::Other(failure) => return failure,
    };
    if many == 1
        && let Some(Told { place, fault }) = told.pop()
    {
        let Fault { code, message, hint, .. } = fault;
        return Failure::message(code, format!("{place}: {message}"), hint);
    }
    let _ = io::stderr().write_all(fault::report(&told, many).as_bytes());
    let message = format!("{name} has {many} faults, and nothing was imported");
    Failure::message("TG-DI-008", message, "mend them; each is named above")
}

/// `+ ingest.devices.press-9`.
pub(crate) fn line(change: &Change) -> String {
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
