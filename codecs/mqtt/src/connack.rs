//! CONNACK (section 3.2): a server's answer to CONNECT.
//!
//! A refusal is a [`ReasonCode`] at both levels. At level 3.1.1 it goes over the wire as one of five return codes; what
//! has no return code there ends the connection without an answer.

use std::num::{NonZeroU16, NonZeroU32};

use bytes::{BufMut, BytesMut};

use crate::auth::{self, Authentication};
use crate::connect::ProtocolLevel;
use crate::encoder::{Body, Form, Words, check_reason};
use crate::error::{DecodeError, EncodeError};
use crate::field::Fields;
use crate::header::Kind;
use crate::property::{self, ListProperties, Place, Property, Sink, TakeProperty};
use crate::publish::QoS;
use crate::reason::ReasonCode;
use crate::text::Text;
use crate::user::{Properties, UserProperty, absent};

const SESSION_PRESENT: u8 = 0b0000_0001;

/// A server's first packet.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Connack {
    pub outcome: ConnectOutcome,
    /// Of MQTT 5.0.
    pub properties: Properties<ConnackProperties>,
}

/// A session can be present in an accepted connection only [MQTT-3.2.2-4].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ConnectOutcome {
    Accepted {
        session_present: bool,
    },
    /// The server closes the connection behind this answer [MQTT-3.2.2-5]. Never [`ReasonCode::Success`].
    Refused(ReasonCode),
}

/// Return codes of MQTT 3.1.1 other than zero (Table 3.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
#[repr(u8)]
pub enum Refusal {
    UnacceptableProtocolVersion = 1,
    IdentifierRejected = 2,
    ServerUnavailable = 3,
    BadUserNameOrPassword = 4,
    NotAuthorized = 5,
}

/// What a server grants and can take (MQTT 5.0 section 3.2.2.3). A default and its absence are the same, except where
/// the type is an `Option`.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ConnackProperties {
    /// Seconds; `None` grants what the client asked for.
    pub session_expiry_s: Option<u32>,
    /// Publications of QoS 1 and 2 the server takes before it acknowledged one. 65,535 by default.
    pub receive_max: NonZeroU16,
    /// Highest quality the server takes. 2 by default.
    pub qos_max: QoS,
    pub retain_available: bool,
    /// Largest packet the server takes, fixed header included.
    pub packet_bytes_max: Option<NonZeroU32>,
    pub assigned_client_id: Option<Text>,
    /// Highest alias the server takes; 0 by default, which is none.
    pub topic_alias_max: u16,
    pub reason_string: Option<Text>,
    pub wildcards_available: bool,
    pub subscription_ids_available: bool,
    pub shared_available: bool,
    /// Seconds; the client uses this in place of its own [MQTT-3.2.2-21].
    pub server_keep_alive_s: Option<u16>,
    pub response_information: Option<Text>,
    pub server_reference: Option<Text>,
    pub authentication: Option<Authentication>,
    pub user: Vec<UserProperty>,
}

absent! {
    ConnackProperties = ConnackProperties {
        session_expiry_s: None,
        receive_max: NonZeroU16::MAX,
        qos_max: QoS::ExactlyOnce,
        retain_available: true,
        packet_bytes_max: None,
        assigned_client_id: None,
        topic_alias_max: 0,
        reason_string: None,
        wildcards_available: true,
        subscription_ids_available: true,
        shared_available: true,
        server_keep_alive_s: None,
        response_information: None,
        server_reference: None,
        authentication: None,
        user: Vec::new(),
    };
}

impl Refusal {
    fn read(code: u8) -> Result<Self, DecodeError> {
        match code {
            1 => Ok(Self::UnacceptableProtocolVersion),
            2 => Ok(Self::IdentifierRejected),
            3 => Ok(Self::ServerUnavailable),
            4 => Ok(Self::BadUserNameOrPassword),
            5 => Ok(Self::NotAuthorized),
            code => Err(DecodeError::ConnackCode { code }),
        }
    }

    /// The return code a 3.1.1 client is given for a reason; `None` where the connection is closed without one.
    pub fn of(reason: ReasonCode) -> Option<Self> {
        Some(match reason {
            ReasonCode::UnsupportedProtocolVersion => Self::UnacceptableProtocolVersion,
            ReasonCode::ClientIdentifierNotValid => Self::IdentifierRejected,
            ReasonCode::BadUserNameOrPassword => Self::BadUserNameOrPassword,
            ReasonCode::NotAuthorized | ReasonCode::Banned | ReasonCode::BadAuthenticationMethod => {
                Self::NotAuthorized
            }
            ReasonCode::ServerUnavailable
            | ReasonCode::ServerBusy
            | ReasonCode::ServerShuttingDown
            | ReasonCode::UseAnotherServer
            | ReasonCode::ServerMoved
            | ReasonCode::QuotaExceeded
            | ReasonCode::ConnectionRateExceeded => Self::ServerUnavailable,
            _ => return None,
        })
    }
}

impl From<Refusal> for ReasonCode {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::UnacceptableProtocolVersion => Self::UnsupportedProtocolVersion,
            Refusal::IdentifierRejected => Self::ClientIdentifierNotValid,
            Refusal::ServerUnavailable => Self::ServerUnavailable,
            Refusal::BadUserNameOrPassword => Self::BadUserNameOrPassword,
            Refusal::NotAuthorized => Self::NotAuthorized,
        }
    }
}

impl Connack {
    pub fn accepted(session_present: bool) -> Self {
        Self { outcome: ConnectOutcome::Accepted { session_present }, properties: Properties::none() }
    }

    /// With a [`Refusal`] or a failing [`ReasonCode`].
    pub fn refused(reason: impl Into<ReasonCode>) -> Self {
        Self { outcome: ConnectOutcome::Refused(reason.into()), properties: Properties::none() }
    }

    pub(crate) fn read(mut fields: Fields<'_>) -> Result<Self, DecodeError> {
        let flags = fields.byte()?;
        // A server without MQTT 5.0 refuses in the form of 3.1.1, which has nothing behind its return code.
        let v5 = fields.scope.has_properties() && !matches!(fields.rest(), [1..=5]);
        let outcome = if v5 { read_reason(&mut fields)? } else { read_return_code(&mut fields)? };
        let properties = if v5 { read_properties(&mut fields)? } else { Properties::none() };
        fields.finish()?;
        if flags & !SESSION_PRESENT != 0 {
            return Err(DecodeError::ConnackFlags { flags });
        }
        let outcome = match (outcome, flags & SESSION_PRESENT != 0) {
            (None, session_present) => ConnectOutcome::Accepted { session_present },
            (Some(reason), false) => ConnectOutcome::Refused(reason),
            (Some(_), true) => return Err(DecodeError::SessionInRefusal),
        };
        Ok(Self { outcome, properties })
    }

    fn reason(&self) -> ReasonCode {
        match self.outcome {
            ConnectOutcome::Accepted { .. } => ReasonCode::Success,
            ConnectOutcome::Refused(reason) => reason,
        }
    }
}

fn read_return_code(fields: &mut Fields<'_>) -> Result<Option<ReasonCode>, DecodeError> {
    match fields.byte()? {
        0 => Ok(None),
        code => Refusal::read(code).map(|refusal| Some(refusal.into())),
    }
}

fn read_reason(fields: &mut Fields<'_>) -> Result<Option<ReasonCode>, DecodeError> {
    fields.reason().map(|reason| Some(reason).filter(|reason| *reason != ReasonCode::Success))
}

fn read_properties(fields: &mut Fields<'_>) -> Result<Properties<ConnackProperties>, DecodeError> {
    let mut reading = Reading::default();
    property::read(fields, &mut reading)?;
    if let Some(authentication) = reading.authentication.join(Kind::Connack)? {
        reading.properties.authentication = Some(authentication);
    }
    Ok(reading.properties)
}

#[derive(Default)]
struct Reading {
    properties: Properties<ConnackProperties>,
    authentication: auth::Parts,
}

impl TakeProperty for Reading {
    fn take(&mut self, property: Property, fields: &mut Fields<'_>) -> Result<Place, DecodeError> {
        let into = &mut *self.properties;
        match property {
            Property::SessionExpiry => into.session_expiry_s = Some(fields.long()?),
            Property::ReceiveMax => into.receive_max = fields.receive_max()?,
            Property::QosMax if fields.flag(property)? => into.qos_max = QoS::AtLeastOnce,
            Property::QosMax => into.qos_max = QoS::AtMostOnce,
            Property::RetainAvailable => into.retain_available = fields.flag(property)?,
            Property::PacketBytesMax => into.packet_bytes_max = Some(fields.packet_bytes_max()?),
            Property::AssignedClientId => into.assigned_client_id = Some(fields.text()?),
            Property::TopicAliasMax => into.topic_alias_max = fields.number()?,
            Property::ReasonString => into.reason_string = Some(fields.text()?),
            Property::WildcardsAvailable => into.wildcards_available = fields.flag(property)?,
            Property::SubscriptionIdsAvailable => into.subscription_ids_available = fields.flag(property)?,
            Property::SharedAvailable => into.shared_available = fields.flag(property)?,
            Property::ServerKeepAlive => into.server_keep_alive_s = Some(fields.number()?),
            Property::ResponseInformation => into.response_information = Some(fields.text()?),
            Property::ServerReference => into.server_reference = Some(fields.text()?),
            Property::UserProperty => return fields.user(&mut into.user),
            other => return self.authentication.take(other, fields),
        }
        Ok(Place::Once)
    }
}

impl ListProperties for ConnackProperties {
    fn list(&self, sink: &mut Sink<'_>) {
        let flags = [
            (Property::RetainAvailable, self.retain_available),
            (Property::WildcardsAvailable, self.wildcards_available),
            (Property::SubscriptionIdsAvailable, self.subscription_ids_available),
            (Property::SharedAvailable, self.shared_available),
        ];
        let texts = [
            (Property::AssignedClientId, &self.assigned_client_id),
            (Property::ResponseInformation, &self.response_information),
            (Property::ServerReference, &self.server_reference),
        ];
        self.session_expiry_s.iter().for_each(|one| sink.long(Property::SessionExpiry, *one));
        if self.receive_max != NonZeroU16::MAX {
            sink.short(Property::ReceiveMax, self.receive_max.get());
        }
        if self.qos_max != QoS::ExactlyOnce {
            sink.byte(Property::QosMax, self.qos_max as u8);
        }
        self.packet_bytes_max.iter().for_each(|one| sink.long(Property::PacketBytesMax, one.get()));
        if self.topic_alias_max != 0 {
            sink.short(Property::TopicAliasMax, self.topic_alias_max);
        }
        flags.iter().filter(|(_, available)| !available).for_each(|(property, _)| sink.byte(*property, 0));
        self.server_keep_alive_s.iter().for_each(|one| sink.short(Property::ServerKeepAlive, *one));
        for (property, text) in texts {
            text.iter().for_each(|text| sink.field(property, text.as_bytes()));
        }
        self.authentication.iter().for_each(|one| one.list(sink));
        sink.words(self.reason_string.as_ref(), &self.user);
    }
}

impl Body for Connack {
    const WORDS: Words = Words::IfRoom;

    fn first_byte(&self) -> u8 {
        Kind::Connack.fixed_byte()
    }

    fn check(&self, level: ProtocolLevel) -> Result<(), EncodeError> {
        let ConnectOutcome::Refused(reason) = self.outcome else {
            return self.properties.authentication.as_ref().map_or(Ok(()), Authentication::check);
        };
        if !reason.is_failure() {
            return Err(EncodeError::ReasonCode { kind: Kind::Connack, reason });
        }
        match level {
            ProtocolLevel::V311 if Refusal::of(reason).is_none() => {
                Err(EncodeError::Level { kind: Kind::Connack })
            }
            ProtocolLevel::V311 => Ok(()),
            ProtocolLevel::V5 => check_reason(Kind::Connack, reason),
        }
    }

    fn body_bytes(&self, form: Form) -> usize {
        2 + form.list_bytes(&*self.properties)
    }

    fn put_body(&self, form: Form, out: &mut BytesMut) {
        let session_present = matches!(self.outcome, ConnectOutcome::Accepted { session_present: true });
        let code = match form.level {
            ProtocolLevel::V311 => Refusal::of(self.reason()).map_or(0, |refusal| refusal as u8),
            ProtocolLevel::V5 => self.reason() as u8,
        };
        out.put_slice(&[u8::from(session_present), code]);
        form.put_list(&*self.properties, out);
    }
}
