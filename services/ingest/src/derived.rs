//! How many of the journal's readings are derived: they are in the same stream as what was accepted, and are no part of it.
//!
//! The count is written to a register of its own now and then, with the number of the last record it covers; what came behind that is
//! counted again from the journal at the next start. So it is right after a kill at any moment. Reads the disk when it is opened.
//!
//! ```text
//! register ingest.derived: version u8, 1; count u64; through u64
//! ```

use crate::layout;
use crate::reading::READINGS;
use crate::rules::CURSOR;
use bytes::Buf;
use tidegate_kernel_journal::{Journal, ReadError, ReadLimit, Refusal};

const NAME: &str = "ingest.derived";
const VERSION: u8 = 1;
const RECOUNT: ReadLimit = ReadLimit { records: 4096, bytes: 1 << 20 };

/// Records behind the register after which it is written anew, so that no start has to read many.
const STALE_RECORDS: u64 = 65_536;

/// The count as it is, and as it was written down last. Changed only together with the journal, under the admission's lock.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Derived {
    pub(crate) count: u64,
    written: u64,
    through: u64,
}

impl Derived {
    /// Recounts what came behind the register. Before rules have ever run there is nothing to count.
    pub(crate) fn open(journal: &Journal) -> Result<Derived, ReadError> {
        let status = journal.status();
        let had_rules = status.accounts.iter().any(|account| account.cursor == CURSOR);
        let none = if had_rules { (0, 0) } else { (0, status.head_seq) };
        let (written, through) = journal.register(NAME).and_then(|value| decode(&value)).unwrap_or(none);
        let (mut count, mut looked_at) = (written, through);
        while looked_at < status.head_seq {
            let (records, next) = journal.read(READINGS, looked_at, RECOUNT)?;
            count += records.iter().filter(|record| layout::is_derived(record)).count() as u64;
            if next == looked_at {
                break;
            }
            looked_at = next;
        }
        Ok(Derived { count, written, through })
    }

    /// Writes the count down if there is need. To be called while nothing can be appended beside it.
    pub(crate) fn keep(&mut self, journal: &Journal) -> Result<(), Refusal> {
        let head_seq = journal.status().head_seq;
        if self.count != self.written || head_seq.saturating_sub(self.through) > STALE_RECORDS {
            journal.set_register(NAME, &encode(self.count, head_seq))?;
            (self.written, self.through) = (self.count, head_seq);
        }
        Ok(())
    }
}

fn encode(count: u64, through: u64) -> Vec<u8> {
    let mut value = vec![VERSION];
    value.extend_from_slice(&count.to_le_bytes());
    value.extend_from_slice(&through.to_le_bytes());
    value
}

/// Nothing for a later version or a damaged value: then all is counted again.
fn decode(mut value: &[u8]) -> Option<(u64, u64)> {
    if value.try_get_u8().ok()? != VERSION {
        return None;
    }
    let found = (value.try_get_u64_le().ok()?, value.try_get_u64_le().ok()?);
    value.is_empty().then_some(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_register_reads_back_as_written_and_a_damaged_one_is_none() {
        let value = encode(7, 99);
        assert_eq!(decode(&value), Some((7, 99)));
        assert!((0..value.len()).all(|end| decode(&value[..end]).is_none()));
    }
}
