//! Why a link cannot begin, and why it is not connected, each with a code that `docs/errors/` explains.

use std::io;
use tidegate_codec_mqtt::{DecodeError, ReasonCode};

/// The settings of a link cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LinkError {
    #[error("{field} is {found}, outside {min} to {max}")]
    Setting { field: &'static str, found: u64, min: u64, max: u64 },
    #[error("client_id or user is no text that MQTT can carry")]
    Text,
    #[error("{host} is no name that a certificate could be for")]
    ServerName { host: String },
    #[error("could not read the authorities in {path}: {why}")]
    Authorities { path: String, why: String },
}

impl LinkError {
    pub fn code(&self) -> &'static str {
        match self {
            LinkError::Setting { .. } | LinkError::Text => "TG-XB-007",
            LinkError::ServerName { .. } | LinkError::Authorities { .. } => "TG-XB-008",
        }
    }

    /// What to do about it, in one line.
    pub fn hint(&self) -> &'static str {
        match self {
            LinkError::Setting { .. } => {
                "set it to a value inside the limits, or leave it out for the default"
            }
            LinkError::Text => "write it without control characters",
            LinkError::ServerName { .. } => "write the broker's host name in url",
            LinkError::Authorities { .. } => "name a PEM file with at least one certificate",
        }
    }
}

/// Why a link is not connected; it tries again.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Setback {
    #[error("could not reach it: {0}")]
    Unreachable(io::Error),
    #[error("it does not answer in time")]
    Silent,
    #[error("it refused the connection: {0}")]
    Refused(ReasonCode),
    #[error("it ended the connection: {0}")]
    Dismissed(ReasonCode),
    #[error("the connection was lost: {0}")]
    Lost(io::Error),
    #[error("it sent what is not understood: {0}")]
    Unreadable(#[from] DecodeError),
    #[error("it sent a packet that does not belong there")]
    Unexpected,
    #[error("it refused every subscription")]
    Unsubscribed,
    #[error("readings are refused with {code} and not acknowledged; it keeps them")]
    NotTaken { code: &'static str },
    #[error("the journal stopped, so what became of the last readings is unknown; it keeps them")]
    Unknown,
}

impl Setback {
    pub fn code(&self) -> &'static str {
        match self {
            Setback::Unreachable(_) => "TG-XB-001",
            Setback::Refused(_) => "TG-XB-002",
            Setback::Unsubscribed => "TG-XB-003",
            Setback::Silent | Setback::Lost(_) | Setback::Dismissed(_) => "TG-XB-004",
            Setback::Unreadable(_) | Setback::Unexpected => "TG-XB-005",
            Setback::NotTaken { code } => code,
            Setback::Unknown => "TG-XB-009",
        }
    }

    /// What to do about it, in one line.
    pub fn hint(&self) -> &'static str {
        match self {
            Setback::Unreachable(_) => "look at the address, the network, and whether the broker runs",
            Setback::Refused(_) => "look at user, password, client_id and the broker's own log",
            Setback::Unsubscribed => "allow this client to subscribe to its filters at the broker",
            Setback::Silent | Setback::Lost(_) => "look at the network and at the broker's own log",
            Setback::Dismissed(_) => {
                "look at the broker's own log; another client may have the same client_id"
            }
            Setback::Unreadable(_) | Setback::Unexpected => {
                "raise packet_bytes_max, or try the other version"
            }
            Setback::NotTaken { .. } | Setback::Unknown => "look at the disk under the data folder",
        }
    }
}

impl From<io::Error> for Setback {
    fn from(error: io::Error) -> Setback {
        Setback::Lost(error)
    }
}
