//! A spreadsheet in the product's own columns: one row a device, or a tag of a template, or what else `kind` says. Pure.
//!
//! The columns are the settings of the configuration by their names, so what a setting is, and its limits, are said once.

use crate::devices::fault;
use crate::devices::row::{Cells, Key, Kind, Rows};
use crate::devices::sheet::{Row, Sheet};
use std::collections::BTreeMap;
use tidegate_kernel_plug::config::{Fault, Faults, Field, Place, Setting, Table, nearest};

/// Columns that are no settings; `template` is one as well, of a device.
pub(super) const OWN: [&str; 4] = ["kind", "name", "template", "device"];

/// What the rows of a spreadsheet say, and where each was said.
#[derive(Debug, Default)]
pub(super) struct Found {
    pub(super) rows: Rows,
    spots: BTreeMap<Key, Spot>,
}

/// Where a row says what it says.
#[derive(Debug)]
struct Spot {
    row: u32,
    name: usize,
    /// By key of the field.
    columns: Vec<(&'static str, usize)>,
}

impl Found {
    /// Takes a row up, unless there is one of its key already.
    pub(super) fn add(
        &mut self,
        key: Key,
        cells: Vec<(&'static str, Setting, usize)>,
        (row, name): (u32, usize),
        faults: &mut Faults,
    ) {
        if let Some(first) = self.spots.get(&key) {
            faults.push(fault::repeated(fault::cell(row, name), &key.path(), first.row));
            return;
        }
        let columns = cells.iter().map(|(field, _, column)| (*field, *column)).collect();
        self.spots.insert(key.clone(), Spot { row, name, columns });
        let cells: Cells = cells.into_iter().map(|(field, setting, _)| (field, setting)).collect();
        self.rows.insert(key, cells);
    }

    /// The cell of a setting, or that of the name; nothing for what is not of this spreadsheet.
    pub(super) fn place(&self, key: &Key, field: Option<&str>) -> Option<Place> {
        let Spot { row, name, columns } = self.spots.get(key)?;
        let of = |(known, column): &(&str, usize)| (Some(*known) == field).then_some(*column);
        Some(fault::cell(*row, columns.iter().find_map(of).unwrap_or(*name)))
    }
}

pub(super) fn read(sheet: &Sheet, table: &Table, faults: &mut Faults) -> Found {
    let mut found = Found::default();
    let Some(columns) = Columns::of(sheet, table, faults) else { return found };
    for row in &sheet.rows {
        columns.take(row, &mut found, faults);
    }
    found
}

struct Columns<'s> {
    sheet: &'s Sheet,
    table: &'s Table,
    name: usize,
}

impl<'s> Columns<'s> {
    fn of(sheet: &'s Sheet, table: &'s Table, faults: &mut Faults) -> Option<Columns<'s>> {
        let fields =
            Kind::ALL.into_iter().flat_map(|kind| table.fields(kind.path()).iter().map(|field| field.key));
        let known: Vec<&str> = OWN.into_iter().chain(fields).collect();
        for (at, column) in sheet.columns.iter().enumerate() {
            let place = fault::cell(1, at);
            let is_twice = sheet.columns[..at].contains(column);
            match column.as_str() {
                "" if sheet.rows.iter().any(|row| row.cell(Some(at)).is_some()) => {
                    faults.push(fault::header(
                        place,
                        "a column has no name".to_owned(),
                        "name it, or empty it",
                    ));
                }
                "" => {}
                name if !known.contains(&name) => faults.push(unknown(place, name, &known)),
                name if is_twice => {
                    let message = format!("the column {name:?} is there twice");
                    faults.push(fault::header(place, message, "take one of them out"));
                }
                _ => {}
            }
        }
        let Some(name) = sheet.column("name") else {
            let hint = "name the columns in the first row: name, template, topic, driver, address";
            faults.push(fault::header(fault::row(1), "there is no column \"name\"".to_owned(), hint));
            return None;
        };
        Some(Columns { sheet, table, name })
    }

    fn take(&self, row: &Row, found: &mut Found, faults: &mut Faults) {
        match self.key(row) {
            Ok(key) => {
                let cells = self.cells(row, key.kind, faults);
                found.add(key, cells, (row.number, self.name), faults);
            }
            Err(fault) => faults.push(fault),
        }
    }

    fn key(&self, row: &Row) -> Result<Key, Fault> {
        let kind = self.sheet.column("kind");
        let word = row.cell(kind).unwrap_or(Kind::Device.word()).to_ascii_lowercase();
        let kind = Kind::named(&word).ok_or_else(|| {
            let hint = format!("write {}", Kind::ALL.map(Kind::word).join(", "));
            fault::form(
                fault::cell(row.number, kind.unwrap_or(0)),
                format!("{word:?} is no kind of row"),
                hint,
            )
        })?;
        let said = |column: &str| {
            let missing = || {
                let at = self.sheet.column(column);
                let place = at.map_or(fault::row(row.number), |at| fault::cell(row.number, at));
                fault::form(place, format!("a {word} has to say its {column}"), format!("fill in {column}"))
            };
            row.cell(self.sheet.column(column)).ok_or_else(missing)
        };
        let owner = kind.owner().map(said).transpose()?;
        Ok(Key::new(kind, owner, said("name")?))
    }

    /// What the row says beside its key.
    fn cells(&self, row: &Row, kind: Kind, faults: &mut Faults) -> Vec<(&'static str, Setting, usize)> {
        let fields = self.table.fields(kind.path());
        let mut cells = Vec::new();
        for (at, column) in self.sheet.columns.iter().enumerate() {
            let is_key = matches!(column.as_str(), "kind" | "name") || kind.owner() == Some(column);
            let Some(text) = row.cell(Some(at)).filter(|_| !is_key && !column.is_empty()) else { continue };
            let place = fault::cell(row.number, at);
            match fields.iter().find(|field| field.key == column) {
                // An unknown column is told of once.
                None if !self.is_known(column) => {}
                None => faults.push(misplaced(place, kind, column)),
                Some(field) => match setting(field, text) {
                    Ok(setting) => cells.push((field.key, setting, at)),
                    Err(fault) => {
                        faults.push(Fault { message: format!("{column}: {}", fault.message), place, ..fault })
                    }
                },
            }
        }
        cells
    }

    fn is_known(&self, column: &str) -> bool {
        let has = |kind: Kind| self.table.fields(kind.path()).iter().any(|field| field.key == column);
        OWN.contains(&column) || Kind::ALL.into_iter().any(has)
    }
}

/// A spreadsheet writes TRUE and FALSE.
fn setting(field: &Field, text: &str) -> Result<Setting, Fault> {
    match text {
        "TRUE" | "FALSE" => field.read(&text.to_ascii_lowercase()),
        _ => field.read(text),
    }
}

fn unknown(place: Place, name: &str, known: &[&str]) -> Fault {
    let hint = match nearest(name, known.iter().copied()) {
        Some(near) => format!("did you mean {near:?}?"),
        None => "columns are the settings of templates, groups, tags and devices".to_owned(),
    };
    fault::header(place, format!("there is no column {name:?}"), hint)
}

fn misplaced(place: Place, kind: Kind, column: &str) -> Fault {
    let hint = "empty the cell, or say another kind of row";
    fault::form(place, format!("a {} has no {column}", kind.word()), hint)
}
