//! What a packet can be refused for, on the way in and on the way out. Each variant has a stable code with a page in
//! `docs/errors/`, and its message cites the statement of the standard it rests on.

use thiserror::Error;

use crate::connack::Refusal;
use crate::header::Kind;
use crate::property::Property;
use crate::reason::ReasonCode;
use crate::subscribe::FILTERS_MAX;
use crate::text::{FIELD_BYTES_MAX, TextError};
use crate::topic::TopicError;

/// Why a connection must end. Blame is always with the sender of the bytes, and none is worth a retry on the same
/// connection [MQTT-4.8.0-1].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum DecodeError {
    #[error("packet type {number} is reserved (MQTT 3.1.1 section 2.2.1)")]
    ReservedType { number: u8 },
    #[error("{kind} has flags {flags:#06b} in its fixed header [MQTT-2.2.2-2]")]
    Flags { kind: Kind, flags: u8 },
    #[error("remaining length takes more than four bytes (MQTT 3.1.1 section 2.2.3)")]
    RemainingLength,
    #[error("{kind} of {bytes} bytes is larger than the {bytes_max} allowed here (MQTT 3.1.1 section 2.2.3)")]
    PacketTooLarge { kind: Kind, bytes: usize, bytes_max: usize },
    #[error("{kind} travels in the other direction (MQTT 3.1.1 section 2.2.1)")]
    Direction { kind: Kind },
    #[error("first byte {first_byte:#04x} does not begin a CONNECT [MQTT-3.1.0-1]")]
    ConnectExpected { first_byte: u8 },
    #[error("second CONNECT on one connection [MQTT-3.1.0-2]")]
    SecondConnect,
    #[error("{kind} ends inside a field [MQTT-4.8.0-1]")]
    Truncated { kind: Kind },
    #[error("{kind} has {bytes} bytes behind its last field [MQTT-4.8.0-1]")]
    TrailingBytes { kind: Kind, bytes: usize },
    #[error(transparent)]
    Text(#[from] TextError),
    #[error("{kind} has packet identifier 0 [MQTT-2.3.1-1]")]
    PacketIdZero { kind: Kind },
    #[error("PUBLISH has both QoS bits set [MQTT-3.3.1-4]")]
    PublishQos,
    #[error("PUBLISH at QoS 0 has the DUP flag set [MQTT-3.3.1-2]")]
    DupAtMostOnce,
    #[error(transparent)]
    Topic(#[from] TopicError),
    #[error("CONNECT names another protocol than MQTT [MQTT-3.1.2-1]")]
    ProtocolName,
    #[error("CONNECT asks for protocol level {level}, which is not spoken here [MQTT-3.1.2-2]")]
    ProtocolLevel { level: u8 },
    #[error("CONNECT has its reserved flag set [MQTT-3.1.2-3]")]
    ConnectReservedFlag,
    #[error("CONNECT has will QoS or will retain without a will [MQTT-3.1.2-11]")]
    WillFlags,
    #[error("CONNECT has both will QoS bits set [MQTT-3.1.2-14]")]
    WillQos,
    #[error("CONNECT has a password without a user name [MQTT-3.1.2-22]")]
    PasswordAlone,
    #[error("CONNECT has no client identifier and wants its session kept [MQTT-3.1.3-8]")]
    ClientIdMissing,
    #[error("CONNACK has reserved flags set in {flags:#04x} (MQTT 3.1.1 section 3.2.2.1)")]
    ConnackFlags { flags: u8 },
    #[error("CONNACK has reserved return code {code} (MQTT 3.1.1 section 3.2.2.3)")]
    ConnackCode { code: u8 },
    #[error("CONNACK refuses and has session present set [MQTT-3.2.2-4]")]
    SessionInRefusal,
    #[error("{kind} has no topic filter [MQTT-3.8.3-3] [MQTT-3.10.3-2]")]
    FiltersMissing { kind: Kind },
    #[error("SUBSCRIBE asks for QoS with bits {bits:#010b} [MQTT-3.8.3-4]")]
    RequestedQos { bits: u8 },
    #[error("SUBACK has reserved return code {code:#04x} [MQTT-3.9.3-2]")]
    SubackCode { code: u8 },
    #[error("{kind} has no code for any filter [MQTT-3.8.4-5] [MQTT-3.11.3-1]")]
    CodesMissing { kind: Kind },
    #[error("{kind} has {count} entries, more than {FILTERS_MAX} (MQTT 3.1.1 sections 3.8.3 to 3.10.3)")]
    TooManyFilters { kind: Kind, count: usize },
    #[error("{kind} has a variable byte integer of more bytes than allowed [MQTT-1.5.5-1]")]
    VariableInteger { kind: Kind },
    #[error("{kind} has a property of unknown number {number} (MQTT 5.0 section 2.2.2.2)")]
    PropertyUnknown { kind: Kind, number: u32 },
    #[error("{kind} has a property that belongs elsewhere, {property} (MQTT 5.0 section 2.2.2.2)")]
    PropertyMisplaced { kind: Kind, property: Property },
    #[error("{kind} has {property} more than once (MQTT 5.0 section 2.2.2.2)")]
    PropertyRepeated { kind: Kind, property: Property },
    #[error("{kind} has {property} with the value {value} (MQTT 5.0 section 2.2.2.2)")]
    PropertyValue { kind: Kind, property: Property, value: u32 },
    #[error("{kind} has {property}, which travels in the other direction [MQTT-3.3.4-6] [MQTT-3.14.2-2]")]
    PropertyDirection { kind: Kind, property: Property },
    #[error(
        "{kind} has more user properties than {count_max} or {bytes_max} bytes (MQTT 5.0 section 2.2.2.2)"
    )]
    UserProperties { kind: Kind, count_max: usize, bytes_max: usize },
    #[error("{kind} has reason code {code:#04x}, which it cannot have (MQTT 5.0 section 2.4)")]
    ReasonCode { kind: Kind, code: u8 },
    #[error("PUBLISH has topic alias {alias}, outside of 1 to {alias_max} [MQTT-3.3.2-8] [MQTT-3.3.2-9]")]
    TopicAlias { alias: u16, alias_max: u16 },
    #[error("PUBLISH has topic alias {alias} before a topic for it (MQTT 5.0 section 3.3.2.3.4)")]
    TopicAliasUnset { alias: u16 },
    #[error("PUBLISH has neither a topic nor a topic alias (MQTT 5.0 section 3.3.2.1)")]
    TopicMissing,
    #[error("{kind} has no authentication method where one is needed (MQTT 5.0 section 4.12)")]
    AuthenticationMethod { kind: Kind },
    #[error("SUBSCRIBE has reserved bits set in its options {bits:#010b} [MQTT-3.8.3-5]")]
    SubscriptionOptions { bits: u8 },
    #[error("SUBSCRIBE has retain handling 3 in its options {bits:#010b} (MQTT 5.0 section 3.8.3.1)")]
    RetainHandling { bits: u8 },
    #[error("SUBSCRIBE asks for no local with a shared filter [MQTT-3.8.3-4]")]
    SharedNoLocal,
}

impl DecodeError {
    /// The stable code, explained in `docs/errors/`.
    pub fn code(&self) -> &'static str {
        match self {
            Self::ReservedType { .. } => "TG-MQ-001",
            Self::Flags { .. } => "TG-MQ-002",
            Self::RemainingLength => "TG-MQ-003",
            Self::PacketTooLarge { .. } => "TG-MQ-004",
            Self::Direction { .. } => "TG-MQ-005",
            Self::ConnectExpected { .. } => "TG-MQ-006",
            Self::SecondConnect => "TG-MQ-007",
            Self::Truncated { .. } => "TG-MQ-008",
            Self::TrailingBytes { .. } => "TG-MQ-009",
            Self::Text(error) => error.code(),
            Self::PacketIdZero { .. } => "TG-MQ-012",
            Self::PublishQos => "TG-MQ-013",
            Self::DupAtMostOnce => "TG-MQ-014",
            Self::Topic(error) => error.code(),
            Self::ProtocolName => "TG-MQ-019",
            Self::ProtocolLevel { .. } => "TG-MQ-020",
            Self::ConnectReservedFlag => "TG-MQ-021",
            Self::WillFlags => "TG-MQ-022",
            Self::WillQos => "TG-MQ-023",
            Self::PasswordAlone => "TG-MQ-024",
            Self::ClientIdMissing => "TG-MQ-025",
            Self::ConnackFlags { .. } => "TG-MQ-026",
            Self::ConnackCode { .. } => "TG-MQ-027",
            Self::SessionInRefusal => "TG-MQ-028",
            Self::FiltersMissing { .. } => "TG-MQ-029",
            Self::RequestedQos { .. } => "TG-MQ-030",
            Self::SubackCode { .. } => "TG-MQ-031",
            Self::CodesMissing { .. } => "TG-MQ-032",
            Self::TooManyFilters { .. } => "TG-MQ-034",
            Self::VariableInteger { .. } => "TG-MQ-035",
            Self::PropertyUnknown { .. } => "TG-MQ-036",
            Self::PropertyMisplaced { .. } => "TG-MQ-037",
            Self::PropertyRepeated { .. } => "TG-MQ-038",
            Self::PropertyValue { .. } => "TG-MQ-039",
            Self::PropertyDirection { .. } => "TG-MQ-040",
            Self::UserProperties { .. } => "TG-MQ-050",
            Self::ReasonCode { .. } => "TG-MQ-051",
            Self::TopicAlias { .. } => "TG-MQ-052",
            Self::TopicAliasUnset { .. } => "TG-MQ-053",
            Self::TopicMissing => "TG-MQ-054",
            Self::AuthenticationMethod { .. } => "TG-MQ-055",
            Self::SubscriptionOptions { .. } => "TG-MQ-056",
            Self::RetainHandling { .. } => "TG-MQ-057",
            Self::SharedNoLocal => "TG-MQ-058",
        }
    }

    /// What a CONNACK or DISCONNECT of MQTT 5.0 says of it (section 4.13).
    pub fn reason(&self) -> ReasonCode {
        match self {
            Self::PacketTooLarge { .. } => ReasonCode::PacketTooLarge,
            Self::ProtocolName | Self::ProtocolLevel { .. } => ReasonCode::UnsupportedProtocolVersion,
            Self::ClientIdMissing => ReasonCode::ClientIdentifierNotValid,
            Self::TopicAlias { .. } => ReasonCode::TopicAliasInvalid,
            Self::TooManyFilters { .. } | Self::UserProperties { .. } => ReasonCode::QuotaExceeded,
            Self::ConnectExpected { .. }
            | Self::SecondConnect
            | Self::Direction { .. }
            | Self::PacketIdZero { .. }
            | Self::FiltersMissing { .. }
            | Self::CodesMissing { .. }
            | Self::RequestedQos { .. }
            | Self::RetainHandling { .. }
            | Self::SharedNoLocal
            | Self::PropertyRepeated { .. }
            | Self::PropertyValue { .. }
            | Self::PropertyDirection { .. }
            | Self::ReasonCode { .. }
            | Self::ConnackCode { .. }
            | Self::SubackCode { .. }
            | Self::SessionInRefusal
            | Self::TopicAliasUnset { .. }
            | Self::TopicMissing
            | Self::AuthenticationMethod { .. } => ReasonCode::ProtocolError,
            _ => ReasonCode::MalformedPacket,
        }
    }

    /// The CONNACK a server owes a client of level 3.1.1, or of a level it does not speak, before it closes; `None`
    /// where it closes without one [MQTT-3.1.4-1].
    pub fn refusal(&self) -> Option<Refusal> {
        match self {
            Self::ProtocolLevel { .. } => Some(Refusal::UnacceptableProtocolVersion),
            Self::ClientIdMissing => Some(Refusal::IdentifierRejected),
            _ => None,
        }
    }
}

/// Why a packet cannot be written. Blame is with the caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum EncodeError {
    #[error("body of {bytes} bytes is longer than a remaining length can say (MQTT 3.1.1 section 2.2.3)")]
    PacketTooLarge { bytes: usize },
    #[error("{name} of {bytes} bytes is longer than {FIELD_BYTES_MAX} (MQTT 3.1.1 section 3.1.3)")]
    FieldTooLong { name: &'static str, bytes: usize },
    #[error("{kind} would be empty [MQTT-3.8.3-3] [MQTT-3.8.4-5] [MQTT-3.10.3-2]")]
    Empty { kind: Kind },
    #[error(
        "{kind} would hold {count} entries, more than {FILTERS_MAX} (MQTT 3.1.1 sections 3.8.3 to 3.10.3)"
    )]
    TooManyFilters { kind: Kind, count: usize },
    #[error("CONNECT would ask for a kept session without a client identifier [MQTT-3.1.3-7]")]
    ClientIdMissing,
    #[error("packet of {bytes} bytes is larger than the {bytes_max} its receiver takes [MQTT-3.1.2-24]")]
    TooLargeForPeer { bytes: usize, bytes_max: usize },
    #[error("{kind} would have the reason {reason}, which it cannot have (MQTT 5.0 section 2.4)")]
    ReasonCode { kind: Kind, reason: ReasonCode },
    #[error("{kind} would say what the connection's level has no form for (MQTT 3.1.1 section 3)")]
    Level { kind: Kind },
    #[error("CONNECT would have a password without a user name [MQTT-3.1.2-22]")]
    PasswordAlone,
    #[error("AUTH would have no authentication method (MQTT 5.0 section 3.15.2.2.2)")]
    AuthenticationMethod,
    #[error("SUBSCRIBE would ask for no local with a shared filter [MQTT-3.8.3-4]")]
    SharedNoLocal,
    #[error(transparent)]
    Filter(TopicError),
}

impl EncodeError {
    /// The stable code, explained in `docs/errors/`.
    pub fn code(&self) -> &'static str {
        match self {
            Self::PacketTooLarge { .. } => "TG-MQ-041",
            Self::FieldTooLong { .. } => "TG-MQ-042",
            Self::Empty { .. } => "TG-MQ-043",
            Self::TooManyFilters { .. } => "TG-MQ-044",
            Self::ClientIdMissing => "TG-MQ-045",
            Self::TooLargeForPeer { .. } => "TG-MQ-046",
            Self::ReasonCode { .. } => "TG-MQ-047",
            Self::Level { .. } => "TG-MQ-048",
            Self::PasswordAlone => "TG-MQ-049",
            Self::AuthenticationMethod => "TG-MQ-060",
            Self::SharedNoLocal => "TG-MQ-061",
            Self::Filter(error) => error.code(),
        }
    }
}
