//! From a publication to its subscribers.
//!
//! A topic is looked up under a read lock that subscribing alone takes for writing; queues are filled after it is let go.
//! While nobody subscribes to anything a publication costs one relaxed load. Nothing here waits.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use tidegate_codec_mqtt::{PacketId, QoS, TopicFilter};
use tidegate_kernel_journal::{Level, Ticket};
use tokio::time::Instant;

use crate::berth::{Berth, Parcel};
use crate::berths::Berths;
use crate::config::Config;
use crate::counters::Counters;
use crate::intake::Publication;
use crate::message::{Content, Message};
use crate::options::Options;
use crate::retained::Retained;
use crate::room::Room;
use crate::shed::Shed;
use crate::subscription::{Subscriber, Subscribers, Wanted};
use crate::tree::Tree;

/// Berths that have something to send and were not told yet.
pub(crate) type Rings = Vec<Arc<Berth>>;

/// The broker's own record of a publication, and how safe it has to be.
pub(crate) type Kept = Option<(Ticket, Level)>;

/// Why a publication could not be routed. Nobody has got it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unkept {
    Busy,
    Refused { code: &'static str },
}

/// A publication and where it comes from.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Letter<'a> {
    pub(crate) publication: &'a Publication,
    /// The publisher's berth.
    pub(crate) from: u64,
    /// The publisher's session is kept, and must not take this QoS 2 publication a second time.
    pub(crate) received: Option<PacketId>,
    /// How safe the broker's own record has to be.
    pub(crate) level: Level,
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
}

/// One client that gets the message, whatever number of its subscriptions asked for it.
#[derive(Debug)]
struct Target {
    berth: Arc<Berth>,
    options: Options,
    id: Option<PacketId>,
}

impl Router {
    pub(crate) fn new(config: &Config, counters: Arc<Counters>) -> Self {
        Self {
            tree: RwLock::default(),
            subscriptions: AtomicUsize::new(0),
            berths: Berths::new(config),
            retained: Retained::new(config.retained_max, config.retained_bytes_max),
            room: Arc::new(Room::new(config.queued_bytes_total_max)),
            counters,
            withheld: config.withheld.clone(),
        }
    }

    pub(crate) fn subscriptions(&self) -> usize {
        self.subscriptions.load(Ordering::Relaxed)
    }

    /// Whether nobody may subscribe to this filter.
    pub(crate) fn is_withheld(&self, filter: &[u8]) -> bool {
        self.withheld.iter().any(|withheld| crate::acl::covers(withheld.as_bytes(), filter))
    }

    /// Gives a publication to its subscribers, and keeps it where it must be kept.
    pub(crate) fn route(&self, letter: Letter<'_>, rings: &mut Rings) -> Result<Kept, Unkept> {
        let publication = letter.publication;
        let mut targets = self.targets(letter);
        if targets.is_empty() && !publication.retain && letter.received.is_none() {
            return Ok(None);
        }
        if self.room.is_full() {
            self.counters.shed(Shed::TotalBytes, targets.len() as u64);
            targets.clear();
        }
        self.reserve(&mut targets, publication);
        let message = Arc::new(Message::new(Content::of(publication), letter.from, 0, &self.room));
        self.retain(publication, &message);
        for target in targets {
            self.deliver(&message, target, rings);
        }
        Ok(None)
    }

    fn targets(&self, letter: Letter<'_>) -> Vec<Target> {
        let (publication, mut targets, mut leaves) = (letter.publication, Vec::new(), 0);
        let topic = publication.topic.as_bytes();
        if self.subscriptions() == 0 || self.withheld.iter().any(|filter| filter.matches(&publication.topic))
        {
            return targets;
        }
        let tree = self.tree.read().unwrap_or_else(PoisonError::into_inner);
        tree.visit(topic, &mut |leaf: &Subscribers| {
            leaves += 1;
            leaf.each(&mut |subscriber| targets.extend(Target::of(subscriber, letter)));
        });
        drop(tree);
        if leaves > 1 { merged(targets) } else { targets }
    }

    /// Finds room and identifiers for those that are owed the message even after a restart.
    fn reserve(&self, targets: &mut Vec<Target>, publication: &Publication) {
        let bytes = publication.payload.len() + publication.topic.as_bytes().len();
        targets.retain_mut(|target| {
            if !target.is_owed() {
                return true;
            }
            match target.berth.reserve(bytes) {
                Ok(id) => target.id = Some(id),
                Err(shed) => self.counters.shed(shed, 1),
            }
            target.id.is_some()
        });
    }

    fn retain(&self, publication: &Publication, message: &Arc<Message>) {
        let topic = publication.topic.as_bytes();
        if !publication.retain {
        } else if publication.payload.is_empty() {
            self.retained.clear(topic);
        } else {
            match self.retained.check(topic, message.bytes()) {
                Ok(()) => self.retained.set(message.clone()),
                Err(shed) => self.counters.shed(shed, 1),
            }
        }
    }

    fn deliver(&self, message: &Arc<Message>, target: Target, rings: &mut Rings) {
        let parcel = Parcel {
            message: message.clone(),
            qos: target.options.qos,
            id: target.id,
            retain: target.options.retain_as_published,
            dup: false,
        };
        let delivered = target.berth.deliver(parcel);
        if let Some((shed, count)) = delivered.shed {
            self.counters.shed(shed, count);
        }
        if delivered.ring {
            rings.push(target.berth);
        }
    }

    /// Whether the filter is new to this client.
    pub(crate) fn subscribe(
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

    /// Whether there was such a subscription.
    pub(crate) fn unsubscribe(&self, berth: &Berth, filter: &TopicFilter) -> bool {
        let was_there = berth.unsubscribe(filter).is_some();
        if was_there {
            self.prune(berth.number, filter);
        }
        was_there
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
            let qos = options.qos.min(message.content.qos);
            let options = Options { qos, retain_as_published: true, ..options };
            self.deliver(&message, Target { berth: berth.clone(), options, id: None }, rings);
        }
    }

    pub(crate) fn expire_retained(&self, now: Instant) {
        self.counters.shed(Shed::Expired, self.retained.expire(now).len() as u64);
    }

    /// Ends a session: nothing of it is left.
    pub(crate) fn close(&self, berth: &Arc<Berth>) {
        let (filters, owed) = berth.close();
        filters.iter().for_each(|filter| self.prune(berth.number, filter));
        self.counters.shed(Shed::SessionEnded, owed);
        self.berths.remove(berth);
    }
}

impl Target {
    fn of(subscriber: &Subscriber, letter: Letter<'_>) -> Option<Self> {
        let (berth, publication) = (&subscriber.berth, letter.publication);
        let qos = subscriber.options.qos.min(publication.qos);
        let unwanted = subscriber.options.no_local && berth.number == letter.from;
        let absent = !berth.is_online() && (qos == QoS::AtMostOnce || !berth.is_durable());
        let retain_as_published = subscriber.options.retain_as_published && publication.retain;
        let options = Options { qos, retain_as_published, ..subscriber.options };
        (!unwanted && !absent).then(|| Self { berth: berth.clone(), options, id: None })
    }

    fn is_owed(&self) -> bool {
        self.options.qos > QoS::AtMostOnce && self.berth.is_durable()
    }
}

/// One target for each client: the highest quality of its subscriptions [MQTT-3.3.5-1].
fn merged(mut targets: Vec<Target>) -> Vec<Target> {
    targets.sort_by_key(|target| target.berth.number);
    targets.dedup_by(|next, first| {
        let same = next.berth.number == first.berth.number;
        if same {
            first.options.qos = first.options.qos.max(next.options.qos);
            first.options.retain_as_published |= next.options.retain_as_published;
        }
        same
    });
    targets
}
