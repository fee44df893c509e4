//! A reading as bytes in the journal: stream 16, kind 1, versions 1 and 2. Written by hand, little-endian. Pure.
//!
//! ```text
//! version 1                                             version 2, which is written
//! 0 flags u8   bits 0-1 QoS, bit 2 dup, bit 3 retain    0 flags u8   as in 1; bit 4 source time, bit 5 points; the rest zero
//! 1 topic      u16, then UTF-8                          1 source u8  1 mqtt, 2 http, 3 grpc, 4 external, 5 rule, 6 replay, 7 driver
//!   client     u16, then UTF-8                          2 topic, client, principal, content type: each u16, then UTF-8
//!   payload    to the end                                 source time u64, milliseconds, if bit 4 is set
//!                                                         payload to the end, or, if bit 5 is set:
//!                                                         device u8, then UTF-8; number of points u16; each point:
//!                                                           tag u8, then UTF-8; quality u8, 0 bad 1 uncertain 2 good;
//!                                                           source time u64; type u8 and value:
//!                                                           1 f64; 2 i64; 3 u8, 0 or 1; 4 u32, then UTF-8; 5 u32, then f64s
//! ```
//!
//! Names stand in each record, so that it can be understood without the model it was made by.

use crate::error::Unreadable;
use crate::names::Names;
use crate::reading::{Body, Points, Reading, Source};
use crate::replay;
use bytes::{Buf, Bytes};
use std::sync::Arc;
use tidegate_codec_mqtt::{QoS, Text, TopicName};
use tidegate_engine_tags::{Point, Quality, Value};
use tidegate_kernel_journal::Record;

pub(crate) const KIND: u16 = 1;
pub(crate) const VERSION: u8 = 2;
const FIRST_VERSION: u8 = 1;

const DUP: u8 = 1 << 2;
const RETAIN: u8 = 1 << 3;
const SOURCE_TIME: u8 = 1 << 4;
const POINTS: u8 = 1 << 5;
const QOS: u8 = 0b11;
/// A point with a name of no bytes and a boolean.
const POINT_BYTES_MIN: usize = 12;

/// Why a reading has no form in the journal: a name beyond 255 bytes, more than 65535 points, a real that is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Unwritable;

/// A point, wherever its name stands.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Said<'a> {
    pub(crate) tag: &'a str,
    pub(crate) value: &'a Value,
    pub(crate) quality: Quality,
    pub(crate) source_ms: u64,
}

pub(crate) fn encode(reading: &Reading) -> Result<Vec<u8>, Unwritable> {
    match &reading.body {
        Body::Raw(payload) => {
            let mut out = head(reading, 0, payload.len());
            out.extend_from_slice(payload);
            Ok(out)
        }
        Body::Points(points) => encode_points(reading, &points.device, points.points.iter().map(Said::of)),
    }
}

/// The reading with these points instead of what it says.
pub(crate) fn encode_points<'a>(
    reading: &Reading,
    device: &str,
    points: impl ExactSizeIterator<Item = Said<'a>> + Clone,
) -> Result<Vec<u8>, Unwritable> {
    let bytes = 16 + device.len() + points.clone().map(|point| point.bytes()).sum::<usize>();
    let mut out = head(reading, POINTS, bytes);
    put_name(&mut out, device)?;
    let count = u16::try_from(points.len()).map_err(|_| Unwritable)?;
    out.extend_from_slice(&count.to_le_bytes());
    for point in points {
        point.put(&mut out)?;
    }
    Ok(out)
}

/// What stands before the body, and room for about so many bytes of that.
fn head(reading: &Reading, points: u8, body_bytes: usize) -> Vec<u8> {
    let mut out = Vec::with_capacity(64 + reading.topic.as_bytes().len() + body_bytes);
    out.push(flags(reading) | points);
    out.push(reading.source.code());
    put_text(&mut out, reading.topic.as_bytes());
    for text in [&reading.client, &reading.principal, &reading.content_type] {
        put_text(&mut out, text.as_bytes());
    }
    if let Some(source_ms) = reading.source_ms {
        out.extend_from_slice(&source_ms.to_le_bytes());
    }
    out
}

/// What [`encode`] wrote, today or in version 1. Shares the record's bytes.
pub(crate) fn of_record(record: &Record) -> Result<Reading, Unreadable> {
    of_record_with(record, &mut Names::default())
}

/// The same for who reads many.
pub(crate) fn of_record_with(record: &Record, names: &mut Names) -> Result<Reading, Unreadable> {
    let head = &record.head;
    let decoded = match (head.kind, head.version) {
        (KIND, VERSION) => decode(record.payload.clone(), names),
        (KIND, FIRST_VERSION) => decode_first(record.payload.clone()),
        (kind, version) => return Err(Unreadable::Kind { seq: head.seq, kind, version }),
    };
    decoded.ok_or(Unreadable::Layout { seq: head.seq })
}

/// By which way the reading in the record came; nothing if it is none.
pub(crate) fn source_of_record(record: &Record) -> Option<Source> {
    match (record.head.kind, record.head.version) {
        (KIND, VERSION) => Source::of_code(*record.payload.get(1)?),
        (KIND, FIRST_VERSION) => Some(Source::Mqtt),
        (replay::KIND, replay::VERSION) => Some(Source::Replay),
        _ => None,
    }
}

fn flags(reading: &Reading) -> u8 {
    let bit = |on: bool, bit: u8| if on { bit } else { 0 };
    reading.qos as u8
        | bit(reading.dup, DUP)
        | bit(reading.retain, RETAIN)
        | bit(reading.source_ms.is_some(), SOURCE_TIME)
}

impl<'a> Said<'a> {
    fn of(point: &'a Point) -> Said<'a> {
        let Point { tag, value, quality, source_ms } = point;
        Said { tag, value, quality: *quality, source_ms: *source_ms }
    }

    /// About as many as it will take.
    fn bytes(&self) -> usize {
        let value = match self.value {
            Value::Text(text) => text.len(),
            Value::Reals(reals) => 8 * reals.len(),
            Value::Real(_) | Value::Integer(_) | Value::Boolean(_) => 8,
        };
        16 + self.tag.len() + value
    }

    fn put(&self, out: &mut Vec<u8>) -> Result<(), Unwritable> {
        if !self.value.is_finite() {
            return Err(Unwritable);
        }
        put_name(out, self.tag)?;
        out.push(self.quality as u8);
        out.extend_from_slice(&self.source_ms.to_le_bytes());
        put_value(out, self.value)
    }
}

fn put_value(out: &mut Vec<u8>, value: &Value) -> Result<(), Unwritable> {
    let mut eight = |code: u8, bytes: [u8; 8]| {
        out.push(code);
        out.extend_from_slice(&bytes);
    };
    match value {
        Value::Real(real) => eight(1, real.to_le_bytes()),
        Value::Integer(integer) => eight(2, integer.to_le_bytes()),
        Value::Boolean(boolean) => out.extend_from_slice(&[3, u8::from(*boolean)]),
        Value::Text(text) => {
            put_count(out, 4, text.len())?;
            out.extend_from_slice(text.as_bytes());
        }
        Value::Reals(reals) => {
            put_count(out, 5, reals.len())?;
            reals.iter().for_each(|real| out.extend_from_slice(&real.to_le_bytes()));
        }
    }
    Ok(())
}

fn put_count(out: &mut Vec<u8>, code: u8, count: usize) -> Result<(), Unwritable> {
    out.push(code);
    out.extend_from_slice(&u32::try_from(count).map_err(|_| Unwritable)?.to_le_bytes());
    Ok(())
}

fn put_text(out: &mut Vec<u8>, text: &[u8]) {
    let bytes = u16::try_from(text.len()).expect("MQTT text is at most 65535 bytes long");
    out.extend_from_slice(&bytes.to_le_bytes());
    out.extend_from_slice(text);
}

fn put_name(out: &mut Vec<u8>, name: &str) -> Result<(), Unwritable> {
    out.push(u8::try_from(name.len()).map_err(|_| Unwritable)?);
    out.extend_from_slice(name.as_bytes());
    Ok(())
}

fn decode_first(mut rest: Bytes) -> Option<Reading> {
    let flags = rest.try_get_u8().ok()?;
    if flags & !(QOS | DUP | RETAIN) != 0 {
        return None;
    }
    let topic = TopicName::try_from(take_text(&mut rest)?).ok()?;
    let client = take_text(&mut rest)?;
    let reading = Reading { client, ..Reading::raw(Source::Mqtt, topic, rest) };
    flagged(reading, flags)
}

fn decode(mut rest: Bytes, names: &mut Names) -> Option<Reading> {
    let flags = rest.try_get_u8().ok()?;
    if flags & !(QOS | DUP | RETAIN | SOURCE_TIME | POINTS) != 0 {
        return None;
    }
    let source = Source::of_code(rest.try_get_u8().ok()?)?;
    let topic = TopicName::try_from(take_text(&mut rest)?).ok()?;
    let (client, principal) = (take_text(&mut rest)?, take_text(&mut rest)?);
    let content_type = take_text(&mut rest)?;
    let source_ms = if flags & SOURCE_TIME != 0 { Some(rest.try_get_u64_le().ok()?) } else { None };
    let body =
        if flags & POINTS != 0 { Body::Points(take_points(&mut rest, names)?) } else { Body::Raw(rest) };
    let blank = Reading::raw(source, topic, Bytes::new());
    flagged(Reading { client, principal, content_type, source_ms, body, ..blank }, flags)
}

fn flagged(reading: Reading, flags: u8) -> Option<Reading> {
    let (dup, retain) = (flags & DUP != 0, flags & RETAIN != 0);
    Some(Reading { qos: QoS::new(flags & QOS)?, dup, retain, ..reading })
}

fn take_points(rest: &mut Bytes, names: &mut Names) -> Option<Points> {
    let device = take_name(rest, names)?;
    let count = rest.try_get_u16_le().ok()?;
    let mut points = Vec::with_capacity(usize::from(count).min(rest.len() / POINT_BYTES_MIN));
    for _ in 0..count {
        points.push(take_point(rest, names)?);
    }
    rest.is_empty().then_some(Points { device, points })
}

fn take_point(rest: &mut Bytes, names: &mut Names) -> Option<Point> {
    let tag = take_name(rest, names)?;
    let quality = quality_of_code(rest.try_get_u8().ok()?)?;
    let source_ms = rest.try_get_u64_le().ok()?;
    let value = take_value(rest).filter(Value::is_finite)?;
    Some(Point { tag, value, quality, source_ms })
}

fn quality_of_code(code: u8) -> Option<Quality> {
    [Quality::Bad, Quality::Uncertain, Quality::Good].into_iter().find(|quality| *quality as u8 == code)
}

fn take_value(rest: &mut Bytes) -> Option<Value> {
    match rest.try_get_u8().ok()? {
        1 => Some(Value::Real(rest.try_get_f64_le().ok()?)),
        2 => Some(Value::Integer(rest.try_get_i64_le().ok()?)),
        3 => match rest.try_get_u8().ok()? {
            code @ (0 | 1) => Some(Value::Boolean(code == 1)),
            _ => None,
        },
        4 => {
            let text = take_counted(rest, 1)?;
            Some(Value::Text(std::str::from_utf8(&text).ok()?.into()))
        }
        5 => {
            let mut reals = take_counted(rest, 8)?;
            Some(Value::Reals((0..reals.len() / 8).map(|_| reals.get_f64_le()).collect()))
        }
        _ => None,
    }
}

/// A count, then as many items of `bytes_each`. The count is held against what is there before anything is made of it.
fn take_counted(rest: &mut Bytes, bytes_each: usize) -> Option<Bytes> {
    let bytes = usize::try_from(rest.try_get_u32_le().ok()?).ok()?.checked_mul(bytes_each)?;
    (rest.len() >= bytes).then(|| rest.split_to(bytes))
}

fn take_text(rest: &mut Bytes) -> Option<Text> {
    let bytes = usize::from(rest.try_get_u16_le().ok()?);
    let text = (rest.len() >= bytes).then(|| rest.split_to(bytes))?;
    Text::try_from(text).ok()
}

fn take_name(rest: &mut Bytes, names: &mut Names) -> Option<Arc<str>> {
    let bytes = usize::from(rest.try_get_u8().ok()?);
    let name = names.name(rest.get(..bytes)?)?;
    rest.advance(bytes);
    Some(name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn values() -> impl Strategy<Value = Value> {
        let finite = || any::<f64>().prop_filter("a number", |real| real.is_finite());
        prop_oneof![
            finite().prop_map(Value::Real),
            any::<i64>().prop_map(Value::Integer),
            any::<bool>().prop_map(Value::Boolean),
            ".{0,30}".prop_map(|text| Value::from(text.as_str())),
            prop::collection::vec(finite(), 0..20).prop_map(|reals| Value::Reals(reals.into())),
        ]
    }

    fn points() -> impl Strategy<Value = Points> {
        let quality = prop_oneof![Just(Quality::Good), Just(Quality::Uncertain), Just(Quality::Bad)];
        let point =
            (".{0,20}", values(), quality, any::<u64>()).prop_map(|(tag, value, quality, source_ms)| Point {
                tag: tag.into(),
                value,
                quality,
                source_ms,
            });
        (".{0,20}", prop::collection::vec(point, 0..6))
            .prop_map(|(device, points)| Points { device: device.into(), points })
    }

    fn bodies() -> impl Strategy<Value = Body> {
        prop_oneof![
            prop::collection::vec(any::<u8>(), 0..200).prop_map(|payload| Body::Raw(payload.into())),
            points().prop_map(Body::Points),
        ]
    }

    fn readings() -> impl Strategy<Value = Reading> {
        let text = || "[^\0]{0,20}".prop_map(|text| Text::new(&text).unwrap());
        let flags = (0..3_u8, any::<bool>(), any::<bool>(), prop::option::of(any::<u64>()));
        let source = prop::sample::select(&Source::ALL[..]);
        ("[^+#\0]{1,40}", text(), text(), text(), flags, source, bodies()).prop_map(
            |(topic, client, principal, content_type, (qos, dup, retain, source_ms), source, body)| Reading {
                source,
                topic: topic.parse().unwrap(),
                client,
                principal,
                content_type,
                source_ms,
                qos: QoS::new(qos).unwrap(),
                dup,
                retain,
                body,
            },
        )
    }

    proptest! {
        #[test]
        fn a_reading_reads_back_as_written(reading in readings()) {
            prop_assert_eq!(decode(encode(&reading).unwrap().into(), &mut Names::default()), Some(reading));
        }

        #[test]
        fn a_reading_that_was_cut_is_none_or_a_shorter_payload(reading in readings(), cut in 1..40_usize) {
            let mut bytes = encode(&reading).unwrap();
            bytes.truncate(bytes.len().saturating_sub(cut));
            let found = decode(bytes.into(), &mut Names::default());
            prop_assert!(found.is_none_or(|found| found.payload().is_some() && found != reading));
        }

        #[test]
        fn any_bytes_are_a_reading_or_nothing_and_never_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
            let encoded = decode(bytes.clone().into(), &mut Names::default()).map(|reading| encode(&reading).unwrap());
            prop_assert!(encoded.is_none_or(|encoded| encoded == bytes));
            let _ = decode_first(bytes.into());
        }
    }

    #[test]
    fn the_layout_is_the_documented_one() {
        let reading = Reading {
            client: Text::new("c1").unwrap(),
            principal: Text::new("p").unwrap(),
            source_ms: Some(258),
            dup: true,
            retain: true,
            ..Reading::raw(Source::Http, "a/b".parse().unwrap(), "21.5")
        };
        let head = b"\x1d\x02\x03\0a/b\x02\0c1\x01\0p\0\0\x02\x01\0\0\0\0\0\0";
        assert_eq!(encode(&reading).unwrap(), [&head[..], b"21.5"].concat());
        let point = Point { tag: "t".into(), value: Value::Integer(5), quality: Quality::Good, source_ms: 7 };
        let points = Points { device: "d".into(), points: vec![point] };
        let modelled = Reading { source_ms: None, body: Body::Points(points), ..reading };
        let tail = b"\x01d\x01\0\x01t\x02\x07\0\0\0\0\0\0\0\x02\x05\0\0\0\0\0\0\0";
        let head = b"\x2d\x02\x03\0a/b\x02\0c1\x01\0p\0\0";
        assert_eq!(encode(&modelled).unwrap(), [&head[..], &tail[..]].concat());
    }

    #[test]
    fn a_reading_of_the_first_version_is_still_read() {
        let expected = Reading {
            client: Text::new("c1").unwrap(),
            dup: true,
            retain: true,
            ..Reading::raw(Source::Mqtt, "a/b".parse().unwrap(), "21.5")
        };
        assert_eq!(decode_first(Bytes::from_static(b"\x0d\x03\0a/b\x02\0c121.5")), Some(expected));
    }

    #[test]
    fn what_has_no_form_on_disk_is_not_written() {
        let point = |tag: &str, value| Point { tag: tag.into(), value, quality: Quality::Good, source_ms: 0 };
        let refused = |point| {
            let points = Points { device: "d".into(), points: vec![point] };
            encode(&Reading::points(Source::Rule, "a".parse().unwrap(), points))
        };
        assert_eq!(refused(point("t", Value::Real(f64::NAN))), Err(Unwritable));
        assert_eq!(refused(point("t", Value::Reals(Arc::new([f64::INFINITY])))), Err(Unwritable));
        assert_eq!(refused(point(&"t".repeat(256), Value::Integer(1))), Err(Unwritable));
    }
}
