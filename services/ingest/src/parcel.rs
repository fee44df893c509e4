//! Records of the journal as rows for one delivery, and how they will have been settled once it has ended. Pure.
//!
//! A parcel is gathered from one or more reads of a cursor. Each read stays a part of its own, for it is settled by itself: a read
//! never reaches over the end of a segment, and a segment may be given up while the parcel is under way.

use crate::class::Class;
use crate::layout;
use crate::letter::{Letter, Reason};
use crate::names::Names;
use crate::reading::Reading;
use crate::replay;
use crate::sink::{Poison, Row};
use std::ops::Range;
use tidegate_kernel_journal::{Batch, Counts, Delivery, Record, Tally};

/// What is gathered for one delivery.
#[derive(Debug, Default)]
pub(crate) struct Parcel {
    pub(crate) rows: Vec<Row>,
    pub(crate) contents: Contents,
}

/// Where a parcel's rows came from; stays behind while they are under way.
#[derive(Debug, Default)]
pub(crate) struct Contents {
    /// One for each row.
    records: Vec<Record>,
    parts: Vec<Part>,
}

/// What one read came to.
#[derive(Debug)]
struct Part {
    through: u64,
    rows: Range<usize>,
    /// Of the records that are no rows.
    tally: Tally,
    letters: Vec<Letter>,
}

/// What is to be committed for one part.
#[derive(Debug)]
pub(crate) struct Settlement {
    pub(crate) through: u64,
    pub(crate) tally: Tally,
    pub(crate) letters: Vec<Letter>,
}

impl Parcel {
    pub(crate) fn is_empty(&self) -> bool {
        self.contents.parts.is_empty()
    }

    /// Takes one read in; how many bytes of records it had.
    pub(crate) fn add(&mut self, sink: &str, batch: Batch, names: &mut Names) -> usize {
        let (first, mut bytes) = (self.rows.len(), 0);
        let mut part =
            Part { through: batch.through, rows: first..first, tally: Tally::default(), letters: Vec::new() };
        for delivery in batch.deliveries {
            bytes += delivery.record.payload.len();
            self.add_one(sink, delivery, &mut part, names);
        }
        part.rows.end = self.rows.len();
        self.contents.parts.push(part);
        bytes
    }

    fn add_one(&mut self, sink: &str, delivery: Delivery, part: &mut Part, names: &mut Names) {
        let one = Counts::one(delivery.record.head.flags.critical);
        let (record, replay) = match replay::unwrap(delivery.record, sink) {
            replay::Unwrapped::Plain(record) => (record, delivery.replay),
            replay::Unwrapped::Mine(record) => (record, true),
            replay::Unwrapped::Others => return part.tally.absorbed += one,
        };
        match layout::of_record_with(&record, names) {
            Ok(reading) => {
                self.rows.push(row(&record, replay, reading));
                self.contents.records.push(record);
            }
            Err(unreadable) => {
                tracing::error!(code = unreadable.code(), id = %record.head.id, "{unreadable}; it is dead-lettered");
                part.tally.dead_lettered += one;
                let reason = Reason { code: unreadable.code().to_owned(), text: unreadable.to_string() };
                part.letters.push(Letter::new(sink, &record, reason));
            }
        }
    }
}

impl Contents {
    /// How each part is settled, its rows being delivered but for the poison.
    pub(crate) fn settle(self, sink: &str, rows: &[Row], poison: &[Poison]) -> Vec<Settlement> {
        let Contents { records, parts } = self;
        let of_row = |at: usize| poison.iter().find(|poison| poison.row == at);
        let settle = |part: Part| {
            let Part { through, rows: places, mut tally, mut letters } = part;
            for at in places {
                let one = Counts::one(records[at].head.flags.critical);
                if let Some(poison) = of_row(at) {
                    tally.dead_lettered += one;
                    let reason = Reason { code: poison.code.to_owned(), text: poison.reason.clone() };
                    letters.push(Letter::new(sink, &records[at], reason));
                    continue;
                }
                tally.delivered += one;
                tally.replayed += if rows[at].replay { one } else { Counts::default() };
            }
            Settlement { through, tally, letters }
        };
        parts.into_iter().map(settle).collect()
    }
}

pub(crate) fn row(record: &Record, replay: bool, reading: Reading) -> Row {
    let head = &record.head;
    let class = Class::of_record(head.flags.critical);
    Row { seq: head.seq, id: head.id, stamp_ms: head.stamp_ms, class, replay, reading }
}
