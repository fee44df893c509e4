//! Reading FORMAT 0: one file `queues/log`, records one behind another from byte 0, no header, no batches, no salt.
//!
//! Read only. The records themselves, and the journal's own among them, have kept their layout.

use crate::error::OpenError;
use crate::record::{self, Framed};
use crate::recovery::{corrupt, io_error};
use std::fs;
use std::path::Path;

/// The file, in the folder of the journal.
const FILE: &str = "log";
/// The same, below the data folder.
pub(crate) const LOG: &str = "queues/log";
const NO_SALT: u32 = 0;

/// The log's bytes, as far as whole records reach.
#[derive(Debug)]
pub(crate) struct Log {
    bytes: Vec<u8>,
    end: usize,
}

impl Log {
    /// Damage with a later record behind it is refused; an unfinished tail is left out.
    pub(crate) fn read(data: &Path, journal: &str) -> Result<Log, OpenError> {
        let path = data.join(journal).join(FILE);
        let bytes = fs::read(&path).map_err(|error| io_error(&path.to_string_lossy(), error))?;
        let mut log = Log { end: bytes.len(), bytes };
        let (end, last_seq) =
            log.records().fold((0, 0), |(at, _), (framed, _)| (at + framed.padded(), framed.head.seq));
        log.end = end;
        let later = |at: usize| {
            record::parse(&log.bytes[at..], NO_SALT).is_some_and(|framed| framed.head.seq > last_seq)
        };
        if (end..log.bytes.len()).step_by(8).any(later) {
            return Err(corrupt(LOG, end as u64, "a record is damaged, and there are later ones behind it"));
        }
        Ok(log)
    }

    pub(crate) fn records(&self) -> impl Iterator<Item = (Framed, &[u8])> {
        let mut rest = &self.bytes[..self.end];
        std::iter::from_fn(move || {
            let framed = record::parse(rest, NO_SALT)?;
            let (record, behind) = rest.split_at(framed.padded());
            rest = behind;
            Some((framed, record))
        })
    }

    pub(crate) fn bytes(&self) -> u64 {
        self.bytes.len() as u64
    }

    pub(crate) fn cut_bytes(&self) -> u64 {
        (self.bytes.len() - self.end) as u64
    }
}
