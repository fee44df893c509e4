//! Where rules stand that read telemetry. After a crash the telemetry is gone, and a rule cannot be evaluated again up to where it
//! was; so each time its condition comes or goes that is a record, before what follows from it. A start takes the last one of each
//! rule, and puts out again what may have been missed: with ids made of the record's own origin, so what was not missed changes nothing.
//!
//! ```text
//! record, stream 19, kind 1, version 1: flags u8, bit 0 the condition holds; print u64; at u64; origin: id 16 bytes, point u16;
//!   the rule's name to the end
//! ```
//! Reads the disk at a start.

use crate::once::{self, Appended};
use crate::rules::outputs::Origin;
use bytes::Buf;
use std::collections::BTreeMap;
use tidegate_engine_rules::{Fact, Rule, RuleNumber, RuleSet};
use tidegate_kernel_journal::{Entry, Id, Journal, ReadError, ReadLimit, Record, Refusal};

/// The stream of these records.
pub(crate) const STANDS: u16 = 19;
const KIND: u16 = 1;
const VERSION: u8 = 1;

const READ: ReadLimit = ReadLimit { records: 1024, bytes: 1 << 20 };

/// What a start finds.
#[derive(Debug, Default)]
pub(crate) struct Found {
    /// Whether the condition of each rule holds.
    pub(crate) stands: BTreeMap<RuleNumber, bool>,
    /// What follows from the records, to be put out unless it is there.
    pub(crate) outcomes: Vec<(Fact, Origin)>,
}

/// One record taken apart.
struct Stand<'a> {
    high: bool,
    print: u64,
    at: u64,
    origin: Origin,
    rule: &'a str,
}

/// Writes down where the rule stands, unless that was done; whether it is new.
pub(crate) fn write(
    journal: &Journal,
    rule: &Rule,
    (high, at): (bool, u64),
    origin: Origin,
) -> Result<bool, Refusal> {
    let payload = encode(rule, (high, at), origin);
    let id = once::id_of(at, &[b"stands", &payload]);
    let (stream, kind, version) = (STANDS, KIND, VERSION);
    let entry = Entry { stream, kind, version, id, payload: &payload, ..Entry::default() };
    Ok(matches!(once::append(journal, entry, origin.replay)?, Appended::New(_)))
}

/// Goes on from where rules stood in the snapshot, by the records behind it.
pub(crate) fn read(
    journal: &Journal,
    set: &RuleSet,
    kept: BTreeMap<RuleNumber, bool>,
    mut through: u64,
) -> Result<Found, ReadError> {
    let numbers: BTreeMap<&str, RuleNumber> =
        set.rules().iter().map(|rule| rule.name.as_str()).zip(0..).collect();
    let mut found = Found { stands: kept, outcomes: Vec::new() };
    loop {
        let (records, looked_at) = journal.read(STANDS, through, READ)?;
        for stand in records.iter().filter_map(decode) {
            let number = numbers.get(stand.rule).copied();
            if let Some(number) = number.filter(|number| set.rule(*number).print() == stand.print) {
                found.take(set.rule(number), number, &stand);
            }
        }
        if looked_at == through {
            return Ok(found);
        }
        through = looked_at;
    }
}

impl Found {
    fn take(&mut self, rule: &Rule, number: RuleNumber, stand: &Stand<'_>) {
        let was_high = self.stands.insert(number, stand.high).unwrap_or(false);
        if was_high != stand.high {
            let turned = rule.turn(number, stand.high, stand.at);
            self.outcomes.extend(turned.map(|fact| (fact, stand.origin)));
        }
    }
}

fn encode(rule: &Rule, (high, at): (bool, u64), origin: Origin) -> Vec<u8> {
    let mut out = Vec::with_capacity(35 + rule.name.len());
    out.push(u8::from(high));
    out.extend_from_slice(&rule.print().to_le_bytes());
    out.extend_from_slice(&at.to_le_bytes());
    out.extend_from_slice(&origin.id.0);
    out.extend_from_slice(&origin.point.to_le_bytes());
    out.extend_from_slice(rule.name.as_bytes());
    out
}

fn decode(record: &Record) -> Option<Stand<'_>> {
    if (record.head.kind, record.head.version) != (KIND, VERSION) {
        return None;
    }
    let mut rest = &record.payload[..];
    let high = rest.try_get_u8().ok()? != 0;
    let (print, at) = (rest.try_get_u64_le().ok()?, rest.try_get_u64_le().ok()?);
    let id = Id(rest.try_get_u128().ok()?.to_be_bytes());
    let origin = Origin { id, point: rest.try_get_u16_le().ok()?, replay: true };
    Some(Stand { high, print, at, origin, rule: std::str::from_utf8(rest).ok()? })
}
