//! What can be wrong with a spreadsheet, with row and column. Pure.

use std::fmt::Write as _;
use tidegate_kernel_plug::config::{FAULTS_MAX, Fault, Place, Position};

/// Of a cell: the row as the spreadsheet numbers it, the column from 0.
pub(super) fn cell(row: u32, column: usize) -> Place {
    Place::File(position(row, column))
}

fn position(row: u32, column: usize) -> Position {
    Position { line: row, column: u32::try_from(column + 1).unwrap_or(u32::MAX) }
}

/// Of a row as a whole.
pub(super) fn row(row: u32) -> Place {
    Place::File(Position { line: row, column: 0 })
}

/// As the spreadsheet shows it: `row 14, column F`.
fn shown(at: Position) -> String {
    match at.column.checked_sub(1) {
        None => format!("row {}", at.line),
        Some(column) => format!("row {}, column {}", at.line, letters(column)),
    }
}

/// A, B, ... Z, AA.
fn letters(column: u32) -> String {
    let last = char::from(b'A' + (column % 26) as u8);
    match (column / 26).checked_sub(1) {
        None => last.to_string(),
        Some(before) => letters(before) + &last.to_string(),
    }
}

/// A fault with its place in words.
#[derive(Debug)]
pub(crate) struct Told {
    pub(crate) place: String,
    pub(crate) fault: Fault,
}

impl Told {
    /// `plant.csv: row 14, column F`.
    pub(super) fn in_sheet(fault: Fault, sheet: &str) -> Told {
        let place = match fault.place {
            Place::File(at) => format!("{sheet}: {}", shown(at)),
            _ => sheet.to_owned(),
        };
        Told { place, fault }
    }

    pub(super) fn in_config(fault: Fault, config: &str) -> Told {
        Told { place: fault.place_in(config), fault }
    }
}

/// One line for each fault and its hint on the next. Of more than are named there are `many`.
pub(super) fn report(told: &[Told], many: usize) -> String {
    let mut text = String::new();
    for Told { place, fault } in told.iter().take(FAULTS_MAX) {
        let Fault { code, message, hint, .. } = fault;
        writeln!(text, "{place}: {message} [{code}]\n  hint: {hint}").expect("a String takes it");
    }
    if many > FAULTS_MAX {
        writeln!(text, "and {} more", many - FAULTS_MAX).expect("a String takes it");
    }
    text
}

/// A cell in a sentence.
pub(super) fn shown_cell(row: u32, column: usize) -> String {
    shown(position(row, column))
}

fn fault(code: &'static str, place: Place, message: String, hint: impl Into<String>) -> Fault {
    Fault { place, code, message, hint: hint.into() }
}

pub(super) fn too_large(place: Place, what: &str, max: usize) -> Fault {
    fault("TG-DI-001", place, format!("it has more than {max} {what}"), "import it in parts")
}

pub(super) fn undecoded(place: Place, encoding: &str) -> Fault {
    let hint = "save it as \"CSV UTF-8\", or say --encoding gb18030 for what Excel saves in China";
    fault("TG-DI-002", place, format!("this is not {encoding}"), hint)
}

pub(super) fn header(place: Place, message: String, hint: impl Into<String>) -> Fault {
    fault("TG-DI-003", place, message, hint)
}

pub(super) fn form(place: Place, message: impl Into<String>, hint: impl Into<String>) -> Fault {
    fault("TG-DI-004", place, message.into(), hint)
}

pub(super) fn hidden(place: Place) -> Fault {
    let hint = "write the secret itself, or where it is: { file = \"...\" }, { env = \"...\" }";
    form(place, "a secret is not exported, and there is none that could be kept", hint)
}

pub(super) fn repeated(place: Place, path: &str, first: u32) -> Fault {
    let message = format!("{path} is in row {first} already");
    fault("TG-DI-005", place, message, "give one of them another name, or take it out")
}

pub(super) fn by_hand(place: Place, path: &str, stands: &str) -> Fault {
    let message = format!("{path} is written by hand at {stands}, and otherwise");
    fault("TG-DI-006", place, message, "change it there, or take it out there and import again")
}

pub(super) fn not_carried(place: Place, message: String, hint: impl Into<String>) -> Fault {
    fault("TG-DI-007", place, message, hint)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_named_as_a_spreadsheet_names_them() {
        let named = [0, 25, 26, 51, 52, 701, 702].map(letters);
        assert_eq!(named, ["A", "Z", "AA", "AZ", "BA", "ZZ", "AAA"]);
    }
}
