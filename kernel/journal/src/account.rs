//! What became of records, as numbers that close: per cursor, `routed = settled + lag + in flight`.
//!
//! Pure. Records fall into two classes here: those that may be shed when room runs out, and the critical ones.

use crate::record::Head;
use std::ops::{Add, AddAssign, Sub};

/// A number of records in each class.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    pub process: u64,
    pub critical: u64,
}

impl Counts {
    /// One record of this class.
    pub fn one(critical: bool) -> Counts {
        if critical { Counts { process: 0, critical: 1 } } else { Counts { process: 1, critical: 0 } }
    }

    pub fn total(self) -> u64 {
        self.process + self.critical
    }
}

impl Add for Counts {
    type Output = Counts;

    fn add(self, other: Counts) -> Counts {
        Counts { process: self.process + other.process, critical: self.critical + other.critical }
    }
}

impl AddAssign for Counts {
    fn add_assign(&mut self, other: Counts) {
        *self = *self + other;
    }
}

impl Sub for Counts {
    type Output = Counts;

    fn sub(self, other: Counts) -> Counts {
        Counts { process: self.process - other.process, critical: self.critical - other.critical }
    }
}

/// How records left a cursor. All but `replayed` are ways out, each record takes exactly one of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Tally {
    pub delivered: Counts,
    /// Held back by a deadband, report by exception or a filter.
    pub absorbed: Counts,
    /// Replaced by a newer value of the same key.
    pub coalesced: Counts,
    /// Given up: the quota dropped its segment, or it expired.
    pub shed: Counts,
    pub dead_lettered: Counts,
    /// Of those delivered, how many were marked as perhaps delivered before.
    pub replayed: Counts,
}

impl Tally {
    pub fn settled(&self) -> Counts {
        self.delivered + self.absorbed + self.coalesced + self.shed + self.dead_lettered
    }

    pub(crate) fn columns(&self) -> [Counts; 6] {
        [self.delivered, self.absorbed, self.coalesced, self.shed, self.dead_lettered, self.replayed]
    }

    pub(crate) fn from_columns(columns: [Counts; 6]) -> Tally {
        let [delivered, absorbed, coalesced, shed, dead_lettered, replayed] = columns;
        Tally { delivered, absorbed, coalesced, shed, dead_lettered, replayed }
    }
}

impl AddAssign for Tally {
    fn add_assign(&mut self, other: Tally) {
        let (mine, others) = (self.columns(), other.columns());
        *self = Tally::from_columns(std::array::from_fn(|at| mine[at] + others[at]));
    }
}

/// The account of one cursor: `routed = tally.settled() + lag + in_flight`, in each class.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    pub cursor: String,
    pub stream: u16,
    /// Everything up to this sequence number is settled.
    pub position: u64,
    /// Records appended to the stream since the cursor was first opened.
    pub routed: Counts,
    pub tally: Tally,
    /// Read by the consumer and not settled yet.
    pub in_flight: Counts,
    /// Neither settled nor read.
    pub lag: Counts,
}

/// Whether a record adds to the count of its stream: one carried forward was counted when it first came.
pub(crate) fn counts_as(head: &Head) -> Counts {
    if head.flags.carried { Counts::default() } else { Counts::one(head.flags.critical) }
}
