//! Where the records of a log come from: streams of the journal, or what keeps a book elsewhere.

use crate::error::AuditError;
use std::fmt::Debug;
use tidegate_kernel_journal::{Journal, ReadLimit, Record};

const BYTES_AT_ONCE: usize = 4 << 20;

/// Some records, oldest first, and the number up to which all were looked at.
pub type Found = (Vec<Record>, u64);

/// Records in one order that is given once and for all. Reading blocks the calling thread.
pub trait Source: Send + Sync + Debug {
    /// Those behind number `after`, about `most` at once. Each has come to stay.
    fn read(&self, after: u64, most: usize) -> Result<Found, AuditError>;

    /// The number up to which records have come to stay.
    fn kept_seq(&self) -> u64;

    /// The same records as they are now, where somebody else could have changed them since; nothing where nobody could. What is
    /// no record any more has only its number.
    fn read_again(&self, _after: u64, _most: usize) -> Result<Option<Found>, AuditError> {
        Ok(None)
    }
}

/// Streams of a journal, in the journal's order.
#[derive(Debug)]
pub struct Streams {
    journal: Journal,
    streams: Vec<u16>,
}

impl Streams {
    pub fn new(journal: Journal, streams: &[u16]) -> Streams {
        Streams { journal, streams: streams.to_vec() }
    }
}

impl Source for Streams {
    fn read(&self, after: u64, most: usize) -> Result<Found, AuditError> {
        let limit = ReadLimit { records: most, bytes: BYTES_AT_ONCE };
        let (mut records, mut through) = (Vec::new(), u64::MAX);
        for stream in &self.streams {
            let (found, looked_at) = self.journal.read(*stream, after, limit)?;
            records.extend(found);
            through = through.min(looked_at);
        }
        records.retain(|record| record.head.seq <= through);
        records.sort_by_key(|record| record.head.seq);
        Ok((records, through))
    }

    fn kept_seq(&self) -> u64 {
        self.journal.synced().value()
    }
}
