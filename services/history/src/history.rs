//! All tags of all devices, within one limit of bytes: the more tags, the shorter each one's ring.

use crate::config::Config;
use crate::error::HistoryError;
use crate::ring::{DOT_BYTES, Ring};
use serde::Serialize;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tidegate_engine_tags::{Point, Value};

/// What a tag takes beside its ring and its names: its place among the others, its latest value, the heads of what is allocated.
const TAG_BYTES: u64 = 320;
/// Dots that a ring is not shortened below; a tag that would be is not kept.
const DOTS_MIN: u64 = 8;
/// A latest value larger than this is not kept.
const LATEST_BYTES_MAX: usize = 64 << 10;

/// The history. Shared by whoever feeds it and whoever asks.
#[derive(Debug)]
pub struct History {
    pub(crate) config: Config,
    tags: Mutex<Tags>,
}

/// A value on a curve.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Sample {
    /// By the device's clock, in milliseconds since 1970.
    pub source_ms: u64,
    pub value: f64,
    pub quality: &'static str,
}

#[derive(Debug, Default)]
pub(crate) struct Tags {
    /// The rings of a device in the order of their tags: a tree for each would take more than a ring where devices have one tag.
    pub(crate) devices: BTreeMap<Arc<str>, Vec<Ring>>,
    count: u64,
    /// Of names, and of latest values that are no numbers.
    text_bytes: u64,
    /// As long as each ring may be.
    dots_max: usize,
    /// Points of tags there was no room for.
    pub(crate) turned_away: u64,
}

impl History {
    pub fn new(config: Config) -> Result<History, HistoryError> {
        config.check()?;
        let tags = Tags { dots_max: config.points_max, ..Tags::default() };
        Ok(History { config, tags: Mutex::new(tags) })
    }

    /// Puts down what a device's tags were.
    pub fn record(&self, device: &str, points: &[Point]) {
        let mut tags = self.lock();
        let mut rest = tags.put_numbers(device, points);
        while let [point, behind @ ..] = rest {
            tags.record(device, point, &self.config);
            rest = tags.put_numbers(device, behind);
        }
    }

    /// The latest point of each tag, by name; none for a device nobody has heard of.
    pub fn latest(&self, device: &str) -> Vec<Point> {
        let tags = self.lock();
        let rings = tags.devices.get(device).into_iter().flatten();
        rings.map(|ring| ring.latest.clone()).collect()
    }

    /// What is kept of a tag from `from_ms` up to and with `to_ms`, oldest first.
    pub fn range(&self, device: &str, tag: &str, from_ms: u64, to_ms: u64) -> Vec<Sample> {
        let tags = self.lock();
        let ring = tags.ring(device, tag);
        let dots = ring.into_iter().flat_map(|ring| ring.range(from_ms, to_ms));
        let sample = |dot: &crate::ring::Dot| Sample {
            source_ms: dot.source_ms,
            value: dot.value,
            quality: dot.quality.name(),
        };
        dots.map(sample).collect()
    }

    /// How many devices have been heard of.
    pub fn len(&self) -> usize {
        self.lock().devices.len()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The names of the devices that come after `after`, at most so many.
    pub fn devices(&self, after: &str, many: usize) -> Vec<Arc<str>> {
        let tags = self.lock();
        let behind = (std::ops::Bound::Excluded(after), std::ops::Bound::Unbounded);
        tags.devices.range::<str, _>(behind).take(many).map(|(name, _)| name.clone()).collect()
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, Tags> {
        self.tags.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Tags {
    /// Tags, values, and about how many bytes they take.
    pub(crate) fn size(&self) -> (u64, u64, u64) {
        let (mut dots, mut room) = (0, 0);
        for ring in self.devices.values().flatten() {
            dots += ring.dots.len() as u64;
            room += ring.dots.capacity() as u64;
        }
        (self.count, dots, self.count * TAG_BYTES + self.text_bytes + room * DOT_BYTES)
    }

    fn ring(&self, device: &str, tag: &str) -> Option<&Ring> {
        let rings = self.devices.get(device)?;
        Some(&rings[place(rings, tag).ok()?])
    }

    fn ring_mut(&mut self, device: &str, tag: &str) -> Option<&mut Ring> {
        let rings = self.devices.get_mut(device)?;
        let at = place(rings, tag).ok()?;
        Some(&mut rings[at])
    }

    /// Puts down what stands in front and is a number of a tag that was one before, which takes no room but in its ring; the rest is left.
    /// This is what nearly all points are.
    fn put_numbers<'a>(&mut self, device: &str, points: &'a [Point]) -> &'a [Point] {
        let Some(rings) = self.devices.get_mut(device) else { return points };
        let (dots_max, mut next) = (self.dots_max, 0);
        for (nth, point) in points.iter().enumerate() {
            // Tags that are read together come in one order, which is often that of their names.
            let is_next = rings.get(next).is_some_and(|ring| ring.latest.tag == point.tag);
            let at = if is_next { Ok(next) } else { place(rings, &point.tag) };
            let is_number = |value: &Value| value.as_real().is_some();
            match at {
                Ok(at) if is_number(&point.value) && is_number(&rings[at].latest.value) => {
                    rings[at].push(point, dots_max);
                    next = at + 1;
                }
                _ => return &points[nth..],
            }
        }
        &[]
    }

    pub(crate) fn record(&mut self, device: &str, point: &Point, config: &Config) {
        if extra_bytes(&point.value) > LATEST_BYTES_MAX {
            self.turned_away += 1;
            return;
        }
        let known = self.ring(device, &point.tag);
        match known.map(|ring| extra_bytes(&ring.latest.value) as u64) {
            Some(before) => self.put(device, point, before, config),
            None => self.add(device, point, config),
        }
    }

    /// A tag that is known, and whose latest value takes `before` bytes.
    fn put(&mut self, device: &str, point: &Point, before: u64, config: &Config) {
        let bytes = self.text_bytes - before + extra_bytes(&point.value) as u64;
        if bytes > self.text_bytes && !self.has_room(self.count, bytes, config) {
            self.turned_away += 1;
            return;
        }
        let dots_max = self.dots_max;
        let Some(ring) = self.ring_mut(device, &point.tag) else { return };
        ring.push(point, dots_max);
        let after = extra_bytes(&ring.latest.value) as u64;
        self.text_bytes = self.text_bytes - before + after;
        if bytes > before {
            self.fit(config);
        }
    }

    fn add(&mut self, device: &str, point: &Point, config: &Config) {
        let extra = (extra_bytes(&point.value) + device.len() + point.tag.len()) as u64;
        if !self.has_room(self.count + 1, self.text_bytes + extra, config) {
            self.turned_away += 1;
            return;
        }
        self.count += 1;
        self.text_bytes += extra;
        let rings = match self.devices.get_mut(device) {
            Some(rings) => rings,
            None => self.devices.entry(device.into()).or_default(),
        };
        if let Err(at) = place(rings, &point.tag) {
            rings.reserve_exact(1);
            rings.insert(at, Ring::new(point));
        }
        self.fit(config);
    }

    fn has_room(&self, count: u64, text_bytes: u64, config: &Config) -> bool {
        count * (TAG_BYTES + DOTS_MIN * DOT_BYTES) + text_bytes <= config.bytes_max
    }

    /// The rings' length for so many tags. Where it shrinks, it does so by an eighth at least, so that this is rare.
    fn fit(&mut self, config: &Config) {
        let room = config.bytes_max.saturating_sub(self.count * TAG_BYTES + self.text_bytes);
        let fair = usize::try_from(room / DOT_BYTES / self.count.max(1)).unwrap_or(usize::MAX);
        if fair < self.dots_max {
            let dots_max = (fair - fair / 8).max(DOTS_MIN as usize).min(fair.max(1));
            self.dots_max = dots_max;
            let rings = self.devices.values_mut().flatten();
            rings.for_each(|ring| ring.shrink_memory(dots_max));
        }
    }
}

/// Where the tag's ring is, or would be.
fn place(rings: &[Ring], tag: &str) -> Result<usize, usize> {
    rings.binary_search_by(|ring| (*ring.latest.tag).cmp(tag))
}

fn extra_bytes(value: &Value) -> usize {
    match value {
        Value::Text(text) => text.len(),
        Value::Reals(reals) => 8 * reals.len(),
        Value::Real(_) | Value::Integer(_) | Value::Boolean(_) => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use tidegate_engine_tags::Quality;

    fn point(tag: &str, source_ms: u64, value: Value) -> Point {
        Point { tag: tag.into(), value, quality: Quality::Good, source_ms }
    }

    #[test]
    fn a_tag_alone_has_a_thousand_values_and_many_tags_have_fewer_each() {
        let history = History::new(Config { bytes_max: 1 << 20, ..Config::default() }).unwrap();
        (0..2000).for_each(|at| history.record("d", &[point("x", at, Value::Real(1.0))]));
        assert_eq!(history.range("d", "x", 0, u64::MAX).len(), 1000);
        for at in 0..200 {
            history.record("d", &[point(&format!("t{at}"), 1, Value::Real(1.0))]);
        }
        let left = history.range("d", "x", 0, u64::MAX);
        assert!((100..250).contains(&left.len()), "{}", left.len());
        assert_eq!(left.last().unwrap().source_ms, 1999);
    }

    #[test]
    fn devices_are_told_in_pages_and_a_stranger_has_nothing() {
        let history = History::new(Config::default()).unwrap();
        ["a", "b", "c"].iter().for_each(|device| history.record(device, &[point("x", 1, Value::from("on"))]));
        assert_eq!(history.devices("a", 1), [Arc::from("b")]);
        assert_eq!(history.latest("nobody"), []);
        assert_eq!((history.latest("a").len(), history.range("a", "x", 0, 9)), (1, vec![]));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]
        #[test]
        fn points_put_down_together_are_those_put_down_alone(
            run in prop::collection::vec((0..9_u32, 0..50_u64, 0..3_u8), 1..300)
        ) {
            let config = Config { points_max: 20, ..Config::default() };
            let [together, alone] = [0; 2].map(|_| History::new(config.clone()).unwrap());
            let value = |kind, at| match kind {
                0 => Value::from("text"),
                1 => Value::Integer(at as i64),
                _ => Value::Real(at as f64),
            };
            let points: Vec<_> =
                run.iter().map(|(tag, at, kind)| point(&tag.to_string(), *at, value(*kind, *at))).collect();
            points.chunks(13).for_each(|points| together.record("d", points));
            points.iter().for_each(|point| alone.lock().record("d", point, &config));
            prop_assert_eq!(together.latest("d"), alone.latest("d"));
            for tag in 0..9 {
                let of = |history: &History| history.range("d", &tag.to_string(), 0, u64::MAX);
                prop_assert_eq!(of(&together), of(&alone));
            }
            prop_assert_eq!(together.lock().size(), alone.lock().size());
        }

        #[test]
        fn no_run_of_points_takes_more_than_its_bytes(
            run in prop::collection::vec((0..300_u32, 0..100_u64, 0..4_u8), 1..2000)
        ) {
            let config = Config { bytes_max: 1 << 16, ..Config::default() };
            let history = History::new(config.clone()).unwrap();
            for (tag, source_ms, kind) in run {
                let value = match kind {
                    0 => Value::Real(1.0),
                    1 => Value::from("x".repeat(tag as usize).as_str()),
                    2 => Value::Reals(vec![0.5; tag as usize].into()),
                    _ => Value::Integer(7),
                };
                history.record("d", &[point(&tag.to_string(), source_ms, value)]);
                let (_, _, bytes) = history.lock().size();
                prop_assert!(bytes <= config.bytes_max, "{bytes}");
            }
        }
    }
}
