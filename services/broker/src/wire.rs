//! A byte stream with the two buffers of one connection.
//!
//! Knows no MQTT and no time limit. Packets are read into a buffer that all connections of a thread share, and only what is left
//! of one that has not arrived whole becomes the connection's own: with a buffer of 8 KiB each, 2,000 connections went through 16
//! MiB, which no cache holds. The decoder hands the buffer out in slices, and it is whole again once they are dropped, so that in
//! steady state nothing is allocated.

use std::cell::Cell;
use std::future::Future;
use std::io;
use std::pin::pin;
use std::task::{Context, Poll};

use bytes::{Buf, BufMut, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

/// One read takes at most this while packets are small: about a hundred readings.
const READ_BYTES: usize = 8 * 1024;
/// A read into less room than this is not worth its system call.
const ROOM_BYTES_MIN: usize = 1024;

thread_local! {
    static SHARED: Cell<BytesMut> = Cell::default();
}

#[derive(Debug)]
pub(crate) struct Wire<S> {
    stream: S,
    pub(crate) input: BytesMut,
    pub(crate) output: BytesMut,
    /// `input` is the thread's.
    is_shared: bool,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Wire<S> {
    pub(crate) fn new(stream: S) -> Self {
        Self { stream, input: BytesMut::new(), output: BytesMut::new(), is_shared: false }
    }

    /// Reads once, behind what is in `input`; 0 at the end of the stream. Dropping it loses nothing.
    pub(crate) async fn fill(&mut self) -> io::Result<usize> {
        std::future::poll_fn(|context| self.poll_fill(context)).await
    }

    /// What was read is to be decoded, and the rest kept, before anything is waited for.
    pub(crate) fn poll_fill(&mut self, context: &mut Context<'_>) -> Poll<io::Result<usize>> {
        self.make_room();
        let mut room = (&mut self.input).limit(READ_BYTES);
        let read = pin!(self.stream.read_buf(&mut room)).poll(context);
        if !matches!(read, Poll::Ready(Ok(1..))) {
            self.keep_rest();
        }
        read
    }

    /// Gives the thread its buffer back, and keeps what is left in it.
    pub(crate) fn keep_rest(&mut self) {
        if std::mem::take(&mut self.is_shared) {
            let rest = BytesMut::from(&self.input[..]);
            SHARED.set(std::mem::replace(&mut self.input, rest));
        } else if self.input.is_empty() {
            self.input = BytesMut::new();
        }
    }

    /// Writes all of `output`. Dropped before its end it has written a part, and goes on from there.
    pub(crate) async fn flush(&mut self) -> io::Result<()> {
        while !self.output.is_empty() {
            match self.stream.write(&self.output).await? {
                0 => return Err(io::ErrorKind::WriteZero.into()),
                all if all == self.output.len() => self.output.clear(),
                part => self.output.advance(part),
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
        if self.input.is_empty() {
            (self.input, self.is_shared) = (SHARED.take(), true);
            self.input.clear();
        }
        if self.input.capacity() - self.input.len() < ROOM_BYTES_MIN || self.is_shared {
            self.input.reserve(READ_BYTES);
        }
    }
}
