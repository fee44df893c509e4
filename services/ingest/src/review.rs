//! What a sink was given before, once more: for one that shows what it has and keeps it in memory. Counts and moves nothing.

use crate::accounts::{BACKLOG_SUFFIX, CURSOR_PREFIX};
use crate::ingest::Ingest;
use crate::layout;
use crate::parcel::row;
use crate::reading::READINGS;
use crate::sink::Row;
use std::ops::RangeInclusive;
use tidegate_kernel_journal::{ReadError, ReadLimit};

const READ: ReadLimit = ReadLimit { records: 1024, bytes: 1 << 20 };

impl Ingest {
    /// The record up to which the sink has been given everything, or nothing where there is no such sink. While a backlog drains
    /// that is the end of what is drained.
    pub fn settled(&self, sink: &str) -> Option<u64> {
        let names = [format!("{CURSOR_PREFIX}{sink}"), format!("{CURSOR_PREFIX}{sink}{BACKLOG_SUFFIX}")];
        let accounts = self.journal.status().accounts;
        accounts
            .iter()
            .filter(|account| names.contains(&account.cursor))
            .map(|account| account.position)
            .min()
    }

    /// Hands over the readings of these records that the journal still has, in order. Blocks. Telemetry was never in it.
    pub fn review(&self, records: RangeInclusive<u64>, mut take: impl FnMut(Row)) -> Result<(), ReadError> {
        let mut through = records.start().saturating_sub(1);
        while through < *records.end() {
            let (found, looked_at) = self.journal.read(READINGS, through, READ)?;
            let wanted = found.iter().filter(|record| records.contains(&record.head.seq));
            for record in wanted {
                // What cannot be read is a dead letter of the sink's by now.
                if let Ok(reading) = layout::of_record(record) {
                    take(row(record, false, reading));
                }
            }
            if looked_at == through {
                break;
            }
            through = looked_at;
        }
        Ok(())
    }
}
