//! Bytes that are no S7, or no answer to what was asked. Each of these ends the connection: where the next PDU begins is not known.

use crate::client::{PDU_BYTES_MAX, PDU_BYTES_MIN};
use crate::fault::Refusal;

/// Why what came is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DecodeError {
    #[error("a frame begins with {version:#04x}, and a TPKT with 0x03 (RFC 1006 section 6)")]
    NotTpkt { version: u8 },
    #[error("a TPKT says it has {bytes} bytes, and 7 to {bytes_max} are taken")]
    TpktLength { bytes: usize, bytes_max: usize },
    #[error("a TPDU has {0} (ISO 8073)")]
    Tpdu(&'static str),
    #[error("the other side ends the connection, reason {reason} (ISO 8073 section 13.5.3)")]
    Disconnected { reason: u8 },
    #[error("a PDU ends amid {0}")]
    Short(&'static str),
    #[error("a PDU has {0}")]
    Contents(&'static str),
    #[error("an answer to job {reference} came, and no such job is under way")]
    Reference { reference: u16 },
    #[error("an answer to job {reference} has {found} items, and {expected} were asked for")]
    ItemCount { reference: u16, found: usize, expected: usize },
    #[error("an answer to job {reference} has {found} bytes of an item, and {expected} were asked for")]
    ItemLength { reference: u16, found: usize, expected: usize },
    #[error(
        "PDUs of {pdu_bytes} bytes are negotiated, and {PDU_BYTES_MIN} to {PDU_BYTES_MAX}, or what was offered, are spoken"
    )]
    Negotiation { pdu_bytes: u16 },
    #[error("the negotiation is refused: {0}")]
    SetupRefused(Refusal),
}

impl DecodeError {
    /// The stable code, explained in `docs/errors/`.
    pub fn code(&self) -> &'static str {
        match self {
            Self::NotTpkt { .. } => "TG-SI-010",
            Self::TpktLength { .. } => "TG-SI-011",
            Self::Tpdu(_) => "TG-SI-012",
            Self::Disconnected { .. } => "TG-SI-013",
            Self::Short(_) => "TG-SI-014",
            Self::Contents(_) => "TG-SI-015",
            Self::Reference { .. } => "TG-SI-016",
            Self::ItemCount { .. } | Self::ItemLength { .. } => "TG-SI-017",
            Self::Negotiation { .. } | Self::SetupRefused(_) => "TG-SI-018",
        }
    }

    pub fn hint(&self) -> &'static str {
        match self {
            Self::NotTpkt { .. } | Self::TpktLength { .. } => {
                "is there an S7 station on this port (102 as a rule)?"
            }
            Self::Disconnected { .. } => {
                "check rack and slot: 0 and 2 for S7-300, 0 and 1 for S7-1200 and S7-1500; or the station has no connection left"
            }
            Self::Negotiation { .. } | Self::SetupRefused(_) => {
                "the station, or what stands before it, has no connection to give"
            }
            _ => {
                "the connection is built anew; if it goes on, something between here and the station changes bytes"
            }
        }
    }
}
