//! A reading and its payload in the journal: stream 16, kind 1, version 1. Written by hand, little-endian. Pure.
//!
//! ```text
//! 0 flags u8            bits 0-1 QoS, bit 2 dup, bit 3 retain, the rest zero
//! 1 topic length u16    then the topic, UTF-8
//!   client length u16   then the client's id, UTF-8
//!   payload             to the end
//! ```

use crate::error::Unreadable;
use bytes::{Buf, Bytes};
use tidegate_codec_mqtt::{QoS, Text, TopicName};
use tidegate_kernel_journal::Record;

/// The stream of all readings.
pub const READINGS: u16 = 16;
pub(crate) const KIND: u16 = 1;
pub(crate) const VERSION: u8 = 1;

const DUP: u8 = 1 << 2;
const RETAIN: u8 = 1 << 3;
const QOS: u8 = 0b11;

/// One message of a device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reading {
    pub topic: TopicName,
    pub client: Text,
    pub payload: Bytes,
    pub qos: QoS,
    /// The publisher says that it may have sent it before.
    pub dup: bool,
    pub retain: bool,
}

impl Reading {
    pub(crate) fn encode(&self) -> Vec<u8> {
        let (topic, client) = (self.topic.as_bytes(), self.client.as_bytes());
        let mut out = Vec::with_capacity(5 + topic.len() + client.len() + self.payload.len());
        let bit = |on: bool, bit: u8| if on { bit } else { 0 };
        out.push(self.qos as u8 | bit(self.dup, DUP) | bit(self.retain, RETAIN));
        put_text(&mut out, topic);
        put_text(&mut out, client);
        out.extend_from_slice(&self.payload);
        out
    }

    /// What [`Reading::encode`] wrote. Shares the record's bytes.
    pub(crate) fn of_record(record: &Record) -> Result<Reading, Unreadable> {
        let head = &record.head;
        if (head.kind, head.version) != (KIND, VERSION) {
            return Err(Unreadable::Kind { seq: head.seq, kind: head.kind, version: head.version });
        }
        decode(record.payload.clone()).ok_or(Unreadable::Layout { seq: head.seq })
    }
}

fn decode(mut rest: Bytes) -> Option<Reading> {
    let flags = rest.try_get_u8().ok()?;
    if flags & !(QOS | DUP | RETAIN) != 0 {
        return None;
    }
    Some(Reading {
        topic: TopicName::try_from(take_text(&mut rest)?).ok()?,
        client: take_text(&mut rest)?,
        payload: rest,
        qos: QoS::new(flags & QOS)?,
        dup: flags & DUP != 0,
        retain: flags & RETAIN != 0,
    })
}

fn put_text(out: &mut Vec<u8>, text: &[u8]) {
    let bytes = u16::try_from(text.len()).expect("MQTT text is at most 65535 bytes long");
    out.extend_from_slice(&bytes.to_le_bytes());
    out.extend_from_slice(text);
}

fn take_text(rest: &mut Bytes) -> Option<Text> {
    let bytes = usize::from(rest.try_get_u16_le().ok()?);
    let text = (rest.len() >= bytes).then(|| rest.split_to(bytes))?;
    Text::try_from(text).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn readings() -> impl Strategy<Value = Reading> {
        let payload = prop::collection::vec(any::<u8>(), 0..200);
        ("[^+#\0]{1,40}", "[^\0]{0,40}", payload, 0..3_u8, any::<bool>(), any::<bool>()).prop_map(
            |(topic, client, payload, qos, dup, retain)| Reading {
                topic: topic.parse().unwrap(),
                client: Text::new(&client).unwrap(),
                payload: payload.into(),
                qos: QoS::new(qos).unwrap(),
                dup,
                retain,
            },
        )
    }

    proptest! {
        #[test]
        fn a_reading_reads_back_as_written(reading in readings()) {
            prop_assert_eq!(decode(reading.encode().into()), Some(reading));
        }

        #[test]
        fn any_bytes_are_a_reading_or_nothing_and_never_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
            let encoded = decode(bytes.clone().into()).map(|reading| reading.encode());
            prop_assert!(encoded.is_none_or(|encoded| encoded == bytes));
        }
    }

    #[test]
    fn the_layout_is_the_documented_one() {
        let reading = Reading {
            topic: "a/b".parse().unwrap(),
            client: Text::new("c1").unwrap(),
            payload: Bytes::from_static(b"21.5"),
            qos: QoS::AtLeastOnce,
            dup: true,
            retain: true,
        };
        assert_eq!(reading.encode(), b"\x0d\x03\0a/b\x02\0c121.5");
    }
}
