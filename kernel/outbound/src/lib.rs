#![doc = include_str!("../README.md")]

//! The one way out over HTTP(S) and TLS, with its own resolver.
//!
//! Sockets, the monotonic clock for time limits, randomness for the ids of queries; reads the system's two resolver files when
//! asked to. Locks are held for a look at idle connections only.

mod client;
mod dialer;
mod dns;
mod endpoint;
mod error;
mod query;
mod resolver;
mod roots;
mod system;

pub use client::{Answer, Client, HttpLimits, Request};
pub use dialer::{Dialer, Stream};
pub use endpoint::{Endpoint, NotAnEndpoint};
pub use error::{OutboundError, RootsError};
pub use query::{basic_authorization, query};
pub use resolver::Resolver;
