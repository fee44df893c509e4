//! SUBACK and UNSUBACK (sections 3.9 and 3.11): what became of each filter, in the order they were asked in.

use bytes::{BufMut, BytesMut};

use crate::ack::{AckProperties, PacketId};
use crate::connect::ProtocolLevel;
use crate::encoder::{Body, Form, Words, check_reason};
use crate::error::{DecodeError, EncodeError};
use crate::field::Fields;
use crate::header::Kind;
use crate::property;
use crate::publish::QoS;
use crate::reason::ReasonCode;
use crate::subscribe::{FILTERS_MAX, check_count};
use crate::user::Properties;

/// The only refusal of MQTT 3.1.1, in MQTT 5.0 an unspecified error.
const FAILURE: u8 = 0x80;

/// Answer to a SUBSCRIBE, one outcome per subscription in the same order [MQTT-3.9.3-1].
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Suback {
    pub id: PacketId,
    pub outcomes: Vec<SubscribeOutcome>,
    pub properties: Properties<AckProperties>,
}

/// What became of one subscription [MQTT-3.8.4-5].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum SubscribeOutcome {
    Granted(QoS),
    /// A failing reason; at level 3.1.1 all of them are 0x80, [`ReasonCode::UnspecifiedError`].
    Refused(ReasonCode),
}

/// Answer to an UNSUBSCRIBE.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Unsuback {
    pub id: PacketId,
    /// One per filter at level 5 [MQTT-3.11.3-1]; not written at level 3.1.1, and empty when read there.
    pub reasons: Vec<ReasonCode>,
    pub properties: Properties<AckProperties>,
}

impl SubscribeOutcome {
    /// Refused without saying why.
    pub const FAILED: Self = Self::Refused(ReasonCode::UnspecifiedError);

    fn read(code: u8, level: ProtocolLevel) -> Result<Self, DecodeError> {
        if let Some(qos) = QoS::new(code) {
            return Ok(Self::Granted(qos));
        }
        let reason = ReasonCode::new(code).filter(|reason| reason.fits(Kind::Suback));
        let known = reason.filter(|_| level == ProtocolLevel::V5 || code == FAILURE);
        known.map(Self::Refused).ok_or(DecodeError::SubackCode { code })
    }

    fn code(self, level: ProtocolLevel) -> u8 {
        match self {
            Self::Granted(qos) => qos as u8,
            Self::Refused(_) if level == ProtocolLevel::V311 => FAILURE,
            Self::Refused(reason) => reason as u8,
        }
    }

    fn check(self) -> Result<(), EncodeError> {
        match self {
            Self::Refused(reason) if !reason.is_failure() => {
                Err(EncodeError::ReasonCode { kind: Kind::Suback, reason })
            }
            Self::Refused(reason) => check_reason(Kind::Suback, reason),
            Self::Granted(_) => Ok(()),
        }
    }
}

/// Codes of one byte each, up to the packet's end.
fn read_codes<T>(
    fields: &Fields<'_>,
    read: impl Fn(u8) -> Result<T, DecodeError>,
) -> Result<Vec<T>, DecodeError> {
    let (kind, codes) = (fields.kind, fields.rest());
    match codes.len() {
        0 => return Err(DecodeError::CodesMissing { kind }),
        1..=FILTERS_MAX => {}
        count => return Err(DecodeError::TooManyFilters { kind, count }),
    }
    codes.iter().map(|code| read(*code)).collect()
}

impl Suback {
    pub fn new(id: PacketId, outcomes: Vec<SubscribeOutcome>) -> Self {
        Self { id, outcomes, properties: Properties::none() }
    }

    pub(crate) fn read(mut fields: Fields<'_>) -> Result<Self, DecodeError> {
        let id = fields.packet_id()?;
        let has_properties = fields.scope.has_properties();
        let properties = if has_properties { property::read_new(&mut fields)? } else { Properties::none() };
        let level = fields.scope.level;
        let outcomes = read_codes(&fields, |code| SubscribeOutcome::read(code, level))?;
        Ok(Self { id, outcomes, properties })
    }
}

impl Body for Suback {
    const WORDS: Words = Words::IfAsked;

    fn first_byte(&self) -> u8 {
        Kind::Suback.fixed_byte()
    }

    fn check(&self, _: ProtocolLevel) -> Result<(), EncodeError> {
        check_count(Kind::Suback, self.outcomes.len())?;
        self.outcomes.iter().try_for_each(|outcome| outcome.check())
    }

    fn body_bytes(&self, form: Form) -> usize {
        2 + form.list_bytes(&*self.properties) + self.outcomes.len()
    }

    fn put_body(&self, form: Form, out: &mut BytesMut) {
        out.put_u16(self.id.get());
        form.put_list(&*self.properties, out);
        self.outcomes.iter().for_each(|outcome| out.put_u8(outcome.code(form.level)));
    }
}

impl Unsuback {
    /// At level 3.1.1, which gives no reasons.
    pub fn new(id: PacketId) -> Self {
        Self::with_reasons(id, Vec::new())
    }

    pub fn with_reasons(id: PacketId, reasons: Vec<ReasonCode>) -> Self {
        Self { id, reasons, properties: Properties::none() }
    }

    pub(crate) fn read(mut fields: Fields<'_>) -> Result<Self, DecodeError> {
        let mut unsuback = Self::new(fields.packet_id()?);
        if !fields.scope.has_properties() {
            return fields.finish().map(|()| unsuback);
        }
        unsuback.properties = property::read_new(&mut fields)?;
        unsuback.reasons = read_codes(&fields, |code| {
            let reason = ReasonCode::new(code).filter(|reason| reason.fits(Kind::Unsuback));
            reason.ok_or(DecodeError::ReasonCode { kind: Kind::Unsuback, code })
        })?;
        Ok(unsuback)
    }
}

impl Body for Unsuback {
    const WORDS: Words = Words::IfAsked;

    fn first_byte(&self) -> u8 {
        Kind::Unsuback.fixed_byte()
    }

    fn check(&self, level: ProtocolLevel) -> Result<(), EncodeError> {
        if level == ProtocolLevel::V311 {
            return Ok(());
        }
        check_count(Kind::Unsuback, self.reasons.len())?;
        self.reasons.iter().try_for_each(|reason| check_reason(Kind::Unsuback, *reason))
    }

    fn body_bytes(&self, form: Form) -> usize {
        let reasons = if form.has_properties() { self.reasons.len() } else { 0 };
        2 + form.list_bytes(&*self.properties) + reasons
    }

    fn put_body(&self, form: Form, out: &mut BytesMut) {
        out.put_u16(self.id.get());
        form.put_list(&*self.properties, out);
        if form.has_properties() {
            self.reasons.iter().for_each(|reason| out.put_u8(*reason as u8));
        }
    }
}
