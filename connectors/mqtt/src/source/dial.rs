//! The connection itself: TCP, with TLS around it where the link says so. Reads the authorities' file once, when the link is made.

use super::config::Config;
use super::error::{LinkError, Setback};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use std::fmt;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

/// A byte stream, plain or with TLS around it.
pub(super) trait Wire: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Wire for T {}

pub(super) struct Dialer(Option<(TlsConnector, ServerName<'static>)>);

impl fmt::Debug for Dialer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() { "Dialer(TLS)" } else { "Dialer(TCP)" })
    }
}

impl Dialer {
    pub(super) fn new(config: &Config) -> Result<Dialer, LinkError> {
        let Some(security) = &config.security else { return Ok(Dialer(None)) };
        let host = config.host.clone();
        let name = ServerName::try_from(host.clone()).map_err(|_| LinkError::ServerName { host })?;
        let roots = roots(&security.ca)?;
        let client = ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
        Ok(Dialer(Some((TlsConnector::from(Arc::new(client)), name))))
    }

    pub(super) async fn dial(&self, config: &Config) -> Result<Box<dyn Wire>, Setback> {
        let within = Duration::from_millis(config.connect_timeout_ms);
        let dialled = timeout(within, self.connect(&config.host, config.port)).await;
        dialled.map_err(|_| Setback::Silent)?.map_err(Setback::Unreachable)
    }

    async fn connect(&self, host: &str, port: u16) -> io::Result<Box<dyn Wire>> {
        let stream = TcpStream::connect((host, port)).await?;
        stream.set_nodelay(true)?;
        match &self.0 {
            None => Ok(Box::new(stream)),
            Some((connector, name)) => Ok(Box::new(connector.connect(name.clone(), stream).await?)),
        }
    }
}

fn roots(path: &Path) -> Result<RootCertStore, LinkError> {
    let unreadable = |why: String| LinkError::Authorities { path: path.display().to_string(), why };
    let mut roots = RootCertStore::empty();
    let certificates = CertificateDer::pem_file_iter(path).map_err(|error| unreadable(error.to_string()))?;
    for certificate in certificates {
        let certificate = certificate.map_err(|error| unreadable(error.to_string()))?;
        roots.add(certificate).map_err(|error| unreadable(error.to_string()))?;
    }
    if roots.is_empty() { Err(unreadable("there is no certificate in it".to_owned())) } else { Ok(roots) }
}
