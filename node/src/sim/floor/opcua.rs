//! A PLC that speaks OPC UA, without security: a folder with a variable for each value. The server is the library's; values go to it as
//! they change, and what clients wrote is looked for as often.

use crate::sim::floor::image::{Image, Value, Variable};
use crate::sim::floor::serving::Station;
use opcua::server::address_space::{AccessLevel, AddressSpace, NodeType, Variable as Node};
use opcua::server::diagnostics::NamespaceMetadata;
use opcua::server::node_manager::memory::{SimpleNodeManager, simple_node_manager};
use opcua::server::{Server, ServerBuilder, SubscriptionCache};
use opcua::types::{DataEncoding, DataValue, NodeId, NumericRange, TimestampsToReturn, Variant};
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::time::{MissedTickBehavior, interval};

const NAMESPACE: &str = "urn:tidegate:sim";
/// Behind the standard's and the server's own.
pub(super) const NAMESPACE_INDEX: u16 = 2;
/// From one look at the machine to the next.
const TICK: Duration = Duration::from_millis(100);
/// By so much a publishing interval is longer than it should be, at most; the library's own is 100.
const PUBLISHING_TICK_MS: u64 = 20;
/// Where no folder can be made: without security there are no certificates to be kept.
const NOWHERE: &str = "/dev/null/pki";

/// A server that does not run yet, and what moves its values.
pub(super) struct Plc {
    server: Server,
    values: Values,
}

struct Values {
    station: Arc<Station>,
    manager: Arc<SimpleNodeManager>,
    subscriptions: Arc<SubscriptionCache>,
    nodes: Vec<Known>,
}

/// One variable, and what it was last.
struct Known {
    id: NodeId,
    variable: Variable,
    last: Value,
}

impl Plc {
    pub(super) fn new(station: Arc<Station>, address: SocketAddr) -> io::Result<Plc> {
        let namespace =
            NamespaceMetadata { namespace_uri: NAMESPACE.to_owned(), ..NamespaceMetadata::default() };
        let built = ServerBuilder::new_anonymous("tidegate sim")
            .application_uri("urn:tidegate:sim:server")
            .product_uri("urn:tidegate")
            .host(address.ip().to_string())
            .port(address.port())
            .pki_dir(NOWHERE)
            .subscription_poll_interval_ms(PUBLISHING_TICK_MS)
            .with_node_manager(simple_node_manager(namespace, "plc"))
            .build();
        let (server, handle) = built.map_err(io::Error::other)?;
        let manager = handle.node_managers().get_of_type::<SimpleNodeManager>();
        let manager = manager.ok_or_else(|| io::Error::other("the server does not know its values"))?;
        if handle.get_namespace_index(NAMESPACE) != Some(NAMESPACE_INDEX) {
            return Err(io::Error::other("the server counts its namespaces in another way"));
        }
        let nodes = station.image().variables().into_iter().map(Known::new).collect();
        let values = Values { station, manager, subscriptions: handle.subscriptions().clone(), nodes };
        values.place();
        Ok(Plc { server, values })
    }

    /// Until the server ends, which it does not by itself.
    pub(super) async fn serve(self, listener: TcpListener) {
        tokio::select! {
            _ = self.server.run_with(listener) => {}
            () = self.values.live() => {}
        }
    }
}

impl Known {
    fn new((variable, last): (Variable, Value)) -> Known {
        Known { id: NodeId::new(NAMESPACE_INDEX, variable.name.clone()), variable, last }
    }

    fn node(&self) -> Node {
        let name = self.variable.name.as_str();
        let mut node = Node::new(&self.id, name, name, variant(self.last));
        if self.variable.is_writable {
            let level = AccessLevel::CURRENT_READ | AccessLevel::CURRENT_WRITE;
            node.set_access_level(level);
            node.set_user_access_level(level);
        }
        node
    }
}

impl Values {
    /// All of them in a folder below the server's objects.
    fn place(&self) {
        let folder = NodeId::new(NAMESPACE_INDEX, "machine");
        let mut space = self.manager.address_space().write();
        space.add_folder(&folder, "machine", "machine", &NodeId::objects_folder_id());
        space.add_variables(self.nodes.iter().map(Known::node).collect(), &folder);
    }

    async fn live(mut self) {
        let mut ticks = interval(TICK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
        loop {
            ticks.tick().await;
            self.exchange();
        }
    }

    fn exchange(&mut self) {
        let mut image = self.station.image();
        let space = self.manager.address_space().read();
        self.nodes.iter_mut().for_each(|known| known.take(&space, &mut image));
        drop(space);
        let changed = self.nodes.iter_mut().filter_map(|known| known.change(&mut image));
        let news: Vec<(NodeId, Value)> = changed.collect();
        let values = news.iter().map(|(id, value)| (id, None, DataValue::new_now(variant(*value))));
        // All of them are there.
        let _ = self.manager.set_values(&self.subscriptions, values);
    }
}

impl Known {
    /// Hands what a client wrote to the machine.
    fn take(&mut self, space: &AddressSpace, image: &mut Image) {
        let written =
            written(space, &self.id).filter(|value| self.variable.is_writable && *value != self.last);
        if let Some(value) = written.filter(|value| image.put(&self.variable, *value).is_some()) {
            self.last = value;
        }
    }

    /// The value, if it is another one.
    fn change(&mut self, image: &mut Image) -> Option<(NodeId, Value)> {
        let value = image.value(&self.variable).filter(|value| *value != self.last)?;
        self.last = value;
        Some((self.id.clone(), value))
    }
}

fn written(space: &AddressSpace, id: &NodeId) -> Option<Value> {
    let Some(NodeType::Variable(node)) = space.find(id) else { return None };
    let read = node.value(TimestampsToReturn::Neither, &NumericRange::None, &DataEncoding::Binary, 0.0);
    match read.value? {
        Variant::Float(real) => Some(Value::Real(real)),
        Variant::UInt32(count) => Some(Value::Count(count)),
        Variant::Boolean(flag) => Some(Value::Flag(flag)),
        _ => None,
    }
}

fn variant(value: Value) -> Variant {
    match value {
        Value::Real(real) => real.into(),
        Value::Count(count) => count.into(),
        Value::Flag(flag) => flag.into(),
    }
}
