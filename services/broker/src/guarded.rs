//! Topics that move machines: those that rules send commands to. To publish there takes a scope that says so. Holds a lock for one look-up;
//! while there are none, it costs a relaxed load.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{PoisonError, RwLock};

use tidegate_codec_mqtt::TopicName;

#[derive(Debug, Default)]
pub(crate) struct Guarded {
    any: AtomicBool,
    topics: RwLock<BTreeSet<Vec<u8>>>,
}

impl Guarded {
    pub(crate) fn set(&self, topics: impl IntoIterator<Item = TopicName>) {
        let topics: BTreeSet<_> = topics.into_iter().map(|topic| topic.as_bytes().to_vec()).collect();
        let any = !topics.is_empty();
        *self.topics.write().unwrap_or_else(PoisonError::into_inner) = topics;
        self.any.store(any, Ordering::Relaxed);
    }

    pub(crate) fn holds(&self, topic: &[u8]) -> bool {
        let look = || self.topics.read().unwrap_or_else(PoisonError::into_inner).contains(topic);
        self.any.load(Ordering::Relaxed) && look()
    }
}
