//! The sums that close: the node's accounts against the publishers' counts and the rows. Pure.
//!
//! ```text
//! at every start and at the end
//!   difference = 0 everywhere      malformed = refused = unrouted = 0      received = accepted
//!   accepted = routed = records up to as_of_seq, in each class
//! from one start to the next, that is for each killed life
//!   PUBACKs that arrived <= accepted <= PUBLISHes sent
//!   received seen before the kill <= received found after it + what lost_at_crash_max rose by <= ... + 262,144 for each kill
//!   1 <= what crashes rose by <= kills (a start that is killed early may leave no trace)
//! in the last life, which ends in order
//!   accepted = PUBLISHes sent, and the broker counted them as the publishers did, by QoS and DUP, and the PUBACKs
//! at the end, in each class
//!   delivered = routed = records      lag = in_flight = absorbed = coalesced = shed = dead_lettered = 0
//!   replayed = records whose last row is marked      rows = delivered + rows that repeat a record
//! ```
//!
//! What a kill took from a publication with QoS 0, or from one that was sent and not acknowledged, is in no equation: the node
//! cannot know of it. It is between `accepted` and what was sent, and of that at most `lost_at_crash_max` was received.

use super::checker::{Fault, records};
use super::evidence::{Books, Evidence, Life, Row, qos_of};
use std::collections::BTreeMap;

/// The largest promise `services/ingest` ever makes ahead.
const LOST_MAX: i128 = 262_144;
const CLASSES: [bool; 2] = [true, false];

#[derive(Default)]
struct Sums(Vec<Fault>);

impl Sums {
    fn equal(&mut self, what: &str, left: impl Into<i128>, right: impl Into<i128>) {
        self.relate(what, left.into(), "=", right.into());
    }

    fn at_most(&mut self, what: &str, left: impl Into<i128>, right: impl Into<i128>) {
        self.relate(what, left.into(), "<=", right.into());
    }

    fn relate(&mut self, what: &str, left: i128, relation: &'static str, right: i128) {
        let holds = if relation == "=" { left == right } else { left <= right };
        if !holds {
            self.0.push(Fault::Sum { what: what.to_owned(), left, relation, right });
        }
    }
}

pub(crate) fn check(evidence: &Evidence) -> Vec<Fault> {
    let mut sums = Sums::default();
    let records: Vec<&Row> = records(&evidence.rows).into_values().collect();
    for (at, life) in evidence.lives.iter().enumerate() {
        books(&mut sums, &format!("start {at}"), &life.start, &records);
    }
    books(&mut sums, "end", &evidence.end, &records);
    for at in 0..evidence.last_life() {
        killed(&mut sums, evidence, at);
    }
    last(&mut sums, evidence);
    drained(&mut sums, evidence);
    sums.0
}

fn books(sums: &mut Sums, when: &str, books: &Books, records: &[&Row]) {
    for zero in [
        "admission/difference",
        "routing/difference",
        "routing/unrouted",
        "admission/malformed",
        "admission/refused",
    ] {
        sums.equal(&format!("{when}: {zero}"), books.of(&format!("/{zero}")), 0);
    }
    let as_of = books.of("/as_of_seq");
    let mut all = 0;
    for critical in CLASSES {
        let is_due = |row: &&&Row| i128::from(row.seq) <= as_of && is_critical(row) == critical;
        let due = count(records.iter().filter(is_due));
        all += due;
        sums.equal(
            &format!("{when}: routed and records, critical {critical}"),
            books.of_sink(critical, "routed"),
            due,
        );
        sums.equal(
            &format!("{when}: sink difference, critical {critical}"),
            books.of_sink(critical, "difference"),
            0,
        );
    }
    for whole in ["admission/received", "admission/accepted", "routing/accepted", "routing/routed"] {
        sums.equal(&format!("{when}: {whole} and records"), books.of(&format!("/{whole}")), all);
    }
}

fn killed(sums: &mut Sums, evidence: &Evidence, at: usize) {
    let (life, next) = (&evidence.lives[at], &evidence.lives[at + 1]);
    let rise = |pointer: &str| next.start.of(pointer) - life.start.of(pointer);
    let (sent, acked) = (attempts(evidence, at), acks(evidence, at));
    let accepted = rise("/admission/accepted");
    sums.at_most(&format!("life {at}: acknowledged and accepted"), acked, accepted);
    sums.at_most(&format!("life {at}: accepted and sent"), accepted, sent);
    sums.at_most(
        &format!("life {at}: received and sent"),
        life.received_seen - life.start.of("/admission/received"),
        sent,
    );
    let (lost, crashes, kills) =
        (rise("/admission/lost_at_crash_max"), rise("/admission/crashes"), life.kills);
    let found = next.start.of("/admission/received");
    sums.at_most(&format!("life {at}: received, and found or lost"), life.received_seen, found + lost);
    sums.at_most(&format!("life {at}: lost and the largest promise"), lost, LOST_MAX * i128::from(kills));
    sums.at_most(&format!("life {at}: one and crashes"), 1, crashes);
    sums.at_most(&format!("life {at}: crashes and kills"), crashes, kills);
}

fn last(sums: &mut Sums, evidence: &Evidence) {
    let at = evidence.last_life();
    let Life { start, received_seen, .. } = &evidence.lives[at];
    let rise = evidence.end.of("/admission/accepted") - start.of("/admission/accepted");
    sums.equal("last life: accepted and sent", rise, attempts(evidence, at));
    sums.equal("last life: received and seen", evidence.end.of("/admission/received"), *received_seen);
    for same in ["crashes", "lost_at_crash_max"] {
        let pointer = format!("/admission/{same}");
        sums.equal(&format!("last life: {same}"), evidence.end.of(&pointer), start.of(&pointer));
    }
    let sent = |qos: u8, dup: bool| {
        let of_way = evidence.attempts.iter().filter(|attempt| attempt.life == at);
        count(of_way.filter(|attempt| attempt.dup == dup && qos_of(attempt.id) == qos))
    };
    let broker = evidence.broker;
    sums.equal("broker: QoS 0", broker.at_most_once, sent(0, false));
    sums.equal("broker: QoS 1", broker.at_least_once, sent(1, false));
    sums.equal("broker: QoS 1 with DUP", broker.at_least_once_dup, sent(1, true));
    sums.equal("broker: PUBACKs", broker.acks, acks(evidence, at));
}

fn drained(sums: &mut Sums, evidence: &Evidence) {
    let last_rows: BTreeMap<u64, &Row> = evidence.rows.iter().map(|row| (row.seq, row)).collect();
    let mut delivered = 0;
    for critical in CLASSES {
        let end = |key: &str| evidence.end.of_sink(critical, key);
        let of_class = || last_rows.values().filter(|row| is_critical(row) == critical);
        let what = |key: &str| format!("end: {key}, critical {critical}");
        sums.equal(&what("delivered"), end("delivered"), count(of_class()));
        sums.equal(&what("replayed"), end("replayed"), count(of_class().filter(|row| row.replay)));
        for zero in ["lag", "in_flight", "absorbed", "coalesced", "shed", "dead_lettered"] {
            sums.equal(&what(zero), end(zero), 0);
        }
        delivered += end("delivered");
    }
    let repeats = count(evidence.rows.iter()) - count(last_rows.values());
    sums.equal("end: rows", count(evidence.rows.iter()), delivered + repeats);
}

fn is_critical(row: &Row) -> bool {
    row.class == "critical"
}

fn attempts(evidence: &Evidence, life: usize) -> i128 {
    count(evidence.attempts.iter().filter(|attempt| attempt.life == life))
}

fn acks(evidence: &Evidence, life: usize) -> i128 {
    count(evidence.acks.iter().filter(|ack| ack.life == life))
}

fn count(items: impl Iterator) -> i128 {
    items.count() as i128
}
