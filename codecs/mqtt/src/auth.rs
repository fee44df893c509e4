//! AUTH (section 3.15) and what CONNECT and CONNACK carry of an enhanced authentication (section 4.12).

use bytes::{BufMut, Bytes, BytesMut};

use crate::connect::ProtocolLevel;
use crate::encoder::{Body, Form, Words, check_reason};
use crate::error::{DecodeError, EncodeError};
use crate::field::Fields;
use crate::header::Kind;
use crate::property::{self, ListProperties, Place, Property, Sink, TakeProperty, check_data};
use crate::reason::ReasonCode;
use crate::text::Text;
use crate::user::UserProperty;

/// One step of a method; no data without a method (section 3.1.2.11.10).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Authentication {
    pub method: Text,
    pub data: Option<Bytes>,
}

/// A step of an enhanced authentication, in either direction; MQTT 5.0 only.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Auth {
    pub reason: ReasonCode,
    /// Absent only in the empty form, which means success.
    pub authentication: Option<Authentication>,
    pub reason_string: Option<Text>,
    pub user: Vec<UserProperty>,
}

/// The two properties while a list is read, in whatever order.
#[derive(Default)]
pub(crate) struct Parts {
    method: Option<Text>,
    data: Option<Bytes>,
}

impl Parts {
    pub(crate) fn take(&mut self, property: Property, fields: &mut Fields<'_>) -> Result<Place, DecodeError> {
        match property {
            Property::AuthenticationMethod => self.method = Some(fields.text()?),
            Property::AuthenticationData => self.data = Some(fields.bytes()?),
            _ => return Ok(Place::Nowhere),
        }
        Ok(Place::Once)
    }

    pub(crate) fn join(self, kind: Kind) -> Result<Option<Authentication>, DecodeError> {
        match (self.method, self.data) {
            (Some(method), data) => Ok(Some(Authentication { method, data })),
            (None, None) => Ok(None),
            (None, Some(_)) => Err(DecodeError::AuthenticationMethod { kind }),
        }
    }
}

impl Authentication {
    pub fn new(method: Text, data: Option<Bytes>) -> Self {
        Self { method, data }
    }

    pub(crate) fn list(&self, sink: &mut Sink<'_>) {
        sink.field(Property::AuthenticationMethod, self.method.as_bytes());
        self.data.iter().for_each(|data| sink.field(Property::AuthenticationData, data));
    }

    pub(crate) fn check(&self) -> Result<(), EncodeError> {
        check_data(Property::AuthenticationData, self.data.as_ref())
    }
}

impl Auth {
    /// Without words; set the fields that differ.
    pub fn new(reason: ReasonCode, authentication: Authentication) -> Self {
        Self { reason, authentication: Some(authentication), ..Self::default() }
    }

    pub(crate) fn read(mut fields: Fields<'_>) -> Result<Self, DecodeError> {
        if fields.is_empty() {
            return Ok(Self::default());
        }
        let mut reading = Reading::default();
        reading.auth.reason = fields.reason()?;
        property::read(&mut fields, &mut reading)?;
        fields.finish()?;
        let authentication = reading.parts.join(Kind::Auth)?;
        let authentication = authentication.ok_or(DecodeError::AuthenticationMethod { kind: Kind::Auth })?;
        Ok(Self { authentication: Some(authentication), ..reading.auth })
    }

    fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

#[derive(Default)]
struct Reading {
    auth: Auth,
    parts: Parts,
}

impl TakeProperty for Reading {
    fn take(&mut self, property: Property, fields: &mut Fields<'_>) -> Result<Place, DecodeError> {
        match property {
            Property::ReasonString => self.auth.reason_string = Some(fields.text()?),
            Property::UserProperty => return fields.user(&mut self.auth.user),
            other => return self.parts.take(other, fields),
        }
        Ok(Place::Once)
    }
}

impl ListProperties for Auth {
    fn list(&self, sink: &mut Sink<'_>) {
        self.authentication.iter().for_each(|one| one.list(sink));
        sink.words(self.reason_string.as_ref(), &self.user);
    }
}

impl Body for Auth {
    const WORDS: Words = Words::IfAsked;

    fn first_byte(&self) -> u8 {
        Kind::Auth.fixed_byte()
    }

    fn check(&self, level: ProtocolLevel) -> Result<(), EncodeError> {
        if level != ProtocolLevel::V5 {
            return Err(EncodeError::Level { kind: Kind::Auth });
        }
        check_reason(Kind::Auth, self.reason)?;
        match &self.authentication {
            Some(authentication) => authentication.check(),
            None if self.is_empty() => Ok(()),
            None => Err(EncodeError::AuthenticationMethod),
        }
    }

    fn body_bytes(&self, form: Form) -> usize {
        if self.is_empty() { 0 } else { 1 + form.list_bytes(self) }
    }

    fn put_body(&self, form: Form, out: &mut BytesMut) {
        if !self.is_empty() {
            out.put_u8(self.reason as u8);
            form.put_list(self, out);
        }
    }
}
