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

use crate::ack::Ack;
use crate::alias::Aliases;
use crate::auth::Auth;
use crate::connack::Connack;
use crate::connect::{Connect, ProtocolLevel};
use crate::disconnect::Disconnect;
use crate::error::DecodeError;
use crate::field::{Fields, Scope};
use crate::header::{self, Frame, Kind, PACKET_BYTES_MAX};
use crate::packet::Packet;
use crate::publish;
use crate::suback::{Suback, Unsuback};
use crate::subscribe::{Subscribe, Unsubscribe};
use crate::user::UserLimit;

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
    /// A server that speaks this level alone.
    only: Option<ProtocolLevel>,
    connected: bool,
    packet_bytes_max: usize,
    user: UserLimit,
    aliases: Aliases,
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
        Self {
            role,
            level,
            only: None,
            connected: role == Role::Client,
            packet_bytes_max: packet_bytes_max.min(PACKET_BYTES_MAX),
            user: UserLimit::default(),
            aliases: Aliases::default(),
            failure: None,
        }
    }

    /// Makes a server refuse the other levels as if it had never heard of them.
    pub fn only(self, level: ProtocolLevel) -> Self {
        Self { only: Some(level), ..self }
    }

    pub fn role(&self) -> Role {
        self.role
    }

    /// `None` until a server has seen the level of a CONNECT.
    pub fn level(&self) -> Option<ProtocolLevel> {
        self.level
    }

    /// Changes the limit from the next packet on: a server may trust a client more once it knows who it is.
    pub fn set_packet_bytes_max(&mut self, packet_bytes_max: usize) {
        self.packet_bytes_max = packet_bytes_max.min(PACKET_BYTES_MAX);
    }

    /// Changes from the next packet on how many user properties one list may hold.
    pub fn set_user_limit(&mut self, limit: UserLimit) {
        self.user = limit;
    }

    /// Highest topic alias the other side was told it may use; zero until set. Each may keep a topic in memory.
    pub fn set_topic_alias_max(&mut self, max: u16) {
        self.aliases.set_max(max);
    }

    /// What the other side is owed before a failed connection closes, to be written at [`Decoder::level`], or at
    /// [`ProtocolLevel::V311`] where that is `None`. Nothing where the standard wants a close without a word.
    ///
    /// A server that has not sent its CONNACK yet owes that in place of a DISCONNECT [MQTT-3.14.0-1]:
    /// [`Connack::refused`] with [`DecodeError::reason`].
    pub fn farewell(&self) -> Option<Packet> {
        let failure = self.failure?;
        match (self.level, self.connected) {
            (Some(ProtocolLevel::V5), true) => {
                Some(Packet::Disconnect(Disconnect::with_reason(failure.reason())))
            }
            (Some(ProtocolLevel::V5), false) => Some(Packet::Connack(Connack::refused(failure.reason()))),
            _ => failure.refusal().map(|refusal| Packet::Connack(Connack::refused(refusal))),
        }
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
        let kind = Kind::from_first_byte(first, self.level)?;
        self.check_turn(kind, first)?;
        check_flags(kind, first & 0x0f)?;
        let Some(frame) = header::read_frame(buffer)? else { return Ok(None) };
        self.check_size(kind, frame)?;
        check_length(self.level, kind, frame)?;
        if buffer.len() < frame.packet_bytes() {
            return Ok(None);
        }
        self.take(kind, first & 0x0f, frame, buffer).map(Some)
    }

    fn check_turn(&self, kind: Kind, first_byte: u8) -> Result<(), DecodeError> {
        match self.role {
            Role::Server if kind == Kind::Connect && self.connected => Err(DecodeError::SecondConnect),
            Role::Server if kind == Kind::Connect => Ok(()),
            Role::Server if !self.connected => Err(DecodeError::ConnectExpected { first_byte }),
            Role::Server if kind.is_from_server_only() => Err(DecodeError::Direction { kind }),
            Role::Client if kind.is_from_client_only(self.level) => Err(DecodeError::Direction { kind }),
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
        let packet = match self.level {
            Some(level) if kind == Kind::Publish => {
                let scope = self.scope(level);
                return publish::take(flags, frame, scope, &mut self.aliases, buffer).map(Packet::Publish);
            }
            Some(level) => read_copied(Fields::new(kind, self.scope(level), body(frame, buffer)))?,
            None => Packet::Connect(Box::new(self.connect(frame, buffer)?)),
        };
        buffer.advance(frame.packet_bytes());
        Ok(packet)
    }

    fn connect(&mut self, frame: Frame, buffer: &BytesMut) -> Result<Connect, DecodeError> {
        let fields = |level| Fields::new(Kind::Connect, self.scope(level), body(frame, buffer));
        let level = ProtocolLevel::peek(fields(ProtocolLevel::V311))?;
        if self.only.is_some_and(|only| only != level) {
            return Err(DecodeError::ProtocolLevel { level: level as u8 });
        }
        let outcome =
            check_length(Some(level), Kind::Connect, frame).and_then(|()| Connect::read(fields(level)));
        self.level = Some(level);
        self.connected = outcome.is_ok();
        outcome
    }

    fn scope(&self, level: ProtocolLevel) -> Scope {
        Scope { role: self.role, level, user: self.user }
    }
}

fn body(frame: Frame, buffer: &BytesMut) -> &[u8] {
    &buffer[frame.header_bytes..frame.packet_bytes()]
}

fn check_flags(kind: Kind, flags: u8) -> Result<(), DecodeError> {
    match kind.flags_fixed() {
        None => publish::check_flags(flags).map(|_| ()),
        Some(fixed) if fixed == flags => Ok(()),
        Some(_) => Err(DecodeError::Flags { kind, flags }),
    }
}

/// A remaining length in more bytes than it needs is forbidden by MQTT 5.0 [MQTT-1.5.5-1], and not by 3.1.1.
fn check_length(level: Option<ProtocolLevel>, kind: Kind, frame: Frame) -> Result<(), DecodeError> {
    let forbidden = level == Some(ProtocolLevel::V5) && frame.is_overlong();
    if forbidden { Err(DecodeError::VariableInteger { kind }) } else { Ok(()) }
}

/// Every type but CONNECT and PUBLISH: rare or tiny, so their fields are copied out of the read buffer.
fn read_copied(fields: Fields<'_>) -> Result<Packet, DecodeError> {
    Ok(match fields.kind {
        Kind::Connack => Packet::Connack(Connack::read(fields)?),
        Kind::Puback => Packet::Puback(Ack::read(fields)?),
        Kind::Pubrec => Packet::Pubrec(Ack::read(fields)?),
        Kind::Pubrel => Packet::Pubrel(Ack::read(fields)?),
        Kind::Pubcomp => Packet::Pubcomp(Ack::read(fields)?),
        Kind::Subscribe => Packet::Subscribe(Subscribe::read(fields)?),
        Kind::Suback => Packet::Suback(Suback::read(fields)?),
        Kind::Unsubscribe => Packet::Unsubscribe(Unsubscribe::read(fields)?),
        Kind::Unsuback => Packet::Unsuback(Unsuback::read(fields)?),
        Kind::Pingreq => fields.finish().map(|()| Packet::Pingreq)?,
        Kind::Pingresp => fields.finish().map(|()| Packet::Pingresp)?,
        Kind::Disconnect => Packet::Disconnect(Disconnect::read(fields)?),
        Kind::Auth => Packet::Auth(Box::new(Auth::read(fields)?)),
        Kind::Connect | Kind::Publish => {
            unreachable!("a CONNECT comes once, a PUBLISH takes the buffer itself")
        }
    })
}
