//! MQTT 3.1.1 as a sans-IO codec: bytes in, packets out; packets in, bytes out.
//!
//! The reference is *MQTT Version 3.1.1, OASIS Standard, 29 October 2014* (`mqtt-v3.1.1-os`); a bracketed number such
//! as `[MQTT-2.3.1-1]` is one of its normative statements. Reads no socket, no clock, no file, and takes no lock: a
//! shell owns the connection, feeds a [`Decoder`] and sends what an [`Encoder`] wrote.
//!
//! Packet types are built so that most of what the standard forbids cannot be said: a DUP flag exists only where there
//! is a packet identifier, a password only beside a user name, a session only in an accepted CONNACK. What is left is
//! checked on the way in ([`DecodeError`]) and on the way out ([`EncodeError`]).
//!
//! The protocol level belongs to the connection, not to the packet: a server's decoder learns it from CONNECT, and
//! [`Encoder::new`] is told it. Types are `non_exhaustive`, so that another level adds fields and variants only.

mod ack;
mod connack;
mod connect;
mod decoder;
mod encoder;
mod error;
mod field;
mod header;
mod packet;
mod publish;
mod subscribe;
mod text;
mod topic;

pub use ack::{Ack, PacketId, Unsuback};
pub use connack::{Connack, ConnectOutcome, Refusal};
pub use connect::{Connect, Login, ProtocolLevel, Will};
pub use decoder::{Decoder, Role};
pub use encoder::Encoder;
pub use error::{DecodeError, EncodeError};
pub use header::{Kind, PACKET_BYTES_MAX};
pub use packet::{Disconnect, Packet};
pub use publish::{Delivery, Publish, QoS};
pub use subscribe::{FILTERS_MAX, Suback, Subscribe, SubscribeOutcome, Subscription, Unsubscribe};
pub use text::{FIELD_BYTES_MAX, Text, TextError};
pub use topic::{TopicError, TopicFilter, TopicName};

/// The README's example is compiled and run with the documentation tests.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
