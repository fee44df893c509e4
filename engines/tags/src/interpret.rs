//! From a payload to points: what the parser finds is turned into values, then given its time and its quality. Pure.

use crate::error::{Malformed, MalformedKind, PointFault};
use crate::payload;
use crate::plan::{Plan, PlannedTag, TagId};
use crate::template::TimeUnit;
use crate::value::{Quality, Type, Value};
use crate::window;

/// One tag's value in a message.
#[derive(Debug, Clone, PartialEq)]
pub struct TagPoint {
    pub tag: TagId,
    pub value: Value,
    pub quality: Quality,
    pub source_ms: u64,
}

/// What a payload says, and what is wrong with parts of it.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Interpreted {
    /// In the order of the payload; at least one.
    pub points: Vec<TagPoint>,
    pub faults: Vec<PointFault>,
}

impl Plan {
    /// What the payload says. Its time is in the payload, or else the protocol's `stated_ms`, or else when it was received.
    pub fn interpret(
        &self,
        payload: &[u8],
        stated_ms: Option<u64>,
        received_ms: u64,
    ) -> Result<Interpreted, Malformed> {
        if payload.len() > self.limits.payload_bytes_max {
            return Err(Malformed::whole(MalformedKind::TooLarge));
        }
        let mut gathered = Gathered::new(self);
        payload::parse(payload, &mut gathered)?;
        gathered.finish(stated_ms, received_ms)
    }
}

/// A value as the parser finds it.
#[derive(Debug)]
pub(crate) enum Raw<'t> {
    Real(f64),
    Integer(i64),
    /// Beyond what an integer holds.
    Large(u64),
    Boolean(bool),
    Text(&'t str),
    /// Samples before they are scaled.
    Samples(Vec<f64>),
    /// An array or object where none can be, or an array with something in it that is no number.
    Other,
    TooLong,
}

/// What was found so far in one payload.
#[derive(Debug)]
pub(crate) struct Gathered<'p> {
    pub(crate) plan: &'p Plan,
    made: Interpreted,
    time: Option<Option<u64>>,
    quality: Quality,
    /// The tags that were there, and the two fields that are none.
    seen: [u64; 17],
}

const TIME: usize = 1024;
const QUALITY: usize = 1025;

impl<'p> Gathered<'p> {
    fn new(plan: &'p Plan) -> Gathered<'p> {
        let made = Interpreted { points: Vec::with_capacity(plan.tags.len().min(16)), faults: Vec::new() };
        Gathered { plan, made, time: None, quality: Quality::Good, seen: [0; 17] }
    }

    /// False the second time.
    pub(crate) fn first_tag(&mut self, tag: TagId) -> bool {
        self.first(tag as usize)
    }

    pub(crate) fn first_time(&mut self) -> bool {
        self.first(TIME)
    }

    pub(crate) fn first_quality(&mut self) -> bool {
        self.first(QUALITY)
    }

    fn first(&mut self, field: usize) -> bool {
        let (word, bit) = (field / 64, 1 << (field % 64));
        let first = self.seen[word] & bit == 0;
        self.seen[word] |= bit;
        first
    }

    pub(crate) fn take(&mut self, id: TagId, raw: Raw<'_>) {
        let plan = self.plan;
        let tag = plan.tag(id);
        match (tag.of, raw) {
            (Type::Reals, Raw::Samples(samples)) => self.take_samples(id, tag, samples),
            (_, raw) => match value(tag, raw) {
                Ok(value) => self.push(id, tag, value),
                Err(fault) => self.made.faults.push(fault),
            },
        }
    }

    fn push(&mut self, id: TagId, tag: &PlannedTag, value: Value) {
        let plausible = value.as_real().is_none_or(|real| tag.is_plausible(real));
        let quality = self.judge(tag, plausible);
        self.made.points.push(TagPoint { tag: id, value, quality, source_ms: 0 });
    }

    fn judge(&mut self, tag: &PlannedTag, plausible: bool) -> Quality {
        if plausible {
            return Quality::Good;
        }
        self.made.faults.push(PointFault::Implausible);
        tag.shape.implausible
    }

    fn take_samples(&mut self, id: TagId, tag: &PlannedTag, mut samples: Vec<f64>) {
        samples.iter_mut().for_each(|sample| *sample = scaled(tag, *sample));
        if samples.is_empty() || !samples.iter().all(|sample| sample.is_finite()) {
            let fault = if samples.is_empty() { PointFault::Length } else { PointFault::OutOfRange };
            self.made.faults.push(fault);
            return;
        }
        let plausible = samples.iter().all(|sample| tag.is_plausible(*sample));
        let quality = self.judge(tag, plausible);
        for (what, derived) in &tag.derived {
            if let Some(value) = window::derive(*what, &samples) {
                let value = Value::Real(value);
                self.made.points.push(TagPoint { tag: *derived, value, quality, source_ms: 0 });
            }
        }
        if tag.shape.keeps_samples {
            let value = Value::Reals(samples.into());
            self.made.points.push(TagPoint { tag: id, value, quality, source_ms: 0 });
        }
    }

    pub(crate) fn take_time(&mut self, raw: &Raw<'_>) {
        self.time = Some(millis(self.plan.time.unit, raw));
    }

    pub(crate) fn take_quality(&mut self, raw: &Raw<'_>) {
        self.quality = stated_quality(raw).unwrap_or_else(|| {
            self.made.faults.push(PointFault::Quality);
            Quality::Uncertain
        });
    }

    fn finish(mut self, stated_ms: Option<u64>, received_ms: u64) -> Result<Interpreted, Malformed> {
        if self.made.points.is_empty() {
            return Err(Malformed::whole(self.nothing()));
        }
        let (source_ms, believed) = self.settle_time(stated_ms, received_ms);
        if !believed {
            self.made.faults.push(PointFault::Time);
            self.quality = self.quality.min(Quality::Uncertain);
        }
        for point in &mut self.made.points {
            point.source_ms = source_ms;
            point.quality = point.quality.min(self.quality);
        }
        Ok(self.made)
    }

    fn nothing(&self) -> MalformedKind {
        self.made.faults.first().map_or(MalformedKind::NoTag, |fault| MalformedKind::NoValue(*fault))
    }

    /// The time to go by, and whether it is the device's own.
    fn settle_time(&self, stated_ms: Option<u64>, received_ms: u64) -> (u64, bool) {
        let time = &self.plan.time;
        let near = |ms: &u64| {
            *ms <= received_ms.saturating_add(time.ahead_ms_max)
                && *ms >= received_ms.saturating_sub(time.behind_ms_max)
        };
        match self.time.unwrap_or(stated_ms) {
            Some(ms) if near(&ms) => (ms, true),
            // Neither the payload nor the protocol says anything: that is no fault.
            None if self.time.is_none() => (received_ms, true),
            _ => (received_ms, false),
        }
    }
}

fn value(tag: &PlannedTag, raw: Raw<'_>) -> Result<Value, PointFault> {
    match (tag.of, raw) {
        (_, Raw::TooLong) => Err(PointFault::Length),
        (Type::Real, Raw::Real(real)) => finite(scaled(tag, real)),
        (Type::Real, Raw::Integer(integer)) => finite(scaled(tag, integer as f64)),
        (Type::Real, Raw::Large(large)) => finite(scaled(tag, large as f64)),
        (Type::Integer, Raw::Integer(integer)) => Ok(Value::Integer(integer)),
        (Type::Integer, Raw::Large(_)) => Err(PointFault::OutOfRange),
        (Type::Integer, Raw::Real(real)) => whole(real),
        (Type::Boolean, Raw::Boolean(boolean)) => Ok(Value::Boolean(boolean)),
        (Type::Boolean, Raw::Integer(bit @ (0 | 1))) => Ok(Value::Boolean(bit == 1)),
        (Type::Text, Raw::Text(text)) => Ok(Value::Text(text.into())),
        _ => Err(PointFault::WrongType),
    }
}

fn scaled(tag: &PlannedTag, number: f64) -> f64 {
    number * tag.shape.scale + tag.shape.offset
}

fn finite(real: f64) -> Result<Value, PointFault> {
    if real.is_finite() { Ok(Value::Real(real)) } else { Err(PointFault::OutOfRange) }
}

/// An integer that was written as 5.0 or 5e3.
fn whole(real: f64) -> Result<Value, PointFault> {
    match real {
        real if real.fract() != 0.0 => Err(PointFault::WrongType),
        real if real.abs() > 9_007_199_254_740_992.0 => Err(PointFault::OutOfRange),
        real => Ok(Value::Integer(real as i64)),
    }
}

fn millis(unit: TimeUnit, raw: &Raw<'_>) -> Option<u64> {
    match raw {
        Raw::Integer(count) => unit.millis(*count),
        Raw::Real(count) => unit.millis_of_real(*count),
        _ => None,
    }
}

/// In words, as a yes or no, or by the two upper bits of an OPC quality.
fn stated_quality(raw: &Raw<'_>) -> Option<Quality> {
    match raw {
        Raw::Boolean(true) => Some(Quality::Good),
        Raw::Boolean(false) => Some(Quality::Bad),
        Raw::Integer(code @ 0..=255) => match code >> 6 {
            0b11 => Some(Quality::Good),
            0b01 => Some(Quality::Uncertain),
            0b00 => Some(Quality::Bad),
            _ => None,
        },
        Raw::Text(text) => {
            let all = [Quality::Good, Quality::Uncertain, Quality::Bad];
            all.into_iter().find(|quality| quality.name().eq_ignore_ascii_case(text))
        }
        _ => None,
    }
}
