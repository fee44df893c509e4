//! The connection itself, made as every other one of the node, with TLS where the link says so. Reads the authorities' file once, when
//! the link is made.

use super::config::{Config, Security};
use super::error::{LinkError, Setback};
use rustls::pki_types::ServerName;
use std::fs;
use std::io;
use std::time::Duration;
use tidegate_kernel_outbound::{self as outbound, Endpoint, OutboundError, Resolver, Stream};

#[derive(Debug)]
pub(super) struct Dialer {
    outbound: outbound::Dialer,
    endpoint: Endpoint,
}

impl Dialer {
    pub(super) fn new(config: &Config) -> Result<Dialer, LinkError> {
        let (host, tls) = (config.host.clone(), config.security.is_some());
        if tls && ServerName::try_from(host.as_str()).is_err() {
            return Err(LinkError::ServerName { host });
        }
        let outbound = dialer(config.security.as_ref())?;
        Ok(Dialer { outbound, endpoint: Endpoint { tls, host, port: config.port, path: String::new() } })
    }

    pub(super) async fn dial(&self, config: &Config) -> Result<Stream, Setback> {
        let within = Duration::from_millis(config.connect_timeout_ms);
        self.outbound.dial(&self.endpoint, within).await.map_err(|error| match error {
            OutboundError::Timeout { .. } => Setback::Silent,
            other => Setback::Unreachable(io::Error::other(tidegate_kernel_plug::with_causes(&other))),
        })
    }
}

fn dialer(security: Option<&Security>) -> Result<outbound::Dialer, LinkError> {
    let resolver = Resolver::system();
    let Some(Security { ca }) = security else {
        return Ok(
            outbound::Dialer::new(resolver, None).expect("the roots that come with the binary are sound")
        );
    };
    let unreadable = |why: String| LinkError::Authorities { path: ca.display().to_string(), why };
    let pem = fs::read(ca).map_err(|error| unreadable(error.to_string()))?;
    outbound::Dialer::new(resolver, Some(&pem)).map_err(|error| unreadable(error.to_string()))
}
