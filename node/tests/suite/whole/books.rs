//! What publishers sent and were told, the node's accounts and the rows in the file, held against each other. Pure.

use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// What one publisher did.
#[derive(Debug)]
pub(super) struct Told {
    /// The first level of its topics.
    pub(super) name: &'static str,
    /// Numbers that were acknowledged.
    pub(super) acked: BTreeSet<u64>,
    /// Readings it put on the wire, repetitions as well.
    pub(super) sent: u64,
    /// A number may have more than one record, as after QoS 1 was sent again; if so, whether the later ones have the mark.
    pub(super) repeats: Repeats,
}

#[derive(Debug, PartialEq, Eq)]
pub(super) enum Repeats {
    Never,
    Marked,
    Unmarked,
}

/// A record of the journal, out of its first row in the file.
#[derive(Debug)]
pub(super) struct Record {
    pub(super) topic: String,
    /// When it was made or taken in; to the millisecond.
    pub(super) time: String,
    pub(super) number: u64,
    pub(super) is_modelled: bool,
    is_dup: bool,
}

/// Each record once; rows that repeat one have to be marked.
pub(super) fn records(rows: &[Value]) -> Vec<Record> {
    let mut by_seq: BTreeMap<u64, &Value> = BTreeMap::new();
    for row in rows {
        let is_new = by_seq.insert(row["seq"].as_u64().unwrap(), row).is_none();
        assert!(is_new || row["replay"] == true, "{row} is there twice and has no mark");
    }
    by_seq.into_values().map(record).collect()
}

fn record(row: &Value) -> Record {
    let point = &row["points"]["n"];
    // A point has the time at which its reading was looked at, which may be a millisecond before that of the record.
    let (number, time) = match point.is_null() {
        true => (&row["payload"], &row["time"]),
        false => (&point["value"], &point["time_ms"]),
    };
    Record {
        topic: row["topic"].as_str().unwrap().to_owned(),
        time: time.to_string(),
        number: number.as_u64().unwrap_or_else(|| panic!("no number in {row}")),
        is_modelled: !point.is_null(),
        is_dup: row["dup"] == true,
    }
}

/// A key of one sink's account, over all classes.
pub(super) fn of_sink(accounts: &Value, sink: &str, key: &str) -> u64 {
    let sinks = accounts["sinks"].as_array().unwrap();
    sinks.iter().filter(|account| account["sink"] == sink).map(|account| account[key].as_u64().unwrap()).sum()
}

pub(super) fn close(accounts: &Value, told: &[Told], rows: &[Value]) {
    let records = records(rows);
    told.iter().for_each(|told| publisher(told, &records));
    let of = |pointer: &str| {
        accounts.pointer(pointer).and_then(Value::as_u64).unwrap_or_else(|| panic!("{pointer} in {accounts}"))
    };
    let many = records.len() as u64;
    assert_eq!((of("/admission/accepted"), of("/routing/routed"), of("/routing/unrouted")), (many, many, 0));
    for zero in ["/admission/difference", "/admission/sources_difference", "/routing/difference"] {
        assert_eq!(accounts.pointer(zero), Some(&0.into()), "{zero}");
    }
    for account in accounts["sinks"].as_array().unwrap() {
        assert_eq!(account["difference"], 0, "{account}");
    }
    let acked: u64 = told.iter().map(|told| told.acked.len() as u64).sum();
    let sent: u64 = told.iter().map(|told| told.sent).sum();
    assert!(acked <= many && many <= sent, "{acked} acknowledged, {many} accepted, {sent} sent");
    assert_eq!((of("/admission/crashes"), of("/admission/malformed")), (1, 0));
    for sink in ["file", "plant", "cloud", "page"] {
        assert_eq!(of_sink(accounts, sink, "routed"), many, "{sink}");
    }
    assert_eq!(of_sink(accounts, "file", "delivered"), many);
    let repeated = rows.len() as u64 - many;
    assert!(repeated == 0 || of_sink(accounts, "file", "replayed") > 0, "{repeated} rows are there again");
}

/// Whatever it was told is safe is there, and nothing is there that it did not send.
fn publisher(told: &Told, records: &[Record]) {
    let Told { name, acked, sent, repeats } = told;
    let mine = || records.iter().filter(|record| record.topic.split('/').next() == Some(*name));
    let (mut numbers, mut many) = (BTreeSet::new(), 0);
    for record in mine() {
        let is_new = numbers.insert(record.number);
        assert!(is_new || *repeats != Repeats::Never, "{name}: {} has two records", record.number);
        assert!(
            is_new || *repeats != Repeats::Marked || record.is_dup,
            "{name}: {} has no mark",
            record.number
        );
        many += 1;
    }
    let missing: Vec<_> = acked.difference(&numbers).take(10).collect();
    assert!(missing.is_empty(), "{name}: acknowledged and not there: {missing:?}");
    assert!(many <= *sent, "{name}: {many} records of {sent} sent");
    assert!(!acked.is_empty(), "{name} was told nothing");
}

mod planted {
    use super::*;
    use serde_json::json;

    fn row(seq: u64, number: u64) -> Value {
        json!({"seq": seq, "time": "now", "topic": "curl/1", "payload": number})
    }

    fn curl(numbers: &[u64]) -> Told {
        let acked: BTreeSet<u64> = numbers.iter().copied().collect();
        Told { name: "curl", sent: acked.len() as u64, acked, repeats: Repeats::Never }
    }

    #[test]
    #[should_panic(expected = "acknowledged and not there: [2]")]
    fn an_acknowledged_reading_that_is_missing_is_found() {
        publisher(&curl(&[1, 2]), &records(&[row(1, 1)]));
    }

    #[test]
    #[should_panic(expected = "1 has two records")]
    fn a_reading_that_was_taken_twice_is_found() {
        publisher(&curl(&[1]), &records(&[row(1, 1), row(2, 1)]));
    }

    #[test]
    #[should_panic(expected = "has no mark")]
    fn a_row_that_is_there_again_without_a_mark_is_found() {
        records(&[row(1, 1), row(1, 1)]);
    }

    #[test]
    fn what_is_there_once_and_was_told_passes() {
        publisher(&curl(&[1, 2]), &records(&[row(1, 1), row(2, 2)]));
    }
}
