//! What the broker counts: relaxed atomics, read as plain data. Wired to nothing here.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tidegate_codec_mqtt::{Kind, QoS};

use crate::reason::CloseReason;
use crate::shed::Shed;

const REASONS: usize = CloseReason::ALL.len();
const KINDS: [Kind; 14] = [
    Kind::Connect,
    Kind::Connack,
    Kind::Publish,
    Kind::Puback,
    Kind::Pubrec,
    Kind::Pubrel,
    Kind::Pubcomp,
    Kind::Subscribe,
    Kind::Suback,
    Kind::Unsubscribe,
    Kind::Unsuback,
    Kind::Pingreq,
    Kind::Pingresp,
    Kind::Disconnect,
];

/// Counts since the start of the broker, except where a field says otherwise.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Snapshot {
    /// Open now.
    pub connections_open: u64,
    pub connections_total: u64,
    /// Closed at once because `connections_max` were open.
    pub connections_refused: u64,
    /// The operating system would not hand over a connection, for want of file descriptors most likely.
    pub accept_errors: u64,
    pub closed: Vec<(CloseReason, u64)>,
    pub packets_in: Vec<(Kind, u64)>,
    pub packets_out: Vec<(Kind, u64)>,
    pub publications: Vec<Publications>,
    /// Last wills that were offered.
    pub wills: u64,
    /// PUBACKs written to a socket.
    pub acks: u64,
    /// PUBRECs, of publications that were taken, written to a socket.
    pub receipts: u64,
    /// Taken in above QoS 0 and not acknowledged yet.
    pub unacknowledged: u64,
    /// Taken in above QoS 0 on a connection that ended before its PUBACK or PUBREC was written.
    pub unanswered: u64,
    /// Messages sent to subscribers, by QoS.
    pub sent: [u64; 3],
    /// Messages that did not reach a subscriber.
    pub shed: Vec<(Shed, u64)>,
    /// Publications and subscriptions that were denied.
    pub denied: u64,
    pub sessions: u64,
    pub subscriptions: u64,
    pub retained: u64,
    /// Memory for messages that wait or are retained.
    pub queued_bytes: u64,
    /// Times a connection was not read from because there was no room for what it publishes.
    pub holds: u64,
    /// The sum of those times, of holds that are over.
    pub held_back: Duration,
}

/// How often clients published in one of the ways there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Publications {
    pub qos: QoS,
    pub dup: bool,
    pub count: u64,
}

impl Snapshot {
    pub fn closed(&self, reason: CloseReason) -> u64 {
        self.closed.iter().find(|(of, _)| *of == reason).map_or(0, |(_, count)| *count)
    }
}

#[derive(Debug, Default)]
pub(crate) struct Count(AtomicU64);

impl Count {
    pub(crate) fn add(&self, count: u64) {
        self.next(count);
    }

    /// Adds, and gives the sum.
    pub(crate) fn next(&self, count: u64) -> u64 {
        self.0.fetch_add(count, Ordering::Relaxed) + count
    }

    pub(crate) fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) total: Count,
    pub(crate) refused: Count,
    pub(crate) accept_errors: Count,
    pub(crate) wills: Count,
    /// Taken in above QoS 0.
    pub(crate) taken: Count,
    pub(crate) acks: Count,
    pub(crate) receipts: Count,
    pub(crate) denied: Count,
    pub(crate) sent: [Count; 3],
    shed: [Count; Shed::ALL.len()],
    pub(crate) unanswered: Count,
    pub(crate) holds: Count,
    held_us: Count,
    closed: [Count; REASONS],
    /// By [`Kind`]'s number; PUBLISH is the sum of `publications`, PUBACK is `acks`.
    packets_in: [Count; 15],
    packets_out: [Count; 15],
    /// By QoS, then DUP.
    publications: [[Count; 2]; 3],
}

impl Counters {
    pub(crate) fn closed(&self, reason: CloseReason) {
        self.closed[reason as usize].add(1);
    }

    pub(crate) fn packet_in(&self, kind: Kind) {
        self.packets_in[kind as usize].add(1);
    }

    pub(crate) fn packet_out(&self, kind: Kind) {
        self.packets_out[kind as usize].add(1);
    }

    pub(crate) fn packets_sent(&self, kind: Kind, count: u64) {
        self.packets_out[kind as usize].add(count);
    }

    pub(crate) fn publication(&self, qos: QoS, dup: bool) {
        self.publications[qos as usize][usize::from(dup)].add(1);
    }

    pub(crate) fn held(&self, time: Duration) {
        self.held_us.add(u64::try_from(time.as_micros()).unwrap_or(u64::MAX));
    }

    pub(crate) fn shed(&self, shed: Shed, count: u64) {
        self.shed[shed as usize].add(count);
    }

    /// What is not counted here stays zero.
    pub(crate) fn snapshot(&self, connections_open: u64) -> Snapshot {
        // The subtrahends first: what is taken later can only make the difference larger.
        let (acks, receipts, unanswered) = (self.acks.get(), self.receipts.get(), self.unanswered.get());
        Snapshot {
            connections_open,
            connections_total: self.total.get(),
            connections_refused: self.refused.get(),
            accept_errors: self.accept_errors.get(),
            closed: CloseReason::ALL
                .iter()
                .map(|reason| (*reason, self.closed[*reason as usize].get()))
                .collect(),
            packets_in: KINDS
                .map(|kind| (kind, self.packets(&self.packets_in, kind, Kind::Publish)))
                .to_vec(),
            packets_out: KINDS
                .map(|kind| (kind, self.packets(&self.packets_out, kind, Kind::Puback)))
                .to_vec(),
            publications: self.publications(),
            wills: self.wills.get(),
            acks,
            receipts,
            unacknowledged: self.taken.get().saturating_sub(acks + receipts + unanswered),
            unanswered,
            sent: self.sent.each_ref().map(Count::get),
            shed: Shed::ALL.iter().map(|shed| (*shed, self.shed[*shed as usize].get())).collect(),
            denied: self.denied.get(),
            sessions: 0,
            subscriptions: 0,
            retained: 0,
            queued_bytes: 0,
            holds: self.holds.get(),
            held_back: Duration::from_micros(self.held_us.get()),
        }
    }

    fn packets(&self, counts: &[Count; 15], kind: Kind, derived: Kind) -> u64 {
        match kind {
            kind if kind != derived => counts[kind as usize].get(),
            Kind::Puback => self.acks.get(),
            _ => self.publications.as_flattened().iter().map(Count::get).sum(),
        }
    }

    fn publications(&self) -> Vec<Publications> {
        let qualities = [QoS::AtMostOnce, QoS::AtLeastOnce, QoS::ExactlyOnce];
        let ways = qualities.into_iter().flat_map(|qos| [(qos, false), (qos, true)]);
        let count = |qos: QoS, dup: bool| self.publications[qos as usize][usize::from(dup)].get();
        ways.map(|(qos, dup)| Publications { qos, dup, count: count(qos, dup) }).collect()
    }
}
