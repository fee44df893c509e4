//! From a publication to its subscribers.
//!
//! A topic is looked up under a read lock that subscribing alone takes for writing; queues are filled after it is let go.
//! While nobody subscribes to anything a publication costs one relaxed load. Nothing here waits.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use bytes::Bytes;
use tidegate_codec_mqtt::{PacketId, Publish, QoS, SubscriptionId, TopicFilter};
use tidegate_kernel_journal::{Level, Refusal, Ticket};
use tokio::time::Instant;

use crate::berth::Berth;
use crate::berths::Berths;
use crate::config::Config;
use crate::counters::Counters;
use crate::fact::{Fact, Owed, Stored, Willed};
use crate::hub::wall_ms;
use crate::intake::Publication;
use crate::ledger::{self, SAFE};
use crate::message::{Message, said};
use crate::offering::Source;
use crate::options::Options;
use crate::parcel::Parcel;
use crate::retained::Retained;
use crate::room::Room;
use crate::shed::Shed;
use crate::subscription::{Subscriber, Subscribers, Wanted};
use crate::tree::Tree;
use crate::wills::PendingWill;

/// Berths that have something to send and were not told yet.
pub(crate) type Rings = Vec<Arc<Berth>>;

/// The broker's own record of a publication, and how safe it has to be.
pub(crate) type Kept = Option<(Ticket, Level)>;

/// Most clients one record names.
const OWED_MAX: usize = 1000;

/// A publication with room for it in its subscribers' queues, which nobody has got yet.
#[derive(Debug, Default)]
pub(crate) struct Draft {
    /// Nothing where it goes to nobody and is not retained.
    message: Option<Arc<Message>>,
    pub(crate) targets: Vec<Target>,
    retaining: Retaining,
    facts: Vec<Fact>,
    /// For whom there was no room, by reason; counted once it is taken.
    shed: Vec<(Shed, u64)>,
}

#[derive(Debug)]
pub(crate) struct Router {
    tree: RwLock<Tree<Subscribers>>,
    subscriptions: AtomicUsize,
    pub(crate) berths: Berths,
    pub(crate) retained: Retained,
    pub(crate) room: Arc<Room>,
    counters: Arc<Counters>,
    withheld: Vec<TopicFilter>,
    /// What outlives the process; without it nothing does.
    pub(crate) ledger: ledger::Shared,
    /// The number of the last message.
    pub(crate) last_message: AtomicU64,
}

/// One client that gets the message, whatever number of its subscriptions asked for it.
#[derive(Debug)]
pub(crate) struct Target {
    berth: Arc<Berth>,
    options: Options,
    id: Option<PacketId>,
    ids: Vec<SubscriptionId>,
}

impl Router {
    pub(crate) fn new(config: &Config, counters: Arc<Counters>, ledger: ledger::Shared) -> Self {
        Self {
            tree: RwLock::default(),
            subscriptions: AtomicUsize::new(0),
            berths: Berths::new(config),
            retained: Retained::new(config.retained_max, config.retained_bytes_max),
            room: Arc::new(Room::new(config.queued_bytes_total_max)),
            counters,
            withheld: config.withheld.clone(),
            ledger,
            last_message: AtomicU64::new(0),
        }
    }

    pub(crate) fn subscriptions(&self) -> usize {
        self.subscriptions.load(Ordering::Relaxed)
    }

    /// Whether nobody may subscribe to this filter.
    pub(crate) fn is_withheld(&self, filter: &[u8]) -> bool {
        self.withheld.iter().any(|withheld| crate::acl::covers(withheld.as_bytes(), filter))
    }

    /// Who gets a publication, and what has to be written for that.
    pub(crate) fn draft(&self, publication: &Publication, source: Source) -> Draft {
        let mut targets = self.targets(publication, source.berth);
        let notes = source.notes();
        if targets.is_empty() && !publication.retain && notes.is_empty() {
            return Draft::default();
        }
        let mut shed = self.make_room(&mut targets, publication.payload.len());
        let retaining = self.retaining(publication, &mut shed);
        let message = self.message(said(publication), publication.qos);
        let mut facts = kept_facts(&message, &targets, retaining);
        facts.extend(notes);
        Draft { message: Some(message), targets, retaining, facts, shed }
    }

    /// Gives a publication that was taken to its subscribers. `kept` is the broker's own record, where there is one.
    pub(crate) fn deliver_all(&self, draft: Draft, kept: Option<&(Ticket, Level)>, rings: &mut Rings) {
        draft.shed.iter().for_each(|(shed, count)| self.counters.shed(*shed, *count));
        let Some(message) = draft.message else { return };
        if let Some((ticket, _)) = kept {
            message.kept(ticket.clone(), SAFE);
        }
        match draft.retaining {
            Retaining::Nothing => {}
            Retaining::Clear => drop(self.retained.clear(message.publish.topic.as_bytes())),
            Retaining::Set => self.retained.set(message.clone()),
        }
        for target in draft.targets {
            self.deliver(&message, target, rings);
        }
    }

    /// It was not taken: the room is free again.
    pub(crate) fn give_back(&self, draft: Draft) {
        let handed_out = draft.targets.iter().filter_map(|target| Some((&target.berth, target.id?)));
        handed_out.for_each(|(berth, id)| berth.give_back(id));
    }

    fn message(&self, publish: Publish, qos: QoS) -> Arc<Message> {
        let number = self.last_message.fetch_add(1, Ordering::Relaxed) + 1;
        Arc::new(Message::new(publish, qos, number, &self.room, Instant::now()))
    }

    /// Whoever is to get it.
    fn targets(&self, publication: &Publication, from: u64) -> Vec<Target> {
        let (mut targets, mut leaves) = (Vec::new(), 0);
        let topic = publication.topic.as_bytes();
        if self.subscriptions() == 0 || self.withheld.iter().any(|filter| filter.matches(&publication.topic))
        {
            return targets;
        }
        let tree = self.tree.read().unwrap_or_else(PoisonError::into_inner);
        tree.visit(topic, &mut |leaf: &Subscribers| {
            leaves += 1;
            leaf.each(&mut |subscriber| targets.extend(Target::of(subscriber, publication, from)));
        });
        drop(tree);
        if leaves > 1 { merged(targets) } else { targets }
    }

    /// Leaves out whoever there is no room for, and says why; the others have an identifier then, where they are owed the message even
    /// after a restart.
    fn make_room(&self, targets: &mut Vec<Target>, bytes: usize) -> Vec<(Shed, u64)> {
        if self.room.is_full() && !targets.is_empty() {
            let many = std::mem::take(targets).len();
            return vec![(Shed::TotalBytes, many as u64)];
        }
        let mut shed = Vec::new();
        targets.retain_mut(|target| {
            if !target.is_owed() {
                return true;
            }
            match self.reserve(&target.berth, bytes) {
                Ok(id) => target.id = Some(id),
                Err(why) => shed.push((why, 1)),
            }
            target.id.is_some()
        });
        shed
    }

    /// What has expired makes way first.
    fn reserve(&self, berth: &Berth, bytes: usize) -> Result<PacketId, Shed> {
        match berth.reserve(bytes) {
            Err(_) if self.expire_queued(berth, Instant::now()) => berth.reserve(bytes),
            reserved => reserved,
        }
    }

    fn retaining(&self, publication: &Publication, shed: &mut Vec<(Shed, u64)>) -> Retaining {
        let topic = publication.topic.as_bytes();
        if !publication.retain || publication.payload.is_empty() && !self.retained.holds(topic) {
            return Retaining::Nothing;
        }
        if publication.payload.is_empty() {
            return Retaining::Clear;
        }
        match self.retained.check(topic, publication.payload.len()) {
            Ok(()) => Retaining::Set,
            Err(why) => {
                shed.push((why, 1));
                Retaining::Nothing
            }
        }
    }

    /// Queues it for one of them.
    pub(crate) fn deliver(&self, message: &Arc<Message>, target: Target, rings: &mut Rings) {
        let parcel = Parcel {
            message: message.clone(),
            qos: target.options.qos,
            id: target.id,
            retain: target.options.retain_as_published,
            dup: false,
            ids: target.ids,
        };
        let delivered = target.berth.deliver(parcel);
        if let Some((shed, count)) = delivered.shed {
            self.counters.shed(shed, count);
        }
        if delivered.ring {
            rings.push(target.berth);
        }
    }

    /// Whether the filter is new to this client, and the record that says so.
    pub(crate) fn subscribe(
        &self,
        berth: &Arc<Berth>,
        filter: &TopicFilter,
        wanted: Wanted<'_>,
        options: Options,
    ) -> Result<(bool, Kept), Refusal> {
        let kept =
            self.note(berth, || Fact::Subscribed { berth: berth.number, filter: filter.clone(), options })?;
        Ok((self.plant(berth, filter, wanted, options), kept))
    }

    /// Puts a subscription into the tree.
    pub(crate) fn plant(
        &self,
        berth: &Arc<Berth>,
        filter: &TopicFilter,
        wanted: Wanted<'_>,
        options: Options,
    ) -> bool {
        let subscriber = Subscriber { berth: berth.clone(), options };
        let mut tree = self.tree.write().unwrap_or_else(PoisonError::into_inner);
        tree.change(wanted.filter, |leaf| leaf.insert(wanted.share, subscriber));
        let is_new = berth.subscribe(filter, options).is_none();
        self.subscriptions.fetch_add(usize::from(is_new), Ordering::Relaxed);
        is_new
    }

    /// Whether there was such a subscription, and the record that it is gone.
    pub(crate) fn unsubscribe(&self, berth: &Berth, filter: &TopicFilter) -> Result<(bool, Kept), Refusal> {
        let kept = self.note(berth, || Fact::Unsubscribed { berth: berth.number, filter: filter.clone() })?;
        let was_there = berth.unsubscribe(filter).is_some();
        if was_there {
            self.prune(berth.number, filter);
        }
        Ok((was_there, kept))
    }

    /// Takes a subscription out of the tree.
    fn prune(&self, number: u64, filter: &TopicFilter) {
        let Some(wanted) = Wanted::parse(filter.as_bytes()) else { return };
        let mut tree = self.tree.write().unwrap_or_else(PoisonError::into_inner);
        tree.change(wanted.filter, |leaf| leaf.remove(wanted.share, number));
        self.subscriptions.fetch_sub(1, Ordering::Relaxed);
    }

    /// Gives a new subscription the retained messages it matches, marked as such [MQTT-3.3.1-8].
    pub(crate) fn replay(&self, berth: &Arc<Berth>, filter: &[u8], options: Options, rings: &mut Rings) {
        for message in self.retained.matching(filter, Instant::now()) {
            let qos = options.qos.min(message.qos);
            let options = Options { qos, retain_as_published: true, ..options };
            let ids = options.id.into_iter().collect();
            let target = Target { berth: berth.clone(), options, id: None, ids };
            match target.is_owed() && self.ledger.is_some() {
                true => self.replay_kept(&message, target, rings),
                false => self.deliver(&message, target, rings),
            }
        }
    }

    /// A retained message that a kept session is owed is written down like a new one.
    fn replay_kept(&self, retained: &Message, target: Target, rings: &mut Rings) {
        let mut targets = vec![target];
        let shed = self.make_room(&mut targets, retained.publish.payload.len());
        shed.iter().for_each(|(shed, count)| self.counters.shed(*shed, *count));
        let message =
            Arc::new(retained.again(self.last_message.fetch_add(1, Ordering::Relaxed) + 1, &self.room));
        for target in targets {
            let facts = kept_facts(&message, std::slice::from_ref(&target), Retaining::Nothing);
            match self.ledger.as_ref().map(|ledger| ledger.note(facts)) {
                Some(Ok(ticket)) => {
                    message.kept(ticket, SAFE);
                    self.deliver(&message, target, rings);
                }
                _ => self.counters.shed(Shed::JournalBusy, 1),
            }
        }
    }

    /// Writes down a fact about a session that is kept.
    pub(crate) fn note(&self, berth: &Berth, fact: impl FnOnce() -> Fact) -> Result<Kept, Refusal> {
        match self.ledger.as_ref().filter(|_| berth.is_durable()) {
            Some(ledger) => Ok(Some((ledger.note(vec![fact()])?, SAFE))),
            None => Ok(None),
        }
    }

    /// The same for a fact that may be lost: what follows is said or done once more after a crash.
    pub(crate) fn remark(&self, berth: &Berth, fact: impl FnOnce() -> Fact) {
        if let Err(refusal) = self.note(berth, fact) {
            tracing::debug!(code = refusal.code(), "an MQTT session's record was not taken: {refusal}");
        }
    }

    /// Writes down that a will waits; whether it is.
    pub(crate) fn note_will(&self, will: &PendingWill, due_ms: u64) -> bool {
        let willed = || Box::new(Willed::of(&will.publication));
        let fact = || Fact::Willed { berth: will.from, due_ms, will: willed() };
        // One that is not written down is lost in a crash, as one that was not put off yet.
        self.ledger.as_ref().is_some_and(|ledger| ledger.note(vec![fact()]).is_ok())
    }

    /// It is given up, or its client is back.
    pub(crate) fn forget_will(&self, berth: u64) {
        if let Some(ledger) = &self.ledger {
            // Said once more after a crash, at worst.
            let _ = ledger.note(vec![Fact::Said { berth }]);
        }
    }

    /// Drops and counts what is queued for a client and expired; whether that was any.
    pub(crate) fn expire_queued(&self, berth: &Berth, now: Instant) -> bool {
        let expired = berth.expire(now);
        self.counters.shed(Shed::Expired, expired.len() as u64);
        for ids in expired.chunks(OWED_MAX) {
            let done = |id: &PacketId| Fact::Done { berth: berth.number, id: *id };
            if let Some(ledger) = self.ledger.as_ref().filter(|_| berth.is_durable()) {
                // One that is not written down expires again after a restart.
                let _ = ledger.note(ids.iter().map(done).collect());
            }
        }
        !expired.is_empty()
    }

    pub(crate) fn expire_retained(&self, now: Instant) {
        let expired = self.retained.expire(now);
        self.counters.shed(Shed::Expired, expired.len() as u64);
        if let (Some(ledger), false) = (&self.ledger, expired.is_empty()) {
            // One that is not written down expires again after a restart.
            let _ = ledger.note(expired.into_iter().map(|topic| Fact::Cleared { topic }).collect());
        }
    }

    /// Ends a session: nothing of it is left.
    pub(crate) fn close(&self, berth: &Arc<Berth>) {
        self.remark(berth, || Fact::Closed { berth: berth.number });
        let (filters, owed) = berth.close();
        filters.iter().for_each(|filter| self.prune(berth.number, filter));
        self.counters.shed(Shed::SessionEnded, owed);
        self.berths.remove(berth);
    }
}

impl Target {
    fn of(subscriber: &Subscriber, publication: &Publication, from: u64) -> Option<Self> {
        let berth = &subscriber.berth;
        let qos = subscriber.options.qos.min(publication.qos);
        let unwanted = subscriber.options.no_local && berth.number == from;
        let absent = !berth.is_online() && (qos == QoS::AtMostOnce || !berth.is_durable());
        let retain_as_published = subscriber.options.retain_as_published && publication.retain;
        let options = Options { qos, retain_as_published, ..subscriber.options };
        let ids = || options.id.into_iter().collect();
        (!unwanted && !absent).then(|| Self { berth: berth.clone(), options, id: None, ids: ids() })
    }

    fn owed(&self) -> Option<Owed> {
        let id = self.id?;
        let Options { qos, retain_as_published: retain, .. } = self.options;
        self.is_owed().then(|| Owed { berth: self.berth.number, id, qos, retain, ids: self.ids.clone() })
    }

    fn is_owed(&self) -> bool {
        self.options.qos > QoS::AtMostOnce && self.berth.is_durable()
    }
}

/// What a publication does to the retained message of its topic.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Retaining {
    #[default]
    Nothing,
    Clear,
    Set,
}

impl Draft {
    /// Whether there was no room for somebody.
    pub(crate) fn has_shed(&self) -> bool {
        !self.shed.is_empty()
    }

    /// What has to be written, which is then whoever's asks.
    pub(crate) fn facts(&mut self) -> Vec<Fact> {
        std::mem::take(&mut self.facts)
    }
}

impl Source {
    /// What is written about the publisher itself.
    fn notes(self) -> Vec<Fact> {
        let berth = self.berth;
        let received = self.received.map(|id| Fact::Received { berth, id });
        received.into_iter().chain(self.put_off.then_some(Fact::Said { berth })).collect()
    }
}

/// What is written of a message.
fn kept_facts(message: &Message, targets: &[Target], retaining: Retaining) -> Vec<Fact> {
    let owed: Vec<Owed> = targets.iter().filter_map(Target::owed).collect();
    let topic = message.publish.topic.as_bytes();
    let mut facts = Vec::new();
    if retaining == Retaining::Clear {
        facts.push(Fact::Cleared { topic: Bytes::copy_from_slice(topic) });
    }
    if owed.is_empty() && retaining != Retaining::Set {
        return facts;
    }
    let number = message.number;
    let stored = Stored {
        number,
        qos: message.qos,
        expires_ms: expires_ms(message),
        publish: message.publish.clone(),
    };
    let mut chunks = owed.chunks(OWED_MAX).map(<[Owed]>::to_vec);
    let first = chunks.next().unwrap_or_default();
    facts.push(Fact::Message { stored, retained: retaining == Retaining::Set, owed: first });
    facts.extend(chunks.map(|owed| Fact::Owed { number, owed }));
    facts
}

/// By the wall clock, which is what a later process has.
fn expires_ms(message: &Message) -> u64 {
    let left = |at: Instant| at.saturating_duration_since(Instant::now()).as_millis() as u64;
    message.expires_at.map_or(0, |at| wall_ms() + left(at).max(1))
}

/// One target for each client: the highest quality of its subscriptions [MQTT-3.3.5-1].
fn merged(mut targets: Vec<Target>) -> Vec<Target> {
    targets.sort_by_key(|target| target.berth.number);
    targets.dedup_by(|next, first| {
        let same = next.berth.number == first.berth.number;
        if same {
            first.options.qos = first.options.qos.max(next.options.qos);
            first.options.retain_as_published |= next.options.retain_as_published;
            first.ids.append(&mut next.ids);
        }
        same
    });
    targets
}
