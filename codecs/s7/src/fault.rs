//! How a station says no: to one item of a job, or to a job as a whole. The connection goes on either way.

use std::fmt;

/// The return code of an item that was not read or written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum ItemFault {
    #[error("the station reports a hardware fault")]
    Hardware,
    #[error("the station does not permit access to it")]
    Access,
    #[error("its address is outside of its area or data block")]
    Address,
    #[error("the station does not support its type")]
    Type,
    #[error("its length does not suit its type")]
    Length,
    #[error("there is no such data block or area")]
    Missing,
    #[error("the station answers with return code {0:#04x}")]
    Other(u8),
}

/// The return code of an item that was read or written.
pub(crate) const SUCCESS: u8 = 0xff;

impl ItemFault {
    pub(crate) fn from_byte(byte: u8) -> ItemFault {
        match byte {
            0x01 => Self::Hardware,
            0x03 => Self::Access,
            0x05 => Self::Address,
            0x06 => Self::Type,
            0x07 => Self::Length,
            0x0a => Self::Missing,
            other => Self::Other(other),
        }
    }

    pub(crate) fn byte(self) -> u8 {
        match self {
            Self::Hardware => 0x01,
            Self::Access => 0x03,
            Self::Address => 0x05,
            Self::Type => 0x06,
            Self::Length => 0x07,
            Self::Missing => 0x0a,
            Self::Other(byte) => byte,
        }
    }

    /// The stable code, explained in `docs/errors/`.
    pub fn code(self) -> &'static str {
        match self {
            Self::Missing => "TG-SI-020",
            Self::Address => "TG-SI-021",
            Self::Access => "TG-SI-022",
            _ => "TG-SI-023",
        }
    }

    pub fn hint(self) -> &'static str {
        match self {
            Self::Missing => "load the data block into the station, or correct its number",
            Self::Address => {
                "the block is shorter than that, or it has optimised access: switch that off in its properties"
            }
            Self::Access => "permit access via PUT/GET in the station's protection settings",
            _ => "read it as bytes (DBB) and look at the station's diagnostics",
        }
    }
}

/// The error class and code in the head of an answer: nothing of the job was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Refusal {
    pub class: u8,
    pub code: u8,
}

impl Refusal {
    /// The PDU is too long, or its answer would be.
    pub(crate) const PDU_SIZE: Refusal = Refusal { class: 0x85, code: 0x00 };
    /// The station has no such function, or does not permit it.
    pub(crate) const FUNCTION: Refusal = Refusal { class: 0x81, code: 0x04 };

    /// The stable code, explained in `docs/errors/`.
    pub fn code(self) -> &'static str {
        "TG-SI-024"
    }

    pub fn hint(self) -> &'static str {
        match (self.class, self.code) {
            (0x81, 0x04) => "permit access via PUT/GET in the station's protection settings",
            (0xd6, _) => "the station is protected by a password, which PUT/GET cannot give",
            _ => "look at the station's diagnostics; class and code are explained in its manual",
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the station refuses with error class {:#04x}, code {:#04x}", self.class, self.code)
    }
}
