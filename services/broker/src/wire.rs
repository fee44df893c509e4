//! A byte stream with the two buffers of one connection.
//!
//! Knows no MQTT and no time limit. The read buffer is handed out in slices by the decoder and taken back once they are
//! dropped, so a connection in steady state allocates nothing; one large packet makes it grow, and it shrinks after.

use std::io;

use bytes::BytesMut;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

/// One read takes at most this while packets are small: about a hundred readings.
const READ_BYTES: usize = 8 * 1024;
/// A read into less room than this is not worth its system call.
const ROOM_BYTES_MIN: usize = 1024;

#[derive(Debug)]
pub(crate) struct Wire<S> {
    stream: S,
    pub(crate) input: BytesMut,
    pub(crate) output: BytesMut,
    has_grown: bool,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Wire<S> {
    pub(crate) fn new(stream: S) -> Self {
        let (input, output) = (BytesMut::with_capacity(READ_BYTES), BytesMut::new());
        Self { stream, input, output, has_grown: false }
    }

    /// Reads once, behind what is in `input`; 0 at the end of the stream. Dropping it loses nothing.
    pub(crate) async fn fill(&mut self) -> io::Result<usize> {
        self.make_room();
        self.stream.read_buf(&mut self.input).await
    }

    /// Writes all of `output`. Dropped before its end it has written a part, and goes on from there.
    pub(crate) async fn flush(&mut self) -> io::Result<()> {
        while !self.output.is_empty() {
            if self.stream.write_buf(&mut self.output).await? == 0 {
                return Err(io::ErrorKind::WriteZero.into());
            }
        }
        self.stream.flush().await
    }

    /// Closes the writing half and reads to the end of the stream, throwing away what comes: closing a socket with
    /// unread bytes resets it, and a reset can overtake the last answer.
    pub(crate) async fn linger(&mut self) -> io::Result<()> {
        self.stream.shutdown().await?;
        loop {
            self.input.clear();
            if self.fill().await? == 0 {
                return Ok(());
            }
        }
    }

    fn make_room(&mut self) {
        if self.input.is_empty() && self.has_grown {
            self.input = BytesMut::with_capacity(READ_BYTES);
            self.has_grown = false;
        }
        if self.input.capacity() - self.input.len() < ROOM_BYTES_MIN {
            self.has_grown |= self.input.len() >= READ_BYTES;
            self.input.reserve(READ_BYTES / 2);
        }
    }
}
