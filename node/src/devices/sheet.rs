//! The spreadsheet: bytes to cells. Whatever its first row says, each row has as many cells. Reads no file.

use crate::cli::Encoding;
use crate::devices::fault;
use encoding_rs::GB18030;
use tidegate_kernel_plug::config::Faults;

pub(super) const BYTES_MAX: usize = 16 << 20;
const ROWS_MAX: usize = 100_000;
const COLUMNS_MAX: usize = 200;
const CELL_BYTES_MAX: usize = 4096;
/// What stands between cells, by country and program.
const SEPARATORS: [u8; 3] = [b',', b';', b'\t'];

#[derive(Debug)]
pub(super) struct Sheet {
    /// What the first row says, in small letters.
    pub(super) columns: Vec<String>,
    pub(super) rows: Vec<Row>,
}

/// One row that has something in it.
#[derive(Debug)]
pub(super) struct Row {
    /// As the spreadsheet numbers it, from 1.
    pub(super) number: u32,
    /// One for each column, without the blanks around it.
    pub(super) cells: Vec<String>,
}

impl Sheet {
    /// The cells; nothing, and faults, where they cannot be trusted.
    pub(super) fn read(bytes: &[u8], encoding: Encoding, faults: &mut Faults) -> Option<Sheet> {
        let text = decoded(bytes, encoding, faults)?;
        let mut rows = rows(&text, faults)?.into_iter();
        let Some(first) = rows.next() else {
            let hint = "name the columns in the first row: name, template, topic, driver, address";
            faults.push(fault::header(fault::row(1), "there is no row in it".to_owned(), hint));
            return None;
        };
        let columns: Vec<String> = first.cells.iter().map(|cell| cell.to_ascii_lowercase()).collect();
        let rows: Vec<Row> = rows.map(|row| row.fitted(columns.len(), faults)).collect();
        faults.is_empty().then_some(Sheet { columns, rows })
    }

    pub(super) fn column(&self, name: &str) -> Option<usize> {
        self.columns.iter().position(|column| column == name)
    }
}

impl Row {
    /// Nothing for an empty cell, and for a column that is not there.
    pub(super) fn cell(&self, column: Option<usize>) -> Option<&str> {
        self.cells.get(column?).map(String::as_str).filter(|cell| !cell.is_empty())
    }

    /// With as many cells as there are columns, and each of them one that may be.
    fn fitted(mut self, columns: usize, faults: &mut Faults) -> Row {
        for (at, cell) in self.cells.iter().enumerate().filter(|(_, cell)| !cell.is_empty()) {
            let place = fault::cell(self.number, at);
            if at >= columns {
                let hint = "is a text with a comma in it not in quotes?";
                faults.push(fault::form(place, "the row has more cells than there are columns", hint));
            } else if cell.len() > CELL_BYTES_MAX {
                faults.push(fault::too_large(place, "bytes in one cell", CELL_BYTES_MAX));
            } else if cell.contains(char::is_control) {
                let hint = "is a quote not closed, here or above?";
                faults.push(fault::form(
                    place,
                    "the cell has a line break or another control character",
                    hint,
                ));
            }
        }
        self.cells.resize(columns, String::new());
        self
    }
}

fn decoded(bytes: &[u8], encoding: Encoding, faults: &mut Faults) -> Option<String> {
    let begin = fault::row(1);
    if bytes.len() > BYTES_MAX {
        faults.push(fault::too_large(begin, "bytes", BYTES_MAX));
        return None;
    }
    match encoding {
        Encoding::Utf8 => match std::str::from_utf8(bytes) {
            Ok(text) => return Some(text.strip_prefix('\u{feff}').unwrap_or(text).to_owned()),
            Err(error) => {
                let before = &bytes[..error.valid_up_to()];
                let row = before.iter().filter(|byte| **byte == b'\n').count() + 1;
                faults.push(fault::undecoded(fault::row(u32::try_from(row).unwrap_or(u32::MAX)), "UTF-8"));
            }
        },
        Encoding::Gb18030 => match GB18030.decode_without_bom_handling_and_without_replacement(bytes) {
            Some(text) => return Some(text.into_owned()),
            None => faults.push(fault::undecoded(begin, "GB 18030")),
        },
    }
    None
}

/// Of the first line: a separator is what is in it most often.
fn separator(text: &str) -> u8 {
    let line = text.lines().next().unwrap_or_default();
    let count = |separator: &u8| line.bytes().filter(|byte| byte == separator).count();
    // The first of those that are as many.
    SEPARATORS.into_iter().rev().max_by_key(count).unwrap_or(b',')
}

fn rows(text: &str, faults: &mut Faults) -> Option<Vec<Row>> {
    let mut reader = csv::ReaderBuilder::new();
    reader.has_headers(false).flexible(true).delimiter(separator(text));
    let (mut rows, mut lines) = (Vec::new(), Lines { text, at: 0, number: 1 });
    // Text of any number of cells in a row has no errors.
    for record in reader.from_reader(text.as_bytes()).records().map_while(Result::ok) {
        let number = lines.number_at(record.position().map_or(0, csv::Position::byte));
        let cells: Vec<String> = record.iter().map(|cell| cell.trim().to_owned()).collect();
        let limit = match (rows.len(), cells.len()) {
            (_, columns) if columns > COLUMNS_MAX => Some(("columns", COLUMNS_MAX)),
            (rows, _) if rows > ROWS_MAX => Some(("rows", ROWS_MAX)),
            _ => None,
        };
        if let Some((what, max)) = limit {
            faults.push(fault::too_large(fault::row(number), what, max));
            return None;
        }
        if cells.iter().any(|cell| !cell.is_empty()) {
            rows.push(Row { number, cells });
        }
    }
    Some(rows)
}

/// Counts lines from one record to the next. What the reader says of a record begins at the line breaks in front of it.
struct Lines<'t> {
    text: &'t str,
    at: usize,
    number: u32,
}

impl Lines<'_> {
    fn number_at(&mut self, byte: u64) -> u32 {
        let bytes = self.text.as_bytes();
        let begin = usize::try_from(byte).unwrap_or(usize::MAX).clamp(self.at, bytes.len());
        let breaks = bytes[begin..].iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
        let passed = bytes[self.at..begin + breaks].iter().filter(|byte| **byte == b'\n').count();
        self.at = begin + breaks;
        self.number = self.number.saturating_add(u32::try_from(passed).unwrap_or(u32::MAX));
        self.number
    }
}
