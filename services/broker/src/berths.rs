//! Every client the broker knows: by its identifier, and when what is held for the absent ones ends.
//!
//! Holds a lock for map operations. Time is handed in.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tidegate_codec_mqtt::Text;
use tokio::time::Instant;

use crate::berth::{Berth, QueueLimit};
use crate::config::Config;

#[derive(Debug)]
pub(crate) struct Berths {
    limit: QueueLimit,
    kept_max: usize,
    known: Mutex<Known>,
}

#[derive(Debug, Default)]
struct Known {
    last_number: u64,
    by_client: BTreeMap<Text, Arc<Berth>>,
    /// Sessions of absent clients and when they end.
    ends: BTreeSet<(Instant, Text)>,
    end_of: BTreeMap<Text, Instant>,
}

impl Berths {
    pub(crate) fn new(config: &Config) -> Self {
        let limit = QueueLimit { messages: config.queue_messages_max, bytes: config.queue_bytes_max };
        Self { limit, kept_max: config.sessions_max, known: Mutex::default() }
    }

    /// The berth of this client, if there is one.
    pub(crate) fn find(&self, client: &Text) -> Option<Arc<Berth>> {
        self.known().by_client.get(client).cloned()
    }

    /// A new berth; nothing if there are too many sessions already.
    pub(crate) fn open(&self, client: &Text, owner: &str) -> Option<Arc<Berth>> {
        let mut known = self.known();
        if known.by_client.len() >= self.kept_max {
            return None;
        }
        let berth = known.make(client, owner, self.limit);
        known.by_client.insert(client.clone(), berth.clone());
        Some(berth)
    }

    /// A berth that nobody can come back to.
    pub(crate) fn open_nameless(&self, client: &Text, owner: &str) -> Arc<Berth> {
        self.known().make(client, owner, self.limit)
    }

    /// The client is away; its session ends then, unless it comes back.
    pub(crate) fn end_at(&self, client: &Text, at: Option<Instant>) {
        let mut known = self.known();
        known.stay(client);
        if let Some(at) = at {
            known.ends.insert((at, client.clone()));
            known.end_of.insert(client.clone(), at);
        }
    }

    /// The client is back.
    pub(crate) fn stay(&self, client: &Text) {
        self.known().stay(client);
    }

    /// Sessions whose time is up.
    pub(crate) fn ended(&self, now: Instant) -> Vec<Arc<Berth>> {
        let mut known = self.known();
        let mut ended = Vec::new();
        while let Some((_, client)) = known.ends.first().filter(|(at, _)| *at <= now).cloned() {
            known.stay(&client);
            ended.extend(known.by_client.get(&client).cloned());
        }
        ended
    }

    pub(crate) fn next_end(&self) -> Option<Instant> {
        self.known().ends.first().map(|(at, _)| *at)
    }

    /// Forgets a berth, unless another has taken its client's place.
    pub(crate) fn remove(&self, berth: &Berth) {
        let mut known = self.known();
        if known.by_client.get(&berth.client).is_some_and(|found| found.number == berth.number) {
            known.by_client.remove(&berth.client);
            known.stay(&berth.client);
        }
    }

    /// All that have a name.
    pub(crate) fn all(&self) -> Vec<Arc<Berth>> {
        self.known().by_client.values().cloned().collect()
    }

    pub(crate) fn len(&self) -> usize {
        self.known().by_client.len()
    }

    /// Numbers up to this one were given before a restart.
    pub(crate) fn begin_after(&self, number: u64) {
        self.known().last_number = number;
    }

    /// Puts back what a restart found.
    pub(crate) fn restore(&self, number: u64, client: &Text, owner: &str) -> Arc<Berth> {
        let mut known = self.known();
        let berth = Arc::new(Berth::new(number, client.clone(), owner.into(), self.limit));
        known.by_client.insert(client.clone(), berth.clone());
        berth
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Known {
    fn make(&mut self, client: &Text, owner: &str, limit: QueueLimit) -> Arc<Berth> {
        self.last_number += 1;
        Arc::new(Berth::new(self.last_number, client.clone(), owner.into(), limit))
    }

    fn stay(&mut self, client: &Text) {
        if let Some(at) = self.end_of.remove(client) {
            self.ends.remove(&(at, client.clone()));
        }
    }
}
