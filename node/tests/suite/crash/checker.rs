//! Holds what publishers did against what is in the file. Pure; the sums are held against each other in `sums`.
//!
//! A *record* is what the journal took in once: all rows with one `seq`. An *attempt* is a PUBLISH sent once. These hold:
//!
//! - Every acknowledged id has a row, and in the end every id sent with QoS 1 is acknowledged.
//! - A row says what its publisher sent: client, topic, QoS, class, payload; and `dup` as in one of the attempts.
//! - A row whose id an earlier row has is marked `dup` or `replay`; one whose record an earlier row has is marked `replay` and
//!   is the same otherwise.
//! - In each life and for each client, records are the first so many of the attempts, in their order: all of them in the last
//!   life. So a record more, one in the wrong order, one with an attempt before it missing: each is a fault.
//! - `replay` stands where it must and nowhere else. In the life that took a record in, its row is plain; in a later life it is
//!   marked; and lives do not run backwards in the file.

use super::evidence::{Attempt, Evidence, Publication, Row, client_of, qos_of};
use super::sums;
use std::collections::{BTreeMap, BTreeSet};

/// What does not hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Fault {
    LostAck {
        id: u64,
    },
    NeverAcked {
        id: u64,
    },
    /// No publisher sent what this row says.
    Invented {
        seq: u64,
    },
    /// The id was there before, and nothing says why it is there again.
    Unmarked {
        seq: u64,
        id: u64,
    },
    /// The same record, and not the same row.
    Altered {
        seq: u64,
    },
    /// No life of the node wrote this row with this mark at this place.
    Misplaced {
        seq: u64,
        replay: bool,
    },
    /// What was taken in is not the beginning of what was sent.
    NoPrefix {
        client: String,
        life: usize,
    },
    Sum {
        what: String,
        left: i128,
        relation: &'static str,
        right: i128,
    },
}

/// All that is wrong; nothing if all holds.
pub(crate) fn check(evidence: &Evidence) -> Vec<Fault> {
    let mut faults = acknowledged(evidence);
    faults.extend(published(evidence));
    faults.extend(repeated(evidence));
    faults.extend(replayed(evidence));
    faults.extend(in_order(evidence));
    faults.extend(sums::check(evidence));
    faults
}

/// The first row of each record, by number.
pub(crate) fn records(rows: &[Row]) -> BTreeMap<u64, &Row> {
    let mut records = BTreeMap::new();
    for row in rows {
        records.entry(row.seq).or_insert(row);
    }
    records
}

fn acknowledged(evidence: &Evidence) -> Vec<Fault> {
    let acked: BTreeSet<u64> = evidence.acks.iter().map(|ack| ack.id).collect();
    let there: BTreeSet<u64> = evidence.rows.iter().map(|row| row.payload.id).collect();
    let sent = evidence.attempts.iter().map(|attempt| attempt.id).filter(|id| qos_of(*id) == 1);
    let sent: BTreeSet<u64> = sent.collect();
    let lost = acked.difference(&there).map(|id| Fault::LostAck { id: *id });
    lost.chain(sent.difference(&acked).map(|id| Fault::NeverAcked { id: *id })).collect()
}

fn published(evidence: &Evidence) -> Vec<Fault> {
    let sent: BTreeSet<(u64, bool)> =
        evidence.attempts.iter().map(|attempt| (attempt.id, attempt.dup)).collect();
    let invented = |row: &&Row| {
        !sent.contains(&(row.payload.id, row.dup)) || !says(row, &Publication::of(row.payload.id))
    };
    evidence.rows.iter().filter(invented).map(|row| Fault::Invented { seq: row.seq }).collect()
}

fn says(row: &Row, sent: &Publication) -> bool {
    let class = if sent.critical { "critical" } else { "process" };
    let said =
        (row.client.as_str(), row.topic.as_str(), row.qos, row.class.as_str(), row.payload.pad.as_str());
    said == (&sent.client, sent.topic, sent.qos, class, &sent.pad)
}

fn repeated(evidence: &Evidence) -> Vec<Fault> {
    let (mut faults, mut ids) = (Vec::new(), BTreeSet::new());
    let mut of_record: BTreeMap<u64, &Row> = BTreeMap::new();
    for row in &evidence.rows {
        let (seq, id) = (row.seq, row.payload.id);
        let known_id = !ids.insert(id);
        let known_record = of_record.insert(seq, row);
        if known_id && !row.dup && !row.replay || known_record.is_some() && !row.replay {
            faults.push(Fault::Unmarked { seq, id });
        }
        if known_record.is_some_and(|known| !is_same_but_for_replay(known, row)) {
            faults.push(Fault::Altered { seq });
        }
    }
    faults
}

fn is_same_but_for_replay(one: &Row, other: &Row) -> bool {
    Row { replay: other.replay, ..one.clone() } == *other
}

fn replayed(evidence: &Evidence) -> Vec<Fault> {
    let (mut faults, mut life, births) = (Vec::new(), 0, evidence.births());
    for row in &evidence.rows {
        let birth = births.of(row.seq);
        let (earliest, latest) = match row.replay {
            true => (birth + 1, evidence.last_life()),
            false => (birth, birth),
        };
        life = life.max(earliest);
        if life > latest {
            faults.push(Fault::Misplaced { seq: row.seq, replay: row.replay });
            life = life.min(evidence.last_life());
        }
    }
    faults
}

/// A client in a life: one connection, so one order.
type Way = (String, usize);
/// Ids in their order, each with its DUP flag.
type Ways = BTreeMap<Way, Vec<(u64, bool)>>;

fn in_order(evidence: &Evidence) -> Vec<Fault> {
    let (mut sent, mut taken, mut acked) = (Ways::new(), Ways::new(), Ways::new());
    let (way, births) = (|id, life| (client_of(id), life), evidence.births());
    for Attempt { id, dup, life } in &evidence.attempts {
        sent.entry(way(*id, *life)).or_default().push((*id, *dup));
    }
    for (seq, row) in records(&evidence.rows) {
        taken.entry((row.client.clone(), births.of(seq))).or_default().push((row.payload.id, row.dup));
    }
    for ack in &evidence.acks {
        acked.entry(way(ack.id, ack.life)).or_default().push((ack.id, true));
    }
    let ways: BTreeSet<_> = sent.keys().chain(taken.keys()).chain(acked.keys()).cloned().collect();
    let is_whole = |way: &Way| way.1 == evidence.last_life();
    ways.into_iter()
        .filter(|way| !follows(of(&sent, way), of(&taken, way), of(&acked, way), is_whole(way)))
        .map(|(client, life)| Fault::NoPrefix { client, life })
        .collect()
}

fn of<'a>(ways: &'a Ways, way: &Way) -> &'a [(u64, bool)] {
    ways.get(way).map_or(&[], Vec::as_slice)
}

/// Whether the node took the first so many of what was sent, and acknowledged the first so many of these that ask for it.
fn follows(sent: &[(u64, bool)], taken: &[(u64, bool)], acked: &[(u64, bool)], is_whole: bool) -> bool {
    let with_ack = taken.iter().map(|(id, _)| *id).filter(|id| qos_of(*id) == 1);
    let answered: Vec<u64> = with_ack.take(acked.len()).collect();
    sent.starts_with(taken)
        && (!is_whole || sent.len() == taken.len())
        && acked.iter().map(|(id, _)| *id).eq(answered)
}
