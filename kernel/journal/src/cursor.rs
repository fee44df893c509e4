//! A consumer's place on a stream: read ahead, deliver, commit. Being cut off is nothing but a cursor that lags.
//!
//! Reads the disk in the calling thread. What lies between the durable position and the end of the log at the time the cursor
//! was opened may have been delivered before, and is marked so.

use crate::account::{Counts, Tally};
use crate::carried;
use crate::control::CursorState;
use crate::error::{ReadError, Refusal};
use crate::journal::{Entry, Journal, Ticket};
use crate::read::{self, Place};
use crate::record::Record;
use crate::watermark::Unknown;

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
    /// Records behind this number are another cursor's, but for copies carried forward for this one.
    end: u64,
    place: Place,
}

impl Cursor {
    pub(crate) fn new(journal: Journal, state: CursorState, replay_through: u64) -> Cursor {
        Cursor {
            journal,
            id: state.id,
            stream: state.stream,
            end: state.end(),
            name: state.name,
            position: state.position,
            read_to: state.position,
            replay_through,
            place: Place::default(),
        }
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    pub fn position(&self) -> u64 {
        self.position
    }

    /// The next synced records, none of them behind the end of a segment; an empty batch if none is there yet.
    ///
    /// A batch is settled whole, and batches are settled in the order they were read.
    pub fn read(&mut self, limit: ReadLimit) -> Result<Batch, ReadError> {
        self.follow_the_quota();
        let (mut records, mut through) = (Vec::new(), self.read_to);
        while records.is_empty() && through < self.journal.synced().value() {
            let (found, looked_at) =
                read::forward(&self.journal.shared, self.stream, through, limit, &mut self.place)?;
            records = found.into_iter().filter_map(|record| self.delivery(record)).collect();
            through = looked_at;
        }
        let one = |delivery: &Delivery| Counts::one(delivery.record.head.flags.critical);
        let counts = records.iter().fold(Counts::default(), |sum, delivery| sum + one(delivery));
        if counts.total() > 0 {
            self.journal.shared.lock().in_flight[usize::from(self.id)].push_back((through, counts));
        }
        self.read_to = through;
        Ok(Batch { deliveries: records, through })
    }

    /// A segment dropped over quota took the position with it.
    fn follow_the_quota(&mut self) {
        let position = self.journal.shared.lock().control.cursors[&self.id].position;
        self.position = self.position.max(position);
        self.read_to = self.read_to.max(self.position);
    }

    fn delivery(&self, record: Record) -> Option<Delivery> {
        if record.head.flags.carried {
            let record = carried::unwrap_for(self.id, record)?;
            return Some(Delivery { record, replay: true });
        }
        let is_mine = record.head.seq <= self.end;
        is_mine.then(|| Delivery { replay: record.head.seq <= self.replay_through, record })
    }

    /// Resolves when something beyond what was read is synced.
    pub async fn available(&self) -> Result<(), Unknown> {
        self.journal.synced().reached(self.read_to + 1).await
    }

    /// Settles a batch: it will not be read again once the ticket has reached its level.
    pub fn commit(&mut self, through: u64, tally: Tally) -> Result<Ticket, Refusal> {
        self.commit_with(through, tally, &[])
    }

    /// The same, and appends what the settling came to: both are found after a crash, or neither. Nothing is appended if a
    /// dropped segment has settled the batch already.
    pub fn commit_with(
        &mut self,
        through: u64,
        tally: Tally,
        entries: &[Entry<'_>],
    ) -> Result<Ticket, Refusal> {
        let ticket = self.journal.settle(self.id, through, tally, entries)?;
        self.position = self.position.max(through);
        Ok(ticket)
    }

    /// Ends this cursor at the present head, under the name `rest`, and opens another one there under the name it had. Each record
    /// is one cursor's, and the sums of both accounts are what the one account was. A cursor that is called `rest` already must
    /// have been joined.
    pub fn split(&mut self, rest: &str) -> Result<Cursor, Refusal> {
        let (mine, live) = self.journal.split(self.id, rest)?;
        (self.name, self.end) = (mine.name.clone(), mine.end());
        let replay_through = live.position;
        Ok(Cursor::new(self.journal.clone(), live, replay_through))
    }

    /// Takes the account of `rest`, the cursor this one was split from, into its own. False, and nothing is done, as long as
    /// `rest` has something left.
    pub fn join(&self, rest: &Cursor) -> Result<bool, Refusal> {
        self.journal.join(self.id, rest.id)
    }

    /// Goes back to what is not settled. It was perhaps delivered in part, so it will be marked as a replay.
    pub fn rewind(&mut self) {
        self.replay_through = self.replay_through.max(self.read_to);
        self.read_to = self.position;
        self.journal.shared.lock().in_flight[usize::from(self.id)].clear();
    }
}
