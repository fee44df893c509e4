//! The last retained message of each topic, for those who subscribe later (section 3.3.1.3).
//!
//! In order of topics, so that a filter looks only at those that begin with what it spells out. Holds a lock for one look-up
//! or one walk over references. Limits on topics and bytes; what does not fit is refused, never put in another's place.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use bytes::Bytes;
use tidegate_codec_mqtt::TopicFilter;
use tokio::time::Instant;

use crate::message::Message;
use crate::shed::Shed;

#[derive(Debug)]
pub(crate) struct Retained {
    shelf: RwLock<Shelf>,
    topics_max: usize,
    bytes_max: usize,
}

#[derive(Debug, Default)]
struct Shelf {
    by_topic: BTreeMap<Bytes, Arc<Message>>,
    bytes: usize,
}

impl Retained {
    pub(crate) fn new(topics_max: usize, bytes_max: usize) -> Self {
        Self { shelf: RwLock::default(), topics_max, bytes_max }
    }

    /// Whether a message of so many bytes may be put under this topic.
    pub(crate) fn check(&self, topic: &[u8], bytes: usize) -> Result<(), Shed> {
        let shelf = self.read();
        let replaced = shelf.by_topic.get(topic).map(|message| message.bytes());
        let topics = shelf.by_topic.len() + usize::from(replaced.is_none());
        let bytes = shelf.bytes + bytes - replaced.unwrap_or(0);
        if topics > self.topics_max || bytes > self.bytes_max { Err(Shed::RetainedFull) } else { Ok(()) }
    }

    pub(crate) fn set(&self, message: Arc<Message>) {
        let mut shelf = self.write();
        let topic = Bytes::copy_from_slice(message.publish.topic.as_bytes());
        shelf.bytes += message.bytes();
        if let Some(replaced) = shelf.by_topic.insert(topic, message) {
            shelf.bytes -= replaced.bytes();
        }
    }

    /// Whether there was one.
    pub(crate) fn clear(&self, topic: &[u8]) -> bool {
        let mut shelf = self.write();
        let removed = shelf.by_topic.remove(topic);
        shelf.bytes -= removed.as_ref().map_or(0, |message| message.bytes());
        removed.is_some()
    }

    pub(crate) fn holds(&self, topic: &[u8]) -> bool {
        self.read().by_topic.contains_key(topic)
    }

    /// What a new subscription gets.
    pub(crate) fn matching(&self, filter: &[u8], now: Instant) -> Vec<Arc<Message>> {
        let Ok(filter) =
            std::str::from_utf8(filter).map_err(drop).and_then(|text| TopicFilter::new(text).map_err(drop))
        else {
            return Vec::new();
        };
        let prefix = spelled_out(filter.as_bytes());
        let shelf = self.read();
        let from = shelf.by_topic.range::<[u8], _>((Bound::Included(prefix), Bound::Unbounded));
        let near = from.take_while(|(topic, _)| topic.starts_with(prefix)).map(|(_, message)| message);
        let fits =
            |message: &&Arc<Message>| filter.matches(&message.publish.topic) && !message.is_expired(now);
        near.filter(fits).cloned().collect()
    }

    /// Takes out what has expired, and gives the topics.
    pub(crate) fn expire(&self, now: Instant) -> Vec<Bytes> {
        let expired: Vec<Bytes> = {
            let shelf = self.read();
            let over = shelf.by_topic.iter().filter(|(_, message)| message.is_expired(now));
            over.map(|(topic, _)| topic.clone()).collect()
        };
        expired.into_iter().filter(|topic| self.clear(topic)).collect()
    }

    /// Topics and bytes.
    pub(crate) fn size(&self) -> (usize, usize) {
        let shelf = self.read();
        (shelf.by_topic.len(), shelf.bytes)
    }

    fn read(&self) -> RwLockReadGuard<'_, Shelf> {
        self.shelf.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Shelf> {
        self.shelf.write().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What every topic of the filter begins with. `a/#` also stands for `a`, so the separator before a wildcard is not part
/// of it.
fn spelled_out(filter: &[u8]) -> &[u8] {
    match filter.iter().position(|byte| matches!(byte, b'+' | b'#')) {
        Some(at) => &filter[..at.saturating_sub(1)],
        None => filter,
    }
}
