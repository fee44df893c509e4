//! A byte stream that is watched: so long for the head of a request, so long between two, so long for an answer to be read.
//!
//! ```text
//!              first byte            handler begins
//!   waiting ───────────────> head ──────────────────> busy
//!   (idle_max)            (head_max)                (no limit here: the gate's)
//!      ^                                               │
//!      └───────────────── answered ────────────────────┘
//! ```
//!
//! While nothing has been answered yet, whatever is written is the protocol library's own bare refusal of what it could not
//! read. It is left out, so that the refusal can be written in the shape all others have. Takes the monotonic clock.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, sleep};

/// Where a connection is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    Waiting = 0,
    Head = 1,
    Busy = 2,
}

/// Told by whoever handles requests, read by the stream.
#[derive(Debug, Default)]
pub(crate) struct Progress {
    phase: AtomicU8,
    has_answered: AtomicBool,
    timed_out: AtomicBool,
}

impl Progress {
    pub(crate) fn phase(&self) -> Phase {
        match self.phase.load(Ordering::Relaxed) {
            0 => Phase::Waiting,
            1 => Phase::Head,
            _ => Phase::Busy,
        }
    }

    /// A handler has begun.
    pub(crate) fn busy(&self) {
        self.enter(Phase::Busy);
        self.has_answered.store(true, Ordering::Relaxed);
    }

    /// The last byte of the answer was handed over.
    pub(crate) fn answered(&self) {
        self.enter(Phase::Waiting);
    }

    pub(crate) fn timed_out(&self) -> bool {
        self.timed_out.load(Ordering::Relaxed)
    }

    fn enter(&self, phase: Phase) {
        self.phase.store(phase as u8, Ordering::Relaxed);
    }
}

/// The longest each may take.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Patience {
    pub(crate) head: Duration,
    pub(crate) idle: Duration,
}

/// The stream.
#[derive(Debug)]
pub(crate) struct Watched<S> {
    pub(crate) stream: S,
    progress: Arc<Progress>,
    patience: Patience,
    /// The phase whose time runs.
    timed: Phase,
    timer: Pin<Box<Sleep>>,
    /// Runs while a write waits.
    stalled: Option<Pin<Box<Sleep>>>,
}

impl<S> Watched<S> {
    pub(crate) fn new(stream: S, progress: Arc<Progress>, patience: Patience) -> Watched<S> {
        // Whoever connects has something to say: the first head has no longer than any other.
        let timer = Box::pin(sleep(patience.head));
        Watched { stream, progress, patience, timed: Phase::Waiting, timer, stalled: None }
    }

    fn limit(&self, phase: Phase) -> Duration {
        if phase == Phase::Waiting { self.patience.idle } else { self.patience.head }
    }

    /// Ready once the phase has lasted too long.
    fn overdue(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let phase = self.progress.phase();
        if phase != self.timed {
            self.timed = phase;
            let until = Instant::now() + self.limit(phase);
            self.timer.as_mut().reset(until);
        }
        if phase == Phase::Busy {
            return Poll::Pending;
        }
        self.timer.as_mut().poll(cx)
    }

    /// Passes a write on, and gives up one that waits too long.
    fn unstalled<T>(&mut self, cx: &mut Context<'_>, outcome: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if outcome.is_ready() {
            self.stalled = None;
            return outcome;
        }
        let idle = self.patience.idle;
        ready!(self.stalled.get_or_insert_with(|| Box::pin(sleep(idle))).as_mut().poll(cx));
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }

    fn is_mute(&self) -> bool {
        !self.progress.has_answered.load(Ordering::Relaxed)
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Watched<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        // The timer is looked at also while bytes come: one byte at a time is slow as well.
        let overdue = self.overdue(cx).is_ready();
        if overdue && self.timed == Phase::Head {
            self.progress.timed_out.store(true, Ordering::Relaxed);
            return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
        }
        let outcome = Pin::new(&mut self.stream).poll_read(cx, buf);
        match outcome {
            Poll::Pending if overdue => {
                self.progress.timed_out.store(true, Ordering::Relaxed);
                return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
            }
            Poll::Ready(Ok(())) if buf.filled().len() > before && self.timed == Phase::Waiting => {
                self.progress.enter(Phase::Head);
                // Arms the timer of the head, and has the task woken by it.
                let _ = self.overdue(cx);
            }
            _ => {}
        }
        outcome
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Watched<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        if self.is_mute() {
            return Poll::Ready(Ok(bytes.len()));
        }
        let outcome = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.unstalled(cx, outcome)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let outcome = Pin::new(&mut self.stream).poll_flush(cx);
        self.unstalled(cx, outcome)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let outcome = Pin::new(&mut self.stream).poll_shutdown(cx);
        self.unstalled(cx, outcome)
    }
}
