//! One publication on its way to subscribers: kept once, encoded once, however many they are.
//!
//! What goes out to two subscribers differs in the first byte and in the packet identifier, so the encoded packet is shared and
//! those bytes are put in while it is copied to a connection's buffer. No lock; no clock but the instants handed in.

use std::sync::{Arc, OnceLock};

use bytes::{BufMut, Bytes, BytesMut};
use tidegate_codec_mqtt::{Delivery, Encoder, Kind, PacketId, ProtocolLevel, Publish, QoS, TopicName};
use tidegate_kernel_journal::{Level, Ticket};
use tokio::time::Instant;

use crate::intake::Publication;
use crate::room::{Occupied, Room};

/// What a message costs beside its topic and payload.
pub(crate) const OVERHEAD_BYTES: usize = 256;

/// What a publication says, apart from how it is delivered. Owns its bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Content {
    pub(crate) topic: TopicName,
    pub(crate) payload: Bytes,
    pub(crate) qos: QoS,
    pub(crate) retain: bool,
}

#[derive(Debug)]
pub(crate) struct Message {
    pub(crate) content: Content,
    /// The berth it came from, for subscribers that do not want their own.
    pub(crate) publisher: u64,
    /// The number it is kept under; 0 where it is only in memory.
    pub(crate) number: u64,
    pub(crate) expires_at: Option<Instant>,
    /// Its own record, where there is one.
    ticket: OnceLock<(Ticket, Level)>,
    plain: OnceLock<Frame>,
    numbered: OnceLock<Frame>,
    /// What it takes of the memory for messages, given back with the last reference.
    _occupied: Occupied,
}

/// An encoded PUBLISH.
#[derive(Debug)]
struct Frame {
    bytes: Bytes,
    /// Where the packet identifier goes; 0 where there is none.
    id_at: usize,
}

/// What is different for each subscriber.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Stamp {
    pub(crate) qos: QoS,
    pub(crate) id: Option<PacketId>,
    pub(crate) dup: bool,
    pub(crate) retain: bool,
}

impl Message {
    pub(crate) fn new(content: Content, publisher: u64, number: u64, room: &Arc<Room>) -> Self {
        let occupied = room.occupy(content.bytes());
        Self {
            content,
            publisher,
            number,
            expires_at: None,
            ticket: OnceLock::new(),
            plain: OnceLock::new(),
            numbered: OnceLock::new(),
            _occupied: occupied,
        }
    }

    pub(crate) fn bytes(&self) -> usize {
        self.content.bytes()
    }

    pub(crate) fn is_expired(&self, now: Instant) -> bool {
        self.expires_at.is_some_and(|at| at <= now)
    }

    /// It is kept by this record, once that has reached the level.
    pub(crate) fn kept(&self, ticket: Ticket, level: Level) {
        // A message is kept once, by whoever made it.
        let _ = self.ticket.set((ticket, level));
    }

    pub(crate) fn ticket(&self) -> Option<&(Ticket, Level)> {
        self.ticket.get()
    }

    /// Appends the packet for one subscriber.
    pub(crate) fn put(&self, level: ProtocolLevel, stamp: Stamp, out: &mut BytesMut) {
        let frame = self.frame(level, stamp.id.is_some());
        let start = out.len();
        out.put_slice(&frame.bytes);
        out[start] = stamp.first_byte();
        if let Some(id) = stamp.id {
            out[start + frame.id_at..][..2].copy_from_slice(&id.get().to_be_bytes());
        }
    }

    fn frame(&self, level: ProtocolLevel, numbered: bool) -> &Frame {
        let cell = if numbered { &self.numbered } else { &self.plain };
        cell.get_or_init(|| Frame::new(&self.content, level, numbered))
    }
}

impl Content {
    /// Copies the parts, which share the connection's read buffer.
    pub(crate) fn of(publication: &Publication) -> Self {
        Self {
            topic: publication.topic.detach(),
            payload: Bytes::copy_from_slice(&publication.payload),
            qos: publication.qos,
            retain: publication.retain,
        }
    }

    fn bytes(&self) -> usize {
        self.topic.as_bytes().len() + self.payload.len() + OVERHEAD_BYTES
    }
}

impl Frame {
    fn new(content: &Content, level: ProtocolLevel, numbered: bool) -> Self {
        let delivery = match numbered {
            true => Delivery::AtLeastOnce { id: PacketId::MIN, dup: false },
            false => Delivery::AtMostOnce,
        };
        let publish = Publish::new(content.topic.clone(), content.payload.clone(), delivery);
        let mut bytes = BytesMut::with_capacity(content.bytes());
        Encoder::new(level).publish(&publish, &mut bytes).expect("no larger than the packet it came in");
        let header_bytes = 2 + bytes[1..].iter().take_while(|byte| **byte & 0x80 != 0).count();
        let id_at = if numbered { header_bytes + 2 + content.topic.as_bytes().len() } else { 0 };
        Self { bytes: bytes.freeze(), id_at }
    }
}

impl Stamp {
    fn first_byte(self) -> u8 {
        let flags = u8::from(self.dup) << 3 | (self.qos as u8) << 1 | u8::from(self.retain);
        (Kind::Publish as u8) << 4 | flags
    }
}
