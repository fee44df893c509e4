//! CONNACK (section 3.2): a server's answer to CONNECT.

use bytes::{BufMut, BytesMut};

use crate::error::{DecodeError, EncodeError};
use crate::field::Fields;
use crate::header::{self, Kind};

const SESSION_PRESENT: u8 = 0b0000_0001;

/// A server's first packet.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Connack {
    pub outcome: ConnectOutcome,
}

/// A session can be present in an accepted connection only [MQTT-3.2.2-4].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ConnectOutcome {
    Accepted {
        session_present: bool,
    },
    /// The server closes the connection behind this answer [MQTT-3.2.2-5].
    Refused(Refusal),
}

/// Return codes other than zero (Table 3.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
#[repr(u8)]
pub enum Refusal {
    UnacceptableProtocolVersion = 1,
    IdentifierRejected = 2,
    ServerUnavailable = 3,
    BadUserNameOrPassword = 4,
    NotAuthorized = 5,
}

impl Refusal {
    fn read(code: u8) -> Result<Self, DecodeError> {
        match code {
            1 => Ok(Self::UnacceptableProtocolVersion),
            2 => Ok(Self::IdentifierRejected),
            3 => Ok(Self::ServerUnavailable),
            4 => Ok(Self::BadUserNameOrPassword),
            5 => Ok(Self::NotAuthorized),
            code => Err(DecodeError::ConnackCode { code }),
        }
    }
}

impl Connack {
    pub fn accepted(session_present: bool) -> Self {
        Self { outcome: ConnectOutcome::Accepted { session_present } }
    }

    pub fn refused(refusal: Refusal) -> Self {
        Self { outcome: ConnectOutcome::Refused(refusal) }
    }

    pub(crate) fn read(mut fields: Fields<'_>) -> Result<Self, DecodeError> {
        let flags = fields.byte()?;
        let code = fields.byte()?;
        fields.finish()?;
        if flags & !SESSION_PRESENT != 0 {
            return Err(DecodeError::ConnackFlags { flags });
        }
        match (code, flags & SESSION_PRESENT != 0) {
            (0, session_present) => Ok(Self::accepted(session_present)),
            (code, false) => Ok(Self::refused(Refusal::read(code)?)),
            (_, true) => Err(DecodeError::SessionInRefusal),
        }
    }

    pub(crate) fn put(&self, out: &mut BytesMut) -> Result<(), EncodeError> {
        let (flags, code) = match self.outcome {
            ConnectOutcome::Accepted { session_present } => (u8::from(session_present), 0),
            ConnectOutcome::Refused(refusal) => (0, refusal as u8),
        };
        header::put(Kind::Connack.first_byte(0), 2, out)?;
        out.put_slice(&[flags, code]);
        Ok(())
    }
}
