//! One publication on its way to subscribers: kept once, encoded once, however many they are.
//!
//! What goes out to two subscribers of one level differs in the first byte and in the packet identifier, so the encoded packet
//! is shared and those bytes are put in while it is copied to a connection's buffer. A topic alias, a subscription identifier
//! or an expiry makes a packet of its own. No lock; time is handed in.

use std::sync::{Arc, OnceLock};

use bytes::{BufMut, Bytes, BytesMut};
use tidegate_codec_mqtt::{Delivery, Encoder, Kind, PacketId, ProtocolLevel, Publish, QoS};
use tidegate_kernel_journal::{Level, Ticket};
use tokio::time::{Duration, Instant};

use crate::intake::Publication;
use crate::room::{Occupied, Room};

/// What a message costs beside its topic and payload.
const OVERHEAD_BYTES: usize = 512;

#[derive(Debug)]
pub(crate) struct Message {
    /// What it says. Owns its bytes; how it is delivered stands elsewhere.
    pub(crate) publish: Publish,
    /// As it was published.
    pub(crate) qos: QoS,
    /// The number it is kept under; 0 where it is only in memory.
    pub(crate) number: u64,
    pub(crate) expires_at: Option<Instant>,
    /// Its own record, where there is one.
    ticket: OnceLock<(Ticket, Level)>,
    /// By level, then without and with a packet identifier.
    frames: [[OnceLock<Frame>; 2]; 2],
    /// What it takes of the memory for messages, given back with the last reference.
    _occupied: Occupied,
}

/// An encoded PUBLISH.
#[derive(Debug)]
pub(crate) struct Frame {
    bytes: Bytes,
    /// Where the packet identifier goes; 0 where there is none.
    id_at: usize,
}

impl Message {
    pub(crate) fn new(publish: Publish, qos: QoS, number: u64, room: &Arc<Room>, now: Instant) -> Self {
        let life = publish.properties.expiry_s.map(|seconds| Duration::from_secs(seconds.into()));
        let occupied = room.occupy(bytes(&publish));
        Self {
            publish,
            qos,
            number,
            expires_at: life.map(|life| now + life),
            ticket: OnceLock::new(),
            frames: Default::default(),
            _occupied: occupied,
        }
    }

    /// The same message under another number, with the life it has left.
    pub(crate) fn again(&self, number: u64, room: &Arc<Room>) -> Self {
        let mut again = Self::new(self.publish.clone(), self.qos, number, room, Instant::now());
        again.expires_at = self.expires_at;
        again
    }

    pub(crate) fn bytes(&self) -> usize {
        bytes(&self.publish)
    }

    pub(crate) fn is_expired(&self, now: Instant) -> bool {
        self.expires_at.is_some_and(|at| at <= now)
    }

    /// Seconds it has left, those begun counted [MQTT-3.3.2-6].
    pub(crate) fn expiry_s(&self, now: Instant) -> Option<u32> {
        let left = self.expires_at?.saturating_duration_since(now);
        Some(u32::try_from(left.as_millis().div_ceil(1000)).unwrap_or(u32::MAX))
    }

    /// It is kept by this record, once that has reached the level.
    pub(crate) fn kept(&self, ticket: Ticket, level: Level) {
        // A message is kept once, by whoever made it.
        let _ = self.ticket.set((ticket, level));
    }

    pub(crate) fn ticket(&self) -> Option<&(Ticket, Level)> {
        self.ticket.get()
    }

    /// The packet that subscribers of one level share.
    pub(crate) fn frame(&self, level: ProtocolLevel, numbered: bool) -> &Frame {
        let row = usize::from(level != ProtocolLevel::V311);
        self.frames[row][usize::from(numbered)].get_or_init(|| Frame::new(&self.publish, level, numbered))
    }
}

/// What a publication says, in bytes of its own: its parts share the connection's read buffer.
pub(crate) fn said(publication: &Publication) -> Publish {
    let (topic, payload) = (publication.topic.clone(), publication.payload.clone());
    let mut publish = Publish::new(topic, payload, Delivery::AtMostOnce);
    publish.properties = publication.properties.clone();
    publish.retain = publication.retain;
    publish.detach()
}

fn bytes(publish: &Publish) -> usize {
    let properties = &publish.properties;
    let fields = [&properties.content_type].into_iter().flatten().map(|text| text.as_bytes().len());
    let pairs = properties.user.iter().map(|pair| pair.name.as_bytes().len() + pair.value.as_bytes().len());
    let correlation = properties.correlation_data.as_ref().map_or(0, Bytes::len);
    let words = fields.sum::<usize>() + pairs.sum::<usize>() + correlation;
    // Kept once as it is and once as a packet.
    2 * (publish.topic.as_bytes().len() + publish.payload.len() + words) + OVERHEAD_BYTES
}

impl Frame {
    fn new(publish: &Publish, level: ProtocolLevel, numbered: bool) -> Self {
        let delivery = match numbered {
            true => Delivery::AtLeastOnce { id: PacketId::MIN, dup: false },
            false => Delivery::AtMostOnce,
        };
        let mut bytes = BytesMut::with_capacity(publish.payload.len() + publish.topic.as_bytes().len() + 16);
        let hop = tidegate_codec_mqtt::Hop::new(delivery);
        Encoder::new(level)
            .forward(publish, &hop, &mut bytes)
            .expect("about as large as the packet it came in");
        let header_bytes = 2 + bytes[1..].iter().take_while(|byte| **byte & 0x80 != 0).count();
        let id_at = if numbered { header_bytes + 2 + publish.topic.as_bytes().len() } else { 0 };
        Self { bytes: bytes.freeze(), id_at }
    }

    pub(crate) fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Appends the packet with what is this delivery's own.
    pub(crate) fn put(&self, delivery: Delivery, retain: bool, out: &mut BytesMut) {
        let start = out.len();
        out.put_slice(&self.bytes);
        let flags = u8::from(delivery.is_dup()) << 3 | (delivery.qos() as u8) << 1 | u8::from(retain);
        out[start] = (Kind::Publish as u8) << 4 | flags;
        if let Some(id) = delivery.id() {
            out[start + self.id_at..][..2].copy_from_slice(&id.get().to_be_bytes());
        }
    }
}
