//! One session with a server: values asked for, values that come by themselves, values written. However it is let go, the server is told,
//! for servers have few seats.

use crate::address::Address;
use crate::error;
use crate::feed::Feed;
use crate::place::Place;
use crate::transport::Once;
use crate::value;
use opcua::client::{Session as Client, SessionEventLoop};
use opcua::types::{
    AttributeId, DataValue, Error, NodeId, NumericRange, ReadValueId, StatusCode, TimestampsToReturn,
    VariableId, Variant, VariantScalarTypeId, WriteValue,
};
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tidegate_service_plant::{Found, Limit, Trouble, Value};
use tokio::runtime::Handle;
use tokio::task::JoinHandle;
use tokio::time::timeout;

/// Variables in one request, where the server does not say fewer.
const NODES_MAX: usize = 1000;
/// Time for a goodbye.
const GOODBYE: Duration = Duration::from_secs(1);

/// A session that is open.
pub struct Session {
    client: Arc<Client>,
    /// What moves it; nothing once it has ended.
    running: Option<JoinHandle<StatusCode>>,
    reads_max: usize,
    items_max: usize,
    plans: AtomicU64,
    subscribes: bool,
    /// By plan.
    feeds: BTreeMap<u64, Feed>,
    /// What variables are that were written to.
    types: BTreeMap<String, VariantScalarTypeId>,
}

/// The variables of one group.
#[derive(Debug)]
pub struct Plan {
    id: u64,
    pub(crate) every: Duration,
    pub(crate) addresses: Vec<Address>,
    nodes: Vec<ReadValueId>,
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session").field("subscribes", &self.subscribes).finish_non_exhaustive()
    }
}

impl Session {
    /// Waits until the server has let it in. What it may be asked for at once, it is asked first.
    pub(crate) async fn start(
        place: &Place,
        client: Arc<Client>,
        events: SessionEventLoop<Once>,
    ) -> Result<Session, Trouble> {
        client.disable_reconnects();
        let mut session = Session {
            running: Some(tokio::spawn(events.run())),
            client,
            reads_max: NODES_MAX,
            items_max: NODES_MAX,
            plans: AtomicU64::new(0),
            subscribes: place.subscribes,
            feeds: BTreeMap::new(),
            types: BTreeMap::new(),
        };
        let running = session.running.as_mut().expect("it has just begun");
        tokio::select! {
            biased;
            _ = session.client.wait_for_connection() => {}
            status = running => {
                session.running = None;
                return Err(error::unopened(place, status.unwrap_or(StatusCode::BadUnexpectedError)));
            }
        }
        session.ask_limits().await?;
        Ok(session)
    }

    async fn ask_limits(&mut self) -> Result<(), Trouble> {
        let limits = [
            VariableId::Server_ServerCapabilities_OperationLimits_MaxNodesPerRead,
            VariableId::Server_ServerCapabilities_OperationLimits_MaxMonitoredItemsPerCall,
        ];
        let nodes = limits.map(|limit| ReadValueId::from(NodeId::from(limit)));
        let said = self.values(&nodes).await?;
        // A server that says nothing, or 0, has no limit that it knows of.
        let limit = |at: usize| match said.get(at).and_then(|said| said.value.as_ref()) {
            Some(Variant::UInt32(limit)) if *limit > 0 => NODES_MAX.min(*limit as usize),
            _ => NODES_MAX,
        };
        (self.reads_max, self.items_max) = (limit(0), limit(1));
        Ok(())
    }

    pub(crate) fn client(&self) -> &Client {
        &self.client
    }

    pub(crate) fn reads_max(&self) -> usize {
        self.reads_max
    }

    pub(crate) fn plan(&self, addresses: &[Address], every: Duration) -> Plan {
        let nodes = addresses.iter().map(|address| ReadValueId::from(address.node.clone())).collect();
        let id = self.plans.fetch_add(1, Ordering::Relaxed);
        Plan { id, every, addresses: addresses.to_vec(), nodes }
    }

    pub(crate) async fn read(&mut self, plan: &Plan, limit: Limit) -> Result<Vec<Found>, Trouble> {
        self.moves().await?;
        let is_once = plan.every.is_zero();
        if self.subscribes && !is_once { self.news(plan, limit).await } else { self.asked(plan, limit).await }
    }

    /// An error where the library has given the session up.
    async fn moves(&mut self) -> Result<(), Trouble> {
        match self.running.take() {
            Some(running) if !running.is_finished() => {
                self.running = Some(running);
                Ok(())
            }
            Some(ended) => Err(error::broken(ended.await.unwrap_or(StatusCode::BadUnexpectedError))),
            None => Err(error::broken(StatusCode::BadSessionClosed)),
        }
    }

    async fn asked(&mut self, plan: &Plan, limit: Limit) -> Result<Vec<Found>, Trouble> {
        let mut found = Vec::with_capacity(plan.nodes.len());
        let at_once = self.reads_max;
        for (nodes, addresses) in plan.nodes.chunks(at_once).zip(plan.addresses.chunks(at_once)) {
            let values = limit.on(self.values(nodes)).await?;
            found.extend(addresses.iter().zip(values).map(|(address, value)| value::found(address, value)));
        }
        Ok(found)
    }

    /// One for each node.
    pub(crate) async fn values(&mut self, nodes: &[ReadValueId]) -> Result<Vec<DataValue>, Trouble> {
        match self.client.read(nodes, TimestampsToReturn::Source, 0.0).await {
            Ok(values) if values.len() == nodes.len() => Ok(values),
            Ok(_) => Err(error::broken(StatusCode::BadUnknownResponse)),
            Err(refusal) => {
                let trouble = error::refused("read", refusal.status());
                // A server that finds it too much is asked for less.
                if trouble.code == "TG-UA-023" {
                    self.reads_max = (self.reads_max / 2).max(1);
                }
                Err(trouble)
            }
        }
    }

    async fn news(&mut self, plan: &Plan, limit: Limit) -> Result<Vec<Found>, Trouble> {
        if !self.feeds.contains_key(&plan.id) {
            let feed = Feed::open(&self.client, plan, self.items_max, limit).await?;
            self.feeds.insert(plan.id, feed);
        }
        let feed = self.feeds.get_mut(&plan.id).expect("it was opened");
        feed.take(&self.client, plan, self.items_max, limit).await
    }

    pub(crate) async fn write(
        &mut self,
        address: &Address,
        value: &Value,
        limit: Limit,
    ) -> Result<(), Trouble> {
        self.moves().await?;
        let of = self.type_of(address, limit).await?;
        let raw = value::raw(value, of);
        let raw = raw.ok_or_else(|| error::unfit_value(address, value, &of.to_string()))?;
        let write = WriteValue {
            node_id: address.node.clone(),
            attribute_id: AttributeId::Value as u32,
            index_range: NumericRange::None,
            value: DataValue::value_only(raw),
        };
        let refused = |error: Error| error::refused("write", error.status());
        let written = limit.on(async { self.client.write(&[write]).await.map_err(refused) }).await?;
        match written.first() {
            Some(status) if status.is_bad() => {
                self.types.remove(&address.node.to_string());
                Err(error::bad(address, *status))
            }
            Some(_) => Ok(()),
            None => Err(error::broken(StatusCode::BadUnknownResponse)),
        }
    }

    /// What the variable is now, or, where it has no value, what it is declared to be.
    async fn type_of(&mut self, address: &Address, limit: Limit) -> Result<VariantScalarTypeId, Trouble> {
        let name = address.node.to_string();
        if let Some(known) = self.types.get(&name) {
            return Ok(*known);
        }
        let value = ReadValueId::from(address.node.clone());
        let declared = ReadValueId { attribute_id: AttributeId::DataType as u32, ..value.clone() };
        let read = limit.on(self.values(&[value, declared])).await?;
        if let Some(status) = read[1].status.filter(StatusCode::is_bad) {
            return Err(error::bad(address, status));
        }
        let now = read[0].value.as_ref().filter(|value| !value.is_array());
        let declared = || match read[1].value.as_ref() {
            Some(Variant::NodeId(node)) if node.namespace == 0 => node.as_u32()?.try_into().ok(),
            _ => None,
        };
        let of = now.and_then(Variant::scalar_type_id).or_else(declared);
        let of = of.ok_or_else(|| error::mistyped(address, "no scalar of a built-in type"))?;
        self.types.insert(name, of);
        Ok(of)
    }

    /// Tells the server, which deletes subscriptions with the session.
    pub(crate) async fn close(mut self) {
        let running = self.running.take();
        farewell(&self.client, running).await;
    }
}

async fn farewell(client: &Client, running: Option<JoinHandle<StatusCode>>) {
    let _ = timeout(GOODBYE, client.disconnect()).await;
    if let Some(running) = running {
        running.abort();
    }
}

/// A session that is dropped, for an answer was late or nothing was heard of its subscription, holds a seat as well.
impl Drop for Session {
    fn drop(&mut self) {
        let Some(running) = self.running.take() else { return };
        let client = self.client.clone();
        match Handle::try_current() {
            Ok(handle) => drop(handle.spawn(async move { farewell(&client, Some(running)).await })),
            Err(_) => running.abort(),
        }
    }
}
