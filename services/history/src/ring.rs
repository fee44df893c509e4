//! The last values of one tag, oldest first. Pure.

use std::collections::VecDeque;
use tidegate_engine_tags::{Point, Quality, Value};

/// A value on its tag's curve.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Dot {
    pub(crate) source_ms: u64,
    pub(crate) value: f64,
    pub(crate) quality: Quality,
}

/// Bytes of one dot in memory.
pub(crate) const DOT_BYTES: u64 = size_of::<Dot>() as u64;

/// One tag: its latest point, and the curve that led to it.
#[derive(Debug, Clone)]
pub(crate) struct Ring {
    pub(crate) latest: Point,
    pub(crate) dots: VecDeque<Dot>,
}

impl Ring {
    pub(crate) fn new(point: &Point) -> Ring {
        let mut ring = Ring { latest: point.clone(), dots: VecDeque::new() };
        ring.push(point, 1);
        ring
    }

    /// A point that is older than the latest takes its place on the curve and nothing else.
    pub(crate) fn push(&mut self, point: &Point, dots_max: usize) {
        let is_full = self.dots.len() >= dots_max;
        // One that is older than all there is room for has no place.
        if !is_full || self.dots.front().is_some_and(|first| first.source_ms <= point.source_ms) {
            self.shrink(dots_max.saturating_sub(1));
            self.make_room(dots_max);
            self.push_dot(point);
        }
        if point.source_ms >= self.latest.source_ms {
            // But for the name, which stays where it is.
            self.latest.value = point.value.clone();
            (self.latest.quality, self.latest.source_ms) = (point.quality, point.source_ms);
        }
    }

    pub(crate) fn shrink(&mut self, dots_max: usize) {
        let surplus = self.dots.len().saturating_sub(dots_max);
        self.dots.drain(..surplus);
    }

    /// Gives back the memory of what is beyond.
    pub(crate) fn shrink_memory(&mut self, dots_max: usize) {
        self.shrink(dots_max);
        self.dots.shrink_to(dots_max);
    }

    /// Grows by halves, and never beyond what it may hold: a queue that doubles by itself would take up to twice its share.
    fn make_room(&mut self, dots_max: usize) {
        let length = self.dots.len();
        if length == self.dots.capacity() {
            let more = (length / 2).max(4).min(dots_max.saturating_sub(length));
            self.dots.reserve_exact(more);
        }
    }

    /// Those from `from_ms` up to and with `to_ms`.
    pub(crate) fn range(&self, from_ms: u64, to_ms: u64) -> impl Iterator<Item = &Dot> {
        let first = self.dots.partition_point(|dot| dot.source_ms < from_ms);
        self.dots.range(first..).take_while(move |dot| dot.source_ms <= to_ms)
    }

    fn push_dot(&mut self, point: &Point) {
        let Some(value) = on_curve(&point.value) else { return };
        let Point { source_ms, quality, .. } = *point;
        let dot = Dot { source_ms, value, quality };
        if self.dots.back().is_none_or(|last| last.source_ms <= source_ms) {
            return self.dots.push_back(dot);
        }
        let at = self.dots.partition_point(|dot| dot.source_ms <= source_ms);
        self.dots.insert(at, dot);
    }
}

fn on_curve(value: &Value) -> Option<f64> {
    value.as_real()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn point(source_ms: u64) -> Point {
        Point { tag: "x".into(), value: Value::Integer(source_ms as i64), quality: Quality::Good, source_ms }
    }

    #[test]
    fn what_comes_late_is_put_in_its_place_and_is_not_the_latest() {
        let mut ring = Ring::new(&point(10));
        [30, 20, 40, 5].iter().for_each(|at| ring.push(&point(*at), 4));
        let times: Vec<_> = ring.dots.iter().map(|dot| dot.source_ms).collect();
        assert_eq!((times, ring.latest.source_ms), (vec![10, 20, 30, 40], 40));
        assert_eq!(ring.range(15, 30).count(), 2);
        assert_eq!(ring.range(50, 10).count(), 0);
    }
}
