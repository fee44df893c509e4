//! How clients may use the variables of tags: read them, watch as many as there may be watched, and never write.
//!
//! A lock is held while items are counted.

use async_trait::async_trait;
use opcua::server::address_space::AddressSpace;
use opcua::server::diagnostics::NamespaceMetadata;
use opcua::server::node_manager::memory::InMemoryNodeManagerImpl;
use opcua::server::node_manager::{MonitoredItemRef, RequestContext, ServerContext, WriteNode};
use opcua::server::{CreateMonitoredItem, MonitoredItemHandle, SubscriptionCache, SubscriptionState};
use opcua::sync::RwLock;
use opcua::types::{AttributeId, NodeId, StatusCode, TimestampsToReturn};
use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The namespace of tags.
pub(crate) const NAMESPACE: &str = "urn:tidegate:tags";
/// Less than the library can tell from nothing, so that each value is told as it comes and keeps its time; where a client asks for an
/// interval, the library would move the value and its time to the next step of it.
const SAMPLING_MS: f64 = 0.000_1;

pub(crate) struct Tags {
    namespace: u16,
    items_max: usize,
    items: Mutex<Items>,
    /// Items that there was no room for.
    refused: AtomicU64,
    /// Subscriptions that ran out.
    abandoned: AtomicU64,
}

#[derive(Default)]
struct Items {
    /// With the session that it was created in.
    watched: HashMap<MonitoredItemHandle, u32>,
    /// Tags that are watched since a moment ago.
    fresh: HashSet<NodeId>,
}

impl Tags {
    pub(crate) fn new(context: &ServerContext, space: &mut AddressSpace, items_max: usize) -> Tags {
        let namespace = context.type_tree.write().namespaces_mut().add_namespace(NAMESPACE);
        space.add_namespace(NAMESPACE, namespace);
        Tags {
            namespace,
            items_max,
            items: Mutex::default(),
            refused: AtomicU64::new(0),
            abandoned: AtomicU64::new(0),
        }
    }

    pub(crate) fn namespace(&self) -> u16 {
        self.namespace
    }

    /// Tags that are watched, once for each subscription that does.
    pub(crate) fn watched(&self) -> usize {
        self.items().watched.len()
    }

    pub(crate) fn refused(&self) -> u64 {
        self.refused.load(Ordering::Relaxed)
    }

    pub(crate) fn abandoned(&self) -> u64 {
        self.abandoned.load(Ordering::Relaxed)
    }

    /// Lets go of what is watched by subscriptions that ran out as their clients went without a word: the library does not say so.
    pub(crate) fn sweep(&self, subscriptions: &SubscriptionCache) {
        let mut over = HashMap::new();
        self.items().watched.retain(|item, session| {
            let subscription = item.subscription_id;
            !*over.entry(subscription).or_insert_with(|| is_over(subscriptions, *session, subscription))
        });
        let many = over.values().filter(|over| **over).count();
        self.abandoned.fetch_add(many as u64, Ordering::Relaxed);
    }

    /// Tags that began to be watched since this was asked last. The library reads a value first and lets the subscription know what
    /// comes after; what comes in between nobody tells.
    pub(crate) fn fresh(&self) -> HashSet<NodeId> {
        std::mem::take(&mut self.items().fresh)
    }

    fn items(&self) -> MutexGuard<'_, Items> {
        self.items.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes one of the places there are.
    fn admit(&self, session: u32, item: &CreateMonitoredItem) -> bool {
        let mut items = self.items();
        let has_room = items.watched.len() < self.items_max;
        if has_room {
            items.watched.insert(item.handle(), session);
            items.fresh.insert(item.item_to_monitor().node_id.clone());
        } else {
            self.refused.fetch_add(1, Ordering::Relaxed);
        }
        has_room
    }
}

fn is_over(subscriptions: &SubscriptionCache, session: u32, subscription: u32) -> bool {
    let Some(session) = subscriptions.get_session_subscriptions(session) else { return true };
    let session = session.lock();
    session.get(subscription).is_none_or(|known| matches!(known.state(), SubscriptionState::Closed))
}

#[async_trait]
impl InMemoryNodeManagerImpl for Tags {
    async fn init(&self, _: &mut AddressSpace, _: ServerContext) {}

    fn name(&self) -> &str {
        "tags"
    }

    fn namespaces(&self) -> Vec<NamespaceMetadata> {
        let (namespace_uri, namespace_index) = (NAMESPACE.to_owned(), self.namespace);
        vec![NamespaceMetadata { namespace_uri, namespace_index, ..NamespaceMetadata::default() }]
    }

    async fn create_value_monitored_items(
        &self,
        context: &RequestContext,
        space: &RwLock<AddressSpace>,
        items: &mut [&mut &mut CreateMonitoredItem],
    ) {
        let space = space.read();
        for item in items {
            let value = space.read(context, item.item_to_monitor(), 0.0, TimestampsToReturn::Both);
            if space.find(&item.item_to_monitor().node_id).is_none() {
                item.set_status(StatusCode::BadNodeIdUnknown);
            } else if !self.admit(context.session_id, item) {
                item.set_status(StatusCode::BadTooManyMonitoredItems);
            } else {
                item.set_initial_value(value);
                item.revise_sampling_interval(SAMPLING_MS);
                item.set_status(StatusCode::Good);
            }
        }
    }

    async fn delete_monitored_items(&self, _: &RequestContext, gone: &[&MonitoredItemRef]) {
        let mut items = self.items();
        for item in gone.iter().filter(|item| item.attribute() == AttributeId::Value) {
            items.watched.remove(&item.handle());
        }
    }

    async fn write(
        &self,
        _: &RequestContext,
        _: &RwLock<AddressSpace>,
        writes: &mut [&mut WriteNode],
    ) -> Result<(), StatusCode> {
        writes.iter_mut().for_each(|write| write.set_status(StatusCode::BadNotWritable));
        Ok(())
    }
}
