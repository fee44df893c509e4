//! The state that the broker's facts add up to: what a restart finds again, and what a snapshot holds.
//!
//! `apply` is total: a fact about a session or message that is not there changes nothing. Pure.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Weak};

use bytes::Bytes;
use tidegate_codec_mqtt::{PacketId, QoS, SubscriptionId, Text, TopicFilter};

use crate::fact::{Fact, Owed, Stored, Willed};
use crate::options::Options;

#[derive(Debug, Default)]
pub(crate) struct Image {
    pub(crate) berths: BTreeMap<u64, Kept>,
    pub(crate) retained: BTreeMap<Bytes, Arc<Stored>>,
    /// Wills that wait for their delay, by berth, and when they are due.
    pub(crate) wills: BTreeMap<u64, (u64, Willed)>,
    /// Every message somebody is owed or that is retained.
    messages: BTreeMap<u64, Weak<Stored>>,
    /// While a snapshot is read: messages come before the facts that say who is owed them.
    held: Option<Vec<Arc<Stored>>>,
    pub(crate) last_berth: u64,
    pub(crate) last_message: u64,
}

/// One session.
#[derive(Debug)]
pub(crate) struct Kept {
    pub(crate) client: Text,
    pub(crate) owner: Text,
    pub(crate) expiry_s: u32,
    /// Its client is away, and it ends then.
    pub(crate) ends_ms: Option<u64>,
    pub(crate) subscriptions: BTreeMap<TopicFilter, Options>,
    pub(crate) owed: BTreeMap<PacketId, Due>,
    pub(crate) received: BTreeSet<PacketId>,
}

/// One message a session is owed.
#[derive(Debug, Clone)]
pub(crate) struct Due {
    pub(crate) stored: Arc<Stored>,
    pub(crate) qos: QoS,
    pub(crate) retain: bool,
    pub(crate) ids: Vec<SubscriptionId>,
    /// The client has it and was told to release it.
    pub(crate) released: bool,
    /// It may have been sent.
    pub(crate) dup: bool,
}

impl Image {
    /// Facts of a snapshot follow.
    pub(crate) fn begin_snapshot(&mut self) {
        self.held = Some(Vec::new());
    }

    pub(crate) fn end_snapshot(&mut self) {
        self.held = None;
    }

    pub(crate) fn apply(&mut self, fact: Fact) {
        match fact {
            Fact::Opened { berth, expiry_s, client, owner } => self.open(berth, expiry_s, client, owner),
            Fact::Back { berth, expiry_s } => self.with(berth, |kept| kept.back(expiry_s)),
            Fact::Left { berth, ends_ms } => self.with(berth, |kept| kept.ends_ms = Some(ends_ms)),
            Fact::Closed { berth } => drop(self.berths.remove(&berth)),
            Fact::Subscribed { berth, filter, options } => {
                self.with(berth, |kept| kept.subscriptions.extend([(filter, options)]));
            }
            Fact::Unsubscribed { berth, filter } => {
                self.with(berth, |kept| kept.subscriptions.retain(|one, _| *one != filter));
            }
            Fact::Message { stored, retained, owed } => self.store(stored, retained, owed),
            Fact::Owed { number, owed } => {
                if let Some(stored) = self.messages.get(&number).and_then(Weak::upgrade) {
                    self.owe(&stored, owed);
                }
            }
            Fact::Released { berth, id } => self.with(berth, |kept| {
                kept.owed.entry(id).and_modify(|due| due.released = true);
            }),
            Fact::Done { berth, id } => self.with(berth, |kept| drop(kept.owed.remove(&id))),
            Fact::Received { berth, id } => self.with(berth, |kept| kept.received.extend([id])),
            Fact::Forgotten { berth, id } => self.with(berth, |kept| kept.received.retain(|one| *one != id)),
            Fact::Cleared { topic } => drop(self.retained.remove(&topic)),
            Fact::Willed { berth, due_ms, will } => drop(self.wills.insert(berth, (due_ms, *will))),
            Fact::Said { berth } => drop(self.wills.remove(&berth)),
        }
    }

    fn with(&mut self, berth: u64, change: impl FnOnce(&mut Kept)) {
        if let Some(kept) = self.berths.get_mut(&berth) {
            change(kept);
        }
    }

    fn open(&mut self, berth: u64, expiry_s: u32, client: Text, owner: Text) {
        self.last_berth = self.last_berth.max(berth);
        let kept = Kept {
            client,
            owner,
            expiry_s,
            ends_ms: None,
            subscriptions: BTreeMap::new(),
            owed: BTreeMap::new(),
            received: BTreeSet::new(),
        };
        self.berths.insert(berth, kept);
    }

    fn store(&mut self, stored: Stored, retained: bool, owed: Vec<Owed>) {
        let stored = Arc::new(stored);
        self.last_message = self.last_message.max(stored.number);
        self.messages.insert(stored.number, Arc::downgrade(&stored));
        self.held.iter_mut().for_each(|held| held.push(stored.clone()));
        if retained {
            let topic = Bytes::copy_from_slice(stored.publish.topic.as_bytes());
            self.retained.insert(topic, stored.clone());
        }
        self.owe(&stored, owed);
        self.forget_oldest();
    }

    /// Numbers rise, so what nobody is owed any more gathers at the low end, or is looked over by the next snapshot.
    fn forget_oldest(&mut self) {
        while let Some(first) = self.messages.first_entry().filter(|first| first.get().strong_count() == 0) {
            first.remove();
        }
    }

    fn owe(&mut self, stored: &Arc<Stored>, owed: Vec<Owed>) {
        for Owed { berth, id, qos, retain, ids } in owed {
            let stored = stored.clone();
            self.with(berth, |kept| {
                let dup = kept.ends_ms.is_none();
                kept.owed.insert(id, Due { stored, qos, retain, ids, released: false, dup });
            });
        }
    }

    /// The facts that add up to this, in an order that does.
    pub(crate) fn facts(&mut self) -> Vec<Fact> {
        self.messages.retain(|_, stored| stored.strong_count() > 0);
        let mut facts: Vec<_> = self.berths.iter().flat_map(|(berth, kept)| kept.facts(*berth)).collect();
        facts.extend(self.messages.values().filter_map(Weak::upgrade).map(|stored| self.message(&stored)));
        facts.extend(self.berths.iter().flat_map(|(berth, kept)| kept.ends(*berth)));
        facts.extend(self.wills.iter().map(|(berth, (due_ms, will))| Fact::Willed {
            berth: *berth,
            due_ms: *due_ms,
            will: Box::new(will.clone()),
        }));
        facts
    }

    fn message(&self, stored: &Arc<Stored>) -> Fact {
        let is_retained = self.retained.get(stored.publish.topic.as_bytes());
        let retained = is_retained.is_some_and(|retained| retained.number == stored.number);
        Fact::Message { stored: Stored::clone(stored), retained, owed: Vec::new() }
    }
}

impl Kept {
    fn back(&mut self, expiry_s: u32) {
        (self.ends_ms, self.expiry_s) = (None, expiry_s);
        self.owed.values_mut().for_each(|due| due.dup = true);
    }

    fn facts(&self, berth: u64) -> Vec<Fact> {
        let (client, owner) = (self.client.clone(), self.owner.clone());
        let mut facts = vec![Fact::Opened { berth, expiry_s: self.expiry_s, client, owner }];
        let subscriptions = self.subscriptions.iter();
        facts.extend(subscriptions.map(|(filter, options)| {
            let (filter, options) = (filter.clone(), *options);
            Fact::Subscribed { berth, filter, options }
        }));
        facts.extend(self.received.iter().map(|id| Fact::Received { berth, id: *id }));
        facts
    }

    /// What comes behind the messages: who is owed them, and that the client is away.
    fn ends(&self, berth: u64) -> Vec<Fact> {
        let mut facts = Vec::new();
        let (sent, unsent): (Vec<_>, Vec<_>) = self.owed.iter().partition(|(_, due)| due.dup);
        for (id, due) in &sent {
            facts.push(due.owed(berth, **id));
            if due.released {
                facts.push(Fact::Released { berth, id: **id });
            }
        }
        facts.extend(self.ends_ms.map(|ends_ms| Fact::Left { berth, ends_ms }));
        facts.extend(unsent.iter().map(|(id, due)| due.owed(berth, **id)));
        facts
    }
}

impl Due {
    fn owed(&self, berth: u64, id: PacketId) -> Fact {
        let owed = Owed { berth, id, qos: self.qos, retain: self.retain, ids: self.ids.clone() };
        Fact::Owed { number: self.stored.number, owed: vec![owed] }
    }
}
