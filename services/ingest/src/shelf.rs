//! The latest reading of each topic, in the order of their news: a list through a slab, and an index by topic. Pure.

use crate::offer::named;
use crate::reading::{Body, Points, Reading};
use std::collections::HashMap;
use std::sync::Arc;
use tidegate_codec_mqtt::TopicName;
use tidegate_engine_tags::{Plan, Point, TagPoint, Value};

/// How much telemetry is held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TelemetryLimits {
    /// Topics.
    pub keys_max: usize,
    /// Bytes, by an estimate that counts what a reading takes beside its payload.
    pub bytes_max: usize,
}

/// The number of a slot.
pub(crate) type Place = u32;

/// A reading of a device, and what its model made of it.
#[derive(Debug)]
pub(crate) struct News<'a> {
    pub(crate) reading: &'a Reading,
    pub(crate) device: &'a Arc<str>,
    pub(crate) plan: &'a Plan,
    pub(crate) made: &'a [TagPoint],
    pub(crate) received_ms: u64,
}

impl News<'_> {
    pub(crate) fn points(&self) -> Points {
        Points { device: self.device.clone(), points: named(self.plan, self.made) }
    }
}

/// What became of a version that was at a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    There,
    /// The same topic has had news.
    Replaced,
    /// The topic itself is gone, or was and came back.
    Gone,
}

#[derive(Debug)]
pub(crate) struct Shelf {
    limits: TelemetryLimits,
    slots: Vec<Slot>,
    free: Vec<Place>,
    index: HashMap<TopicName, Place>,
    oldest: Option<Place>,
    newest: Option<Place>,
    version: u64,
    bytes: usize,
}

#[derive(Debug)]
struct Slot {
    reading: Reading,
    received_ms: u64,
    version: u64,
    /// The version the topic came with; a later topic in the same slot has a later one.
    since: u64,
    bytes: usize,
    /// Some sink had yet to take what is being replaced.
    wanted: bool,
    before: Option<Place>,
    after: Option<Place>,
}

/// What a slot takes beside the reading's own bytes: the slot, its index entry, the heads of its buffers.
const SLOT_BYTES: usize = 512;

impl Shelf {
    pub(crate) fn new(limits: TelemetryLimits) -> Shelf {
        Shelf {
            limits,
            slots: Vec::new(),
            free: Vec::new(),
            index: HashMap::new(),
            oldest: None,
            newest: None,
            version: 0,
            bytes: 0,
        }
    }

    /// The number of the last news; 0 before any.
    pub(crate) fn version(&self) -> u64 {
        self.version
    }

    pub(crate) fn size(&self) -> (usize, usize) {
        (self.index.len(), self.bytes)
    }

    pub(crate) fn find(&self, topic: &TopicName) -> Option<Place> {
        self.index.get(topic).copied()
    }

    /// The same, looked for first where it was the last time.
    pub(crate) fn find_again(&self, hint: Option<Place>, topic: &TopicName) -> Option<Place> {
        let is_there = |slot: &Slot| slot.version > 0 && slot.reading.topic == *topic;
        let hint = hint.filter(|place| self.slots.get(*place as usize).is_some_and(is_there));
        hint.or_else(|| self.find(topic))
    }

    pub(crate) fn version_at(&self, place: Place) -> u64 {
        self.slot(place).version
    }

    pub(crate) fn at(&self, place: Place) -> (u64, u64, &Reading) {
        let slot = self.slot(place);
        (slot.version, slot.received_ms, &slot.reading)
    }

    pub(crate) fn following(&self, place: Place) -> Option<Place> {
        self.slot(place).after
    }

    pub(crate) fn set_wanted(&mut self, place: Place, wanted: bool) {
        self.slot_mut(place).wanted = wanted;
    }

    pub(crate) fn fate(&self, place: Place, version: u64) -> Fate {
        let slot = self.slot(place);
        match slot.version {
            there if there == version => Fate::There,
            _ if slot.since <= version && self.find(&slot.reading.topic) == Some(place) => Fate::Replaced,
            _ => Fate::Gone,
        }
    }

    /// The place with the lowest version above `version`. Walks from the newest, so the cost is what lies between.
    pub(crate) fn first_after(&self, version: u64) -> Option<Place> {
        let mut found = None;
        let mut at = self.newest;
        while let Some(place) = at.filter(|place| self.slot(*place).version > version) {
            found = Some(place);
            at = self.slot(place).before;
        }
        found
    }

    /// Puts the news of a known topic at the end. Of points that some sink had yet to take, those stay that the news lacks.
    pub(crate) fn replace(&mut self, place: Place, reading: Reading, received_ms: u64) {
        self.unlink(place);
        self.version += 1;
        let version = self.version;
        let slot = self.slot_mut(place);
        let reading = reading.detach(Some(&slot.reading));
        let before = std::mem::replace(&mut slot.reading, reading);
        if std::mem::take(&mut slot.wanted) {
            keep_points(&mut slot.reading.body, before.body);
        }
        let bytes = bytes_of(&slot.reading);
        let less = std::mem::replace(&mut slot.bytes, bytes);
        (slot.version, slot.received_ms) = (version, received_ms);
        self.bytes = self.bytes + bytes - less;
        self.link_newest(place);
    }

    /// The same with points, which take the place of those before where they lie.
    pub(crate) fn renew(&mut self, place: Place, news: &News<'_>) {
        self.unlink(place);
        self.version += 1;
        let version = self.version;
        let slot = self.slot_mut(place);
        slot.reading.renew(news.reading);
        let keeps = std::mem::take(&mut slot.wanted);
        match &mut slot.reading.body {
            Body::Points(known) if known.device == *news.device => {
                renew(&mut known.points, news.plan, news.made, keeps);
            }
            body => *body = Body::Points(news.points()),
        }
        let bytes = bytes_of(&slot.reading);
        let less = std::mem::replace(&mut slot.bytes, bytes);
        (slot.version, slot.received_ms) = (version, news.received_ms);
        self.bytes = self.bytes + bytes - less;
        self.link_newest(place);
    }

    /// Puts the first reading of a topic at the end.
    pub(crate) fn add(&mut self, reading: Reading, received_ms: u64) -> Place {
        self.version += 1;
        let reading = reading.detach(None);
        let (topic, bytes) = (reading.topic.clone(), bytes_of(&reading));
        let (version, since, wanted) = (self.version, self.version, false);
        let slot = Slot { reading, received_ms, version, since, bytes, wanted, before: None, after: None };
        let place = self.place_for(slot);
        self.index.insert(topic, place);
        self.bytes += bytes;
        self.link_newest(place);
        place
    }

    /// The one to go while there is too much, but never the only one.
    pub(crate) fn over_limit(&self) -> Option<Place> {
        let too_much = self.index.len() > self.limits.keys_max || self.bytes > self.limits.bytes_max;
        self.oldest.filter(|oldest| too_much && Some(*oldest) != self.newest)
    }

    pub(crate) fn remove(&mut self, place: Place) {
        self.unlink(place);
        let topic = self.slot(place).reading.topic.clone();
        self.index.remove(&topic);
        let slot = self.slot_mut(place);
        // The number stays, so that nobody takes what comes next in this slot for what was here.
        slot.version = 0;
        slot.reading.body = Body::Raw(bytes::Bytes::new());
        let bytes = std::mem::take(&mut slot.bytes);
        self.bytes -= bytes;
        self.free.push(place);
    }

    fn place_for(&mut self, slot: Slot) -> Place {
        match self.free.pop() {
            Some(place) => {
                self.slots[place as usize] = slot;
                place
            }
            None => {
                self.slots.push(slot);
                (self.slots.len() - 1) as Place
            }
        }
    }

    fn link_newest(&mut self, place: Place) {
        let before = self.newest.replace(place);
        let slot = self.slot_mut(place);
        (slot.before, slot.after) = (before, None);
        match before {
            Some(before) => self.slot_mut(before).after = Some(place),
            None => self.oldest = Some(place),
        }
    }

    fn unlink(&mut self, place: Place) {
        let Slot { before, after, .. } = *self.slot(place);
        match before {
            Some(before) => self.slot_mut(before).after = after,
            None => self.oldest = after,
        }
        match after {
            Some(after) => self.slot_mut(after).before = before,
            None => self.newest = before,
        }
    }

    fn slot(&self, place: Place) -> &Slot {
        &self.slots[place as usize]
    }

    fn slot_mut(&mut self, place: Place) -> &mut Slot {
        &mut self.slots[place as usize]
    }
}

/// Each in the place of its tag's last one, where there is one. What is not in the news stays only if it `keeps`.
fn renew(known: &mut Vec<Point>, plan: &Plan, news: &[TagPoint], keeps: bool) {
    let are_same = known.len() == news.len() && known.iter().zip(news).all(|pair| is_same(plan, pair));
    if !keeps && !are_same {
        *known = named(plan, news);
        return;
    }
    for (hint, point) in news.iter().enumerate() {
        let at = (known.get(hint).is_some_and(|known| is_same(plan, (known, point))).then_some(hint))
            .or_else(|| known.iter().position(|known| is_same(plan, (known, point))));
        match at {
            Some(at) => {
                let TagPoint { value, quality, source_ms, .. } = point;
                (known[at].quality, known[at].source_ms) = (*quality, *source_ms);
                known[at].value.clone_from(value);
            }
            None => known.extend(named(plan, std::slice::from_ref(point))),
        }
    }
}

fn is_same(plan: &Plan, (known, point): (&Point, &TagPoint)) -> bool {
    let name = &plan.tag(point.tag).name;
    Arc::ptr_eq(&known.tag, name) || known.tag == *name
}

fn keep_points(body: &mut Body, before: Body) {
    let (Body::Points(news), Body::Points(old)) = (body, before) else { return };
    if news.device == old.device {
        keep_missing(news, old);
    }
}

fn keep_missing(news: &mut Points, old: Points) {
    let fresh = news.points.len();
    for point in old.points {
        if !news.points[..fresh].iter().any(|newer| newer.tag == point.tag) {
            news.points.push(point);
        }
    }
}

fn bytes_of(reading: &Reading) -> usize {
    let texts = [reading.topic.as_bytes(), reading.client.as_bytes(), reading.principal.as_bytes()];
    let body = match &reading.body {
        Body::Raw(payload) => payload.len(),
        Body::Points(points) => points.points.iter().map(point_bytes).sum(),
    };
    SLOT_BYTES + 2 * texts[0].len() + texts[1].len() + texts[2].len() + body
}

fn point_bytes(point: &Point) -> usize {
    let value = match &point.value {
        Value::Text(text) => text.len(),
        Value::Reals(reals) => 8 * reals.len(),
        Value::Real(_) | Value::Integer(_) | Value::Boolean(_) => 0,
    };
    size_of::<Point>() + value
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reading::Source;
    use tidegate_engine_tags::Quality;

    fn modelled(tags: &[(&str, i64)]) -> Reading {
        let point = |(tag, value): &(&str, i64)| Point {
            tag: (*tag).into(),
            value: Value::Integer(*value),
            quality: Quality::Good,
            source_ms: 0,
        };
        let points = Points { device: "d".into(), points: tags.iter().map(point).collect() };
        Reading::points(Source::Mqtt, "a".parse().unwrap(), points)
    }

    fn values(shelf: &Shelf, place: Place) -> Vec<(String, i64)> {
        let Body::Points(points) = &shelf.at(place).2.body else { panic!("points") };
        let value = |point: &Point| match point.value {
            Value::Integer(value) => (point.tag.to_string(), value),
            _ => panic!("an integer"),
        };
        points.points.iter().map(value).collect()
    }

    #[test]
    fn points_that_nobody_took_stay_until_they_are_taken_or_replaced() {
        let mut shelf = Shelf::new(TelemetryLimits { keys_max: 4, bytes_max: 1 << 20 });
        let place = shelf.add(modelled(&[("temp", 1), ("vib", 2)]), 0);
        shelf.set_wanted(place, true);
        shelf.replace(place, modelled(&[("temp", 3)]), 1);
        assert_eq!(values(&shelf, place), [("temp".to_owned(), 3), ("vib".to_owned(), 2)]);
        shelf.replace(place, modelled(&[("temp", 4)]), 2);
        assert_eq!(values(&shelf, place), [("temp".to_owned(), 4)]);
    }

    #[test]
    fn bytes_come_and_go_with_readings_and_the_last_one_stays() {
        let mut shelf = Shelf::new(TelemetryLimits { keys_max: 4, bytes_max: 1 });
        let first = shelf.add(modelled(&[("temp", 1)]), 0);
        assert_eq!(shelf.over_limit(), None);
        let other = Reading { topic: "b".parse().unwrap(), ..modelled(&[]) };
        shelf.add(other, 0);
        assert_eq!(shelf.over_limit(), Some(first));
        let bytes = shelf.size().1;
        shelf.remove(first);
        assert!(shelf.size().0 == 1 && shelf.size().1 < bytes && shelf.over_limit().is_none());
        assert_eq!(shelf.fate(first, 1), Fate::Gone);
    }
}
