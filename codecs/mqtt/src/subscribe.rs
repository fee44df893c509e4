//! SUBSCRIBE, SUBACK and UNSUBSCRIBE (sections 3.8 to 3.10). What is subscribed is the broker's business.
//!
//! Filters are counted before they are read, so that a packet of tiny filters is refused before memory is taken for it:
//! in memory a filter is about ten times its four bytes on the wire.

use bytes::{BufMut, BytesMut};

use crate::ack::PacketId;
use crate::error::{DecodeError, EncodeError};
use crate::field::{Fields, field_bytes, put_field};
use crate::header::{self, Kind};
use crate::publish::QoS;
use crate::topic::TopicFilter;

/// Most filters in one SUBSCRIBE or UNSUBSCRIBE, and return codes in one SUBACK; a limit of this codec, not of the standard.
pub const FILTERS_MAX: usize = 8192;

const FAILURE: u8 = 0x80;

/// A client asks for topics. At least one subscription [MQTT-3.8.3-3].
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Subscribe {
    pub id: PacketId,
    pub subscriptions: Vec<Subscription>,
}

/// One filter and the highest quality its subscriber wants.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Subscription {
    pub filter: TopicFilter,
    pub qos: QoS,
}

/// A client gives topics up. At least one filter [MQTT-3.10.3-2].
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Unsubscribe {
    pub id: PacketId,
    pub filters: Vec<TopicFilter>,
}

/// Answer to a SUBSCRIBE, one outcome per subscription in the same order [MQTT-3.9.3-1].
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Suback {
    pub id: PacketId,
    pub outcomes: Vec<SubscribeOutcome>,
}

/// What became of one subscription [MQTT-3.8.4-5].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum SubscribeOutcome {
    Granted(QoS),
    Failed,
}

impl Subscription {
    pub fn new(filter: TopicFilter, qos: QoS) -> Self {
        Self { filter, qos }
    }

    fn read(fields: &mut Fields<'_>) -> Result<Self, DecodeError> {
        let filter = TopicFilter::try_from(fields.text()?)?;
        let bits = fields.byte()?;
        let qos = QoS::new(bits).ok_or(DecodeError::RequestedQos { bits })?;
        Ok(Self { filter, qos })
    }
}

impl Subscribe {
    pub fn new(id: PacketId, subscriptions: Vec<Subscription>) -> Self {
        Self { id, subscriptions }
    }

    pub(crate) fn read(body: &[u8]) -> Result<Self, DecodeError> {
        let mut fields = Fields::new(Kind::Subscribe, body);
        let id = fields.packet_id()?;
        let mut subscriptions = Vec::with_capacity(count_filters(Kind::Subscribe, body)?);
        while !fields.is_empty() {
            subscriptions.push(Subscription::read(&mut fields)?);
        }
        Ok(Self { id, subscriptions })
    }

    pub(crate) fn put(&self, out: &mut BytesMut) -> Result<(), EncodeError> {
        check_count(Kind::Subscribe, self.subscriptions.len())?;
        let filters = self.subscriptions.iter().map(|one| &one.filter);
        put_head(Kind::Subscribe, self.id, filter_bytes(filters) + self.subscriptions.len(), out)?;
        for one in &self.subscriptions {
            put_field(one.filter.as_bytes(), out);
            out.put_u8(one.qos as u8);
        }
        Ok(())
    }
}

impl Unsubscribe {
    pub fn new(id: PacketId, filters: Vec<TopicFilter>) -> Self {
        Self { id, filters }
    }

    pub(crate) fn read(body: &[u8]) -> Result<Self, DecodeError> {
        let mut fields = Fields::new(Kind::Unsubscribe, body);
        let id = fields.packet_id()?;
        let mut filters = Vec::with_capacity(count_filters(Kind::Unsubscribe, body)?);
        while !fields.is_empty() {
            filters.push(TopicFilter::try_from(fields.text()?)?);
        }
        Ok(Self { id, filters })
    }

    pub(crate) fn put(&self, out: &mut BytesMut) -> Result<(), EncodeError> {
        check_count(Kind::Unsubscribe, self.filters.len())?;
        put_head(Kind::Unsubscribe, self.id, filter_bytes(self.filters.iter()), out)?;
        self.filters.iter().for_each(|filter| put_field(filter.as_bytes(), out));
        Ok(())
    }
}

impl Suback {
    pub fn new(id: PacketId, outcomes: Vec<SubscribeOutcome>) -> Self {
        Self { id, outcomes }
    }

    pub(crate) fn read(body: &[u8]) -> Result<Self, DecodeError> {
        let id = Fields::new(Kind::Suback, body).packet_id()?;
        let codes = &body[2..];
        match codes.len() {
            0 => return Err(DecodeError::SubackEmpty),
            1..=FILTERS_MAX => {}
            count => return Err(DecodeError::TooManyFilters { kind: Kind::Suback, count }),
        }
        let outcomes = codes.iter().map(|code| SubscribeOutcome::read(*code)).collect::<Result<_, _>>()?;
        Ok(Self { id, outcomes })
    }

    pub(crate) fn put(&self, out: &mut BytesMut) -> Result<(), EncodeError> {
        check_count(Kind::Suback, self.outcomes.len())?;
        put_head(Kind::Suback, self.id, self.outcomes.len(), out)?;
        self.outcomes.iter().for_each(|outcome| out.put_u8(outcome.code()));
        Ok(())
    }
}

impl SubscribeOutcome {
    fn read(code: u8) -> Result<Self, DecodeError> {
        match (QoS::new(code), code) {
            (Some(qos), _) => Ok(Self::Granted(qos)),
            (None, FAILURE) => Ok(Self::Failed),
            (None, code) => Err(DecodeError::SubackCode { code }),
        }
    }

    fn code(self) -> u8 {
        match self {
            Self::Granted(qos) => qos as u8,
            Self::Failed => FAILURE,
        }
    }
}

fn count_filters(kind: Kind, body: &[u8]) -> Result<usize, DecodeError> {
    let mut fields = Fields::new(kind, body);
    fields.number()?;
    let mut count = 0;
    while !fields.is_empty() {
        fields.slice()?;
        if kind == Kind::Subscribe {
            fields.byte()?;
        }
        count += 1;
    }
    match count {
        0 => Err(DecodeError::FiltersMissing { kind }),
        1..=FILTERS_MAX => Ok(count),
        count => Err(DecodeError::TooManyFilters { kind, count }),
    }
}

fn check_count(kind: Kind, count: usize) -> Result<(), EncodeError> {
    match count {
        0 => Err(EncodeError::Empty { kind }),
        1..=FILTERS_MAX => Ok(()),
        count => Err(EncodeError::TooManyFilters { kind, count }),
    }
}

fn filter_bytes<'a>(filters: impl Iterator<Item = &'a TopicFilter>) -> usize {
    filters.map(|filter| field_bytes(filter.as_bytes())).sum()
}

fn put_head(kind: Kind, id: PacketId, payload_bytes: usize, out: &mut BytesMut) -> Result<(), EncodeError> {
    header::put(kind.first_byte(kind.flags_fixed().unwrap_or(0)), 2 + payload_bytes, out)?;
    out.put_u16(id.get());
    Ok(())
}
