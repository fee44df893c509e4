//! What can go wrong on the way out. Codes are the connector's: it knows what was at stake.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;
use tidegate_kernel_id::NoRandomness;

/// Why there is no answer, or none that can be used.
#[derive(Debug, thiserror::Error)]
pub enum OutboundError {
    #[error("no name server knows an address of {name}")]
    NoAddress { name: String },
    #[error("no name server answers for {name}")]
    NoNameServer { name: String },
    #[error("no name server can be asked safely")]
    NoRandomness(#[from] NoRandomness),
    #[error("could not connect to {address}")]
    Connect { address: SocketAddr, source: io::Error },
    #[error("{name} did not prove with TLS who it is")]
    Tls { name: String, source: io::Error },
    #[error("{what} took longer than {limit:?}")]
    Timeout { what: &'static str, limit: Duration },
    #[error("the exchange broke off")]
    Http(#[source] hyper::Error),
    #[error("the answer has more than {limit} bytes")]
    TooLong { limit: usize },
    #[error("{what} cannot be part of a request")]
    Malformed { what: &'static str },
}

/// Why a file of roots is of no use.
#[derive(Debug, thiserror::Error)]
pub enum RootsError {
    #[error("it has no certificate in PEM form")]
    Empty,
    #[error("it is not a PEM file")]
    Pem(#[source] rustls::pki_types::pem::Error),
    #[error("a certificate in it cannot be a root")]
    Root(#[source] rustls::Error),
}
