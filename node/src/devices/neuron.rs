//! A spreadsheet in the columns of EMQX Neuron: the tags of a device, which become a template. Pure.
//!
//! Both of its forms are taken: the sheet of one device's tags (`group`, `interval`), and `tags.csv` of a whole export (`driver_name`,
//! `group_name`, types and attributes as numbers). What does not carry over is told: as a fault where values would be others, as a
//! note where they stay the same.

use crate::devices::fault::{self, not_carried};
use crate::devices::plain::Found;
use crate::devices::row::{Key, Kind};
use crate::devices::sheet::{Row, Sheet};
use std::collections::{BTreeMap, BTreeSet};
use tidegate_kernel_plug::config::{Fault, Faults, Setting, Table};

/// By their numbers in `tags.csv`, from 1.
const TYPES: [&str; 14] = [
    "INT8", "UINT8", "INT16", "UINT16", "INT32", "UINT32", "INT64", "UINT64", "FLOAT", "DOUBLE", "BIT",
    "BOOL", "STRING", "BYTES",
];
const ATTRIBUTES: [&str; 4] = ["read", "write", "subscribe", "static"];
/// Columns that change no value, and what is said of those that have something in them.
const LEFT_OUT: [(&str, &str); 5] = [
    ("description", "descriptions are not kept"),
    ("precision", "values keep all their digits"),
    ("identity", "a tag is known by its name"),
    ("format", "the form of a value is its type's"),
    ("value", "a value that never changes is no reading"),
];

/// The unit of a bus that an address names, where the driver has units, and the address in the driver's form.
type Rewrite = fn(&str, &str) -> Result<(Option<u8>, String), &'static str>;

/// Drivers whose addresses are known in Neuron's form.
const DRIVERS: [(&str, Rewrite); 2] = [
    ("modbus", |address, of| {
        tidegate_driver_modbus::from_neuron(address, of).map(|(unit, address)| (Some(unit), address))
    }),
    ("s7", |address, of| tidegate_driver_s7::from_neuron(address, of).map(|address| (None, address))),
];

/// What the command line says that the file does not.
#[derive(Debug)]
pub(crate) struct Order<'a> {
    pub(crate) driver: &'a str,
    pub(crate) template: &'a str,
}

pub(super) fn is_of_neuron(sheet: &Sheet) -> bool {
    ["name", "address", "attribute", "type"].into_iter().all(|column| sheet.column(column).is_some())
}

/// The rows, and notes of what was left out.
pub(super) fn read(
    sheet: &Sheet,
    table: &Table,
    order: &Order<'_>,
    faults: &mut Faults,
) -> (Found, Vec<String>) {
    let (_, rewrite) =
        DRIVERS.iter().find(|(name, _)| *name == order.driver).expect("the command line names one");
    let reader = Reader { sheet, table, order };
    let tags: Vec<Tag<'_>> = sheet.rows.iter().filter_map(|row| reader.tag(row, *rewrite, faults)).collect();
    let mut found = Found::default();
    let units = units(&tags);
    let mut intervals = BTreeMap::new();
    for tag in &tags {
        let template = tag.template(&units);
        reader.group(tag, &template, &mut intervals, &mut found, faults);
        let key = Key::new(Kind::Tag, Some(&template), tag.name);
        found.add(key, tag.cells.clone(), (tag.row.number, reader.column("name")), faults);
    }
    (found, reader.notes(&units))
}

/// A row that was understood.
struct Tag<'s> {
    row: &'s Row,
    node: &'s str,
    name: &'s str,
    group: Option<&'s str>,
    unit: Option<u8>,
    cells: Vec<(&'static str, Setting, usize)>,
}

/// The units that each of Neuron's nodes has tags in.
type Units<'s> = BTreeMap<&'s str, BTreeSet<u8>>;

fn units<'s>(tags: &[Tag<'s>]) -> Units<'s> {
    let mut units = Units::new();
    tags.iter().for_each(|tag| units.entry(tag.node).or_default().extend(tag.unit));
    units
}

impl Tag<'_> {
    /// Of a node with tags in many units there is a template for each.
    fn template(&self, units: &Units<'_>) -> String {
        match (self.unit, units[self.node].len()) {
            (Some(unit), 2..) => format!("{}-{unit}", self.node),
            _ => self.node.to_owned(),
        }
    }
}

struct Reader<'s> {
    sheet: &'s Sheet,
    table: &'s Table,
    order: &'s Order<'s>,
}

impl<'s> Reader<'s> {
    fn column(&self, name: &str) -> usize {
        self.sheet.column(name).unwrap_or(0)
    }

    fn group_column(&self) -> &'static str {
        if self.sheet.column("group").is_some() { "group" } else { "group_name" }
    }

    fn cell(&self, row: &'s Row, column: &str) -> Option<&'s str> {
        row.cell(self.sheet.column(column))
    }

    fn tag(&self, row: &'s Row, rewrite: Rewrite, faults: &mut Faults) -> Option<Tag<'s>> {
        let made = self.try_tag(row, rewrite);
        made.map_err(|fault| faults.push(fault)).ok()
    }

    fn try_tag(&self, row: &'s Row, rewrite: Rewrite) -> Result<Tag<'s>, Fault> {
        let needed = |column: &str| {
            let place = fault::cell(row.number, self.column(column));
            let missing =
                || fault::form(place, format!("a tag has to say its {column}"), format!("fill in {column}"));
            self.cell(row, column).ok_or_else(missing)
        };
        let at = |column: &str| fault::cell(row.number, self.column(column));
        let (name, address) = (needed("name")?, needed("address")?);
        let of = type_named(needed("type")?).ok_or_else(|| {
            not_carried(
                at("type"),
                "this is no type of a value".to_owned(),
                format!("write one of {}", TYPES.join(", ")),
            )
        })?;
        let attributes = self.attributes(row, needed("attribute")?)?;
        let (unit, address) = rewrite(address, of).map_err(|why| {
            let message = format!("{address:?} of type {of} has no counterpart: {why}");
            not_carried(at("address"), message, "write the tag by hand, or take the row out")
        })?;
        let mut cells = vec![self.setting("address", &address, row, "address")?];
        let shaped = self.shape(row, &mut cells)?;
        cells.push(self.setting("type", type_here(of, shaped), row, "type")?);
        for (attribute, key) in [("subscribe", "by_exception"), ("write", "writable")] {
            if attributes.contains(attribute) {
                cells.push(self.setting(key, "true", row, "attribute")?);
            }
        }
        let group = self.cell(row, self.group_column());
        if let Some(group) = group {
            cells.push(self.setting("group", group, row, self.group_column())?);
        }
        let node = self.cell(row, "driver_name").unwrap_or(self.order.template);
        Ok(Tag { row, node, name, group, unit, cells })
    }

    /// What may be done with it. One that is written only is read as well.
    fn attributes(&self, row: &Row, text: &str) -> Result<BTreeSet<&'static str>, Fault> {
        let refused = |message: String, hint: &str| {
            not_carried(fault::cell(row.number, self.column("attribute")), message, hint)
        };
        let attributes = attributes(text).ok_or_else(|| {
            refused(format!("{text:?} is no attribute of a tag"), "write Read, Write and Subscribe")
        })?;
        if attributes.contains("static") {
            return Err(refused("a static tag stands nowhere in the device".to_owned(), "take the row out"));
        }
        Ok(attributes)
    }

    /// What a value is multiplied with, or what is added to it. 0 is neither.
    fn shape(&self, row: &Row, cells: &mut Vec<(&'static str, Setting, usize)>) -> Result<bool, Fault> {
        let is_set = |text: &&str| text.parse::<f64>() != Ok(0.0);
        let decimal = self.cell(row, "decimal").filter(is_set);
        let bias = self.cell(row, "bias").filter(is_set);
        if decimal.is_some() && bias.is_some() {
            let place = fault::cell(row.number, self.column("bias"));
            let hint = "write the tag by hand: a value here is scale times the number, plus offset";
            return Err(not_carried(place, "a tag has a decimal or a bias, and not both".to_owned(), hint));
        }
        for (key, from, text) in [("scale", "decimal", decimal), ("offset", "bias", bias)] {
            if let Some(text) = text {
                cells.push(self.setting(key, text, row, from)?);
            }
        }
        Ok(decimal.is_some() || bias.is_some())
    }

    /// A setting of a tag, out of one column.
    fn setting(
        &self,
        key: &str,
        text: &str,
        row: &Row,
        from: &str,
    ) -> Result<(&'static str, Setting, usize), Fault> {
        self.setting_of(Kind::Tag, key, text, row, from)
    }

    fn setting_of(
        &self,
        kind: Kind,
        key: &str,
        text: &str,
        row: &Row,
        from: &str,
    ) -> Result<(&'static str, Setting, usize), Fault> {
        let field =
            self.table.fields(kind.path()).iter().find(|field| field.key == key).expect("the table has it");
        let column = self.column(from);
        let setting = field.read(text).map_err(|fault| Fault {
            place: fault::cell(row.number, column),
            message: format!("{from}: {}", fault.message),
            ..fault
        })?;
        Ok((field.key, setting, column))
    }

    /// How often the group is read, where the file says so: each of its rows says the same.
    fn group(
        &self,
        tag: &Tag<'s>,
        template: &str,
        intervals: &mut BTreeMap<(String, &'s str), (&'s str, u32)>,
        found: &mut Found,
        faults: &mut Faults,
    ) {
        let (Some(group), Some(interval)) = (tag.group, self.cell(tag.row, "interval")) else { return };
        let at = (template.to_owned(), group);
        let place = fault::cell(tag.row.number, self.column("interval"));
        if let Some((known, row)) = intervals.get(&at) {
            if *known != interval {
                let message = format!("the group {group:?} is read each {known} ms in row {row}");
                faults.push(fault::form(place, message, "a group has one interval; make two groups of it"));
            }
            return;
        }
        intervals.insert(at, (interval, tag.row.number));
        match self.setting_of(Kind::Group, "every", &format!("{interval} ms"), tag.row, "interval") {
            Ok(every) => {
                let key = Key::new(Kind::Group, Some(template), group);
                found.add(key, vec![every], (tag.row.number, self.column(self.group_column())), faults);
            }
            Err(fault) => faults.push(fault),
        }
    }

    fn notes(&self, units: &Units<'_>) -> Vec<String> {
        let mut notes: Vec<String> =
            LEFT_OUT.into_iter().filter_map(|(column, why)| self.note(column, why)).collect();
        if self.sheet.column("interval").is_none() {
            notes.push("the file does not say how often groups are read: once a second, unless a row of kind group says so".to_owned());
        }
        for (node, units) in units {
            for unit in units {
                let template = if units.len() > 1 { format!("{node}-{unit}") } else { (*node).to_owned() };
                notes.push(format!("the tags of template {template} stand in unit {unit}: a device of it has an address that ends in /{unit}"));
            }
        }
        notes
    }

    fn note(&self, column: &str, why: &str) -> Option<String> {
        let at = self.sheet.column(column)?;
        let says = |row: &&Row| {
            row.cell(Some(at)).is_some_and(|text| text.parse::<f64>() != Ok(0.0) && text != "NULL")
        };
        let mut rows = self.sheet.rows.iter().filter(says);
        let first = fault::shown_cell(rows.next()?.number, at);
        let more = rows.count();
        let others = if more > 0 { format!(", and {more} rows below") } else { String::new() };
        Some(format!("{first}{others}: {column} is left out; {why}"))
    }
}

fn type_named(text: &str) -> Option<&'static str> {
    let by_number = text.parse::<usize>().ok().and_then(|number| TYPES.get(number.checked_sub(1)?));
    let by_name = || TYPES.iter().find(|name| name.eq_ignore_ascii_case(text));
    by_number.or_else(by_name).copied()
}

/// Words, or the sum of 1, 2, 4 and 8.
fn attributes(text: &str) -> Option<BTreeSet<&'static str>> {
    if let Ok(sum) = text.parse::<u8>() {
        let set =
            ATTRIBUTES.iter().enumerate().filter(|(bit, _)| sum & (1 << bit) != 0).map(|(_, name)| *name);
        return (1..16).contains(&sum).then(|| set.collect());
    }
    let words = text.split(|letter: char| !letter.is_alphabetic()).filter(|word| !word.is_empty());
    words.map(|word| ATTRIBUTES.into_iter().find(|name| name.eq_ignore_ascii_case(word))).collect()
}

/// A scaled integer is a real.
fn type_here(of: &str, is_shaped: bool) -> &'static str {
    match of {
        "BIT" | "BOOL" => "boolean",
        "STRING" | "BYTES" => "text",
        "FLOAT" | "DOUBLE" => "real",
        _ if is_shaped => "real",
        _ => "integer",
    }
}
