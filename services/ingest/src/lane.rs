//! One cursor of a sink and what it has read that is not settled: a parcel being gathered, and flights under way.
//!
//! Flights may land in any order; the cursor is committed over the landed ones at the front only, so what is settled has no gap.
//! Reads the disk in the calling thread.

use crate::errand::Errand;
use crate::error::PumpError;
use crate::letter::Letter;
use crate::names::Names;
use crate::parcel::{Contents, Parcel, Settlement};
use crate::state::wall_ms;
use std::collections::VecDeque;
use std::time::Duration;
use tidegate_kernel_flow::{BatchLimits, Batcher};
use tidegate_kernel_journal::{Cursor, Entry, Id, ReadLimit, Refusal};

#[derive(Debug)]
pub(crate) struct Lane {
    pub(crate) cursor: Cursor,
    limits: BatchLimits,
    /// Rows in a batch as configured.
    rows_max: usize,
    batcher: Batcher,
    parcel: Parcel,
    names: Names,
    pub(crate) flights: VecDeque<Flight>,
    /// Landed and not committed yet, in order.
    settlements: VecDeque<Settlement>,
    /// Everything up to this record was read.
    read_through: u64,
}

/// A parcel that was sealed.
#[derive(Debug)]
pub(crate) struct Flight {
    pub(crate) number: u64,
    contents: Contents,
    pub(crate) state: FlightState,
}

#[derive(Debug)]
pub(crate) enum FlightState {
    /// To be sent, for the first time or again.
    Waiting(Errand),
    Airborne,
    Landed(Errand),
}

/// What a try to commit came to.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Committed {
    /// Everything that could be.
    All,
    /// The journal takes no record for now.
    Later,
    /// The journal has stopped.
    Never(Refusal),
}

impl Lane {
    /// A pump that panicked before this one may have left something in flight, so the cursor is rewound.
    pub(crate) fn new(mut cursor: Cursor, limits: BatchLimits) -> Lane {
        cursor.rewind();
        Lane {
            read_through: cursor.position(),
            cursor,
            limits,
            rows_max: limits.rows_max,
            batcher: Batcher::new(limits),
            parcel: Parcel::default(),
            names: Names::default(),
            flights: VecDeque::new(),
            settlements: VecDeque::new(),
        }
    }

    /// Reads once into the parcel; whether that moved anything.
    pub(crate) fn gather(&mut self, sink: &str, now: Duration) -> Result<bool, PumpError> {
        let (records, bytes) = self.batcher.room();
        if records == 0 || bytes == 0 {
            return Ok(false);
        }
        let batch = self.cursor.read(ReadLimit { records, bytes })?;
        let moved = std::mem::replace(&mut self.read_through, batch.through) < batch.through;
        if !batch.deliveries.is_empty() {
            let rows = batch.deliveries.len();
            let bytes = self.parcel.add(sink, batch, &mut self.names);
            self.batcher.push(rows, bytes, now);
        }
        Ok(moved)
    }

    pub(crate) fn is_full(&self) -> bool {
        self.batcher.is_full()
    }

    /// How long until the parcel has to go; `None` if there is none.
    pub(crate) fn due_in(&self, now: Duration) -> Option<Duration> {
        self.batcher.due_in(now)
    }

    /// Rows in the parcel.
    pub(crate) fn rows_gathered(&self) -> u64 {
        self.parcel.rows.len() as u64
    }

    /// The parcel becomes a flight that waits to be sent. After batches that were too large each next one may have a row more: it may
    /// have been one row alone.
    pub(crate) fn seal(&mut self, number: u64) {
        let parcel = std::mem::take(&mut self.parcel);
        self.limits.rows_max = (self.limits.rows_max + 1).min(self.rows_max);
        self.batcher = Batcher::new(self.limits);
        let state = FlightState::Waiting(Errand::new(parcel.rows));
        self.flights.push_back(Flight { number, contents: parcel.contents, state });
    }

    /// The other side takes no batch as large as those so far.
    pub(crate) fn shrink(&mut self, rows_max: usize) {
        self.limits.rows_max = self.limits.rows_max.min(rows_max);
        let mut batcher = Batcher::new(self.limits);
        if !self.parcel.is_empty() {
            batcher.push(self.parcel.rows.len().max(1), 0, Duration::ZERO);
        }
        self.batcher = batcher;
    }

    /// The first flight that is to be sent, for the first time or again.
    pub(crate) fn waiting(&mut self) -> Option<&mut Flight> {
        self.flights.iter_mut().find(|flight| matches!(flight.state, FlightState::Waiting(_)))
    }

    pub(crate) fn flight(&mut self, number: u64) -> Option<&mut Flight> {
        self.flights.iter_mut().find(|flight| flight.number == number)
    }

    /// Deliveries under way.
    pub(crate) fn airborne(&self) -> usize {
        self.flights.iter().filter(|flight| matches!(flight.state, FlightState::Airborne)).count()
    }

    /// Nothing is read that is not settled.
    pub(crate) fn is_idle(&self) -> bool {
        self.flights.is_empty() && self.settlements.is_empty() && self.parcel.is_empty()
    }

    /// Everything up to this record is settled or no reading.
    pub(crate) fn through(&self) -> u64 {
        if self.is_idle() { self.read_through } else { self.cursor.position() }
    }

    /// Settles what landed, up to the first flight that did not. Letters go with it, or, on a full disk, are only counted.
    pub(crate) fn commit(&mut self, sink: &str, mut keep: impl FnMut(Id, u64, Letter)) -> Committed {
        while let Some(Flight { state: FlightState::Landed(_), .. }) = self.flights.front() {
            let flight = self.flights.pop_front().expect("it is in front");
            let FlightState::Landed(errand) = flight.state else { unreachable!("it has landed") };
            self.settlements.extend(flight.contents.settle(sink, &errand.rows, &errand.poison));
        }
        while let Some(settlement) = self.settlements.front() {
            match commit_one(&mut self.cursor, settlement) {
                Ok(kept) => {
                    let settlement = self.settlements.pop_front().expect("it is in front");
                    kept.into_iter()
                        .zip(settlement.letters)
                        .for_each(|((id, seq), letter)| keep(id, seq, letter));
                }
                Err(Refusal::Busy(_) | Refusal::Full) => return Committed::Later,
                Err(refusal) => return Committed::Never(refusal),
            }
        }
        Committed::All
    }
}

/// Commits one part with its letters; the ids of the letters that were kept, and a number at or behind each of them.
fn commit_one(cursor: &mut Cursor, settlement: &Settlement) -> Result<Vec<(Id, u64)>, Refusal> {
    let Settlement { through, tally, letters } = settlement;
    let is_shed = *through <= cursor.position();
    let payloads: Vec<_> = letters.iter().map(|letter| (Id::v7(wall_ms()), letter.encode())).collect();
    let entries: Vec<Entry<'_>> = payloads.iter().map(|(id, payload)| Letter::entry(*id, payload)).collect();
    match cursor.commit_with(*through, *tally, &entries) {
        Ok(_) if is_shed => Ok(Vec::new()),
        Ok(ticket) => Ok(payloads.iter().map(|(id, _)| (*id, ticket.seq())).collect()),
        // A cursor must move on for there to be room again, so the letters are given up rather than the cursor held.
        Err(Refusal::Full | Refusal::TooLarge(_)) if !entries.is_empty() => {
            let letters = entries.len();
            tracing::error!(
                code = "TG-IN-021",
                letters,
                "dead letters are counted but not kept: the journal has no room"
            );
            cursor.commit(*through, *tally).map(|_| Vec::new())
        }
        Err(refusal) => Err(refusal),
    }
}
