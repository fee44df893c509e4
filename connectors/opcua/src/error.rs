//! Why there is no server.

use std::io;
use std::net::SocketAddr;

#[derive(Debug, thiserror::Error)]
pub enum OpcUaError {
    #[error("could not listen for OPC UA on {address}")]
    Listen { address: SocketAddr, source: io::Error },
    #[error("the OPC UA server cannot be set up: {0}")]
    Setup(String),
}

impl OpcUaError {
    /// The stable code, explained in `docs/errors/`.
    pub fn code(&self) -> &'static str {
        match self {
            OpcUaError::Listen { .. } => "TG-UA-060",
            OpcUaError::Setup(_) => "TG-UA-061",
        }
    }

    /// What to do about it, in one line.
    pub fn hint(&self) -> &'static str {
        match self {
            OpcUaError::Listen { .. } => {
                "stop what listens there, or give opcua.listen another address of this machine"
            }
            OpcUaError::Setup(_) => "look at the folder opcua in the data folder",
        }
    }
}
