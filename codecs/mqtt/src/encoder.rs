//! Packets in, bytes out. A packet is written whole or not at all.

use bytes::{BufMut, BytesMut};

use crate::ack::{Numbered, PacketId};
use crate::connect::ProtocolLevel;
use crate::error::EncodeError;
use crate::forward::{Forward, Hop};
use crate::header::{self, Kind, PACKET_BYTES_MAX};
use crate::packet::Packet;
use crate::property::{self, Detail, ListProperties};
use crate::publish::Publish;
use crate::reason::ReasonCode;

/// Writes packets at one protocol level, appending to a buffer the caller owns.
#[derive(Debug, Clone, Copy)]
pub struct Encoder {
    level: ProtocolLevel,
    packet_bytes_max: usize,
    problem_information: bool,
}

/// What is behind a fixed header.
pub(crate) trait Body {
    const WORDS: Words = Words::Kept;

    fn first_byte(&self) -> u8;

    /// Whether the standard lets it be said at this level.
    fn check(&self, level: ProtocolLevel) -> Result<(), EncodeError>;

    fn body_bytes(&self, form: Form) -> usize;

    /// Writes as many bytes as `body_bytes` said.
    fn put_body(&self, form: Form, out: &mut BytesMut);
}

/// Whether reason string and user properties may be left out.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Words {
    /// They are part of what is said.
    Kept,
    /// Where the packet would be too large.
    IfRoom,
    /// There too, and where the client does not want them [MQTT-3.1.2-29].
    IfAsked,
}

/// How one packet is written.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Form {
    pub(crate) level: ProtocolLevel,
    pub(crate) detail: Detail,
}

impl Form {
    pub(crate) fn has_properties(self) -> bool {
        self.level == ProtocolLevel::V5
    }

    /// Properties with their length; nothing where the level has none.
    pub(crate) fn list_bytes(self, set: &impl ListProperties) -> usize {
        if !self.has_properties() {
            return 0;
        }
        let bytes = property::list_bytes(set, self.detail);
        header::varint_bytes(bytes) + bytes
    }

    pub(crate) fn put_list(self, set: &impl ListProperties, out: &mut BytesMut) {
        if self.has_properties() {
            property::put(set, self.detail, out);
        }
    }
}

impl Encoder {
    pub fn new(level: ProtocolLevel) -> Self {
        Self { level, packet_bytes_max: PACKET_BYTES_MAX, problem_information: true }
    }

    pub fn level(&self) -> ProtocolLevel {
        self.level
    }

    /// Writes nothing larger than the receiver takes [MQTT-3.1.2-24] [MQTT-3.2.2-15]: answers first lose their user
    /// properties, then their reason string, and what is still too large is refused.
    pub fn set_packet_bytes_max(&mut self, packet_bytes_max: usize) {
        self.packet_bytes_max = packet_bytes_max.min(PACKET_BYTES_MAX);
    }

    /// False leaves reason string and user properties out of every packet but PUBLISH, CONNACK and DISCONNECT
    /// [MQTT-3.1.2-29], as a client asks with its request problem information.
    pub fn set_problem_information(&mut self, wanted: bool) {
        self.problem_information = wanted;
    }

    /// Appends one packet. After an error `out` holds what it held before.
    pub fn encode(&self, packet: &Packet, out: &mut BytesMut) -> Result<(), EncodeError> {
        self.each(packet, Write { encoder: self, out })
    }

    /// Bytes [`Encoder::encode`] would append, with the same refusals.
    pub fn packet_bytes(&self, packet: &Packet) -> Result<usize, EncodeError> {
        self.each(packet, Measure { encoder: self })
    }

    /// The same bytes as [`Packet::Publish`], for a message that goes to many.
    pub fn publish(&self, publish: &Publish, out: &mut BytesMut) -> Result<(), EncodeError> {
        self.write(publish, out)
    }

    /// A stored message on its way to one receiver: `hop` says what differs from one to the next.
    pub fn forward(&self, message: &Publish, hop: &Hop<'_>, out: &mut BytesMut) -> Result<(), EncodeError> {
        self.write(&Forward { message, hop }, out)
    }

    /// Bytes [`Encoder::forward`] would append, with the same refusals.
    pub fn forward_bytes(&self, message: &Publish, hop: &Hop<'_>) -> Result<usize, EncodeError> {
        self.measure(&Forward { message, hop })
    }

    /// The same bytes as a [`Packet::Puback`] of success, four of them, which cannot fail.
    pub fn puback(&self, id: PacketId, out: &mut BytesMut) {
        let [high, low] = id.get().to_be_bytes();
        out.put_slice(&[Kind::Puback.first_byte(0), 2, high, low]);
    }

    fn each<V: Visit>(&self, packet: &Packet, visit: V) -> Result<V::Output, EncodeError> {
        let numbered = |ack| Numbered { kind: packet.kind(), ack };
        match packet {
            Packet::Connect(one) => visit.body(&**one),
            Packet::Connack(one) => visit.body(one),
            Packet::Publish(one) => visit.body(one),
            Packet::Puback(one) | Packet::Pubrec(one) | Packet::Pubrel(one) | Packet::Pubcomp(one) => {
                visit.body(&numbered(one))
            }
            Packet::Subscribe(one) => visit.body(one),
            Packet::Suback(one) => visit.body(one),
            Packet::Unsubscribe(one) => visit.body(one),
            Packet::Unsuback(one) => visit.body(one),
            Packet::Pingreq | Packet::Pingresp => visit.body(&packet.kind()),
            Packet::Disconnect(one) => visit.body(one),
            Packet::Auth(one) => visit.body(&**one),
        }
    }

    fn write<B: Body>(&self, body: &B, out: &mut BytesMut) -> Result<(), EncodeError> {
        let (form, body_bytes) = self.plan(body)?;
        header::put(body.first_byte(), body_bytes, out)?;
        let before = out.len();
        body.put_body(form, out);
        debug_assert_eq!(out.len() - before, body_bytes, "a body is as long as it said");
        Ok(())
    }

    fn measure<B: Body>(&self, body: &B) -> Result<usize, EncodeError> {
        self.plan(body).map(|(_, body_bytes)| header::packet_bytes(body_bytes))
    }

    /// The fullest form that fits.
    fn plan<B: Body>(&self, body: &B) -> Result<(Form, usize), EncodeError> {
        body.check(self.level)?;
        let mut bytes = 0;
        for detail in self.details::<B>() {
            let form = Form { level: self.level, detail: *detail };
            let body_bytes = body.body_bytes(form);
            header::check_body(body_bytes)?;
            bytes = header::packet_bytes(body_bytes);
            if bytes <= self.packet_bytes_max {
                return Ok((form, body_bytes));
            }
        }
        Err(EncodeError::TooLargeForPeer { bytes, bytes_max: self.packet_bytes_max })
    }

    fn details<B: Body>(&self) -> &'static [Detail] {
        match B::WORDS {
            Words::Kept => &[Detail::Full],
            Words::IfAsked if !self.problem_information => &[Detail::Bare],
            Words::IfRoom | Words::IfAsked => &[Detail::Full, Detail::ReasonOnly, Detail::Bare],
        }
    }
}

trait Visit {
    type Output;

    fn body<B: Body>(self, body: &B) -> Result<Self::Output, EncodeError>;
}

struct Write<'a> {
    encoder: &'a Encoder,
    out: &'a mut BytesMut,
}

impl Visit for Write<'_> {
    type Output = ();

    fn body<B: Body>(self, body: &B) -> Result<(), EncodeError> {
        self.encoder.write(body, self.out)
    }
}

struct Measure<'a> {
    encoder: &'a Encoder,
}

impl Visit for Measure<'_> {
    type Output = usize;

    fn body<B: Body>(self, body: &B) -> Result<usize, EncodeError> {
        self.encoder.measure(body)
    }
}

/// PINGREQ and PINGRESP have nothing behind their fixed header.
impl Body for Kind {
    fn first_byte(&self) -> u8 {
        self.fixed_byte()
    }

    fn check(&self, _: ProtocolLevel) -> Result<(), EncodeError> {
        Ok(())
    }

    fn body_bytes(&self, _: Form) -> usize {
        0
    }

    fn put_body(&self, _: Form, _: &mut BytesMut) {}
}

pub(crate) fn check_reason(kind: Kind, reason: ReasonCode) -> Result<(), EncodeError> {
    if reason.fits(kind) { Ok(()) } else { Err(EncodeError::ReasonCode { kind, reason }) }
}
