//! What clients see: a folder for each device, in it a variable for each tag with its latest value.
//!
//! A lock is held while values are put down.

use crate::tags::Tags;
use opcua::nodes::{NodeType, Variable, VariableBuilder};
use opcua::server::SubscriptionCache;
use opcua::server::address_space::{AccessLevel, AddressSpace};
use opcua::server::node_manager::memory::InMemoryNodeManager;
use opcua::types::{
    AttributeId, DataEncoding, DataTypeId, DataValue, DateTime, NodeId, NumericRange, QualifiedName,
    StatusCode, TimestampsToReturn, VariableTypeId, Variant,
};
use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tidegate_service_ingest::{Body, Point, Quality, Row, Value};

/// From 1601 to 1970 in steps of 100 ns.
const EPOCH_TICKS: i64 = 116_444_736_000_000_000;
const TICKS_PER_MS: i64 = 10_000;
/// The end of the year 9999, behind which OPC UA has no time.
const MS_MAX: u64 = 253_402_300_799_999;
const SCALAR: i32 = -1;
const ARRAY: i32 = 1;

/// The unit of each tag of a device that has one, by its name.
pub type Units = Box<dyn Fn(&str) -> BTreeMap<Arc<str>, Arc<str>> + Send + Sync>;

pub(crate) struct Space {
    manager: Arc<InMemoryNodeManager<Tags>>,
    subscriptions: Arc<SubscriptionCache>,
    units: Units,
    tags_max: usize,
    devices: Mutex<Devices>,
    /// Points of tags that there was no room for.
    left_out: AtomicU64,
}

#[derive(Default)]
struct Devices {
    by_name: HashMap<Box<str>, HashMap<Arc<str>, Tag>>,
    /// Of all devices.
    tags: usize,
}

/// A variable, and what was put into it last.
struct Tag {
    node: NodeId,
    kind: (DataTypeId, i32),
    quality: Quality,
}

impl Space {
    pub(crate) fn new(
        manager: Arc<InMemoryNodeManager<Tags>>,
        subscriptions: Arc<SubscriptionCache>,
        units: Units,
        tags_max: usize,
    ) -> Space {
        let (devices, left_out) = (Mutex::default(), AtomicU64::new(0));
        Space { manager, subscriptions, units, tags_max, devices, left_out }
    }

    pub(crate) fn tags(&self) -> usize {
        self.devices().tags
    }

    pub(crate) fn left_out(&self) -> u64 {
        self.left_out.load(Ordering::Relaxed)
    }

    fn devices(&self) -> MutexGuard<'_, Devices> {
        self.devices.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn show(&self, row: &Row) {
        if let Body::Points(points) = &row.reading.body {
            self.put(&points.device, &points.points);
        }
    }

    /// What a device's tags were, oldest first; each value is told by itself.
    pub(crate) fn put(&self, device: &str, points: &[Point]) {
        let mut devices = self.devices();
        let mut units = None;
        for point in points {
            if !devices.has(device, point) && !self.place(&mut devices, device, point, &mut units) {
                self.left_out.fetch_add(1, Ordering::Relaxed);
            } else if let Some(tag) = devices.tag(device, &point.tag) {
                self.tell(tag, point);
            }
        }
    }

    fn tell(&self, tag: &mut Tag, point: &Point) {
        let value = data_value(point);
        let was = std::mem::replace(&mut tag.quality, point.quality);
        // The library tells a subscriber who sets no filter of another value alone; where only the quality is another one, it is told by way of
        // no value. A bad value is none anyway.
        if was != point.quality && was != Quality::Bad && point.quality != Quality::Bad {
            let none = DataValue { value: Some(Variant::Empty), ..value.clone() };
            self.subscriptions.notify_data_change([(none, &tag.node, AttributeId::Value)].into_iter());
        }
        // It is there: it was made, and none is ever taken away.
        let _ = self.manager.set_value(&self.subscriptions, &tag.node, None, value);
    }

    /// Lets go of subscriptions that ran out, and tells the values of tags that are watched since a moment ago once more. Who has them
    /// hears nothing.
    pub(crate) fn tend(&self) {
        self.manager.inner().sweep(&self.subscriptions);
        // Nothing is put down meanwhile, so that no value is told after a newer one.
        let _still = self.devices();
        let fresh = self.manager.inner().fresh();
        let space = self.manager.address_space().read();
        let values = fresh.iter().filter_map(|node| match space.find(node)? {
            NodeType::Variable(variable) => Some((value_of(variable), node, AttributeId::Value)),
            _ => None,
        });
        self.subscriptions.notify_data_change(values);
    }

    /// Makes the variable of a tag that is new, or has another type than before as its model was changed; whether there is room.
    fn place(
        &self,
        devices: &mut Devices,
        device: &str,
        point: &Point,
        units: &mut Option<BTreeMap<Arc<str>, Arc<str>>>,
    ) -> bool {
        let was = devices.tag(device, &point.tag).is_some();
        if !was && devices.tags >= self.tags_max {
            return false;
        }
        let (namespace, kind) = (self.manager.inner().namespace(), kind_of(&point.value));
        let node = NodeId::new(namespace, format!("{device}/{}", point.tag));
        let folder = NodeId::new(namespace, device.to_owned());
        let unit = units.get_or_insert_with(|| (self.units)(device)).get(&point.tag);
        let mut space = self.manager.address_space().write();
        if !devices.by_name.contains_key(device) {
            let name = QualifiedName::new(namespace, device);
            space.add_folder(&folder, name, device, &NodeId::objects_folder_id());
        }
        space.delete(&node, true);
        add(&mut space, &node, point, unit, &folder);
        drop(space);
        devices.tags += usize::from(!was);
        let tag = Tag { node, kind, quality: point.quality };
        devices.by_name.entry(device.into()).or_default().insert(point.tag.clone(), tag);
        true
    }
}

impl Devices {
    fn tag(&mut self, device: &str, tag: &str) -> Option<&mut Tag> {
        self.by_name.get_mut(device)?.get_mut(tag)
    }

    /// Whether its variable is there, and of its type.
    fn has(&mut self, device: &str, point: &Point) -> bool {
        self.tag(device, &point.tag).is_some_and(|tag| tag.kind == kind_of(&point.value))
    }
}

fn add(space: &mut AddressSpace, node: &NodeId, point: &Point, unit: Option<&Arc<str>>, folder: &NodeId) {
    let (of, rank) = kind_of(&point.value);
    let variable = VariableBuilder::new(node, QualifiedName::new(node.namespace, &*point.tag), &*point.tag)
        .has_type_definition(VariableTypeId::BaseDataVariableType)
        .organized_by(folder.clone())
        .data_type(of)
        .value_rank(rank)
        .access_level(AccessLevel::CURRENT_READ)
        .user_access_level(AccessLevel::CURRENT_READ)
        .description(unit.map_or("", |unit| &**unit))
        .value(variant(&point.value));
    variable.insert(space);
}

fn value_of(variable: &Variable) -> DataValue {
    variable.value(TimestampsToReturn::Both, &NumericRange::None, &DataEncoding::Binary, 0.0)
}

fn kind_of(value: &Value) -> (DataTypeId, i32) {
    match value {
        Value::Boolean(_) => (DataTypeId::Boolean, SCALAR),
        Value::Integer(_) => (DataTypeId::Int64, SCALAR),
        Value::Text(_) => (DataTypeId::String, SCALAR),
        Value::Real(_) => (DataTypeId::Double, SCALAR),
        Value::Reals(_) => (DataTypeId::Double, ARRAY),
    }
}

fn variant(value: &Value) -> Variant {
    match value {
        Value::Boolean(flag) => Variant::Boolean(*flag),
        Value::Integer(number) => Variant::Int64(*number),
        Value::Real(number) => Variant::Double(*number),
        Value::Text(text) => Variant::from(&**text),
        Value::Reals(window) => Variant::from(window.to_vec()),
    }
}

fn data_value(point: &Point) -> DataValue {
    let (status, value) = match point.quality {
        Quality::Good => (StatusCode::Good, variant(&point.value)),
        Quality::Uncertain => (StatusCode::Uncertain, variant(&point.value)),
        Quality::Bad => (StatusCode::Bad, Variant::Empty),
    };
    DataValue {
        value: Some(value),
        status: Some(status),
        source_timestamp: Some(time(point.source_ms)),
        server_timestamp: Some(DateTime::now()),
        source_picoseconds: None,
        server_picoseconds: None,
    }
}

fn time(ms: u64) -> DateTime {
    let ms = i64::try_from(ms.min(MS_MAX)).expect("the year 9999 fits");
    DateTime::from(ms * TICKS_PER_MS + EPOCH_TICKS)
}
