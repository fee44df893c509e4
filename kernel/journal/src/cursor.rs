//! A consumer's place on a stream: read ahead, deliver, commit. Being cut off is nothing but a cursor that lags.
//!
//! Reads the disk in the calling thread. What lies between the durable position and the end of the log at the time the cursor
//! was opened may have been delivered before, and is marked so.

use crate::account::{Counts, Tally};
use crate::control::CursorState;
use crate::error::{ReadError, Refusal};
use crate::journal::{Journal, Ticket};
use crate::record::Record;
use crate::watermark::Unknown;
use std::collections::VecDeque;

/// How much one read may return; at least one record is returned if there is any.
#[derive(Debug, Clone, Copy)]
pub struct ReadLimit {
    pub records: usize,
    pub bytes: usize,
}

/// A record on its way to a consumer.
#[derive(Debug, Clone)]
pub struct Delivery {
    pub record: Record,
    /// It may have been delivered before, ahead of a crash or a failed batch.
    pub replay: bool,
}

/// What one read returned.
#[derive(Debug, Clone)]
pub struct Batch {
    pub deliveries: Vec<Delivery>,
    /// Commit this once all of them are settled.
    pub through: u64,
}

/// One consumer of one stream. There is one live cursor of a name at a time.
#[derive(Debug)]
pub struct Cursor {
    journal: Journal,
    id: u8,
    stream: u16,
    name: String,
    /// Settled up to here.
    position: u64,
    /// Read up to here.
    read_to: u64,
    replay_through: u64,
    /// Batches read and not settled: their last number and how many they were.
    in_flight: VecDeque<(u64, Counts)>,
}

impl Cursor {
    pub(crate) fn new(journal: Journal, state: CursorState, replay_through: u64) -> Cursor {
        Cursor {
            journal,
            id: state.id,
            stream: state.stream,
            name: state.name,
            position: state.position,
            read_to: state.position,
            replay_through,
            in_flight: VecDeque::new(),
        }
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    pub fn position(&self) -> u64 {
        self.position
    }

    /// The next synced records; an empty batch if none is there yet.
    pub fn read(&mut self, limit: ReadLimit) -> Result<Batch, ReadError> {
        let (records, through) = self.journal.read(self.stream, self.read_to, limit)?;
        let counts = records
            .iter()
            .fold(Counts::default(), |sum, record| sum + Counts::one(record.head.flags.critical));
        self.read_to = through;
        self.in_flight.push_back((through, counts));
        self.journal.shared.lock().in_flight[usize::from(self.id)] += counts;
        let replay_through = self.replay_through;
        let deliveries = records
            .into_iter()
            .map(|record| Delivery { replay: record.head.seq <= replay_through, record })
            .collect();
        Ok(Batch { deliveries, through })
    }

    /// Resolves when something beyond what was read is synced.
    pub async fn available(&self) -> Result<(), Unknown> {
        self.journal.synced().reached(self.read_to + 1).await
    }

    /// Settles everything up to `through`: it will not be read again once the ticket has reached its level.
    pub fn commit(&mut self, through: u64, tally: Tally) -> Result<Ticket, Refusal> {
        let unsettled = self.in_flight.iter().filter(|(last, _)| *last > through);
        let left = unsettled.fold(Counts::default(), |sum, (_, counts)| sum + *counts);
        let ticket = self.journal.shared.settle(self.id, through, tally, left)?;
        self.in_flight.retain(|(last, _)| *last > through);
        self.position = through;
        Ok(ticket)
    }

    /// Goes back to what is not settled. It was perhaps delivered in part, so it will be marked as a replay.
    pub fn rewind(&mut self) {
        self.replay_through = self.replay_through.max(self.read_to);
        self.read_to = self.position;
        self.in_flight.clear();
        self.journal.shared.lock().in_flight[usize::from(self.id)] = Counts::default();
    }
}
