//! From a payload to points: what the parser finds is turned into values, then given its time and its quality. Pure.

use crate::error::{Malformed, MalformedKind, PointFault};
use crate::payload;
use crate::plan::{Plan, PlannedTag, TagId, To};
use crate::template::TimeUnit;
use crate::value::{Point, Quality, Type, Value};
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
        let mut made = Interpreted::default();
        self.interpret_into(payload, stated_ms, received_ms, &mut made).map(|()| made)
    }

    /// The same in place of what is in `made`, whose memory is used again.
    pub fn interpret_into(
        &self,
        payload: &[u8],
        stated_ms: Option<u64>,
        received_ms: u64,
        made: &mut Interpreted,
    ) -> Result<(), Malformed> {
        made.points.clear();
        made.faults.clear();
        if payload.len() > self.limits.payload_bytes_max {
            return Err(Malformed::whole(MalformedKind::TooLarge));
        }
        let mut gathered = Gathered::new(self, made);
        payload::parse(payload, &mut gathered)?;
        gathered.finish(stated_ms, received_ms)
    }
}

impl Plan {
    /// The same of values that were read from the device as they stand there, each with a quality and a time of its own.
    pub fn shape_into(
        &self,
        points: &[Point],
        received_ms: u64,
        made: &mut Interpreted,
    ) -> Result<(), Malformed> {
        made.points.clear();
        made.faults.clear();
        let mut gathered = Gathered::new(self, made);
        for (hint, point) in points.iter().enumerate() {
            let Some(tag) = self.find(&point.tag, hint) else { continue };
            gathered.quality = point.quality;
            gathered.shape(tag, point, received_ms);
        }
        match gathered.made.points.is_empty() {
            true => Err(Malformed::whole(gathered.nothing())),
            false => Ok(()),
        }
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

impl Raw<'_> {
    pub(crate) fn of(value: &Value) -> Raw<'_> {
        match value {
            Value::Real(real) => Raw::Real(*real),
            Value::Integer(integer) => Raw::Integer(*integer),
            Value::Boolean(boolean) => Raw::Boolean(*boolean),
            Value::Text(text) => Raw::Text(text),
            Value::Reals(reals) => Raw::Samples(reals.to_vec()),
        }
    }
}

/// What was found so far in one payload.
#[derive(Debug)]
pub(crate) struct Gathered<'p> {
    pub(crate) plan: &'p Plan,
    made: &'p mut Interpreted,
    time: Option<Option<u64>>,
    quality: Quality,
    /// The tags that were there, and the two fields that are none.
    seen: [u64; 17],
}

const TIME: usize = 1024;
const QUALITY: usize = 1025;

impl<'p> Gathered<'p> {
    fn new(plan: &'p Plan, made: &'p mut Interpreted) -> Gathered<'p> {
        made.points.reserve(plan.tags.len().min(16));
        Gathered { plan, made, time: None, quality: Quality::Good, seen: [0; 17] }
    }

    /// Begins anew.
    pub(crate) fn forget(&mut self) {
        self.made.points.clear();
        self.made.faults.clear();
        (self.time, self.quality, self.seen) = (None, Quality::Good, [0; 17]);
    }

    /// Takes a value to where its key leads; false, and nothing is taken, the second time.
    pub(crate) fn put(&mut self, to: To, raw: Raw<'_>) -> bool {
        let is_first = match to {
            To::Tag(tag) => self.first(tag as usize),
            To::Time => self.first(TIME),
            To::Quality => self.first(QUALITY),
            To::Node(_) => true,
        };
        match to {
            _ if !is_first => {}
            To::Tag(tag) => self.take(tag, raw),
            To::Time => self.take_time(&raw),
            To::Quality => self.take_quality(&raw),
            To::Node(_) => {}
        }
        is_first
    }

    fn first(&mut self, field: usize) -> bool {
        let (word, bit) = (field / 64, 1 << (field % 64));
        let first = self.seen[word] & bit == 0;
        self.seen[word] |= bit;
        first
    }

    fn shape(&mut self, id: TagId, point: &Point, received_ms: u64) {
        let before = self.made.points.len();
        self.take(id, Raw::of(&point.value));
        let (source_ms, believed) = self.settle_time(Some(point.source_ms), received_ms);
        if !believed && self.made.points.len() > before {
            self.made.faults.push(PointFault::Time);
            self.quality = self.quality.min(Quality::Uncertain);
        }
        for made in &mut self.made.points[before..] {
            made.source_ms = source_ms;
            made.quality = made.quality.min(self.quality);
        }
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

    fn take_time(&mut self, raw: &Raw<'_>) {
        self.time = Some(millis(self.plan.time.unit, raw));
    }

    fn take_quality(&mut self, raw: &Raw<'_>) {
        self.quality = stated_quality(raw).unwrap_or_else(|| {
            self.made.faults.push(PointFault::Quality);
            Quality::Uncertain
        });
    }

    fn finish(mut self, stated_ms: Option<u64>, received_ms: u64) -> Result<(), Malformed> {
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
        Ok(())
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

pub(crate) fn value(tag: &PlannedTag, raw: Raw<'_>) -> Result<Value, PointFault> {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Model;
    use crate::template::{Device, Group, ModelConfig, Tag, Template, TimeField};
    use proptest::prelude::*;

    fn model() -> Model {
        let tag = |name: &str, of| Tag { name: name.to_owned(), path: name.to_owned(), of, ..Tag::default() };
        let tags = vec![
            tag("a", Type::Real),
            tag("b", Type::Integer),
            tag("c", Type::Boolean),
            tag("d", Type::Text),
            tag("e", Type::Reals),
            Tag { name: "f".to_owned(), ..tag("n.x", Type::Real) },
        ];
        let groups = vec![Group { name: "all".to_owned(), class: None, tags }];
        let time = TimeField { path: "t".to_owned(), ..TimeField::default() };
        let template = Template { name: "t".to_owned(), groups, time, quality: Some("q".to_owned()) };
        let (name, topic, template_name) = ("d".to_owned(), "d".to_owned(), "t".to_owned());
        let device = Device { name, topic, template: template_name, overrides: vec![] };
        Model::compile(&ModelConfig {
            templates: vec![template],
            devices: vec![device],
            ..ModelConfig::default()
        })
        .unwrap()
    }

    /// What serde_json alone makes of it.
    fn reference(plan: &Plan, payload: &[u8]) -> Result<Interpreted, Malformed> {
        let mut made = Interpreted::default();
        let mut gathered = Gathered::new(plan, &mut made);
        payload::parse_any(payload, &mut gathered)?;
        gathered.finish(None, 1_700_000_000_000).map(|()| made)
    }

    fn numbers() -> impl Strategy<Value = String> {
        prop_oneof![
            4 => "-?(0|[1-9][0-9]{0,4})([.][0-9]{1,3})?",
            2 => "-?[0-9]{1,20}([.][0-9]{0,20})?([eE][+-]?[0-9]{0,3})?",
            1 => any::<f64>().prop_map(|real| format!("{real}")),
            1 => any::<f64>().prop_map(|real| format!("{real:e}")),
        ]
    }

    fn values() -> impl Strategy<Value = String> {
        let word = prop::sample::select(
            &["true", "false", "null", "[]", "{}", "[1,2.5,-3]", "[1,null]", "{\"x\":1}", "tru", ""][..],
        );
        prop_oneof![
            5 => numbers(),
            2 => word.prop_map(str::to_owned),
            1 => "\"[a-z\\\\\"\u{0}-\u{ff}]{0,6}\"",
            1 => prop::collection::vec(numbers(), 0..5).prop_map(|all| format!("[{}]", all.join(", "))),
        ]
    }

    fn payloads() -> impl Strategy<Value = String> {
        let key =
            prop::sample::select(&["a", "b", "c", "d", "e", "n", "t", "q", "other", "\\u0061", "é"][..]);
        let pair = (key, values(), "[ \n]{0,1}")
            .prop_map(|(key, value, space)| format!("\"{key}\"{space}:{space}{value}"));
        (prop::collection::vec(pair, 0..7), "[ \t]{0,1}", "[ x,}]{0,1}")
            .prop_map(|(pairs, space, end)| format!("{{{}}}{end}", pairs.join(&format!("{space},"))))
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4096))]
        #[test]
        fn a_payload_is_read_as_serde_json_reads_it(payload in payloads(), cut in 0..120_usize) {
            let model = model();
            let plan = &model.known[0].plan;
            let bytes = payload.as_bytes();
            for bytes in [bytes, &bytes[..cut.min(bytes.len())]] {
                let made = plan.interpret(bytes, None, 1_700_000_000_000);
                prop_assert_eq!(made, reference(plan, bytes), "{}", String::from_utf8_lossy(bytes));
            }
        }
    }

    #[test]
    fn the_bits_of_a_real_are_those_of_serde_json() {
        let model = model();
        let plan = &model.known[0].plan;
        for text in
            ["61.20", "-0.0", "9007199254740992.0", "0.000000000000001", "900719925474099.3", "-17.125"]
        {
            let payload = format!("{{\"a\":{text}}}");
            let bits = |made: Interpreted| made.points[0].value.as_real().unwrap().to_bits();
            let [made, expected] =
                [plan.interpret(payload.as_bytes(), None, 0), reference(plan, payload.as_bytes())];
            assert_eq!(bits(made.unwrap()), bits(expected.unwrap()), "{text}");
        }
    }
}
