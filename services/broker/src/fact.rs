//! What the broker writes down: one record for each thing that must be true after a restart.
//!
//! Little-endian, written by hand; a new meaning is a new kind. A message itself is kept as the MQTT 5 packet it would be, which
//! is a format that stays. Pure. Reading gives nothing where a record is not whole or says what this version does not know.
//!
//! ```text
//! berth u64, number u64, identifier u16, time u64 (ms since 1970, 0 for none), text = length u16 + bytes
//!  1 opened        berth, expiry_s u32, client text, owner text
//!  2 back          berth, expiry_s u32
//!  3 left          berth, ends u64
//!  4 closed        berth
//!  5 subscribed    berth, options u8 (QoS, 4 no local, 8 retain as published), id u32 or 0, filter text
//!  6 unsubscribed  berth, filter text
//!  7 message       number, QoS u8, retained u8, expires u64, packet = length u32 + bytes, owed
//!  8 owed          number, then to the end: berth, identifier, flags u8 (QoS, 4 retain), ids = count u8 + u32 each
//!  9 released      berth, identifier     PUBREC has come
//! 10 done          berth, identifier     PUBACK or PUBCOMP has come
//! 11 received      berth, identifier     a QoS 2 publication was taken
//! 12 forgotten     berth, identifier     its PUBREL has come
//! 13 cleared       topic text            the retained message is gone
//! 14 willed        berth, due u64, QoS u8, client text, principal text, packet to the end; a will waits for its delay
//! 15 said          berth                 it was said, or will not be
//! ```

use bytes::{Buf, BufMut, Bytes, BytesMut};
use tidegate_codec_mqtt::{
    Decoder, Encoder, Packet, PacketId, ProtocolLevel, Publish, QoS, SubscriptionId, Text, TopicFilter,
    UserLimit,
};

use crate::options::Options;

pub(crate) const VERSION: u8 = 1;

/// A message one client is owed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Owed {
    pub(crate) berth: u64,
    pub(crate) id: PacketId,
    pub(crate) qos: QoS,
    pub(crate) retain: bool,
    pub(crate) ids: Vec<SubscriptionId>,
}

/// What is known of a message apart from who is owed it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Stored {
    pub(crate) number: u64,
    pub(crate) qos: QoS,
    pub(crate) expires_ms: u64,
    pub(crate) publish: Publish,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Fact {
    Opened { berth: u64, expiry_s: u32, client: Text, owner: Text },
    Back { berth: u64, expiry_s: u32 },
    Left { berth: u64, ends_ms: u64 },
    Closed { berth: u64 },
    Subscribed { berth: u64, filter: TopicFilter, options: Options },
    Unsubscribed { berth: u64, filter: TopicFilter },
    Message { stored: Stored, retained: bool, owed: Vec<Owed> },
    Owed { number: u64, owed: Vec<Owed> },
    Released { berth: u64, id: PacketId },
    Done { berth: u64, id: PacketId },
    Received { berth: u64, id: PacketId },
    Forgotten { berth: u64, id: PacketId },
    Cleared { topic: Bytes },
    Willed { berth: u64, due_ms: u64, will: Box<Willed> },
    Said { berth: u64 },
}

/// A will as it will be published.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Willed {
    pub(crate) client: Text,
    pub(crate) principal: Text,
    pub(crate) qos: QoS,
    pub(crate) publish: Publish,
}

impl Fact {
    pub(crate) fn kind(&self) -> u16 {
        match self {
            Self::Opened { .. } => 1,
            Self::Back { .. } => 2,
            Self::Left { .. } => 3,
            Self::Closed { .. } => 4,
            Self::Subscribed { .. } => 5,
            Self::Unsubscribed { .. } => 6,
            Self::Message { .. } => 7,
            Self::Owed { .. } => 8,
            Self::Released { .. } => 9,
            Self::Done { .. } => 10,
            Self::Received { .. } => 11,
            Self::Forgotten { .. } => 12,
            Self::Cleared { .. } => 13,
            Self::Willed { .. } => 14,
            Self::Said { .. } => 15,
        }
    }

    pub(crate) fn put(&self, out: &mut Vec<u8>) {
        match self {
            Self::Opened { berth, expiry_s, client, owner } => {
                out.put_u64_le(*berth);
                out.put_u32_le(*expiry_s);
                put_text(client.as_bytes(), out);
                put_text(owner.as_bytes(), out);
            }
            Self::Back { berth, expiry_s } => {
                out.put_u64_le(*berth);
                out.put_u32_le(*expiry_s);
            }
            Self::Left { berth, ends_ms } => {
                out.put_u64_le(*berth);
                out.put_u64_le(*ends_ms);
            }
            Self::Closed { berth } | Self::Said { berth } => out.put_u64_le(*berth),
            Self::Subscribed { berth, filter, options } => put_subscribed(*berth, filter, *options, out),
            Self::Unsubscribed { berth, filter } => {
                out.put_u64_le(*berth);
                put_text(filter.as_bytes(), out);
            }
            Self::Message { stored, retained, owed } => put_message(stored, *retained, owed, out),
            Self::Owed { number, owed } => {
                out.put_u64_le(*number);
                owed.iter().for_each(|one| one.put(out));
            }
            Self::Released { berth, id }
            | Self::Done { berth, id }
            | Self::Received { berth, id }
            | Self::Forgotten { berth, id } => {
                out.put_u64_le(*berth);
                out.put_u16_le(id.get());
            }
            Self::Cleared { topic } => put_text(topic, out),
            Self::Willed { berth, due_ms, will } => {
                out.put_u64_le(*berth);
                out.put_u64_le(*due_ms);
                out.put_u8(will.qos as u8);
                put_text(will.client.as_bytes(), out);
                put_text(will.principal.as_bytes(), out);
                out.put_slice(&encoded(&will.publish));
            }
        }
    }

    /// `None` where the record is not whole, or of a kind that is not known.
    pub(crate) fn read(kind: u16, bytes: &mut Bytes) -> Option<Self> {
        let fact = match kind {
            1 => {
                let (berth, expiry_s) = (bytes.try_get_u64_le().ok()?, bytes.try_get_u32_le().ok()?);
                Self::Opened { berth, expiry_s, client: text(bytes)?, owner: text(bytes)? }
            }
            2 => Self::Back { berth: bytes.try_get_u64_le().ok()?, expiry_s: bytes.try_get_u32_le().ok()? },
            3 => Self::Left { berth: bytes.try_get_u64_le().ok()?, ends_ms: bytes.try_get_u64_le().ok()? },
            4 => Self::Closed { berth: bytes.try_get_u64_le().ok()? },
            5 => read_subscribed(bytes)?,
            6 => Self::Unsubscribed { berth: bytes.try_get_u64_le().ok()?, filter: filter(bytes)? },
            7 => read_message(bytes)?,
            8 => Self::Owed { number: bytes.try_get_u64_le().ok()?, owed: owed(bytes)? },
            9..=12 => {
                let (berth, id) = (bytes.try_get_u64_le().ok()?, id(bytes)?);
                match kind {
                    9 => Self::Released { berth, id },
                    10 => Self::Done { berth, id },
                    11 => Self::Received { berth, id },
                    _ => Self::Forgotten { berth, id },
                }
            }
            13 => Self::Cleared { topic: field(bytes)? },
            14 => read_willed(bytes)?,
            15 => Self::Said { berth: bytes.try_get_u64_le().ok()? },
            _ => return None,
        };
        bytes.is_empty().then_some(fact)
    }
}

impl Owed {
    fn put(&self, out: &mut Vec<u8>) {
        out.put_u64_le(self.berth);
        out.put_u16_le(self.id.get());
        out.put_u8(self.qos as u8 | u8::from(self.retain) << 2);
        // A client cannot match with more filters than it may subscribe to; what a byte does not count is left out.
        let count = self.ids.len().min(255);
        out.put_u8(count as u8);
        self.ids[..count].iter().for_each(|id| out.put_u32_le(id.get()));
    }

    fn read(bytes: &mut Bytes) -> Option<Self> {
        let (berth, id) = (bytes.try_get_u64_le().ok()?, id(bytes)?);
        let flags = bytes.try_get_u8().ok()?;
        let count = bytes.try_get_u8().ok()?;
        let read = |_| SubscriptionId::new(bytes.try_get_u32_le().ok()?);
        let ids = (0..count).map(read).collect::<Option<_>>()?;
        Some(Self { berth, id, qos: QoS::new(flags & 3)?, retain: flags & 4 != 0, ids })
    }
}

fn put_subscribed(berth: u64, filter: &TopicFilter, options: Options, out: &mut Vec<u8>) {
    let flags =
        options.qos as u8 | u8::from(options.no_local) << 2 | u8::from(options.retain_as_published) << 3;
    out.put_u64_le(berth);
    out.put_u8(flags);
    out.put_u32_le(options.id.map_or(0, SubscriptionId::get));
    put_text(filter.as_bytes(), out);
}

fn read_subscribed(bytes: &mut Bytes) -> Option<Fact> {
    let berth = bytes.try_get_u64_le().ok()?;
    let flags = bytes.try_get_u8().ok()?;
    let id = SubscriptionId::new(bytes.try_get_u32_le().ok()?);
    let (no_local, retain_as_published) = (flags & 4 != 0, flags & 8 != 0);
    let options = Options { qos: QoS::new(flags & 3)?, no_local, retain_as_published, id };
    Some(Fact::Subscribed { berth, filter: filter(bytes)?, options })
}

fn read_willed(bytes: &mut Bytes) -> Option<Fact> {
    let (berth, due_ms) = (bytes.try_get_u64_le().ok()?, bytes.try_get_u64_le().ok()?);
    let qos = QoS::new(bytes.try_get_u8().ok()?)?;
    let (client, principal) = (text(bytes)?, text(bytes)?);
    let publish = packet(bytes.split_to(bytes.len()))?;
    Some(Fact::Willed { berth, due_ms, will: Box::new(Willed { client, principal, qos, publish }) })
}

fn encoded(publish: &Publish) -> BytesMut {
    let mut packet = BytesMut::new();
    Encoder::new(ProtocolLevel::V5)
        .publish(publish, &mut packet)
        .expect("about as large as the packet it came in");
    packet
}

fn put_message(stored: &Stored, retained: bool, owed: &[Owed], out: &mut Vec<u8>) {
    let packet = encoded(&stored.publish);
    out.put_u64_le(stored.number);
    out.put_u8(stored.qos as u8);
    out.put_u8(u8::from(retained));
    out.put_u64_le(stored.expires_ms);
    out.put_u32_le(packet.len() as u32);
    out.put_slice(&packet);
    owed.iter().for_each(|one| one.put(out));
}

fn read_message(bytes: &mut Bytes) -> Option<Fact> {
    let number = bytes.try_get_u64_le().ok()?;
    let qos = QoS::new(bytes.try_get_u8().ok()?)?;
    let retained = bytes.try_get_u8().ok()? != 0;
    let expires_ms = bytes.try_get_u64_le().ok()?;
    let packet_bytes = bytes.try_get_u32_le().ok()? as usize;
    if bytes.len() < packet_bytes {
        return None;
    }
    let publish = packet(bytes.split_to(packet_bytes))?;
    Some(Fact::Message { stored: Stored { number, qos, expires_ms, publish }, retained, owed: owed(bytes)? })
}

fn packet(bytes: Bytes) -> Option<Publish> {
    let mut decoder = Decoder::client(ProtocolLevel::V5, bytes.len());
    decoder.set_user_limit(UserLimit { count_max: usize::MAX, bytes_max: usize::MAX });
    match decoder.decode(&mut BytesMut::from(bytes)) {
        Ok(Some(Packet::Publish(publish))) => Some(publish),
        _ => None,
    }
}

fn put_text(text: &[u8], out: &mut Vec<u8>) {
    out.put_u16_le(u16::try_from(text.len()).expect("an MQTT string is no longer than a u16 says"));
    out.put_slice(text);
}

fn field(bytes: &mut Bytes) -> Option<Bytes> {
    let length = usize::from(bytes.try_get_u16_le().ok()?);
    (bytes.len() >= length).then(|| bytes.split_to(length))
}

fn text(bytes: &mut Bytes) -> Option<Text> {
    Text::new(std::str::from_utf8(&field(bytes)?).ok()?).ok()
}

fn filter(bytes: &mut Bytes) -> Option<TopicFilter> {
    TopicFilter::try_from(text(bytes)?).ok()
}

fn id(bytes: &mut Bytes) -> Option<PacketId> {
    PacketId::new(bytes.try_get_u16_le().ok()?)
}

fn owed(bytes: &mut Bytes) -> Option<Vec<Owed>> {
    let mut all = Vec::new();
    while !bytes.is_empty() {
        all.push(Owed::read(bytes)?);
    }
    Some(all)
}

#[cfg(test)]
mod tests {
    use super::*;
    use tidegate_codec_mqtt::{Delivery, TopicName, UserProperty};

    fn facts() -> Vec<Fact> {
        let (berth, id) = (7, PacketId::MAX);
        let text = |text| Text::new(text).unwrap();
        let filter = TopicFilter::new("$share/g/line/+").unwrap();
        let ids = vec![SubscriptionId::new(3).unwrap(), SubscriptionId::new(SubscriptionId::MAX).unwrap()];
        let owed = vec![Owed { berth, id, qos: QoS::ExactlyOnce, retain: true, ids: ids.clone() }];
        let topic = TopicName::new("line/1").unwrap();
        let mut publish = Publish::new(topic, Bytes::from_static(b"21.5"), Delivery::AtMostOnce);
        publish.properties.user.push(UserProperty::new(text("unit"), text("C")));
        let will = Willed {
            client: text("c"),
            principal: text("p"),
            qos: QoS::AtLeastOnce,
            publish: publish.clone(),
        };
        let stored = Stored { number: 9, qos: QoS::AtLeastOnce, expires_ms: 1, publish };
        let (no_local, id_of) = (true, Some(ids[0]));
        let options = Options { qos: QoS::AtLeastOnce, no_local, retain_as_published: true, id: id_of };
        vec![
            Fact::Opened { berth, expiry_s: 60, client: text("press-7"), owner: text("anonymous") },
            Fact::Back { berth, expiry_s: u32::MAX },
            Fact::Left { berth, ends_ms: u64::MAX },
            Fact::Closed { berth },
            Fact::Subscribed { berth, filter: filter.clone(), options },
            Fact::Unsubscribed { berth, filter },
            Fact::Message { stored, retained: true, owed: owed.clone() },
            Fact::Owed { number: 9, owed },
            Fact::Released { berth, id },
            Fact::Done { berth, id },
            Fact::Received { berth, id },
            Fact::Forgotten { berth, id },
            Fact::Cleared { topic: Bytes::from_static(b"line/1") },
            Fact::Willed { berth, due_ms: 5, will: Box::new(will) },
            Fact::Said { berth },
        ]
    }

    #[test]
    fn every_fact_reads_back_as_written_and_a_cut_one_not_at_all() {
        for fact in facts() {
            let mut bytes = Vec::new();
            fact.put(&mut bytes);
            let bytes = Bytes::from(bytes);
            assert_eq!(Fact::read(fact.kind(), &mut bytes.clone()), Some(fact.clone()));
            let whole = |end: usize| Fact::read(fact.kind(), &mut bytes.slice(..end)) == Some(fact.clone());
            assert!(!(0..bytes.len()).any(whole), "{fact:?}");
        }
        assert_eq!(Fact::read(99, &mut Bytes::new()), None);
    }
}
