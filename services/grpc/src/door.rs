//! A connection as the HTTP/2 server gets it: who is at the other end, its seat, and a limit on how long it may say nothing at
//! first. Later on it is asked whether it is alive.

use crate::hub::Seat;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;
use tidegate_kernel_plug::Knock;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Sleep, sleep};
use tonic::transport::server::Connected;

/// A byte stream, plain or with TLS around it.
pub trait Wire: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Wire for T {}

/// A handshake, as it comes back from the port: the stream inside, or nothing where it failed.
pub type Shaking<'a> = Pin<Box<dyn Future<Output = Option<Box<dyn Wire>>> + Send + 'a>>;

/// The port to whoever shakes hands with a connection before HTTP/2 is spoken on it. Bounded in time and in number by itself.
pub trait Handshake: Send + Sync + 'static {
    fn shake(&self, stream: TcpStream) -> Shaking<'_>;
}

pub(crate) struct Visitor {
    wire: Box<dyn Wire>,
    knock: Knock,
    /// Gone with the first bytes.
    silence: Option<Pin<Box<Sleep>>>,
    _seat: Seat,
}

impl Visitor {
    pub(crate) fn new(wire: Box<dyn Wire>, knock: Knock, seat: Seat, silence_max: Duration) -> Visitor {
        Visitor { wire, knock, silence: Some(Box::pin(sleep(silence_max))), _seat: seat }
    }
}

impl Connected for Visitor {
    type ConnectInfo = Knock;

    fn connect_info(&self) -> Knock {
        self.knock
    }
}

impl AsyncRead for Visitor {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let read = Pin::new(&mut self.wire).poll_read(context, buffer);
        if read.is_ready() {
            self.silence = None;
            return read;
        }
        match &mut self.silence {
            Some(silence) => silence.as_mut().poll(context).map(|()| Err(io::ErrorKind::TimedOut.into())),
            None => Poll::Pending,
        }
    }
}

impl AsyncWrite for Visitor {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.wire).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.wire).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.wire).poll_shutdown(context)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.wire).poll_write_vectored(context, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.wire.is_write_vectored()
    }
}
