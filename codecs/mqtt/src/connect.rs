//! CONNECT (section 3.1): who connects, with what session, login and last will.
//!
//! A level this crate does not speak is recognised before the rest is read, since the rest is laid out differently
//! there; the error then says which CONNACK to answer with.

use std::fmt;

use bytes::{BufMut, Bytes, BytesMut};

use crate::error::{DecodeError, EncodeError};
use crate::field::{Fields, check_field, field_bytes, put_field};
use crate::header::{self, Kind};
use crate::publish::QoS;
use crate::text::Text;
use crate::topic::TopicName;

const PROTOCOL_NAME: &[u8] = b"MQTT";

const RESERVED: u8 = 0b0000_0001;
const CLEAN_SESSION: u8 = 0b0000_0010;
const WILL: u8 = 0b0000_0100;
const WILL_QOS: u8 = 0b0001_1000;
const WILL_RETAIN: u8 = 0b0010_0000;
const PASSWORD: u8 = 0b0100_0000;
const USER_NAME: u8 = 0b1000_0000;

/// Revision of the protocol, fixed for the life of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
#[repr(u8)]
pub enum ProtocolLevel {
    /// MQTT 3.1.1.
    V311 = 4,
}

impl ProtocolLevel {
    fn read(level: u8) -> Result<Self, DecodeError> {
        match level {
            4 => Ok(Self::V311),
            level => Err(DecodeError::ProtocolLevel { level }),
        }
    }
}

/// A client's first packet.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Connect {
    pub level: ProtocolLevel,
    /// Empty where the server is to choose one; then `clean_session` is set [MQTT-3.1.3-7].
    pub client_id: Text,
    pub clean_session: bool,
    /// Seconds; 0 turns the keep-alive off (section 3.1.2.10).
    pub keep_alive_s: u16,
    pub will: Option<Will>,
    pub login: Option<Login>,
}

/// The message a server publishes for a client that went without a DISCONNECT.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Will {
    pub topic: TopicName,
    pub payload: Bytes,
    pub qos: QoS,
    pub retain: bool,
}

/// User name and password; no password without a user name [MQTT-3.1.2-22]. `Debug` hides the password.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Login {
    pub user_name: Text,
    pub password: Option<Bytes>,
}

impl Connect {
    /// A clean session without keep-alive, will or login; set the fields that differ.
    pub fn new(client_id: Text) -> Self {
        Self {
            level: ProtocolLevel::V311,
            client_id,
            clean_session: true,
            keep_alive_s: 0,
            will: None,
            login: None,
        }
    }

    pub(crate) fn read(mut fields: Fields<'_>) -> Result<Self, DecodeError> {
        if fields.slice()? != PROTOCOL_NAME {
            return Err(DecodeError::ProtocolName);
        }
        let level = ProtocolLevel::read(fields.byte()?)?;
        let flags = fields.byte()?;
        check_flags(flags)?;
        let connect = Self {
            level,
            clean_session: flags & CLEAN_SESSION != 0,
            keep_alive_s: fields.number()?,
            // The order of the payload's fields is fixed [MQTT-3.1.3-1], and struct fields are evaluated in the order
            // they are written in.
            client_id: fields.text()?,
            will: Will::read(flags, &mut fields)?,
            login: Login::read(flags, &mut fields)?,
        };
        fields.finish()?;
        if connect.lacks_client_id() { Err(DecodeError::ClientIdMissing) } else { Ok(connect) }
    }

    pub(crate) fn put(&self, out: &mut BytesMut) -> Result<(), EncodeError> {
        self.check()?;
        header::put(Kind::Connect.first_byte(0), self.body_bytes(), out)?;
        put_field(PROTOCOL_NAME, out);
        out.put_u8(self.level as u8);
        out.put_u8(self.flags());
        out.put_u16(self.keep_alive_s);
        put_field(self.client_id.as_bytes(), out);
        if let Some(will) = &self.will {
            put_field(will.topic.as_bytes(), out);
            put_field(&will.payload, out);
        }
        if let Some(login) = &self.login {
            put_field(login.user_name.as_bytes(), out);
            login.password.iter().for_each(|password| put_field(password, out));
        }
        Ok(())
    }

    fn check(&self) -> Result<(), EncodeError> {
        if self.lacks_client_id() {
            return Err(EncodeError::ClientIdMissing);
        }
        if let Some(will) = &self.will {
            check_field("will payload", &will.payload)?;
        }
        match self.password() {
            Some(password) => check_field("password", password),
            None => Ok(()),
        }
    }

    fn lacks_client_id(&self) -> bool {
        self.client_id.as_bytes().is_empty() && !self.clean_session
    }

    fn password(&self) -> Option<&Bytes> {
        self.login.as_ref().and_then(|login| login.password.as_ref())
    }

    fn flags(&self) -> u8 {
        let clean = if self.clean_session { CLEAN_SESSION } else { 0 };
        let will = self.will.as_ref().map_or(0, Will::flags);
        let user_name = if self.login.is_some() { USER_NAME } else { 0 };
        let password = if self.password().is_some() { PASSWORD } else { 0 };
        clean | will | user_name | password
    }

    fn body_bytes(&self) -> usize {
        let head_bytes = field_bytes(PROTOCOL_NAME) + 4 + field_bytes(self.client_id.as_bytes());
        let will = self.will.as_ref();
        let will_bytes = will.map_or(0, |w| field_bytes(w.topic.as_bytes()) + field_bytes(&w.payload));
        let user_bytes = self.login.as_ref().map_or(0, |login| field_bytes(login.user_name.as_bytes()));
        head_bytes + will_bytes + user_bytes + self.password().map_or(0, |password| field_bytes(password))
    }
}

fn check_flags(flags: u8) -> Result<(), DecodeError> {
    if flags & RESERVED != 0 {
        return Err(DecodeError::ConnectReservedFlag);
    }
    if flags & WILL == 0 && flags & (WILL_QOS | WILL_RETAIN) != 0 {
        return Err(DecodeError::WillFlags);
    }
    if flags & WILL_QOS == WILL_QOS {
        return Err(DecodeError::WillQos);
    }
    if flags & PASSWORD != 0 && flags & USER_NAME == 0 {
        return Err(DecodeError::PasswordAlone);
    }
    Ok(())
}

impl Will {
    /// QoS 0, not retained; set the fields that differ.
    pub fn new(topic: TopicName, payload: Bytes) -> Self {
        Self { topic, payload, qos: QoS::AtMostOnce, retain: false }
    }

    fn read(flags: u8, fields: &mut Fields<'_>) -> Result<Option<Self>, DecodeError> {
        if flags & WILL == 0 {
            return Ok(None);
        }
        let topic = TopicName::try_from(fields.text()?)?;
        let payload = fields.bytes()?;
        let qos = QoS::new((flags & WILL_QOS) >> 3).ok_or(DecodeError::WillQos)?;
        Ok(Some(Self { topic, payload, qos, retain: flags & WILL_RETAIN != 0 }))
    }

    fn flags(&self) -> u8 {
        WILL | (self.qos as u8) << 3 | if self.retain { WILL_RETAIN } else { 0 }
    }
}

impl Login {
    pub fn new(user_name: Text, password: Option<Bytes>) -> Self {
        Self { user_name, password }
    }

    fn read(flags: u8, fields: &mut Fields<'_>) -> Result<Option<Self>, DecodeError> {
        if flags & USER_NAME == 0 {
            return Ok(None);
        }
        let user_name = fields.text()?;
        let password = if flags & PASSWORD != 0 { Some(fields.bytes()?) } else { None };
        Ok(Some(Self { user_name, password }))
    }
}

impl fmt::Debug for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let password = self.password.as_ref().map(|_| "hidden");
        f.debug_struct("Login").field("user_name", &self.user_name).field("password", &password).finish()
    }
}
