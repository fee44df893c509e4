//! Telemetry on its way to the rules. It is in no journal, so the way in hands it over in memory: a bounded list that the rules' task
//! takes whole. What finds the list full is shed and counted; the rules then go by what comes next.
//!
//! Holds a lock for as long as it takes to add a few values. Reads no clock.

use crate::reading::{Body, Points, Reading};
use crate::rules::tags::{self, of_point, of_value};
use bytes::Bytes;
use serde::Serialize;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tidegate_engine_rules::{Known, RuleSet, Sample, Slot, Unknown, VALUE_TEXT_BYTES_MAX, Value};
use tidegate_engine_tags::{Plan, TagPoint};
use tidegate_kernel_plug::Live;
use tokio::sync::Notify;

/// Values that wait at once.
const WAITING_MAX: usize = 32_768;
/// What those take, and as many that are being looked at, if all are of the longest texts. Of numbers it is a fifth.
pub const HEARD_BYTES_MAX: usize = 2 * WAITING_MAX * (size_of::<Heard>() + VALUE_TEXT_BYTES_MAX);

/// One tag's news.
#[derive(Debug)]
pub(crate) struct Heard {
    /// When it was received.
    pub(crate) at: u64,
    pub(crate) tag: Arc<Wanted>,
    pub(crate) what: What,
}

#[derive(Debug)]
pub(crate) enum What {
    Value(Known<Value>),
    /// Of a topic without a model: what it is depends on what the rules take it for.
    Payload(Bytes),
}

/// A tag that some rule reads.
#[derive(Debug)]
pub(crate) struct Wanted {
    pub(crate) name: String,
    /// Of which interest.
    pub(crate) generation: u64,
    /// Where it goes in the set in force.
    pub(crate) slots: Vec<Slot>,
}

/// What is known of the tags of one device: those that rules read, by their number, as of a generation.
#[derive(Debug, Default)]
pub(crate) struct WantedTags {
    generation: u64,
    tags: Vec<Option<Arc<Wanted>>>,
}

/// Which tags rules read, in the set in force and in the one on trial.
#[derive(Debug, Default)]
struct Interest {
    generation: u64,
    sets: Vec<Arc<RuleSet>>,
}

/// What became of what rules were to hear.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct HeardCounts {
    pub seen: u64,
    /// There was no room, or nobody to look at it any more.
    pub shed: u64,
    pub waiting: u64,
}

/// Between the way in and the rules' task.
#[derive(Debug)]
pub(crate) struct Inbox {
    /// 0 as long as no rules run, and nobody is interested in anything.
    generation: AtomicU64,
    interest: Live<Interest>,
    list: Mutex<List>,
    news: Notify,
}

#[derive(Debug, Default)]
struct List {
    heard: Vec<Heard>,
    counts: HeardCounts,
}

impl Heard {
    /// The samples for a set; the one in force at `generation` knows its slots already.
    pub(crate) fn samples<'a>(
        &'a self,
        set: &'a RuleSet,
        generation: u64,
    ) -> impl Iterator<Item = Sample> + 'a {
        let is_known = self.tag.generation == generation;
        let known: &[Slot] = if is_known { &self.tag.slots } else { &[] };
        let found = (!is_known).then(|| set.slots(&self.tag.name)).into_iter().flatten();
        let value = |slot: Slot| match &self.what {
            What::Value(value) => value.clone(),
            What::Payload(payload) => tags::of_payload(payload, set.tags()[slot as usize].1),
        };
        known.iter().copied().chain(found).map(move |slot| set.sample(slot, value(slot)).volatile())
    }
}

impl Interest {
    fn tag(&self, name: &str) -> Option<Arc<Wanted>> {
        let is_read = self.sets.iter().any(|set| set.slots(name).next().is_some());
        let slots = || self.sets.first().map(|set| set.slots(name).collect()).unwrap_or_default();
        let wanted = |slots| Wanted { name: name.to_owned(), generation: self.generation, slots };
        is_read.then(slots).map(|slots| Arc::new(wanted(slots)))
    }

    fn tags(&self, device: &str, plan: &Plan) -> WantedTags {
        let tags = plan.tags().iter().map(|tag| self.tag(&format!("{device}.{}", tag.name))).collect();
        WantedTags { generation: self.generation, tags }
    }
}

impl Default for Inbox {
    fn default() -> Inbox {
        let (generation, interest) = (AtomicU64::new(0), Live::new(Interest::default()));
        Inbox { generation, interest, list: Mutex::default(), news: Notify::new() }
    }
}

impl Inbox {
    /// From now on these sets read, the one in force first.
    pub(crate) fn set_interest(&self, sets: Vec<Arc<RuleSet>>) {
        let generation = self.interest.get().generation + 1;
        self.interest.set(Interest { generation, sets });
        self.generation.store(generation, Ordering::Release);
    }

    pub(crate) fn generation(&self) -> u64 {
        self.generation.load(Ordering::Acquire)
    }

    /// Nobody reads any more; what waits is shed.
    pub(crate) fn close(&self) {
        self.set_interest(Vec::new());
        let mut list = self.list();
        let left = std::mem::take(&mut list.heard).len() as u64;
        list.counts.shed += left;
    }

    /// What a device's model made of a reading.
    pub(crate) fn hear_points(
        &self,
        (device, plan): (&str, &Plan),
        wanted: &mut WantedTags,
        points: &[TagPoint],
        at: u64,
    ) {
        let generation = self.generation();
        if generation == 0 {
            return;
        }
        if wanted.generation != generation {
            *wanted = self.interest.get().tags(device, plan);
        }
        let heard = |point: &TagPoint| {
            let tag = wanted.tags.get(point.tag as usize)?.clone()?;
            Some(Heard { at, tag, what: What::Value(short(of_value(&point.value, point.quality))) })
        };
        self.put(points.iter().filter_map(heard));
    }

    /// Any other reading.
    pub(crate) fn hear(&self, reading: &Reading, at: u64) {
        if self.generation() == 0 {
            return;
        }
        let interest = self.interest.get();
        match &reading.body {
            Body::Raw(payload) => {
                let tag = interest.tag(reading.topic.as_str());
                self.put(tag.into_iter().map(|tag| Heard { at, tag, what: of_payload(payload) }));
            }
            Body::Points(Points { device, points }) => self.put(points.iter().filter_map(|point| {
                let tag = interest.tag(&format!("{device}.{}", point.tag))?;
                Some(Heard { at, tag, what: What::Value(short(of_point(point))) })
            })),
        }
    }

    fn put(&self, heard: impl Iterator<Item = Heard>) {
        let mut heard = heard.peekable();
        if heard.peek().is_none() {
            return;
        }
        let mut list = self.list();
        let was_empty = list.heard.is_empty();
        for one in heard {
            if list.heard.len() < WAITING_MAX {
                list.heard.push(one);
            } else {
                list.counts.shed += 1;
            }
        }
        drop(list);
        if was_empty {
            self.news.notify_one();
        }
    }

    /// Everything that waits goes into `into`, which is empty. It counts as seen.
    pub(crate) fn take(&self, into: &mut Vec<Heard>) {
        let mut list = self.list();
        std::mem::swap(&mut list.heard, into);
        list.counts.seen += into.len() as u64;
    }

    /// Resolves when something waits.
    pub(crate) async fn available(&self) {
        while self.is_empty() {
            self.news.notified().await;
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.list().heard.is_empty()
    }

    pub(crate) fn counts(&self) -> HeardCounts {
        let list = self.list();
        HeardCounts { waiting: list.heard.len() as u64, ..list.counts }
    }

    fn list(&self) -> MutexGuard<'_, List> {
        self.list.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// No rule reads a longer text.
fn short(value: Known<Value>) -> Known<Value> {
    match value {
        Ok(Value::Text(text)) if text.len() > VALUE_TEXT_BYTES_MAX => Err(Unknown::WrongKind),
        value => value,
    }
}

/// A copy, for the payload shares the packet it came in.
fn of_payload(payload: &[u8]) -> What {
    match payload.len() {
        0..=VALUE_TEXT_BYTES_MAX => What::Payload(Bytes::copy_from_slice(payload)),
        _ => What::Value(Err(Unknown::WrongKind)),
    }
}
