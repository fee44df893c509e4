//! Connections: each address of a name in turn, then TLS where it is asked for.

use crate::endpoint::Endpoint;
use crate::error::{OutboundError, RootsError};
use crate::resolver::Resolver;
use crate::roots;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// Opens connections. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Dialer {
    resolver: Resolver,
    tls: Arc<ClientConfig>,
}

/// A connection, with TLS or without.
#[derive(Debug)]
pub enum Stream {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

impl Dialer {
    /// `roots_pem` is the text of a file of certificates to trust instead of those that come with the binary.
    pub fn new(resolver: Resolver, roots_pem: Option<&[u8]>) -> Result<Dialer, RootsError> {
        Ok(Dialer { resolver, tls: roots::client_config(roots_pem)? })
    }

    /// A connection within `limit`, names and TLS included.
    pub async fn dial(&self, endpoint: &Endpoint, limit: Duration) -> Result<Stream, OutboundError> {
        let what = "connecting";
        timeout(limit, self.connect(endpoint)).await.unwrap_or(Err(OutboundError::Timeout { what, limit }))
    }

    async fn connect(&self, endpoint: &Endpoint) -> Result<Stream, OutboundError> {
        let mut last = None;
        for address in self.resolver.addresses(&endpoint.host).await? {
            let address = SocketAddr::new(address, endpoint.port);
            match TcpStream::connect(address).await {
                Ok(stream) => return self.secure(stream, endpoint).await,
                Err(source) => last = Some(OutboundError::Connect { address, source }),
            }
        }
        Err(last.expect("a name that was found has an address"))
    }

    async fn secure(&self, stream: TcpStream, endpoint: &Endpoint) -> Result<Stream, OutboundError> {
        // Small requests are not held back for more; without it they are only later.
        let _ = stream.set_nodelay(true);
        if endpoint.tls { self.upgrade(stream, &endpoint.host).await } else { Ok(Stream::Plain(stream)) }
    }

    /// Goes on with TLS on a connection that began without, as protocols with STARTTLS do; one that has it already stays as it is.
    pub async fn start_tls(
        &self,
        stream: Stream,
        host: &str,
        limit: Duration,
    ) -> Result<Stream, OutboundError> {
        let Stream::Plain(stream) = stream else { return Ok(stream) };
        let what = "TLS";
        let upgraded = timeout(limit, self.upgrade(stream, host)).await;
        upgraded.unwrap_or(Err(OutboundError::Timeout { what, limit }))
    }

    async fn upgrade(&self, stream: TcpStream, host: &str) -> Result<Stream, OutboundError> {
        let failed = |source| OutboundError::Tls { name: host.to_owned(), source };
        let name = ServerName::try_from(host.to_owned()).map_err(|error| failed(io::Error::other(error)))?;
        let connected = TlsConnector::from(self.tls.clone()).connect(name, stream).await.map_err(failed)?;
        Ok(Stream::Tls(Box::new(connected)))
    }
}

impl AsyncRead for Stream {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Stream::Plain(stream) => Pin::new(stream).poll_read(cx, buffer),
            Stream::Tls(stream) => Pin::new(stream).poll_read(cx, buffer),
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Stream::Plain(stream) => Pin::new(stream).poll_write(cx, bytes),
            Stream::Tls(stream) => Pin::new(stream).poll_write(cx, bytes),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Stream::Plain(stream) => Pin::new(stream).poll_flush(cx),
            Stream::Tls(stream) => Pin::new(stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Stream::Plain(stream) => Pin::new(stream).poll_shutdown(cx),
            Stream::Tls(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }
}
