//! MQTT 3.1.1 and 5.0 as a sans-IO codec: bytes in, packets out; packets in, bytes out.
//!
//! The references are *MQTT Version 3.1.1, OASIS Standard, 29 October 2014* (`mqtt-v3.1.1-os`) and *MQTT Version 5.0,
//! OASIS Standard, 7 March 2019* (`mqtt-v5.0-os`); a bracketed number such as `[MQTT-2.3.1-1]` is one of their normative
//! statements, of 5.0 where the text speaks of properties and reason codes. Sections without a title
//! are alike in both. Reads no socket, no clock, no file, and takes no lock: a shell owns the connection, feeds a
//! [`Decoder`] and sends what an [`Encoder`] wrote.
//!
//! Packet types are built so that most of what the standard forbids cannot be said: a DUP flag exists only where there
//! is a packet identifier, an alias is never zero, a session is present only in an accepted CONNACK. What is left is
//! checked on the way in ([`DecodeError`]) and on the way out ([`EncodeError`]).
//!
//! The protocol level belongs to the connection, not to the packet: a server's decoder learns it from CONNECT, and
//! [`Encoder::new`] is told it. What only 5.0 has is at its default when read at the level of 3.1.1, and not written
//! there. Types are `non_exhaustive`, so that another level adds fields and variants only.

mod ack;
mod alias;
mod auth;
mod connack;
mod connect;
mod decoder;
mod disconnect;
mod encoder;
mod error;
mod field;
mod forward;
mod header;
mod login;
mod message;
mod packet;
mod property;
mod publish;
mod reason;
mod shared;
mod suback;
mod subscribe;
mod text;
mod topic;
mod user;
mod will;

pub use ack::{Ack, AckProperties, PacketId};
pub use alias::TopicAlias;
pub use auth::{Auth, Authentication};
pub use connack::{Connack, ConnackProperties, ConnectOutcome, Refusal};
pub use connect::{Connect, ConnectProperties, ProtocolLevel};
pub use decoder::{Decoder, Role};
pub use disconnect::{Disconnect, DisconnectProperties};
pub use encoder::Encoder;
pub use error::{DecodeError, EncodeError};
pub use forward::Hop;
pub use header::{Kind, PACKET_BYTES_MAX};
pub use login::Login;
pub use message::{MessageProperties, PayloadFormat};
pub use packet::Packet;
pub use property::Property;
pub use publish::{Delivery, Publish, QoS};
pub use reason::ReasonCode;
pub use shared::SharedFilter;
pub use suback::{Suback, SubscribeOutcome, Unsuback};
pub use subscribe::{FILTERS_MAX, RetainHandling, Subscribe, Subscription, SubscriptionId, Unsubscribe};
pub use text::{FIELD_BYTES_MAX, Text, TextError};
pub use topic::{TopicError, TopicFilter, TopicName};
pub use user::{Absent, Properties, UserLimit, UserProperty};
pub use will::Will;

/// The README's example is compiled and run with the documentation tests.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
