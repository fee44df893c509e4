//! Bytes in, packets out, for one end of one connection.
//!
//! ```text
//! server: AwaitConnect --CONNECT--> Open(level) --any error--> Failed (for good)
//! client:                           Open(level) --any error--> Failed
//! ```
//!
//! The caller owns the read buffer; the decoder takes whole packets off its front, never grows it, and leaves it alone
//! while a packet is not all there. A packet that the first bytes already condemn is refused on them.

use bytes::{Buf, BytesMut};

use crate::ack::{self, Ack, Unsuback};
use crate::connack::Connack;
use crate::connect::{Connect, ProtocolLevel};
use crate::error::DecodeError;
use crate::field::Fields;
use crate::header::{self, Frame, Kind, PACKET_BYTES_MAX};
use crate::packet::{Disconnect, Packet};
use crate::publish;
use crate::subscribe::{Suback, Subscribe, Unsubscribe};

/// The end of the connection that decodes; it decides which packets may arrive (Table 2.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    Server,
    Client,
}

/// Decodes one direction of one connection.
#[derive(Debug)]
pub struct Decoder {
    role: Role,
    level: Option<ProtocolLevel>,
    packet_bytes_max: usize,
    failure: Option<DecodeError>,
}

impl Decoder {
    /// For a server: the first packet is a CONNECT, from which the protocol level is learned. `packet_bytes_max`
    /// counts the fixed header too, and is lowered to [`PACKET_BYTES_MAX`].
    pub fn server(packet_bytes_max: usize) -> Self {
        Self::new(Role::Server, None, packet_bytes_max)
    }

    /// For a client, which chose the level in the CONNECT it sent.
    pub fn client(level: ProtocolLevel, packet_bytes_max: usize) -> Self {
        Self::new(Role::Client, Some(level), packet_bytes_max)
    }

    fn new(role: Role, level: Option<ProtocolLevel>, packet_bytes_max: usize) -> Self {
        let packet_bytes_max = packet_bytes_max.min(PACKET_BYTES_MAX);
        Self { role, level, packet_bytes_max, failure: None }
    }

    pub fn role(&self) -> Role {
        self.role
    }

    /// `None` until a server has seen a CONNECT.
    pub fn level(&self) -> Option<ProtocolLevel> {
        self.level
    }

    /// Changes the limit from the next packet on: a server may trust a client more once it knows who it is.
    pub fn set_packet_bytes_max(&mut self, packet_bytes_max: usize) {
        self.packet_bytes_max = packet_bytes_max.min(PACKET_BYTES_MAX);
    }

    /// Takes the next packet off the front of `buffer`; `None` asks for more bytes.
    ///
    /// Call until `None`. An error ends the connection [MQTT-4.8.0-1]: the buffer stays as it is and every later call
    /// gives the same error, whatever it is fed [MQTT-3.1.4-5].
    pub fn decode(&mut self, buffer: &mut BytesMut) -> Result<Option<Packet>, DecodeError> {
        if let Some(failure) = self.failure {
            return Err(failure);
        }
        let outcome = self.next(buffer);
        if let Err(failure) = outcome {
            self.failure = Some(failure);
        }
        outcome
    }

    fn next(&mut self, buffer: &mut BytesMut) -> Result<Option<Packet>, DecodeError> {
        let Some(first) = buffer.first().copied() else { return Ok(None) };
        let kind = Kind::from_first_byte(first)?;
        self.check_turn(kind, first)?;
        check_flags(kind, first & 0x0f)?;
        let Some(frame) = header::read_frame(buffer)? else { return Ok(None) };
        self.check_size(kind, frame)?;
        if buffer.len() < frame.packet_bytes() {
            return Ok(None);
        }
        self.take(kind, first & 0x0f, frame, buffer).map(Some)
    }

    fn check_turn(&self, kind: Kind, first_byte: u8) -> Result<(), DecodeError> {
        match (self.role, self.level) {
            (Role::Server, None) if kind != Kind::Connect => Err(DecodeError::ConnectExpected { first_byte }),
            (Role::Server, Some(_)) if kind == Kind::Connect => Err(DecodeError::SecondConnect),
            (Role::Server, _) if kind.is_from_server_only() => Err(DecodeError::Direction { kind }),
            (Role::Client, _) if kind.is_from_client_only() => Err(DecodeError::Direction { kind }),
            _ => Ok(()),
        }
    }

    fn check_size(&self, kind: Kind, frame: Frame) -> Result<(), DecodeError> {
        let (bytes, bytes_max) = (frame.packet_bytes(), self.packet_bytes_max);
        if bytes > bytes_max { Err(DecodeError::PacketTooLarge { kind, bytes, bytes_max }) } else { Ok(()) }
    }

    fn take(
        &mut self,
        kind: Kind,
        flags: u8,
        frame: Frame,
        buffer: &mut BytesMut,
    ) -> Result<Packet, DecodeError> {
        if kind == Kind::Publish {
            return publish::take(flags, frame, buffer).map(Packet::Publish);
        }
        let packet = read_copied(kind, &buffer[frame.header_bytes..frame.packet_bytes()])?;
        if let Packet::Connect(connect) = &packet {
            self.level = Some(connect.level);
        }
        buffer.advance(frame.packet_bytes());
        Ok(packet)
    }
}

fn check_flags(kind: Kind, flags: u8) -> Result<(), DecodeError> {
    match kind.flags_fixed() {
        None => publish::check_flags(flags).map(|_| ()),
        Some(fixed) if fixed == flags => Ok(()),
        Some(_) => Err(DecodeError::Flags { kind, flags }),
    }
}

/// Every type but PUBLISH: rare or tiny, so their fields are copied out of the read buffer.
fn read_copied(kind: Kind, body: &[u8]) -> Result<Packet, DecodeError> {
    let fields = Fields::new(kind, body);
    Ok(match kind {
        Kind::Connect => Packet::Connect(Box::new(Connect::read(fields)?)),
        Kind::Connack => Packet::Connack(Connack::read(fields)?),
        Kind::Puback => Packet::Puback(Ack::new(ack::read(fields)?)),
        Kind::Pubrec => Packet::Pubrec(Ack::new(ack::read(fields)?)),
        Kind::Pubrel => Packet::Pubrel(Ack::new(ack::read(fields)?)),
        Kind::Pubcomp => Packet::Pubcomp(Ack::new(ack::read(fields)?)),
        Kind::Subscribe => Packet::Subscribe(Subscribe::read(body)?),
        Kind::Suback => Packet::Suback(Suback::read(body)?),
        Kind::Unsubscribe => Packet::Unsubscribe(Unsubscribe::read(body)?),
        Kind::Unsuback => Packet::Unsuback(Unsuback::new(ack::read(fields)?)),
        Kind::Pingreq => fields.finish().map(|()| Packet::Pingreq)?,
        Kind::Pingresp => fields.finish().map(|()| Packet::Pingresp)?,
        Kind::Disconnect => fields.finish().map(|()| Packet::Disconnect(Disconnect::default()))?,
        Kind::Publish => unreachable!("a PUBLISH is taken from the buffer itself"),
    })
}
