//! Topics that move machines: those that rules send commands to, and those that stand for tags. To publish there takes a scope that says so. Holds a lock for one look-up;
//! while there are none, it costs a relaxed load.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{PoisonError, RwLock};

use tidegate_codec_mqtt::TopicFilter;

use crate::acl::covers;

#[derive(Debug, Default)]
pub(crate) struct Guarded {
    any: AtomicBool,
    topics: RwLock<Topics>,
}

#[derive(Debug, Default)]
struct Topics {
    names: BTreeSet<Vec<u8>>,
    /// Those with wildcards; few.
    filters: Vec<TopicFilter>,
}

impl Guarded {
    pub(crate) fn set(&self, filters: impl IntoIterator<Item = TopicFilter>) {
        let is_name =
            |filter: &TopicFilter| !filter.as_bytes().iter().any(|byte| matches!(byte, b'+' | b'#'));
        let (names, filters): (Vec<_>, Vec<_>) = filters.into_iter().partition(is_name);
        let any = !names.is_empty() || !filters.is_empty();
        let names = names.iter().map(|name| name.as_bytes().to_vec()).collect();
        *self.topics.write().unwrap_or_else(PoisonError::into_inner) = Topics { names, filters };
        self.any.store(any, Ordering::Relaxed);
    }

    pub(crate) fn holds(&self, topic: &[u8]) -> bool {
        let look = || {
            let topics = self.topics.read().unwrap_or_else(PoisonError::into_inner);
            let mut filters = topics.filters.iter();
            topics.names.contains(topic) || filters.any(|filter| covers(filter.as_bytes(), topic))
        };
        self.any.load(Ordering::Relaxed) && look()
    }
}
