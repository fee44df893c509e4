//! SUBSCRIBE and UNSUBSCRIBE (sections 3.8 and 3.10). What is subscribed is the broker's business.
//!
//! Filters are counted before they are read, so that a packet of tiny filters is refused before memory is taken for it:
//! in memory a filter is about ten times its four bytes on the wire.

use std::num::NonZeroU32;

use bytes::{BufMut, BytesMut};

use crate::ack::PacketId;
use crate::connect::ProtocolLevel;
use crate::encoder::{Body, Form};
use crate::error::{DecodeError, EncodeError};
use crate::field::{Fields, field_bytes, put_field};
use crate::header::Kind;
use crate::property::{self, ListProperties, Place, Property, Sink, TakeProperty};
use crate::publish::QoS;
use crate::shared::SharedFilter;
use crate::topic::TopicFilter;
use crate::user::UserProperty;

/// Most filters in one SUBSCRIBE or UNSUBSCRIBE, and codes in one SUBACK or UNSUBACK; a limit of this codec, not of the
/// standard.
pub const FILTERS_MAX: usize = 8192;

const QOS: u8 = 0b0000_0011;
const NO_LOCAL: u8 = 0b0000_0100;
const RETAIN_AS_PUBLISHED: u8 = 0b0000_1000;
const RETAIN_HANDLING: u8 = 0b0011_0000;
const RESERVED: u8 = 0b1100_0000;

/// A client asks for topics. At least one subscription [MQTT-3.8.3-3].
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Subscribe {
    pub id: PacketId,
    pub subscriptions: Vec<Subscription>,
    /// Of MQTT 5.0, for all of them.
    pub subscription_id: Option<SubscriptionId>,
    pub user: Vec<UserProperty>,
}

/// A number by which a client knows what brought a message: 1 to 268,435,455 (MQTT 5.0 section 3.8.2.1.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SubscriptionId(NonZeroU32);

/// One filter and how its subscriber wants it. At level 3.1.1 there is the quality only; the rest is at its default.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Subscription {
    pub filter: TopicFilter,
    /// Highest quality wanted.
    pub qos: QoS,
    /// Nothing that the subscriber published itself [MQTT-3.8.3-3]; not with a shared filter [MQTT-3.8.3-4].
    pub no_local: bool,
    /// Forwarded messages keep their retain flag.
    pub retain_as_published: bool,
    pub retain_handling: RetainHandling,
}

/// Which retained messages a new subscription brings (MQTT 5.0 section 3.8.3.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[repr(u8)]
pub enum RetainHandling {
    #[default]
    Send = 0,
    SendIfNew = 1,
    DoNotSend = 2,
}

/// A client gives topics up. At least one filter [MQTT-3.10.3-2].
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Unsubscribe {
    pub id: PacketId,
    pub filters: Vec<TopicFilter>,
    pub user: Vec<UserProperty>,
}

impl SubscriptionId {
    pub const MAX: u32 = 268_435_455;

    /// `None` for zero and above [`SubscriptionId::MAX`].
    pub const fn new(number: u32) -> Option<Self> {
        match NonZeroU32::new(number) {
            Some(number) if number.get() <= Self::MAX => Some(Self(number)),
            _ => None,
        }
    }

    pub const fn get(self) -> u32 {
        self.0.get()
    }

    pub(crate) fn read(fields: &mut Fields<'_>) -> Result<Self, DecodeError> {
        let number = fields.varint()?;
        Self::new(number).ok_or(fields.wrong_value(Property::SubscriptionId, number))
    }
}

impl RetainHandling {
    fn read(bits: u8) -> Result<Self, DecodeError> {
        match (bits & RETAIN_HANDLING) >> 4 {
            0 => Ok(Self::Send),
            1 => Ok(Self::SendIfNew),
            2 => Ok(Self::DoNotSend),
            _ => Err(DecodeError::RetainHandling { bits }),
        }
    }
}

impl Subscription {
    /// With the options of MQTT 5.0 at their defaults; set the fields that differ.
    pub fn new(filter: TopicFilter, qos: QoS) -> Self {
        let retain_handling = RetainHandling::Send;
        Self { filter, qos, no_local: false, retain_as_published: false, retain_handling }
    }

    fn read(fields: &mut Fields<'_>) -> Result<Self, DecodeError> {
        let filter = TopicFilter::try_from(fields.text()?)?;
        let bits = fields.byte()?;
        if fields.scope.has_properties() {
            Self::with_options(filter, bits)
        } else {
            Self::plain(filter, bits)
        }
    }

    fn plain(filter: TopicFilter, bits: u8) -> Result<Self, DecodeError> {
        let qos = QoS::new(bits).ok_or(DecodeError::RequestedQos { bits })?;
        Ok(Self::new(filter, qos))
    }

    fn with_options(filter: TopicFilter, bits: u8) -> Result<Self, DecodeError> {
        if bits & RESERVED != 0 {
            return Err(DecodeError::SubscriptionOptions { bits });
        }
        let qos = QoS::new(bits & QOS).ok_or(DecodeError::RequestedQos { bits })?;
        let no_local = bits & NO_LOCAL != 0;
        if SharedFilter::parse(&filter)?.is_some() && no_local {
            return Err(DecodeError::SharedNoLocal);
        }
        let retain_as_published = bits & RETAIN_AS_PUBLISHED != 0;
        Ok(Self { filter, qos, no_local, retain_as_published, retain_handling: RetainHandling::read(bits)? })
    }

    fn check(&self, level: ProtocolLevel) -> Result<(), EncodeError> {
        if level == ProtocolLevel::V311 {
            return Ok(());
        }
        match SharedFilter::parse(&self.filter) {
            Ok(Some(_)) if self.no_local => Err(EncodeError::SharedNoLocal),
            Ok(_) => Ok(()),
            Err(error) => Err(EncodeError::Filter(error)),
        }
    }

    fn bits(&self, level: ProtocolLevel) -> u8 {
        if level == ProtocolLevel::V311 {
            return self.qos as u8;
        }
        let no_local = if self.no_local { NO_LOCAL } else { 0 };
        let as_published = if self.retain_as_published { RETAIN_AS_PUBLISHED } else { 0 };
        self.qos as u8 | no_local | as_published | (self.retain_handling as u8) << 4
    }
}

impl Subscribe {
    pub fn new(id: PacketId, subscriptions: Vec<Subscription>) -> Self {
        Self { id, subscriptions, subscription_id: None, user: Vec::new() }
    }

    pub(crate) fn read(mut fields: Fields<'_>) -> Result<Self, DecodeError> {
        let mut subscribe = Self::new(fields.packet_id()?, Vec::new());
        if fields.scope.has_properties() {
            property::read(&mut fields, &mut subscribe)?;
        }
        subscribe.subscriptions.reserve_exact(count_filters(&fields)?);
        while !fields.is_empty() {
            subscribe.subscriptions.push(Subscription::read(&mut fields)?);
        }
        Ok(subscribe)
    }
}

impl TakeProperty for Subscribe {
    fn take(&mut self, property: Property, fields: &mut Fields<'_>) -> Result<Place, DecodeError> {
        match property {
            Property::SubscriptionId => self.subscription_id = Some(SubscriptionId::read(fields)?),
            Property::UserProperty => return fields.user(&mut self.user),
            _ => return Ok(Place::Nowhere),
        }
        Ok(Place::Once)
    }
}

impl ListProperties for Subscribe {
    fn list(&self, sink: &mut Sink<'_>) {
        self.subscription_id.iter().for_each(|one| sink.varint(Property::SubscriptionId, one.get()));
        sink.user(&self.user);
    }
}

impl Body for Subscribe {
    fn first_byte(&self) -> u8 {
        Kind::Subscribe.fixed_byte()
    }

    fn check(&self, level: ProtocolLevel) -> Result<(), EncodeError> {
        check_count(Kind::Subscribe, self.subscriptions.len())?;
        self.subscriptions.iter().try_for_each(|one| one.check(level))
    }

    fn body_bytes(&self, form: Form) -> usize {
        let filters = self.subscriptions.iter().map(|one| &one.filter);
        2 + form.list_bytes(self) + filter_bytes(filters) + self.subscriptions.len()
    }

    fn put_body(&self, form: Form, out: &mut BytesMut) {
        out.put_u16(self.id.get());
        form.put_list(self, out);
        for one in &self.subscriptions {
            put_field(one.filter.as_bytes(), out);
            out.put_u8(one.bits(form.level));
        }
    }
}

impl Unsubscribe {
    pub fn new(id: PacketId, filters: Vec<TopicFilter>) -> Self {
        Self { id, filters, user: Vec::new() }
    }

    pub(crate) fn read(mut fields: Fields<'_>) -> Result<Self, DecodeError> {
        let mut unsubscribe = Self::new(fields.packet_id()?, Vec::new());
        if fields.scope.has_properties() {
            property::read(&mut fields, &mut unsubscribe)?;
        }
        unsubscribe.filters.reserve_exact(count_filters(&fields)?);
        while !fields.is_empty() {
            unsubscribe.filters.push(TopicFilter::try_from(fields.text()?)?);
        }
        Ok(unsubscribe)
    }
}

impl TakeProperty for Unsubscribe {
    fn take(&mut self, property: Property, fields: &mut Fields<'_>) -> Result<Place, DecodeError> {
        if property == Property::UserProperty { fields.user(&mut self.user) } else { Ok(Place::Nowhere) }
    }
}

impl ListProperties for Unsubscribe {
    fn list(&self, sink: &mut Sink<'_>) {
        sink.user(&self.user);
    }
}

impl Body for Unsubscribe {
    fn first_byte(&self) -> u8 {
        Kind::Unsubscribe.fixed_byte()
    }

    fn check(&self, _: ProtocolLevel) -> Result<(), EncodeError> {
        check_count(Kind::Unsubscribe, self.filters.len())
    }

    fn body_bytes(&self, form: Form) -> usize {
        2 + form.list_bytes(self) + filter_bytes(self.filters.iter())
    }

    fn put_body(&self, form: Form, out: &mut BytesMut) {
        out.put_u16(self.id.get());
        form.put_list(self, out);
        self.filters.iter().for_each(|filter| put_field(filter.as_bytes(), out));
    }
}

fn count_filters(rest: &Fields<'_>) -> Result<usize, DecodeError> {
    let kind = rest.kind;
    let mut fields = Fields::new(kind, rest.scope, rest.rest());
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

pub(crate) fn check_count(kind: Kind, count: usize) -> Result<(), EncodeError> {
    match count {
        0 => Err(EncodeError::Empty { kind }),
        1..=FILTERS_MAX => Ok(()),
        count => Err(EncodeError::TooManyFilters { kind, count }),
    }
}

fn filter_bytes<'a>(filters: impl Iterator<Item = &'a TopicFilter>) -> usize {
    filters.map(|filter| field_bytes(filter.as_bytes())).sum()
}
