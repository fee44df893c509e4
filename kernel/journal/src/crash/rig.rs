//! A small journal on a simulated disk, driven step by step without threads.

use super::oracle::Oracle;
use crate::account::{Counts, Tally};
use crate::clock::Clock;
use crate::cursor::{Cursor, ReadLimit};
use crate::disk::{Disk, SimDisk};
use crate::error::OpenError;
use crate::journal::{Entry, Journal};
use crate::options::{Options, Retention};
use crate::state::Bell;
use crate::window::WindowLimit;
use crate::{caretaker, committer};
use std::sync::{Arc, Mutex, PoisonError};
use tidegate_kernel_id::Id;

pub(super) const STREAM: u16 = 16;
pub(super) const CURSORS: [&str; 2] = ["fast", "slow"];
pub(super) const LIMIT: ReadLimit = ReadLimit { records: 3, bytes: 4096 };

#[derive(Debug, Clone, Default)]
pub(super) struct Rig {
    pub(super) disk: SimDisk,
    keeps: bool,
}

#[derive(Debug)]
struct StandingClock;

impl Clock for StandingClock {
    fn wall_ms(&self) -> u64 {
        1_000_000
    }

    fn boot_ms(&self) -> u64 {
        0
    }
}

/// What one step does.
#[derive(Debug, Clone)]
pub(super) enum Step {
    Append {
        payloads: Vec<Vec<u8>>,
        critical: bool,
        once: bool,
    },
    Commit,
    Tend,
    /// Read a batch with this cursor and settle it.
    Settle(usize),
    Snapshot,
    Register(u8),
}

/// One life of the process.
#[derive(Debug)]
pub(super) struct Session {
    pub(super) journal: Journal,
    /// The last record there was when the journal was opened.
    pub(super) recovered_head: u64,
    /// Whoever finds them taken does without: one turn is inside another then.
    cursors: Mutex<Vec<Cursor>>,
}

impl Rig {
    /// Of a journal that keeps everything.
    pub(super) fn kept() -> Rig {
        Rig { keeps: true, ..Rig::default() }
    }

    pub(super) fn options() -> Options {
        Options {
            segment_bytes: [4096; 3],
            retention: Retention::Drain { keep_bytes: 4096, bytes_max: 7 * 4096 },
            window: WindowLimit { ids: 40, age_ms: 1000, bytes: 16 << 10 },
        }
    }

    pub(super) fn open(&self) -> Result<Session, OpenError> {
        let drained = Rig::options();
        let retention = if self.keeps { Retention::Keep } else { drained.retention };
        Rig::open_with(Arc::new(self.disk.clone()), Options { retention, ..drained })
    }

    pub(super) fn open_on(disk: Arc<dyn Disk>) -> Result<Session, OpenError> {
        Rig::open_with(disk, Rig::options())
    }

    fn open_with(disk: Arc<dyn Disk>, options: Options) -> Result<Session, OpenError> {
        let bell = Arc::new(Bell::default());
        let journal = Journal::open(disk, Arc::new(StandingClock), options, bell)?;
        let recovered_head = journal.status().head_seq;
        settle_down(&journal);
        let cursors = CURSORS.iter().filter_map(|name| journal.cursor(name, STREAM).ok()).collect();
        settle_down(&journal);
        Ok(Session { journal, recovered_head, cursors: Mutex::new(cursors) })
    }
}

/// Lets the committer and the caretaker do all they can.
pub(super) fn settle_down(journal: &Journal) {
    for _ in 0..64 {
        if (committer::turn(&journal.shared) == 0) & !caretaker::tend(&journal.shared) {
            return;
        }
    }
}

impl Session {
    /// The oracle is locked only between operations of the disk, for each of them may have another step within it.
    pub(super) fn take(&self, step: &Step, oracle: &Mutex<Oracle>) {
        match step {
            Step::Append { payloads, critical, once } => self.append(payloads, *critical, *once, oracle),
            Step::Commit => {
                committer::turn(&self.journal.shared);
            }
            Step::Tend => {
                caretaker::tend(&self.journal.shared);
            }
            Step::Settle(cursor) => self.settle(*cursor, oracle),
            Step::Snapshot => self.snapshot(oracle),
            Step::Register(value) => {
                if let Ok(ticket) = self.journal.set_register("admission", &[*value]) {
                    locked(oracle).register(ticket.seq(), *value);
                }
            }
        }
        locked(oracle).saw(self.journal.shared.written.value(), self.journal.shared.synced.value());
    }

    fn append(&self, payloads: &[Vec<u8>], critical: bool, once: bool, oracle: &Mutex<Oracle>) {
        let mut oracle = locked(oracle);
        let ids: Vec<Id> = payloads.iter().map(|_| oracle.next_id()).collect();
        let entries: Vec<Entry<'_>> = payloads
            .iter()
            .zip(&ids)
            .map(|(payload, id)| Entry {
                stream: STREAM,
                kind: 1,
                version: 1,
                critical,
                once,
                id: *id,
                payload,
                ..Entry::default()
            })
            .collect();
        if let Ok(ticket) = self.journal.append_all(&entries) {
            oracle.accepted(ticket.seq(), &entries);
        }
    }

    fn settle(&self, cursor: usize, oracle: &Mutex<Oracle>) {
        let Ok(mut cursors) = self.cursors.try_lock() else { return };
        let Some(cursor) = cursors.get_mut(cursor) else { return };
        let Ok(batch) = cursor.read(LIMIT) else { return };
        let delivered = batch
            .deliveries
            .iter()
            .fold(Counts::default(), |sum, delivery| sum + Counts::one(delivery.record.head.flags.critical));
        let tally = Tally { delivered, ..Tally::default() };
        match cursor.commit(batch.through, tally) {
            Ok(ticket) => locked(oracle).settled(cursor.name(), ticket.seq(), &batch.deliveries),
            Err(_) => cursor.rewind(),
        }
    }

    fn snapshot(&self, oracle: &Mutex<Oracle>) {
        let seq = self.journal.synced().value();
        if self.journal.write_snapshot("state", seq, &seq.to_le_bytes()).is_ok() {
            locked(oracle).snapshot(seq);
        }
    }
}

pub(super) fn locked<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn payload(step: usize, bytes: usize) -> Vec<u8> {
    (0..bytes).map(|at| (step * 31 + at) as u8).collect()
}

/// 64 steps that fill, roll over, drain, recycle and snapshot.
pub(super) fn scripted_steps() -> Vec<Step> {
    (0..64)
        .map(|step| match step % 8 {
            0 => Step::Append { payloads: vec![payload(step, 210)], critical: false, once: false },
            1 => Step::Append { payloads: vec![payload(step, 90); 3], critical: step % 16 == 1, once: false },
            2 | 5 => Step::Commit,
            3 => Step::Settle(0),
            4 => Step::Append { payloads: vec![payload(step, 340)], critical: false, once: true },
            6 => Step::Settle(1),
            _ if step % 16 == 7 => Step::Tend,
            _ if step % 32 == 15 => Step::Snapshot,
            _ => Step::Register(step as u8),
        })
        .collect()
}

/// Steps chosen by the seed; the slow cursor is slow enough for segments to be shed.
pub(super) fn random_steps(seed: u64) -> Vec<Step> {
    let mut random = Random(seed);
    (0..64 + random.below(64))
        .map(|step| match random.below(16) {
            0..=4 => {
                let count = 1 + random.below(3);
                let bytes = random.below(300);
                let payloads = (0..count).map(|nth| payload(step + nth, bytes)).collect();
                Step::Append { payloads, critical: random.below(5) == 0, once: random.below(4) == 0 }
            }
            5..=8 => Step::Commit,
            9 | 10 => Step::Tend,
            11..=13 => Step::Settle(0),
            14 if random.below(3) == 0 => Step::Snapshot,
            14 => Step::Settle(1),
            _ => Step::Register(step as u8),
        })
        .collect()
}

/// xorshift64* (Marsaglia 2003, Vigna 2014).
#[derive(Debug)]
pub(super) struct Random(pub(super) u64);

impl Random {
    pub(super) fn below(&mut self, limit: usize) -> usize {
        let mut x = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        x ^= x >> 12;
        x ^= x << 25;
        x ^= x >> 27;
        self.0 = x;
        (x.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) as usize % limit
    }
}
