//! Why the listener could not start. Nothing was served by then. Why a call ends is not an error of the listener: see
//! [`crate::Fault`].

use std::io;
use std::net::SocketAddr;
use tidegate_kernel_journal::{ReadError, Refusal};

#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum GrpcError {
    #[error("could not listen for gRPC on {address}: the address is in use")]
    AddressInUse { address: SocketAddr },
    #[error("could not listen for gRPC on {address}")]
    Listen { address: SocketAddr, source: io::Error },
    #[error("{field} is {found}, outside {min} to {max}")]
    Setting { field: &'static str, found: u64, min: u64, max: u64 },
    #[error("could not read where the streams were in the journal")]
    Positions(#[from] ReadError),
    #[error("could not read the snapshot of where the streams were")]
    Snapshot(#[source] io::Error),
    #[error("the snapshot of where the streams were, or a note of it, is of a later version")]
    Later,
    #[error("could not open the cursor of the streams' positions")]
    Cursor(#[source] Refusal),
}

impl GrpcError {
    pub(crate) fn listen(address: SocketAddr, source: io::Error) -> GrpcError {
        match source.kind() {
            io::ErrorKind::AddrInUse => GrpcError::AddressInUse { address },
            _ => GrpcError::Listen { address, source },
        }
    }

    /// The stable code, explained in `docs/errors/`.
    pub fn code(&self) -> &'static str {
        match self {
            GrpcError::AddressInUse { .. } => "TG-GR-020",
            GrpcError::Listen { .. } => "TG-GR-021",
            GrpcError::Setting { .. } => "TG-GR-022",
            GrpcError::Positions(error) => error.code(),
            GrpcError::Snapshot(_) | GrpcError::Later => "TG-GR-023",
            GrpcError::Cursor(refusal) => refusal.code(),
        }
    }

    /// What to do about it, in one line.
    pub fn hint(&self) -> &'static str {
        match self {
            GrpcError::AddressInUse { .. } => "stop what listens there, or choose another address",
            GrpcError::Listen { .. } => "listen on an address of this machine, with a port above 1023",
            GrpcError::Setting { .. } => {
                "set it to a value inside the limits, or leave it out for the default"
            }
            GrpcError::Positions(_) | GrpcError::Snapshot(_) | GrpcError::Cursor(_) => {
                "look at the disk under the data folder"
            }
            GrpcError::Later => "start the version that wrote the folder",
        }
    }
}
