//! A connection: through the node's way out, with TLS where it is asked for, and set up so that what it calls committed is on the disk.

use crate::config::Config;
use crate::error::Trouble;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;
use tidegate_kernel_outbound::{Dialer, Endpoint, OutboundError, Stream};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::timeout;
use tokio_postgres::config::SslMode;
use tokio_postgres::tls::{ChannelBinding, TlsConnect, TlsStream};
use tokio_postgres::{Client, NoTls};

/// Opens connections. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Connector {
    pub(crate) config: Config,
    dialer: Dialer,
}

impl Connector {
    pub(crate) fn new(config: Config, dialer: Dialer) -> Connector {
        Connector { config, dialer }
    }

    /// One within the limit of time, logged in and set up.
    pub(crate) async fn connect(&self) -> Result<Client, Trouble> {
        let limit = self.config.timeout;
        timeout(limit, self.open()).await.unwrap_or(Err(Trouble::Slow(limit)))
    }

    async fn open(&self) -> Result<Client, Trouble> {
        let (endpoint, limit) = (&self.config.endpoint, self.config.timeout);
        // TLS begins inside the protocol, after one question in plain.
        let plain = Endpoint { tls: false, ..endpoint.clone() };
        let stream = self.dialer.dial(&plain, limit).await?;
        let client = match endpoint.tls {
            true => {
                let (dialer, host) = (self.dialer.clone(), endpoint.host.clone());
                let (client, connection) =
                    self.login(SslMode::Require).connect_raw(stream, Upgrade { dialer, host, limit }).await?;
                tokio::spawn(connection);
                client
            }
            false => {
                let (client, connection) = self.login(SslMode::Disable).connect_raw(stream, NoTls).await?;
                tokio::spawn(connection);
                client
            }
        };
        client.batch_execute(&session(limit)).await?;
        durable(&client).await?;
        Ok(client)
    }

    fn login(&self, tls: SslMode) -> tokio_postgres::Config {
        let mut login = tokio_postgres::Config::new();
        login
            .user(&self.config.user)
            .dbname(self.config.database())
            .application_name("tidegate")
            .ssl_mode(tls);
        if let Some(password) = &self.config.password {
            login.password(password);
        }
        login
    }
}

/// Whatever the server's own settings are. A transaction that lost its client lets go of its locks after the same time.
fn session(limit: Duration) -> String {
    let limit_ms = limit.as_millis();
    format!(
        "SET synchronous_commit = on; SET default_transaction_isolation = 'read committed'; SET statement_timeout = {limit_ms}; \
         SET lock_timeout = {limit_ms}; SET idle_in_transaction_session_timeout = {limit_ms}"
    )
}

async fn durable(client: &Client) -> Result<(), Trouble> {
    for setting in ["fsync", "full_page_writes"] {
        let row = client.query_one("SELECT current_setting($1)", &[&setting]).await?;
        let value: String = row.try_get(0)?;
        if value != "on" {
            return Err(Trouble::NotDurable { setting, value });
        }
    }
    Ok(())
}

/// TLS as everywhere else in the node: its roots, its provider.
struct Upgrade {
    dialer: Dialer,
    host: String,
    limit: Duration,
}

impl TlsConnect<Stream> for Upgrade {
    type Stream = Secured;
    type Error = OutboundError;
    type Future = Pin<Box<dyn Future<Output = Result<Secured, OutboundError>> + Send>>;

    fn connect(self, stream: Stream) -> Self::Future {
        Box::pin(async move { self.dialer.start_tls(stream, &self.host, self.limit).await.map(Secured) })
    }
}

struct Secured(Stream);

impl TlsStream for Secured {
    fn channel_binding(&self) -> ChannelBinding {
        ChannelBinding::none()
    }
}

impl AsyncRead for Secured {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().0).poll_read(cx, buffer)
    }
}

impl AsyncWrite for Secured {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().0).poll_write(cx, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().0).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().0).poll_shutdown(cx)
    }
}
