//! Why a connection ended: a fixed list, so that each can be counted, and a code where somebody can do something.

use std::fmt;

use tidegate_codec_mqtt::{DecodeError, ReasonCode};

macro_rules! reasons {
    ($($(#[$doc:meta])* $variant:ident $name:literal $code:expr, $text:literal, $hint:literal;)*) => {
        /// Why a connection ended.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        #[non_exhaustive]
        pub enum CloseReason {
            $($(#[$doc])* $variant,)*
        }

        impl CloseReason {
            /// All of them, in the order of their discriminants.
            pub const ALL: &[Self] = &[$(Self::$variant,)*];

            /// Its name in metrics.
            pub fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            /// The stable code, explained in `docs/errors/`; nothing where all went as it should.
            pub fn code(self) -> Option<&'static str> {
                match self { $(Self::$variant => $code,)* }
            }

            /// What to do about it, in one line; empty where there is no code.
            pub fn hint(self) -> &'static str {
                match self { $(Self::$variant => $hint,)* }
            }

            fn text(self) -> &'static str {
                match self { $(Self::$variant => $text,)* }
            }
        }
    };
}

reasons! {
    Disconnected "disconnected" None, "the client said goodbye", "";
    /// Everything taken was acknowledged before the broker stopped.
    Drained "drained" None, "the broker stopped and had acknowledged everything", "";
    Lost "lost" Some("TG-MQ-101"), "the connection ended without a DISCONNECT",
        "look at the client's power and network, and let it send DISCONNECT before it closes";
    ConnectTimeout "connect_timeout" Some("TG-MQ-102"), "no CONNECT arrived in time",
        "check that it is an MQTT client that connects here, or raise connect_timeout_ms";
    KeepAlive "keep_alive" Some("TG-MQ-103"), "nothing arrived for one and a half times the keep-alive",
        "look at the client's network, or give it a longer keep-alive";
    HeldBack "held_back" Some("TG-MQ-104"), "its publications could not be taken in for too long",
        "look for a slow or full disk, or raise the client's keep-alive";
    SlowReader "slow_reader" Some("TG-MQ-105"), "the client does not read its answers",
        "update or restart the client, or raise write_timeout_ms";
    TakenOver "taken_over" Some("TG-MQ-106"), "another connection came with the same client identifier",
        "give each device a client identifier of its own";
    Refused "refused" Some("TG-MQ-108"), "a publication with QoS 1 was refused",
        "look up the code of the cause: tidegate explain CODE";
    OutcomeUnknown "outcome_unknown" Some("TG-MQ-109"), "the journal cannot say whether a publication is safe",
        "look at the disk under the data folder, then restart the node";
    Malformed "malformed" Some("TG-MQ-110"), "the client sent what MQTT forbids or this broker does not take",
        "look up the code of the cause: tidegate explain CODE";
    ConnectRefused "connect_refused" Some("TG-MQ-111"), "the CONNECT was answered with a refusal",
        "look up the code of the cause: tidegate explain CODE";
    DrainUnfinished "drain_unfinished" Some("TG-MQ-112"), "the broker had to stop before everything was acknowledged",
        "give the node more time to stop; clients send what was not acknowledged again";
    Unexpected "unexpected" Some("TG-MQ-113"), "the client acknowledged a message that was never sent to it",
        "let the client start with a clean session";
    Fault "fault" Some("TG-MQ-114"), "serving the connection failed inside the node",
        "report it with the log lines before it";
    /// MQTT 3.1.1 has no way to say no to a publication [MQTT-3.3.5-2].
    Denied "denied" Some("TG-MQ-116"), "the client published where it may not",
        "give its principal a scope publish:FILTER that covers the topic, or command:FILTER where rules send commands";
    ReceiveExceeded "receive_exceeded" Some("TG-MQ-117"), "more publications were under way than the broker takes",
        "let the client wait for PUBREC and PUBCOMP, or raise receive_max";
    TopicRefused "topic_refused" Some("TG-MQ-118"), "a topic has more levels than allowed",
        "use fewer levels, or raise topic_levels_max";
}

impl CloseReason {
    /// What an MQTT 5 client is told before the connection closes; nothing where it closed itself.
    pub(crate) fn farewell(self) -> Option<ReasonCode> {
        Some(match self {
            Self::Disconnected
            | Self::Lost
            | Self::SlowReader
            | Self::ConnectTimeout
            | Self::ConnectRefused => {
                return None;
            }
            Self::Drained | Self::DrainUnfinished => ReasonCode::ServerShuttingDown,
            Self::KeepAlive => ReasonCode::KeepAliveTimeout,
            Self::HeldBack => ReasonCode::ServerBusy,
            Self::TakenOver => ReasonCode::SessionTakenOver,
            Self::Refused => ReasonCode::QuotaExceeded,
            Self::OutcomeUnknown | Self::Fault => ReasonCode::UnspecifiedError,
            Self::Malformed => ReasonCode::MalformedPacket,
            Self::Unexpected => ReasonCode::ProtocolError,
            Self::Denied => ReasonCode::NotAuthorized,
            Self::ReceiveExceeded => ReasonCode::ReceiveMaximumExceeded,
            Self::TopicRefused => ReasonCode::TopicNameInvalid,
        })
    }

    /// The code where there is one, else the name.
    pub(crate) fn label(self) -> &'static str {
        self.code().unwrap_or(self.name())
    }
}

impl fmt::Display for CloseReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text())
    }
}

/// What lies behind a reason, with a code of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cause {
    Packet(DecodeError),
    /// Of the intake, the journal, or of whoever knows the principals.
    Code(&'static str),
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Packet(error) => write!(f, "{}: {error}", error.code()),
            Self::Code(code) => f.write_str(code),
        }
    }
}

/// The end of one connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Ending {
    pub(crate) reason: CloseReason,
    pub(crate) cause: Option<Cause>,
}

impl Ending {
    pub(crate) fn caused(reason: CloseReason, cause: Cause) -> Self {
        Self { reason, cause: Some(cause) }
    }
}

impl From<CloseReason> for Ending {
    fn from(reason: CloseReason) -> Self {
        Self { reason, cause: None }
    }
}
