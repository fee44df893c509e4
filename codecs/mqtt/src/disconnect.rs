//! DISCONNECT (section 3.14): an end that was said. At level 3.1.1 from clients only, and without a word.

use bytes::{BufMut, BytesMut};

use crate::connect::ProtocolLevel;
use crate::decoder::Role;
use crate::encoder::{Body, Form, Words, check_reason};
use crate::error::{DecodeError, EncodeError};
use crate::field::Fields;
use crate::header::Kind;
use crate::property::{self, ListProperties, Place, Property, Sink, TakeProperty};
use crate::reason::ReasonCode;
use crate::text::Text;
use crate::user::{Properties, UserProperty, absent};

/// One end leaves. After [`ReasonCode::Success`] from a client its will is dropped [MQTT-3.14.4-3].
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Disconnect {
    pub reason: ReasonCode,
    pub properties: Properties<DisconnectProperties>,
}

/// What MQTT 5.0 lets an end say of its going.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct DisconnectProperties {
    /// From a client: overrides that of its CONNECT, unless that was 0 (section 3.14.2.2.2), which is for the broker to
    /// hold.
    pub session_expiry_s: Option<u32>,
    pub server_reference: Option<Text>,
    pub reason_string: Option<Text>,
    pub user: Vec<UserProperty>,
}

absent! {
    DisconnectProperties = DisconnectProperties {
        session_expiry_s: None,
        server_reference: None,
        reason_string: None,
        user: Vec::new(),
    };
}

impl Disconnect {
    pub fn with_reason(reason: ReasonCode) -> Self {
        Self { reason, properties: Properties::none() }
    }

    pub(crate) fn read(mut fields: Fields<'_>) -> Result<Self, DecodeError> {
        let mut disconnect = Self::default();
        if fields.scope.has_properties() && !fields.is_empty() {
            disconnect.reason = fields.reason()?;
            if !fields.is_empty() {
                disconnect.properties = property::read_new(&mut fields)?;
            }
        }
        fields.finish()?;
        Ok(disconnect)
    }
}

impl TakeProperty for DisconnectProperties {
    fn take(&mut self, property: Property, fields: &mut Fields<'_>) -> Result<Place, DecodeError> {
        match property {
            // A server must not send it [MQTT-3.14.2-2].
            Property::SessionExpiry if fields.scope.role == Role::Client => {
                return Err(DecodeError::PropertyDirection { kind: fields.kind, property });
            }
            Property::SessionExpiry => self.session_expiry_s = Some(fields.long()?),
            Property::ServerReference => self.server_reference = Some(fields.text()?),
            Property::ReasonString => self.reason_string = Some(fields.text()?),
            Property::UserProperty => return fields.user(&mut self.user),
            _ => return Ok(Place::Nowhere),
        }
        Ok(Place::Once)
    }
}

impl ListProperties for DisconnectProperties {
    fn list(&self, sink: &mut Sink<'_>) {
        self.session_expiry_s.iter().for_each(|one| sink.long(Property::SessionExpiry, *one));
        self.server_reference.iter().for_each(|one| sink.field(Property::ServerReference, one.as_bytes()));
        sink.words(self.reason_string.as_ref(), &self.user);
    }
}

impl Body for Disconnect {
    const WORDS: Words = Words::IfRoom;

    fn first_byte(&self) -> u8 {
        Kind::Disconnect.fixed_byte()
    }

    fn check(&self, level: ProtocolLevel) -> Result<(), EncodeError> {
        if level == ProtocolLevel::V311 && self.reason != ReasonCode::Success {
            return Err(EncodeError::Level { kind: Kind::Disconnect });
        }
        check_reason(Kind::Disconnect, self.reason)
    }

    fn body_bytes(&self, form: Form) -> usize {
        if !form.has_properties() {
            return 0;
        }
        match (form.list_bytes(&*self.properties), self.reason) {
            (1, ReasonCode::Success) => 0,
            (1, _) => 1,
            (list_bytes, _) => 1 + list_bytes,
        }
    }

    fn put_body(&self, form: Form, out: &mut BytesMut) {
        let body_bytes = self.body_bytes(form);
        if body_bytes > 0 {
            out.put_u8(self.reason as u8);
        }
        if body_bytes > 1 {
            form.put_list(&*self.properties, out);
        }
    }
}
