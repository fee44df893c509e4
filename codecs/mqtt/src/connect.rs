//! CONNECT (section 3.1): who connects, with what session, login and last will.
//!
//! A level this crate does not speak is recognised before the rest is read, since the rest is laid out differently
//! there; the error then says which CONNACK to answer with.

use std::num::{NonZeroU16, NonZeroU32};

use bytes::{BufMut, BytesMut};

use crate::auth::{self, Authentication};
use crate::encoder::{Body, Form};
use crate::error::{DecodeError, EncodeError};
use crate::field::{Fields, field_bytes, put_field};
use crate::header::Kind;
use crate::login::Login;
use crate::property::{self, ListProperties, Place, Property, Sink, TakeProperty};
use crate::text::Text;
use crate::user::UserProperty;
use crate::will::Will;

const PROTOCOL_NAME: &[u8] = b"MQTT";

/// The protocol's name until 3.1, whose clients know a return code for an unknown level.
const PROTOCOL_NAME_3_1: &[u8] = b"MQIsdp";

const RESERVED: u8 = 0b0000_0001;
const CLEAN_SESSION: u8 = 0b0000_0010;
pub(crate) const WILL: u8 = 0b0000_0100;
pub(crate) const WILL_QOS: u8 = 0b0001_1000;
pub(crate) const WILL_RETAIN: u8 = 0b0010_0000;
pub(crate) const PASSWORD: u8 = 0b0100_0000;
pub(crate) const USER_NAME: u8 = 0b1000_0000;

/// Revision of the protocol, fixed for the life of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
#[repr(u8)]
pub enum ProtocolLevel {
    /// MQTT 3.1.1.
    V311 = 4,
    /// MQTT 5.0.
    V5 = 5,
}

impl ProtocolLevel {
    fn read(level: u8) -> Result<Self, DecodeError> {
        match level {
            4 => Ok(Self::V311),
            5 => Ok(Self::V5),
            level => Err(DecodeError::ProtocolLevel { level }),
        }
    }

    /// The level of a CONNECT whose rest may be wrong.
    pub(crate) fn peek(mut fields: Fields<'_>) -> Result<Self, DecodeError> {
        let name = fields.slice()?;
        if name != PROTOCOL_NAME && name != PROTOCOL_NAME_3_1 {
            return Err(DecodeError::ProtocolName);
        }
        match fields.byte()? {
            level if name == PROTOCOL_NAME => Self::read(level),
            level => Err(DecodeError::ProtocolLevel { level }),
        }
    }
}

/// A client's first packet.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Connect {
    pub level: ProtocolLevel,
    /// Empty where the server is to choose one; then at level 3.1.1 `clean_session` is set [MQTT-3.1.3-7].
    pub client_id: Text,
    /// Called clean start by MQTT 5.0, where it says nothing of the session's end.
    pub clean_session: bool,
    /// Seconds; 0 turns the keep-alive off (section 3.1.2.10).
    pub keep_alive_s: u16,
    pub will: Option<Will>,
    pub login: Option<Login>,
    /// Of MQTT 5.0; at level 3.1.1 the defaults, which are neither read nor written.
    pub properties: ConnectProperties,
}

/// What a client wants and can take (MQTT 5.0 section 3.1.2.11). A default and its absence are the same.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ConnectProperties {
    /// Seconds a session outlives its connection; `u32::MAX` is for ever. 0 by default.
    pub session_expiry_s: u32,
    /// Publications of QoS 1 and 2 the client takes before it acknowledged one. 65,535 by default.
    pub receive_max: NonZeroU16,
    /// Largest packet the client takes, fixed header included.
    pub packet_bytes_max: Option<NonZeroU32>,
    /// Highest alias the client takes; 0 by default, which is none.
    pub topic_alias_max: u16,
    pub request_response_information: bool,
    /// True by default; see [`crate::Encoder::set_problem_information`].
    pub request_problem_information: bool,
    pub authentication: Option<Authentication>,
    pub user: Vec<UserProperty>,
}

impl Default for ConnectProperties {
    fn default() -> Self {
        Self {
            session_expiry_s: 0,
            receive_max: NonZeroU16::MAX,
            packet_bytes_max: None,
            topic_alias_max: 0,
            request_response_information: false,
            request_problem_information: true,
            authentication: None,
            user: Vec::new(),
        }
    }
}

impl Connect {
    /// At level 3.1.1: a clean session without keep-alive, will or login; set the fields that differ.
    pub fn new(client_id: Text) -> Self {
        Self {
            level: ProtocolLevel::V311,
            client_id,
            clean_session: true,
            keep_alive_s: 0,
            will: None,
            login: None,
            properties: ConnectProperties::default(),
        }
    }

    /// The same at level 5.
    pub fn v5(client_id: Text) -> Self {
        Self { level: ProtocolLevel::V5, ..Self::new(client_id) }
    }

    /// `fields` are at the level that [`ProtocolLevel::peek`] found.
    pub(crate) fn read(mut fields: Fields<'_>) -> Result<Self, DecodeError> {
        let level = fields.scope.level;
        fields.slice()?;
        fields.byte()?;
        let flags = fields.byte()?;
        check_flags(level, flags)?;
        let connect = Self {
            level,
            clean_session: flags & CLEAN_SESSION != 0,
            keep_alive_s: fields.number()?,
            properties: ConnectProperties::read(&mut fields)?,
            // The order of the payload's fields is fixed [MQTT-3.1.3-1], and struct fields are evaluated in the order
            // they are written in.
            client_id: fields.text()?,
            will: Will::read(flags, &mut fields)?,
            login: Login::read(flags, &mut fields)?,
        };
        fields.finish()?;
        if connect.lacks_client_id() { Err(DecodeError::ClientIdMissing) } else { Ok(connect) }
    }

    fn lacks_client_id(&self) -> bool {
        self.level == ProtocolLevel::V311 && self.client_id.as_bytes().is_empty() && !self.clean_session
    }

    fn flags(&self) -> u8 {
        let clean = if self.clean_session { CLEAN_SESSION } else { 0 };
        clean | self.will.as_ref().map_or(0, Will::flags) | self.login.as_ref().map_or(0, Login::flags)
    }

    /// The level is that of the packet, whatever the encoder's.
    fn at_level(&self, form: Form) -> Form {
        Form { level: self.level, ..form }
    }
}

impl Body for Connect {
    fn first_byte(&self) -> u8 {
        Kind::Connect.fixed_byte()
    }

    fn check(&self, _: ProtocolLevel) -> Result<(), EncodeError> {
        if self.lacks_client_id() {
            return Err(EncodeError::ClientIdMissing);
        }
        self.will.as_ref().map_or(Ok(()), Will::check)?;
        self.login.as_ref().map_or(Ok(()), |login| login.check(self.level))?;
        self.properties.authentication.as_ref().map_or(Ok(()), Authentication::check)
    }

    fn body_bytes(&self, form: Form) -> usize {
        let form = self.at_level(form);
        let head_bytes = field_bytes(PROTOCOL_NAME) + 4 + form.list_bytes(&self.properties);
        let will_bytes = self.will.as_ref().map_or(0, |will| will.bytes(form));
        let login_bytes = self.login.as_ref().map_or(0, Login::bytes);
        head_bytes + field_bytes(self.client_id.as_bytes()) + will_bytes + login_bytes
    }

    fn put_body(&self, form: Form, out: &mut BytesMut) {
        let form = self.at_level(form);
        put_field(PROTOCOL_NAME, out);
        out.put_u8(self.level as u8);
        out.put_u8(self.flags());
        out.put_u16(self.keep_alive_s);
        form.put_list(&self.properties, out);
        put_field(self.client_id.as_bytes(), out);
        self.will.iter().for_each(|will| will.put(form, out));
        self.login.iter().for_each(|login| login.put(out));
    }
}

fn check_flags(level: ProtocolLevel, flags: u8) -> Result<(), DecodeError> {
    if flags & RESERVED != 0 {
        return Err(DecodeError::ConnectReservedFlag);
    }
    if flags & WILL == 0 && flags & (WILL_QOS | WILL_RETAIN) != 0 {
        return Err(DecodeError::WillFlags);
    }
    if flags & WILL_QOS == WILL_QOS {
        return Err(DecodeError::WillQos);
    }
    // MQTT 5.0 section 3.1.2.9 allows it.
    if level == ProtocolLevel::V311 && flags & PASSWORD != 0 && flags & USER_NAME == 0 {
        return Err(DecodeError::PasswordAlone);
    }
    Ok(())
}

#[derive(Default)]
struct Reading {
    properties: ConnectProperties,
    authentication: auth::Parts,
}

impl ConnectProperties {
    fn read(fields: &mut Fields<'_>) -> Result<Self, DecodeError> {
        let mut reading = Reading::default();
        if fields.scope.has_properties() {
            property::read(fields, &mut reading)?;
        }
        let authentication = reading.authentication.join(Kind::Connect)?;
        Ok(Self { authentication, ..reading.properties })
    }
}

impl TakeProperty for Reading {
    fn take(&mut self, property: Property, fields: &mut Fields<'_>) -> Result<Place, DecodeError> {
        let into = &mut self.properties;
        match property {
            Property::SessionExpiry => into.session_expiry_s = fields.long()?,
            Property::ReceiveMax => into.receive_max = fields.receive_max()?,
            Property::PacketBytesMax => into.packet_bytes_max = Some(fields.packet_bytes_max()?),
            Property::TopicAliasMax => into.topic_alias_max = fields.number()?,
            Property::RequestResponseInformation => {
                into.request_response_information = fields.flag(property)?;
            }
            Property::RequestProblemInformation => {
                into.request_problem_information = fields.flag(property)?
            }
            Property::UserProperty => return fields.user(&mut into.user),
            other => return self.authentication.take(other, fields),
        }
        Ok(Place::Once)
    }
}

impl ListProperties for ConnectProperties {
    fn list(&self, sink: &mut Sink<'_>) {
        if self.session_expiry_s != 0 {
            sink.long(Property::SessionExpiry, self.session_expiry_s);
        }
        if self.receive_max != NonZeroU16::MAX {
            sink.short(Property::ReceiveMax, self.receive_max.get());
        }
        self.packet_bytes_max.iter().for_each(|one| sink.long(Property::PacketBytesMax, one.get()));
        if self.topic_alias_max != 0 {
            sink.short(Property::TopicAliasMax, self.topic_alias_max);
        }
        if self.request_response_information {
            sink.byte(Property::RequestResponseInformation, 1);
        }
        if !self.request_problem_information {
            sink.byte(Property::RequestProblemInformation, 0);
        }
        self.authentication.iter().for_each(|one| one.list(sink));
        sink.user(&self.user);
    }
}
