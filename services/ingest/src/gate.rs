//! What is known of topics and devices, and what was last reported of each: all that decides where a reading goes.
//!
//! A topic's device is looked for once and then remembered. What was last reported of its tags has a lock of its own, held while
//! a reading of that topic is judged and again when it was taken; two of the same moment may both be news, and none is missed.

use crate::class::{Class, Classes};
use crate::config::Config;
use crate::quarantine::UnknownDevices;
use crate::reading::{Reading, Source};
use crate::rules::heard::WantedTags;
use crate::shelf::Place;
use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use tidegate_codec_mqtt::{TopicFilter, TopicName};
use tidegate_engine_tags::{
    Interpreted, Model, ModelConfig, Plan, PointFault, Reporter, TagClass, TagPoint, Verdict,
};

/// What holds until it is configured anew.
#[derive(Debug)]
pub(crate) struct Gate {
    pub(crate) classes: Classes,
    unknown: UnknownDevices,
    admitted: Vec<TopicFilter>,
    fleet: Arc<Fleet>,
}

/// Devices that have a model, and those of them that have been heard of.
#[derive(Debug)]
struct Fleet {
    config: ModelConfig,
    model: Arc<Model>,
    seats: RwLock<HashMap<TopicName, Arc<Seat>>>,
}

/// Topics of devices that are remembered; one device may have several.
const SEATS_MAX: usize = 100_000;

/// One topic of one device.
#[derive(Debug)]
pub(crate) struct Seat {
    pub(crate) device: Arc<str>,
    pub(crate) plan: Arc<Plan>,
    told: Mutex<Told>,
}

/// What one topic of one device has told, and memory that is used again for what it tells next.
#[derive(Debug, Default)]
pub(crate) struct Told {
    reporter: Reporter,
    pub(crate) made: Interpreted,
    pub(crate) wanted: WantedTags,
    /// Where its telemetry was the last time.
    pub(crate) place: Option<Place>,
}

impl Gate {
    pub(crate) fn new(config: &Config) -> Gate {
        Gate::with_fleet(config, Arc::new(Fleet::new(ModelConfig::default(), Arc::new(Model::empty()))))
    }

    /// The same devices under another configuration.
    pub(crate) fn changed(&self, config: &Config) -> Gate {
        Gate::with_fleet(config, self.fleet.clone())
    }

    pub(crate) fn has_model(&self, config: &ModelConfig) -> bool {
        self.fleet.config == *config
    }

    pub(crate) fn with_model(&self, config: ModelConfig, model: Model) -> Gate {
        self.over(Fleet::new(config, Arc::new(model)))
    }

    /// The same, but that nothing has been told yet: the next value of each tag is news.
    pub(crate) fn anew(&self) -> Gate {
        self.over(Fleet::new(self.fleet.config.clone(), self.fleet.model.clone()))
    }

    fn over(&self, fleet: Fleet) -> Gate {
        Gate {
            classes: self.classes.clone(),
            unknown: self.unknown,
            admitted: self.admitted.clone(),
            fleet: Arc::new(fleet),
        }
    }

    fn with_fleet(config: &Config, fleet: Arc<Fleet>) -> Gate {
        Gate {
            classes: Classes::new(config.critical.clone(), config.telemetry.clone()),
            unknown: config.unknown_devices,
            admitted: config.unknown_admitted.clone(),
            fleet,
        }
    }

    /// The device of this topic; nothing if there is none, or too many have been heard of.
    pub(crate) fn seat(&self, topic: &TopicName) -> Option<Arc<Seat>> {
        if self.fleet.model.is_empty() { None } else { self.fleet.seat(topic) }
    }

    /// The unit of each tag that has one, of this device, by the tag's name.
    pub(crate) fn units_of(&self, device: &str) -> BTreeMap<Arc<str>, Arc<str>> {
        let tags = self.fleet.model.plans_of(device).flat_map(|plan| plan.tags());
        let mut units = BTreeMap::new();
        for tag in tags.filter(|tag| !tag.unit.is_empty()) {
            units.entry(tag.name.clone()).or_insert_with(|| tag.unit.clone());
        }
        units
    }

    pub(crate) fn plan_of(&self, device: &str) -> Option<Arc<Plan>> {
        self.fleet.model.plans_of(device).next().cloned()
    }

    /// What becomes of a reading whose device has no model.
    pub(crate) fn of_unknown(&self, reading: &Reading) -> UnknownDevices {
        let admitted = || self.admitted.iter().any(|filter| filter.matches(&reading.topic));
        match self.unknown {
            UnknownDevices::Admit => UnknownDevices::Admit,
            _ if reading.source == Source::Rule || admitted() => UnknownDevices::Admit,
            unknown => unknown,
        }
    }

    /// As safe as the safest of its tags; for a tag that says nothing, and above all `critical`, the topic speaks.
    pub(crate) fn class_of(&self, topic: &TopicName, plan: &Plan, points: &[TagPoint]) -> Class {
        let by_topic = self.classes.of(topic);
        let of_tag = |point: &TagPoint| plan.tag(point.tag).class.map_or(by_topic, Class::from);
        let safest = points.iter().map(of_tag).min().unwrap_or(by_topic);
        if by_topic.is_critical() { Class::Critical } else { safest }
    }
}

impl Fleet {
    fn new(config: ModelConfig, model: Arc<Model>) -> Fleet {
        Fleet { config, model, seats: RwLock::default() }
    }

    fn seat(&self, topic: &TopicName) -> Option<Arc<Seat>> {
        let known = self.seats.read().unwrap_or_else(PoisonError::into_inner).get(topic).cloned();
        known.or_else(|| self.new_seat(topic))
    }

    fn new_seat(&self, topic: &TopicName) -> Option<Arc<Seat>> {
        let located = self.model.locate(topic.as_str())?;
        let (device, plan) = (located.device.into(), located.plan.clone());
        let seat = Seat { device, plan, told: Mutex::default() };
        let mut seats = self.seats.write().unwrap_or_else(PoisonError::into_inner);
        if seats.len() >= SEATS_MAX && !seats.contains_key(topic) {
            return None;
        }
        // Another thread may have come first; what it put there has been told of values already.
        Some(seats.entry(topic.detach()).or_insert_with(|| Arc::new(seat)).clone())
    }
}

impl Seat {
    /// These were taken: from now on they are what was last reported.
    pub(crate) fn tell(&self, points: &[TagPoint], now_ms: u64) {
        tell(&mut self.told().reporter, &self.plan, points, now_ms);
    }

    pub(crate) fn told(&self) -> MutexGuard<'_, Told> {
        self.told.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Told {
    /// Leaves only what is news.
    pub(crate) fn keep_news(&mut self, plan: &Plan, now_ms: u64) {
        let Told { reporter, made, .. } = self;
        let is_news = |point: &TagPoint| reporter.judge(plan, point, now_ms) == Verdict::Report;
        made.points.retain(|point| !plan.tag(point.tag).is_sifted() || is_news(point));
    }

    /// What was made was taken.
    pub(crate) fn tell(&mut self, plan: &Plan, now_ms: u64) {
        let Told { reporter, made, .. } = self;
        tell(reporter, plan, &made.points, now_ms);
    }
}

/// Only of what is held against its last value that is kept.
fn tell(reporter: &mut Reporter, plan: &Plan, points: &[TagPoint], now_ms: u64) {
    let sifted = points.iter().filter(|point| plan.tag(point.tag).is_sifted());
    sifted.for_each(|point| reporter.apply(point, now_ms));
}

impl From<TagClass> for Class {
    fn from(class: TagClass) -> Class {
        match class {
            TagClass::Critical => Class::Critical,
            TagClass::Process => Class::Process,
            TagClass::Telemetry => Class::Telemetry,
        }
    }
}

/// How many parts of payloads could not be used, since the start.
#[derive(Debug, Default)]
pub(crate) struct FaultCounts([AtomicU64; PointFault::ALL.len()]);

impl FaultCounts {
    pub(crate) fn add(&self, faults: &[PointFault]) {
        for fault in faults {
            self.0[*fault as usize].fetch_add(1, Ordering::Relaxed);
        }
    }

    pub(crate) fn told(&self) -> impl Iterator<Item = (&'static str, u64)> {
        PointFault::ALL.iter().map(|fault| (fault.code(), self.0[*fault as usize].load(Ordering::Relaxed)))
    }
}
