//! Balances for readers who do not wait: one writer, any number of readers, a seqlock per account. The one place of the engines where
//! something is changed through a shared reference.
//!
//! ```text
//!   writer  version odd   ── numbers ──   version even
//!   reader  version even  ── numbers ──   the same version, else once more
//! ```
//!
//! Every access is SeqCst, so all readers of all books agree on one order in which balances became visible. That costs a reader nothing
//! on the machines we run on, and the writer less than a tenth of what deciding costs. The numbers are atomics themselves, so there is
//! no unsafe code and a torn read is a value that is thrown away.

use crate::account::{AccountNumber, Balance};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering::SeqCst};

const ROW_SLOTS: usize = 1024;

/// An account's balance as of a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Reading {
    /// The last fact that is in it.
    pub as_of_seq: u64,
    pub balance: Balance,
}

#[derive(Debug, Default)]
struct Slot {
    version: AtomicU64,
    as_of_seq: AtomicU64,
    posted: AtomicI64,
    outgoing: AtomicI64,
    incoming: AtomicI64,
}

/// What one writer has published. Rows of slots are made when the first account of a row is.
#[derive(Debug)]
pub struct Board {
    rows: Box<[OnceLock<Box<[Slot]>>]>,
}

impl Board {
    /// Has room for so many accounts.
    pub fn new(accounts_max: usize) -> Board {
        Board { rows: (0..accounts_max.div_ceil(ROW_SLOTS)).map(|_| OnceLock::new()).collect() }
    }

    /// Makes a balance visible; it must be durable. To be called by one thread at a time.
    pub fn publish(&self, account: AccountNumber, reading: Reading) {
        let (row, slot) = (account as usize / ROW_SLOTS, account as usize % ROW_SLOTS);
        let Some(row) = self.rows.get(row) else { return };
        let row = row.get_or_init(|| (0..ROW_SLOTS).map(|_| Slot::default()).collect());
        row[slot].write(reading);
    }

    /// The balance as it is durable; none of an account that was not published yet.
    pub fn read(&self, account: AccountNumber) -> Option<Reading> {
        let (row, slot) = (account as usize / ROW_SLOTS, account as usize % ROW_SLOTS);
        self.rows.get(row)?.get()?[slot].read()
    }
}

impl Slot {
    fn write(&self, reading: Reading) {
        let version = self.version.load(SeqCst);
        self.version.store(version.wrapping_add(1), SeqCst);
        self.as_of_seq.store(reading.as_of_seq, SeqCst);
        self.posted.store(reading.balance.posted, SeqCst);
        self.outgoing.store(reading.balance.outgoing, SeqCst);
        self.incoming.store(reading.balance.incoming, SeqCst);
        self.version.store(version.wrapping_add(2), SeqCst);
    }

    fn read(&self) -> Option<Reading> {
        loop {
            let version = self.version.load(SeqCst);
            let balance = Balance {
                posted: self.posted.load(SeqCst),
                outgoing: self.outgoing.load(SeqCst),
                incoming: self.incoming.load(SeqCst),
            };
            let reading = Reading { as_of_seq: self.as_of_seq.load(SeqCst), balance };
            if version.is_multiple_of(2) && self.version.load(SeqCst) == version {
                return (version > 0).then_some(reading);
            }
            std::hint::spin_loop();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reading(number: u64) -> Reading {
        let amount = number as i64;
        Reading {
            as_of_seq: number,
            balance: Balance { posted: amount, outgoing: -amount, incoming: 3 * amount },
        }
    }

    #[test]
    fn nothing_is_read_before_it_is_published_and_nothing_has_room_beyond_the_board() {
        let board = Board::new(ROW_SLOTS + 1);
        assert_eq!(board.read(0), None);
        board.publish(ROW_SLOTS as u32, reading(7));
        board.publish(u32::MAX, reading(7));
        assert_eq!((board.read(ROW_SLOTS as u32), board.read(u32::MAX)), (Some(reading(7)), None));
    }

    #[test]
    fn a_reader_never_sees_half_of_one_balance_and_half_of_another_nor_time_run_backwards() {
        let board = Board::new(1);
        board.publish(0, reading(1));
        let read = || {
            let mut last = 0;
            while last < 20_000 {
                let seen = board.read(0).unwrap();
                assert_eq!(seen, reading(seen.as_of_seq));
                assert!(seen.as_of_seq >= last);
                last = seen.as_of_seq;
            }
        };
        std::thread::scope(|scope| {
            scope.spawn(read);
            scope.spawn(read);
            (2..=20_000).for_each(|number| board.publish(0, reading(number)));
        });
    }
}
