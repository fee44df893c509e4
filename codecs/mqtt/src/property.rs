//! Properties of MQTT 5.0 (section 2.2.2): their numbers, reading a list of them, counting and writing one.
//!
//! Where a property is allowed is said once, by the set that takes it ([`TakeProperty::take`]); that none stands twice is
//! held here. Nothing is allocated for an empty list.

use std::fmt;

use bytes::{BufMut, Bytes, BytesMut};

use crate::error::{DecodeError, EncodeError};
use crate::field::{Fields, check_field, put_field};
use crate::header::put_varint;
use crate::text::Text;
use crate::user::{Absent, Properties, UserProperty};

macro_rules! properties {
    ($($variant:ident = $number:literal, $text:literal;)*) => {
        /// A property's number (Table 2-4).
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        #[repr(u8)]
        pub enum Property {
            $($variant = $number,)*
        }

        impl Property {
            pub const ALL: &[Self] = &[$(Self::$variant,)*];

            pub const fn new(number: u32) -> Option<Self> {
                match number {
                    $($number => Some(Self::$variant),)*
                    _ => None,
                }
            }

            /// Its name in the standard, in lower case.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $text,)*
                }
            }
        }
    };
}

properties! {
    PayloadFormat = 0x01, "payload format indicator";
    MessageExpiry = 0x02, "message expiry interval";
    ContentType = 0x03, "content type";
    ResponseTopic = 0x08, "response topic";
    CorrelationData = 0x09, "correlation data";
    SubscriptionId = 0x0b, "subscription identifier";
    SessionExpiry = 0x11, "session expiry interval";
    AssignedClientId = 0x12, "assigned client identifier";
    ServerKeepAlive = 0x13, "server keep alive";
    AuthenticationMethod = 0x15, "authentication method";
    AuthenticationData = 0x16, "authentication data";
    RequestProblemInformation = 0x17, "request problem information";
    WillDelay = 0x18, "will delay interval";
    RequestResponseInformation = 0x19, "request response information";
    ResponseInformation = 0x1a, "response information";
    ServerReference = 0x1c, "server reference";
    ReasonString = 0x1f, "reason string";
    ReceiveMax = 0x21, "receive maximum";
    TopicAliasMax = 0x22, "topic alias maximum";
    TopicAlias = 0x23, "topic alias";
    QosMax = 0x24, "maximum QoS";
    RetainAvailable = 0x25, "retain available";
    UserProperty = 0x26, "user property";
    PacketBytesMax = 0x27, "maximum packet size";
    WildcardsAvailable = 0x28, "wildcard subscription available";
    SubscriptionIdsAvailable = 0x29, "subscription identifier available";
    SharedAvailable = 0x2a, "shared subscription available";
}

impl fmt::Display for Property {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Takes the properties that a packet's list holds.
pub(crate) trait TakeProperty {
    /// Reads the value of `property`, or says that it has no place here.
    fn take(&mut self, property: Property, fields: &mut Fields<'_>) -> Result<Place, DecodeError>;
}

/// Has properties to write.
pub(crate) trait ListProperties {
    /// Puts what differs from the default.
    fn list(&self, sink: &mut Sink<'_>);
}

/// Whether a property may stand in a set.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    Once,
    Often,
    Nowhere,
}

/// Reads one list with its length in front.
pub(crate) fn read(fields: &mut Fields<'_>, set: &mut impl TakeProperty) -> Result<(), DecodeError> {
    let mut section = fields.section()?;
    let mut seen = 0_u64;
    while !section.is_empty() {
        let property = section.property()?;
        let bit = 1 << property as u8;
        match set.take(property, &mut section)? {
            Place::Nowhere => return Err(section.misplaced(property)),
            Place::Once if seen & bit != 0 => return Err(section.repeated(property)),
            Place::Once | Place::Often => seen |= bit,
        }
    }
    Ok(())
}

/// Allocates only for a list that is not empty.
pub(crate) fn read_new<T: Absent + TakeProperty>(
    fields: &mut Fields<'_>,
) -> Result<Properties<T>, DecodeError> {
    let mut properties = Properties::none();
    read(fields, &mut properties)?;
    Ok(properties)
}

impl<T: Absent + TakeProperty> TakeProperty for Properties<T> {
    fn take(&mut self, property: Property, fields: &mut Fields<'_>) -> Result<Place, DecodeError> {
        (**self).take(property, fields)
    }
}

/// How much of an answer is said: a sender leaves words out where the receiver's maximum packet size or its wish not to
/// hear of problems forbids them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Detail {
    Full,
    ReasonOnly,
    Bare,
}

/// Bytes of a list without its length.
pub(crate) fn list_bytes(set: &impl ListProperties, detail: Detail) -> usize {
    let mut sink = Sink { detail, bytes: 0, out: None };
    set.list(&mut sink);
    sink.bytes
}

/// Writes a list behind its length.
pub(crate) fn put(set: &impl ListProperties, detail: Detail, out: &mut BytesMut) {
    put_varint(list_bytes(set, detail), out);
    set.list(&mut Sink { detail, bytes: 0, out: Some(out) });
}

pub(crate) fn check_data(property: Property, data: Option<&Bytes>) -> Result<(), EncodeError> {
    data.map_or(Ok(()), |data| check_field(property.name(), data))
}

/// Takes a list twice: to count its bytes and to write them.
pub(crate) struct Sink<'a> {
    detail: Detail,
    bytes: usize,
    out: Option<&'a mut BytesMut>,
}

impl Sink<'_> {
    fn put(&mut self, property: Property, value: &[u8]) {
        self.bytes += 1 + value.len();
        if let Some(out) = &mut self.out {
            out.put_u8(property as u8);
            out.put_slice(value);
        }
    }

    pub(crate) fn byte(&mut self, property: Property, value: u8) {
        self.put(property, &[value]);
    }

    pub(crate) fn short(&mut self, property: Property, value: u16) {
        self.put(property, &value.to_be_bytes());
    }

    pub(crate) fn long(&mut self, property: Property, value: u32) {
        self.put(property, &value.to_be_bytes());
    }

    pub(crate) fn varint(&mut self, property: Property, value: u32) {
        let mut bytes = [0; 4];
        let mut rest = &mut bytes[..];
        put_varint(value as usize, &mut rest);
        let left = rest.len();
        self.put(property, &bytes[..4 - left]);
    }

    pub(crate) fn field(&mut self, property: Property, value: &[u8]) {
        self.bytes += 3 + value.len();
        if let Some(out) = &mut self.out {
            out.put_u8(property as u8);
            put_field(value, out);
        }
    }

    /// Behind everything else, since this is what is left out first.
    pub(crate) fn words(&mut self, reason: Option<&Text>, user: &[UserProperty]) {
        if let Some(reason) = reason.filter(|_| self.detail != Detail::Bare) {
            self.field(Property::ReasonString, reason.as_bytes());
        }
        if self.detail == Detail::Full {
            self.user(user);
        }
    }

    pub(crate) fn user(&mut self, user: &[UserProperty]) {
        for one in user {
            self.field(Property::UserProperty, one.name.as_bytes());
            self.bytes += 2 + one.value.as_bytes().len();
            if let Some(out) = &mut self.out {
                put_field(one.value.as_bytes(), out);
            }
        }
    }
}
