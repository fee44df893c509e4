//! What the broker holds for one client, connected or not: subscriptions, what is on its way to it, what it is owed.
//!
//! ```text
//! deliver --> loose (QoS 0) ----------------------> sent
//!         \-> queue (QoS 1, 2) --> in flight --PUBACK--> done
//!                                  in flight --PUBREC--> released --PUBCOMP--> done
//! ```
//!
//! A message gets its packet identifier when it is queued, so that one record can say all about it, and keeps it however
//! often it is sent. QoS 0 has a queue of its own and never waits for an acknowledgement. Holds a lock for short work on
//! queues, never over IO. Time is handed in.

use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::BytesMut;
use tidegate_codec_mqtt::{PacketId, QoS, Text, TopicFilter};
use tidegate_kernel_journal::{Level, Ticket};
use tokio::sync::Notify;
use tokio::time::Instant;

use crate::options::Options;
use crate::outlet::Outlet;
use crate::outstanding::Safe;
use crate::parcel::Parcel;
use crate::shed::Shed;

/// Identifiers between the oldest in use and the newest; the rest of the 65,535 is for those that were handed out and are
/// not queued yet.
const SPAN_MAX: u16 = 60_000;

/// How much one client's queue may hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct QueueLimit {
    pub(crate) messages: usize,
    pub(crate) bytes: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Sent,
    Released,
}

#[derive(Debug)]
struct Flight {
    parcel: Parcel,
    id: PacketId,
    stage: Stage,
}

#[derive(Debug)]
pub(crate) struct Berth {
    pub(crate) number: u64,
    pub(crate) client: Text,
    /// The principal it belongs to.
    pub(crate) owner: Box<str>,
    online: AtomicBool,
    /// Outlives its connection, so what it is owed is kept.
    durable: AtomicBool,
    hold: Mutex<Hold>,
    bell: Notify,
}

#[derive(Debug)]
struct Hold {
    limit: QueueLimit,
    subscriptions: BTreeMap<TopicFilter, Options>,
    queue: VecDeque<Parcel>,
    loose: VecDeque<Parcel>,
    queued_bytes: usize,
    /// Nothing in the queue expires before this.
    expires_first: Option<Instant>,
    in_flight: VecDeque<Flight>,
    /// QoS 2 publications of this client that were taken and not released, with what their PUBREC waits for.
    received: BTreeMap<PacketId, Safe>,
    last_id: u16,
    /// Most messages in flight at once.
    window: usize,
    /// Somebody has rung, or will.
    armed: bool,
    closed: bool,
}

/// What became of a message that was to be delivered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Delivered {
    /// Whoever delivered it has to ring.
    pub(crate) ring: bool,
    /// Messages that were dropped, this one or older ones.
    pub(crate) shed: Option<(Shed, u64)>,
}

/// What was written into a connection's buffer.
#[derive(Debug, Default)]
pub(crate) struct Sent {
    pub(crate) by_qos: [u64; 3],
    pub(crate) expired: u64,
    pub(crate) too_large: u64,
    /// Above QoS 0 and not written: nobody will acknowledge them.
    pub(crate) dropped: Vec<PacketId>,
    /// There is more, and room in the window for it.
    pub(crate) more: bool,
    /// The next one waits for its record.
    pub(crate) waits_for: Option<(Ticket, Level)>,
}

impl Berth {
    pub(crate) fn new(number: u64, client: Text, owner: Box<str>, limit: QueueLimit) -> Self {
        let hold = Hold {
            limit,
            subscriptions: BTreeMap::new(),
            queue: VecDeque::new(),
            loose: VecDeque::new(),
            queued_bytes: 0,
            expires_first: None,
            in_flight: VecDeque::new(),
            received: BTreeMap::new(),
            last_id: 0,
            window: 0,
            armed: false,
            closed: false,
        };
        let (online, durable) = (AtomicBool::new(false), AtomicBool::new(false));
        Self { number, client, owner, online, durable, hold: Mutex::new(hold), bell: Notify::new() }
    }

    pub(crate) fn is_online(&self) -> bool {
        self.online.load(Ordering::Relaxed)
    }

    pub(crate) fn is_durable(&self) -> bool {
        self.durable.load(Ordering::Relaxed)
    }

    pub(crate) fn set_durable(&self, durable: bool) {
        self.durable.store(durable, Ordering::Relaxed);
    }

    /// A connection begins. What was sent and not acknowledged is sent again, in its order; gives what is to be released
    /// again [MQTT-4.4.0-1].
    pub(crate) fn attach(&self, window: usize) -> Vec<PacketId> {
        let mut hold = self.hold();
        hold.window = window;
        hold.armed = false;
        self.online.store(true, Ordering::Relaxed);
        hold.rewind()
    }

    /// The connection ended; the queue stays.
    pub(crate) fn detach(&self) {
        let mut hold = self.hold();
        self.online.store(false, Ordering::Relaxed);
        hold.loose.clear();
        hold.queued_bytes = hold.queue.iter().map(|parcel| parcel.message.bytes()).sum();
    }

    /// The session ends for good. Gives what it was subscribed to, and how many messages it was owed.
    pub(crate) fn close(&self) -> (Vec<TopicFilter>, u64) {
        let mut hold = self.hold();
        hold.closed = true;
        self.online.store(false, Ordering::Relaxed);
        self.set_durable(false);
        let owed = hold.queue.len() + hold.loose.len() + hold.in_flight.len();
        hold.queue.clear();
        hold.loose.clear();
        hold.in_flight.clear();
        hold.received.clear();
        (std::mem::take(&mut hold.subscriptions).into_keys().collect(), owed as u64)
    }

    /// Sets one subscription aside; gives what it replaces.
    pub(crate) fn subscribe(&self, filter: &TopicFilter, options: Options) -> Option<Options> {
        self.hold().subscriptions.insert(filter.clone(), options)
    }

    pub(crate) fn unsubscribe(&self, filter: &TopicFilter) -> Option<Options> {
        self.hold().subscriptions.remove(filter)
    }

    pub(crate) fn has_subscription(&self, filter: &TopicFilter) -> bool {
        self.hold().subscriptions.contains_key(filter)
    }

    pub(crate) fn subscriptions(&self) -> usize {
        self.hold().subscriptions.len()
    }

    /// Hands out an identifier for a message that will be delivered once its record is written.
    pub(crate) fn reserve(&self, bytes: usize) -> Result<PacketId, Shed> {
        let mut hold = self.hold();
        hold.check_queue(bytes)?;
        hold.next_id()
    }

    /// Takes an identifier back whose message is not queued after all.
    pub(crate) fn give_back(&self, id: PacketId) {
        let mut hold = self.hold();
        // With another one handed out since, it is left out.
        if hold.last_id == id.get() {
            hold.last_id -= 1;
        }
    }

    /// Drops what is queued and expired: its client is away, or slow. Gives the identifiers.
    pub(crate) fn expire(&self, now: Instant) -> Vec<PacketId> {
        self.hold().expire(now)
    }

    /// Queues a message; above QoS 0 one without an identifier gets its own now.
    pub(crate) fn deliver(&self, parcel: Parcel) -> Delivered {
        let mut hold = self.hold();
        if hold.closed || (parcel.qos == QoS::AtMostOnce && !self.is_online()) {
            return Delivered::default();
        }
        let shed = match hold.push(parcel) {
            Ok(0) => None,
            Ok(overtaken) => Some((Shed::Overtaken, overtaken)),
            Err(shed) => return Delivered { ring: false, shed: Some((shed, 1)) },
        };
        Delivered { ring: self.is_online() && !std::mem::replace(&mut hold.armed, true), shed }
    }

    pub(crate) fn ring(&self) {
        self.bell.notify_one();
    }

    /// Resolves when there may be something to send.
    pub(crate) async fn rung(&self) {
        self.bell.notified().await;
    }

    /// Writes what may go out, up to about `bytes_max` of it.
    pub(crate) fn send(
        &self,
        outlet: &mut Outlet,
        now: Instant,
        bytes_max: usize,
        out: &mut BytesMut,
    ) -> Sent {
        let mut hold = self.hold();
        let mut sent = Sent::default();
        hold.send_loose(outlet, now, bytes_max, out, &mut sent);
        hold.send_queued(outlet, now, bytes_max, out, &mut sent);
        hold.armed = sent.more;
        sent
    }

    /// PUBACK: whether there is such a message, of QoS 1, in flight.
    pub(crate) fn acknowledge(&self, id: PacketId) -> bool {
        self.hold().land(id, QoS::AtLeastOnce)
    }

    /// PUBREC: whether there is such a message, of QoS 2, in flight.
    pub(crate) fn release(&self, id: PacketId) -> bool {
        let mut hold = self.hold();
        match hold.find(id, QoS::ExactlyOnce) {
            Some(at) => {
                hold.in_flight[at].stage = Stage::Released;
                true
            }
            None => false,
        }
    }

    /// PUBCOMP, or a PUBREC that says the client does not want it.
    pub(crate) fn complete(&self, id: PacketId) -> bool {
        self.hold().land(id, QoS::ExactlyOnce)
    }

    /// Whether a QoS 2 publication with this identifier was taken before, and what its PUBREC waits for.
    pub(crate) fn has_received(&self, id: PacketId) -> Option<Safe> {
        self.hold().received.get(&id).cloned()
    }

    pub(crate) fn receive(&self, id: PacketId, safe: Safe) {
        self.hold().received.insert(id, safe);
    }

    pub(crate) fn received(&self) -> usize {
        self.hold().received.len()
    }

    /// PUBREL: the identifier is free again. Whether it was in use.
    pub(crate) fn forget(&self, id: PacketId) -> bool {
        self.hold().received.remove(&id).is_some()
    }

    /// Puts back what a restart found, oldest first.
    pub(crate) fn restore(&self, owed: Vec<(Parcel, bool)>, received: impl Iterator<Item = PacketId>) {
        let mut hold = self.hold();
        hold.received = received.map(|id| (id, Safe::default())).collect();
        for (parcel, released) in owed {
            let Some(id) = parcel.id else { continue };
            hold.last_id = id.get();
            if released {
                hold.in_flight.push_back(Flight { parcel, id, stage: Stage::Released });
            } else {
                hold.queued_bytes += parcel.message.bytes();
                hold.note_expiry(&parcel);
                hold.queue.push_back(parcel);
            }
        }
    }

    fn hold(&self) -> MutexGuard<'_, Hold> {
        self.hold.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Hold {
    fn check_queue(&self, bytes: usize) -> Result<(), Shed> {
        if self.queue.len() >= self.limit.messages {
            return Err(Shed::QueueFull);
        }
        if self.queued_bytes + bytes > self.limit.bytes {
            return Err(Shed::QueueBytes);
        }
        Ok(())
    }

    /// Queues it; gives how many older ones went for it.
    fn push(&mut self, mut parcel: Parcel) -> Result<u64, Shed> {
        let bytes = parcel.message.bytes();
        let mut overtaken = 0;
        match parcel.qos {
            QoS::AtMostOnce => overtaken = self.make_way(bytes)?,
            _ if parcel.id.is_none() => {
                self.check_queue(bytes)?;
                parcel.id = Some(self.next_id()?);
            }
            // Room was found when it got its identifier, and its record is written.
            _ => {}
        }
        self.queued_bytes += bytes;
        if parcel.id.is_some() {
            self.note_expiry(&parcel);
            self.queue.push_back(parcel)
        } else {
            self.loose.push_back(parcel)
        }
        Ok(overtaken)
    }

    fn note_expiry(&mut self, parcel: &Parcel) {
        let both = [self.expires_first, parcel.expires_at()];
        self.expires_first = both.into_iter().flatten().min();
    }

    fn expire(&mut self, now: Instant) -> Vec<PacketId> {
        if self.expires_first.is_none_or(|first| first > now) {
            return Vec::new();
        }
        let (mut gone, mut bytes) = (Vec::new(), 0);
        self.queue.retain(|parcel| {
            let is_over = parcel.expires_at().is_some_and(|at| at <= now);
            if is_over {
                gone.extend(parcel.id);
                bytes += parcel.message.bytes();
            }
            !is_over
        });
        self.queued_bytes -= bytes;
        self.expires_first = self.queue.iter().filter_map(Parcel::expires_at).min();
        gone
    }

    /// Makes room for a QoS 0 message at the cost of the oldest of its kind.
    fn make_way(&mut self, bytes: usize) -> Result<u64, Shed> {
        let mut gone = 0;
        while self.loose.len() >= self.limit.messages || self.queued_bytes + bytes > self.limit.bytes {
            let oldest = self.loose.pop_front().ok_or(Shed::QueueBytes)?;
            self.queued_bytes -= oldest.message.bytes();
            gone += 1;
        }
        Ok(gone)
    }

    fn next_id(&mut self) -> Result<PacketId, Shed> {
        let next = if self.last_id == u16::MAX { 1 } else { self.last_id + 1 };
        let fronts =
            [self.in_flight.front().map(|flight| flight.id), self.queue.front().and_then(|parcel| parcel.id)];
        if fronts.into_iter().flatten().any(|oldest| span(oldest.get(), next) > SPAN_MAX) {
            return Err(Shed::QueueFull);
        }
        self.last_id = next;
        Ok(PacketId::new(next).expect("it goes from 65,535 to 1"))
    }

    /// Puts what was sent and not acknowledged back to the head of the queue.
    fn rewind(&mut self) -> Vec<PacketId> {
        let (mut released, mut unreleased) = (VecDeque::new(), Vec::new());
        for flight in self.in_flight.drain(..) {
            match flight.stage {
                Stage::Released => released.push_back(flight),
                Stage::Sent => unreleased.push(flight.parcel),
            }
        }
        for parcel in unreleased.into_iter().rev() {
            self.queued_bytes += parcel.message.bytes();
            self.queue.push_front(Parcel { dup: true, ..parcel });
        }
        self.in_flight = released;
        self.in_flight.iter().map(|flight| flight.id).collect()
    }

    fn send_loose(
        &mut self,
        outlet: &mut Outlet,
        now: Instant,
        bytes_max: usize,
        out: &mut BytesMut,
        sent: &mut Sent,
    ) {
        while out.len() < bytes_max
            && let Some(parcel) = self.loose.pop_front()
        {
            self.queued_bytes -= parcel.message.bytes();
            parcel.put(outlet, now, out, sent);
        }
        sent.more |= !self.loose.is_empty();
    }

    fn send_queued(
        &mut self,
        outlet: &mut Outlet,
        now: Instant,
        bytes_max: usize,
        out: &mut BytesMut,
        sent: &mut Sent,
    ) {
        while self.in_flight.len() < self.window
            && let Some(parcel) = self.queue.front()
        {
            if out.len() >= bytes_max {
                sent.more = true;
                return;
            }
            if let Some(ticket) = parcel.waits_for() {
                sent.waits_for = Some(ticket.clone());
                return;
            }
            let Some(parcel) = self.queue.pop_front() else { return };
            self.queued_bytes -= parcel.message.bytes();
            let written = parcel.put(outlet, now, out, sent);
            match parcel.id {
                Some(id) if written => self.in_flight.push_back(Flight { parcel, id, stage: Stage::Sent }),
                id => sent.dropped.extend(id),
            }
        }
    }

    fn find(&self, id: PacketId, qos: QoS) -> Option<usize> {
        self.in_flight.iter().position(|flight| flight.id == id && flight.parcel.qos == qos)
    }

    fn land(&mut self, id: PacketId, qos: QoS) -> bool {
        self.find(id, qos).and_then(|at| self.in_flight.remove(at)).is_some()
    }
}

/// How far `id` is ahead of `oldest`, both from 1 to 65,535, which 1 follows.
fn span(oldest: u16, id: u16) -> u16 {
    if id >= oldest { id - oldest } else { id + (u16::MAX - oldest) }
}
