//! Templates and devices as a spreadsheet that import takes: what comes of it is what was there. Pure.

use crate::devices::plain::OWN;
use crate::devices::row::{Cells, Key, Kind};
use std::collections::BTreeSet;
use tidegate_kernel_plug::config::{Setting, Table};

/// Columns that most people look at, in front of all others.
const FIRST: [&str; 16] = [
    "topic", "driver", "address", "backup", "timeout", "group", "every", "class", "type", "unit", "scale",
    "offset", "min", "max", "deadband", "forced",
];
/// Tells Excel that the text is UTF-8; without it, it takes another guess.
const MARK: &str = "\u{feff}";

/// The text. Columns that nobody uses are left out.
pub(super) fn text(rows: &[(Key, Cells)], table: &Table) -> String {
    let columns = columns(rows, table);
    let mut writer = csv::Writer::from_writer(Vec::new());
    let mut write =
        |cells: Vec<String>| writer.write_record(cells).expect("memory takes it, and rows are of one length");
    write(columns.iter().map(|column| (*column).to_owned()).collect());
    for (key, cells) in rows {
        write(columns.iter().map(|column| cell(key, cells, column)).collect());
    }
    let bytes = writer.into_inner().expect("memory takes it");
    format!("{MARK}{}", String::from_utf8(bytes).expect("every cell was text"))
}

fn cell(key: &Key, cells: &Cells, column: &str) -> String {
    match column {
        "kind" => key.kind.word().to_owned(),
        "name" => key.name.clone(),
        owner if key.kind.owner() == Some(owner) => key.of.clone(),
        field => cells.get(field).map(Setting::bare).unwrap_or_default(),
    }
}

fn columns(rows: &[(Key, Cells)], table: &Table) -> Vec<&'static str> {
    let said: BTreeSet<&str> = rows.iter().flat_map(|(_, cells)| cells.keys().copied()).collect();
    let has_overrides = rows.iter().any(|(key, _)| key.kind == Kind::Override);
    let own = OWN.into_iter().filter(|column| *column != "device" || has_overrides);
    let others =
        Kind::ALL.into_iter().flat_map(|kind| table.fields(kind.path()).iter().map(|field| field.key));
    let mut columns: Vec<&'static str> = own.collect();
    for column in FIRST.into_iter().chain(others).filter(|column| said.contains(column)) {
        if !columns.contains(&column) {
            columns.push(column);
        }
    }
    columns
}
