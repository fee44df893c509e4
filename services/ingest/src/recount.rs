//! What the records behind the last register say: counts that a crash kept from being written down are taken again.
//!
//! Reads the journal in the calling thread, from the record that the register was as of. That is at most what came within the
//! time between two registers.

use crate::admission::Tail;
use crate::class::Class;
use crate::ingest::counts;
use crate::layout;
use crate::quarantine::QUARANTINE;
use crate::reading::{READINGS, Source};
use crate::register::Register;
use crate::sources::Sources;
use tidegate_kernel_journal::{Journal, ReadError, ReadLimit, Record};

const READ: ReadLimit = ReadLimit { records: 1024, bytes: 1 << 20 };

pub(crate) fn tail(journal: &Journal, found: Option<&Register>) -> Result<Tail, ReadError> {
    match found.and_then(|register| register.as_of_seq) {
        Some(as_of_seq) => behind(journal, as_of_seq),
        None => Ok(without_sources(journal)),
    }
}

/// A folder from before sources were counted: MQTT was the only one.
fn without_sources(journal: &Journal) -> Tail {
    let status = journal.status();
    let mut sources = Sources::default();
    let counts = counts(&status, READINGS);
    sources.0[Source::Mqtt.index()].kept = [counts.critical, counts.process, 0];
    Tail { sources, last_seq: status.head_seq, ..Tail::default() }
}

fn behind(journal: &Journal, as_of_seq: u64) -> Result<Tail, ReadError> {
    let mut tail = Tail { last_seq: as_of_seq, ..Tail::default() };
    each(journal, READINGS, as_of_seq, |record| {
        let class = Class::of_record(record.head.flags.critical);
        if let Some(source) = layout::source_of_record(record) {
            tail.sources.keep(source, class);
        }
        tail.last_seq = tail.last_seq.max(record.head.seq);
    })?;
    each(journal, QUARANTINE, as_of_seq, |record| {
        tail.held.add(record.head.seq, record.payload.len() as u64);
        tail.last_seq = tail.last_seq.max(record.head.seq);
    })?;
    Ok(tail)
}

/// Those of a stream that are new: one carried forward out of a segment that was given up was counted when it first came.
fn each(journal: &Journal, stream: u16, after: u64, mut take: impl FnMut(&Record)) -> Result<(), ReadError> {
    let mut through = after;
    loop {
        let (records, looked_at) = journal.read(stream, through, READ)?;
        records.iter().filter(|record| !record.head.flags.carried).for_each(&mut take);
        if looked_at == through {
            return Ok(());
        }
        through = looked_at;
    }
}
