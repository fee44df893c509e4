//! Whether a point is news: deadband, report by exception, and a period after which anything is. Pure; total.
//!
//! Asked first and told after, so that a reading which could not be taken was not news that got lost.

use crate::interpret::TagPoint;
use crate::plan::{Plan, PlannedTag};
use crate::value::{Quality, Value};

/// What was last reported of each tag on one topic of one device. Empty after a start: the first value of all is news.
#[derive(Debug, Clone, Default)]
pub struct Reporter {
    last: Vec<Option<Last>>,
}

#[derive(Debug, Clone)]
struct Last {
    value: Value,
    quality: Quality,
    at_ms: u64,
}

/// Whether to report a point.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    Report,
    /// It moved less than its deadband.
    Deadband,
    /// It is what it was.
    Unchanged,
}

impl Reporter {
    /// Whether the point, received at `now_ms`, is news.
    pub fn judge(&self, plan: &Plan, point: &TagPoint, now_ms: u64) -> Verdict {
        let Some(Some(last)) = self.last.get(point.tag as usize) else { return Verdict::Report };
        let tag = plan.tag(point.tag);
        let forced_ms = tag.shape.forced_ms;
        let due = forced_ms > 0 && now_ms.saturating_sub(last.at_ms) >= forced_ms;
        if due || point.quality != last.quality {
            return Verdict::Report;
        }
        compare(tag, &last.value, &point.value)
    }

    /// The point was reported.
    pub fn apply(&mut self, point: &TagPoint, now_ms: u64) {
        let at = point.tag as usize;
        if self.last.len() <= at {
            self.last.resize(at + 1, None);
        }
        self.last[at] = Some(Last { value: point.value.clone(), quality: point.quality, at_ms: now_ms });
    }
}

fn compare(tag: &PlannedTag, last: &Value, value: &Value) -> Verdict {
    let moved = last.as_real().zip(value.as_real()).map(|(last, now)| ((now - last).abs(), tag.band(last)));
    match moved {
        Some((distance, Some(band))) if distance <= band => Verdict::Deadband,
        Some((_, Some(_))) => Verdict::Report,
        _ if tag.shape.by_exception && last == value => Verdict::Unchanged,
        _ => Verdict::Report,
    }
}
