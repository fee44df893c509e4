//! TLS from given files: 1.2 and 1.3 by rustls with the `ring` provider, and nothing older.
//!
//! The files are read at the start and at every reload. A connection keeps the certificate it began with. Takes the monotonic
//! clock for handshakes, the wall clock to tell of a certificate that has run out.

mod expiry;
mod files;
mod section;

pub(crate) use expiry::{Moment, not_after};
pub(crate) use section::{Certificate, SECTION};

use rustls::ServerConfig;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;
use tidegate_kernel_plug::Family;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::Semaphore;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

/// Handshakes at once: each costs a processor a millisecond or so, and they must not take it from readings.
const HANDSHAKES_MAX: usize = 64;
/// Connections that shake hands or wait for their turn; one more is closed.
const WAITING_MAX: usize = 1024;
/// From the connection to the end of its handshake, the wait for its turn included.
const HANDSHAKE_MAX: Duration = Duration::from_secs(10);

/// What a listener needs to speak TLS.
#[derive(Debug)]
pub(crate) struct Tls {
    configs: RwLock<Configs>,
    turns: Semaphore,
    waiting: Semaphore,
    counts: Counts,
}

/// The same certificate for two kinds of listeners.
#[derive(Debug, Clone)]
struct Configs {
    /// Says nothing of what is spoken inside.
    plain: Arc<ServerConfig>,
    /// Agrees on HTTP/2, without which gRPC clients do not go on (RFC 7301).
    http2: Arc<ServerConfig>,
}

#[derive(Debug, Default)]
struct Counts {
    shaken: AtomicU64,
    refused: AtomicU64,
    late: AtomicU64,
    crowded: AtomicU64,
}

impl Tls {
    pub(crate) fn new(certificate: Certificate) -> Tls {
        let configs = RwLock::new(Configs::of(certificate));
        let (turns, waiting) = (Semaphore::new(HANDSHAKES_MAX), Semaphore::new(WAITING_MAX));
        Tls { configs, turns, waiting, counts: Counts::default() }
    }

    /// Connections from now on meet this certificate.
    pub(crate) fn replace(&self, certificate: Certificate) {
        *self.configs.write().unwrap_or_else(PoisonError::into_inner) = Configs::of(certificate);
    }

    /// Shakes hands; nothing where that fails, which is counted and of interest to nobody else.
    pub(crate) async fn accept<S>(&self, stream: S) -> Option<TlsStream<S>>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        self.shake(stream, |configs| &configs.plain).await
    }

    /// The same where HTTP/2 is spoken and nothing else.
    pub(crate) async fn accept_http2<S>(&self, stream: S) -> Option<TlsStream<S>>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        self.shake(stream, |configs| &configs.http2).await
    }

    async fn shake<S>(&self, stream: S, pick: fn(&Configs) -> &Arc<ServerConfig>) -> Option<TlsStream<S>>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let Ok(_waiting) = self.waiting.try_acquire() else {
            self.counts.crowded.fetch_add(1, Ordering::Relaxed);
            return None;
        };
        let shaking = async {
            let _turn = self.turns.acquire().await.expect("the semaphore is never closed");
            let config = pick(&self.configs.read().unwrap_or_else(PoisonError::into_inner)).clone();
            TlsAcceptor::from(config).accept(stream).await
        };
        let (counter, stream) = match timeout(HANDSHAKE_MAX, shaking).await {
            Ok(Ok(stream)) => (&self.counts.shaken, Some(stream)),
            Ok(Err(error)) => {
                tracing::debug!(%error, "a TLS handshake failed");
                (&self.counts.refused, None)
            }
            Err(_) => (&self.counts.late, None),
        };
        counter.fetch_add(1, Ordering::Relaxed);
        stream
    }

    pub(crate) fn metrics(&self) -> Vec<Family> {
        let help = "TLS handshakes, by how they ended.";
        let mut handshakes = Family::counter("tidegate_tls_handshakes_total", help);
        let Counts { shaken, refused, late, crowded } = &self.counts;
        for (outcome, count) in [("done", shaken), ("failed", refused), ("late", late), ("crowded", crowded)]
        {
            handshakes.push(&[("outcome", outcome)], count.load(Ordering::Relaxed));
        }
        vec![handshakes]
    }
}

impl Configs {
    fn of(Certificate(plain): Certificate) -> Configs {
        let mut http2 = ServerConfig::clone(&plain);
        http2.alpn_protocols = vec![b"h2".to_vec()];
        Configs { plain, http2: Arc::new(http2) }
    }
}

#[cfg(test)]
mod tests;
