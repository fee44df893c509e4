//! Why a broker could not start. Nothing was served by then. Why a connection ends is not an error of the broker:
//! see [`crate::CloseReason`].

use std::io;
use std::net::SocketAddr;

use thiserror::Error;
use tidegate_kernel_journal::{ReadError, Refusal};

#[derive(Debug, Error)]
#[non_exhaustive]
pub enum BrokerError {
    #[error("could not listen for MQTT on {address}: the address is in use")]
    AddressInUse { address: SocketAddr },
    #[error("could not listen for MQTT on {address}")]
    Listen { address: SocketAddr, source: io::Error },
    #[error("the journal did not open a cursor for MQTT sessions")]
    Cursor(#[source] Refusal),
    #[error("could not read the MQTT sessions from the journal")]
    Journal(#[source] ReadError),
    #[error("could not read the snapshot of the MQTT sessions")]
    Snapshot(#[source] io::Error),
    #[error("the journal or its disk did not take a snapshot of the MQTT sessions")]
    SnapshotRefused,
    #[error("record {seq} of the MQTT sessions is not known to this version")]
    Record { seq: u64 },
    #[error("{field} is {found}, outside {min} to {max}")]
    Setting { field: &'static str, found: u64, min: u64, max: u64 },
}

impl BrokerError {
    pub(crate) fn listen(address: SocketAddr, source: io::Error) -> Self {
        match source.kind() {
            io::ErrorKind::AddrInUse => Self::AddressInUse { address },
            _ => Self::Listen { address, source },
        }
    }

    /// The stable code, explained in `docs/errors/`.
    pub fn code(&self) -> &'static str {
        match self {
            Self::AddressInUse { .. } => "TG-MQ-120",
            Self::Listen { .. } => "TG-MQ-121",
            Self::Setting { .. } => "TG-MQ-122",
            Self::Cursor(_) | Self::Journal(_) | Self::Snapshot(_) | Self::SnapshotRefused => "TG-MQ-123",
            Self::Record { .. } => "TG-MQ-124",
        }
    }

    /// What to do about it, in one line.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::AddressInUse { .. } => {
                "stop the other broker on this port, or set another `listen` address"
            }
            Self::Listen { .. } => "set `listen` to an address of this machine, with a port above 1023",
            Self::Cursor(_) | Self::Journal(_) | Self::Snapshot(_) | Self::SnapshotRefused => {
                "look at the disk, and run `tidegate journal verify` on the data folder"
            }
            Self::Record { .. } => "start the version that wrote it; nothing was changed",
            Self::Setting { .. } => "set it to a value inside the limits, or leave it out for the default",
        }
    }
}
