//! Knows what the journal promised, and says what of it does not hold after a crash.

use super::rig::{CURSORS, Rig, STREAM, Session, settle_down};
use crate::account::{Counts, Tally};
use crate::cursor::{Delivery, ReadLimit};
use crate::error::Refusal;
use crate::journal::Entry;
use std::collections::{BTreeMap, BTreeSet};
use tidegate_kernel_id::Id;

/// What a record was accepted as.
#[derive(Debug, Clone)]
struct Accepted {
    payload: Vec<u8>,
    critical: bool,
    once: bool,
    id: Id,
}

/// What one run promised.
#[derive(Debug, Default)]
pub(super) struct Oracle {
    ids: u64,
    accepted: BTreeMap<u64, Accepted>,
    written: u64,
    synced: u64,
    /// What must be found: `synced`, or `written` if only the process ended.
    safe: u64,
    /// Per cursor: the record that settled them, and which they were.
    settled: BTreeMap<String, Vec<(u64, BTreeSet<u64>)>>,
    registers: Vec<(u64, u8)>,
    snapshots: Vec<u64>,
}

impl Oracle {
    pub(super) fn next_id(&mut self) -> Id {
        self.ids += 1;
        let mut id = Id([0; 16]);
        // 990 s, below the standing clock's 1000 s, and rising.
        id.0[..6].copy_from_slice(&(990_000 + self.ids).to_be_bytes()[2..]);
        id.0[8..].copy_from_slice(&self.ids.to_be_bytes());
        id
    }

    pub(super) fn accepted(&mut self, last_seq: u64, entries: &[Entry<'_>]) {
        let first = last_seq + 1 - entries.len() as u64;
        for (seq, entry) in (first..).zip(entries) {
            let accepted = Accepted {
                payload: entry.payload.to_vec(),
                critical: entry.critical,
                once: entry.once,
                id: entry.id,
            };
            self.accepted.insert(seq, accepted);
        }
    }

    pub(super) fn saw(&mut self, written: u64, synced: u64) {
        self.written = written;
        self.synced = synced;
        self.safe = synced;
    }

    pub(super) fn written_is_safe(&mut self) {
        self.safe = self.written;
    }

    pub(super) fn settled(&mut self, cursor: &str, seq: u64, deliveries: &[Delivery]) {
        let seqs = deliveries.iter().map(|delivery| delivery.record.head.seq).collect();
        self.settled.entry(cursor.to_owned()).or_default().push((seq, seqs));
    }

    pub(super) fn register(&mut self, seq: u64, value: u8) {
        self.registers.push((seq, value));
    }

    pub(super) fn snapshot(&mut self, seq: u64) {
        self.snapshots.push(seq);
    }

    pub(super) fn has_a_snapshot(&self) -> bool {
        !self.snapshots.is_empty()
    }

    /// Opens the journal on what the crash left, and once more after appending to it.
    pub(super) fn check(&self, rig: &Rig) -> Result<(), String> {
        let session = rig.open().map_err(|error| format!("does not open: {error}"))?;
        let head = session.recovered_head;
        if head < self.safe {
            return Err(format!("record {} was acknowledged, and {head} is the last one found", self.safe));
        }
        self.check_register(&session, head)?;
        self.check_snapshot(&session)?;
        self.check_ids(&session, head)?;
        CURSORS.iter().try_for_each(|cursor| self.check_cursor(&session, cursor, head))?;
        check_that_it_goes_on(rig, &session)
    }

    fn check_register(&self, session: &Session, head: u64) -> Result<(), String> {
        let found = session.journal.register("admission").map(|value| value[0]);
        let expected = self.registers.iter().rfind(|(seq, _)| *seq <= head).map(|(_, value)| *value);
        if found == expected {
            Ok(())
        } else {
            Err(format!("the register is {found:?} instead of {expected:?}"))
        }
    }

    fn check_snapshot(&self, session: &Session) -> Result<(), String> {
        let found = session.journal.snapshot("state").map_err(|error| error.to_string())?;
        let whole = found.as_ref().is_none_or(|(seq, bytes)| *bytes == seq.to_le_bytes());
        let at_least = self.snapshots.last().copied();
        let at = found.as_ref().map(|(seq, _)| *seq);
        if whole && at >= at_least { Ok(()) } else { Err(format!("snapshot {at:?} instead of {at_least:?}")) }
    }

    /// An id that was found is known, or has left the window; it is never new.
    fn check_ids(&self, session: &Session, head: u64) -> Result<(), String> {
        let once = self.accepted.iter().filter(|(seq, accepted)| accepted.once && **seq <= head);
        for (seq, accepted) in once {
            let entry = Entry { stream: STREAM, once: true, id: accepted.id, ..Entry::default() };
            match session.journal.append(entry).map(|ticket| ticket.seq()) {
                Err(Refusal::Known { seq: known }) if known == *seq => {}
                Err(Refusal::TooOld | Refusal::Full | Refusal::Busy(_)) => {}
                other => return Err(format!("the id of record {seq} was answered {other:?}")),
            }
        }
        Ok(())
    }

    /// Every accepted record was settled, is delivered now with its own bytes, or was counted as shed.
    fn check_cursor(&self, session: &Session, name: &str, head: u64) -> Result<(), String> {
        let account =
            |session: &Session| session.journal.status().accounts.into_iter().find(|a| a.cursor == name);
        let Some(before) = account(session) else { return Ok(()) };
        let delivered = self.drain(session, name)?;
        let settled: BTreeSet<u64> = self
            .settled
            .get(name)
            .into_iter()
            .flatten()
            .filter(|(seq, _)| *seq <= head)
            .flat_map(|(_, seqs)| seqs.iter().copied())
            .collect();
        let gone = |critical: bool| {
            let accepted = self.accepted.range(..=head).filter(|(_, accepted)| accepted.critical == critical);
            accepted.filter(|(seq, _)| !settled.contains(*seq) && !delivered.contains(*seq)).count() as u64
        };
        if gone(true) > 0 {
            return Err(format!("{name}: {} critical records are gone", gone(true)));
        }
        let shed = before.tally.shed.process;
        // A batch in the consumer's hands when its segment was shed is counted as shed and delivered after all.
        if gone(false) > shed {
            return Err(format!("{name}: {} records are gone and {shed} were counted as shed", gone(false)));
        }
        let after = account(session).expect("the cursor is still there");
        if after.lag != Counts::default() || after.in_flight != Counts::default() {
            return Err(format!("{name}: the account does not close: {after:?}"));
        }
        Ok(())
    }

    /// Delivers all there is to the cursor and settles it. The numbers delivered.
    fn drain(&self, session: &Session, name: &str) -> Result<BTreeSet<u64>, String> {
        let mut cursor = session.journal.cursor(name, STREAM).map_err(|error| format!("{name}: {error}"))?;
        let mut delivered = BTreeSet::new();
        let end = session.journal.synced().value();
        for _ in 0..ROUNDS_MAX {
            let batch =
                cursor.read(ReadLimit { records: 64, bytes: 1 << 16 }).map_err(|error| error.to_string())?;
            let tally = self.take_in(name, &batch.deliveries, &mut delivered)?;
            if batch.deliveries.is_empty() && batch.through >= end {
                return Ok(delivered);
            }
            cursor.commit(batch.through, tally).map_err(|error| format!("{name}: cannot settle: {error}"))?;
            settle_down(&session.journal);
        }
        Err(format!("{name}: never drained"))
    }

    fn take_in(
        &self,
        name: &str,
        deliveries: &[Delivery],
        delivered: &mut BTreeSet<u64>,
    ) -> Result<Tally, String> {
        let mut tally = Tally::default();
        for Delivery { record, .. } in deliveries {
            let known = self.accepted.get(&record.head.seq);
            if known.is_none_or(|known| known.payload != record.payload || known.id != record.head.id) {
                return Err(format!("{name}: record {} was never written like this", record.head.seq));
            }
            if !delivered.insert(record.head.seq) {
                return Err(format!("{name}: record {} comes twice", record.head.seq));
            }
            tally.delivered += Counts::one(record.head.flags.critical);
        }
        Ok(tally)
    }
}

/// Reads it may take to drain a journal of seven small segments.
const ROUNDS_MAX: usize = 500;

/// The journal takes a new record, and the next life finds it.
fn check_that_it_goes_on(rig: &Rig, session: &Session) -> Result<(), String> {
    let entry = Entry { stream: STREAM + 1, payload: b"after the crash", ..Entry::default() };
    let seq = match session.journal.append(entry) {
        Ok(ticket) => ticket.seq(),
        Err(refusal) => return Err(format!("refuses to go on: {refusal}")),
    };
    settle_down(&session.journal);
    if session.journal.synced().value() < seq {
        return Err("does not sync any more".to_owned());
    }
    rig.disk.power_cycle(0);
    let next = rig.open().map_err(|error| format!("does not open again: {error}"))?;
    let (records, _) = next
        .journal
        .read(STREAM + 1, seq - 1, ReadLimit { records: 9, bytes: 4096 })
        .map_err(|e| e.to_string())?;
    match records.iter().any(|record| record.head.seq == seq && record.payload == entry.payload) {
        true => Ok(()),
        false => Err("the record appended after the crash is gone".to_owned()),
    }
}
