//! A TCP listener with limits: so many connections at once, and none that says nothing for long.
//!
//! What comes beyond waits in the backlog until another one goes. Takes the monotonic clock.

use axum::serve::Listener;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, Sleep, sleep};

/// Connections at once: a scraper or two, a console, and people.
const CONNECTIONS_MAX: usize = 128;
/// How long a connection may be silent, within a request or between two.
const SILENCE_MAX: Duration = Duration::from_secs(60);

/// The listener.
#[derive(Debug)]
pub(crate) struct Doorway {
    listener: TcpListener,
    places: Arc<Semaphore>,
}

/// A connection, which gives its place back when it is dropped.
#[derive(Debug)]
pub(crate) struct Visitor {
    stream: TcpStream,
    silence: Pin<Box<Sleep>>,
    _place: OwnedSemaphorePermit,
}

impl Doorway {
    pub(crate) fn new(listener: TcpListener) -> Doorway {
        Doorway { listener, places: Arc::new(Semaphore::new(CONNECTIONS_MAX)) }
    }
}

impl Listener for Doorway {
    type Io = Visitor;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Visitor, SocketAddr) {
        let place = self.places.clone().acquire_owned().await.expect("the semaphore is never closed");
        // The library's own accept logs errors and waits before it tries again.
        let (stream, peer) = Listener::accept(&mut self.listener).await;
        (Visitor { stream, silence: Box::pin(sleep(SILENCE_MAX)), _place: place }, peer)
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }
}

impl AsyncRead for Visitor {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match Pin::new(&mut self.stream).poll_read(cx, buf) {
            Poll::Ready(outcome) => {
                self.silence.as_mut().reset(Instant::now() + SILENCE_MAX);
                Poll::Ready(outcome)
            }
            Poll::Pending => {
                ready!(self.silence.as_mut().poll(cx));
                Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
            }
        }
    }
}

impl AsyncWrite for Visitor {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::AsyncReadExt;

    async fn pair() -> (Doorway, SocketAddr) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        (Doorway::new(listener), address)
    }

    #[tokio::test]
    async fn one_visitor_too_many_waits_until_another_goes() {
        let (mut doorway, address) = pair().await;
        let mut visitors = Vec::new();
        let mut clients = Vec::new();
        for _ in 0..CONNECTIONS_MAX {
            clients.push(TcpStream::connect(address).await.unwrap());
            visitors.push(doorway.accept().await);
        }
        clients.push(TcpStream::connect(address).await.unwrap());
        let no_place = tokio::time::timeout(Duration::from_millis(20), doorway.accept()).await;
        assert!(no_place.is_err());
        visitors.pop();
        doorway.accept().await;
    }

    #[tokio::test(start_paused = true)]
    async fn a_silent_visitor_is_shown_out() {
        let (mut doorway, address) = pair().await;
        let _client = TcpStream::connect(address).await.unwrap();
        let (mut visitor, _) = doorway.accept().await;
        let error = visitor.read_u8().await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
    }
}
