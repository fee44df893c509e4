//! What one connection owes an answer for, in order of arrival [MQTT-4.6.0-2].
//!
//! Only the oldest is waited for: the records behind it are in the same batch or a later one, so one wake-up a batch
//! releases all there is, in one write. Bounded by its owner, who stops reading.

use std::collections::VecDeque;
use std::future::{self, Future};
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use tidegate_codec_mqtt::{Packet, PacketId};
use tidegate_kernel_journal::{Level, Ticket, Unknown};

use crate::intake::Receipt;

/// What must be on disk before an answer goes out: the reading, the broker's own record, both or neither.
#[derive(Debug, Clone, Default)]
pub(crate) struct Safe {
    pub(crate) receipt: Option<Receipt>,
    pub(crate) kept: Option<(Ticket, Level)>,
}

/// An answer that waits.
#[derive(Debug)]
pub(crate) enum Answer {
    Puback(PacketId),
    /// PUBREC, for a publication that was taken.
    Pubrec(PacketId),
    /// Everything that is not about a publication taken in.
    Other(Packet),
}

#[derive(Debug, Default)]
pub(crate) struct Outstanding {
    queue: VecDeque<(Answer, Safe)>,
    /// Of those in the queue, the ones about a publication that was taken.
    taken: usize,
}

impl Safe {
    pub(crate) async fn reached(&self) -> Result<(), Unknown> {
        if let Some(receipt) = &self.receipt {
            receipt.safe().await?;
        }
        match &self.kept {
            Some((ticket, level)) => ticket.reached(*level).await,
            None => Ok(()),
        }
    }

    pub(crate) fn is_reached(&self) -> bool {
        is_ready(self.reached())
    }
}

/// Whether the record is as safe as that by now.
pub(crate) fn is_kept((ticket, level): &(Ticket, Level)) -> bool {
    is_ready(ticket.reached(*level))
}

fn is_ready(safe: impl Future<Output = Result<(), Unknown>>) -> bool {
    matches!(pin!(safe).as_mut().poll(&mut Context::from_waker(Waker::noop())), Poll::Ready(Ok(())))
}

impl Answer {
    fn is_of_taken(&self) -> bool {
        !matches!(self, Self::Other(_))
    }
}

impl Outstanding {
    pub(crate) fn push(&mut self, answer: Answer, safe: Safe) {
        self.taken += usize::from(answer.is_of_taken());
        self.queue.push_back((answer, safe));
    }

    pub(crate) fn len(&self) -> usize {
        self.queue.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    /// Publications that were taken and are not answered.
    pub(crate) fn taken(&self) -> usize {
        self.taken
    }

    /// Resolves when the oldest may be answered; never while there is none. May be dropped and asked again.
    pub(crate) async fn due(&self) -> Result<(), Unknown> {
        match self.queue.front() {
            Some((_, safe)) => safe.reached().await,
            None => future::pending().await,
        }
    }

    /// The next answer that may go out. What is behind one whose outcome is unknown stays.
    pub(crate) fn pop_safe(&mut self) -> Option<Answer> {
        let (answer, _) = self.queue.pop_front_if(|(_, safe)| safe.is_reached())?;
        self.taken -= usize::from(answer.is_of_taken());
        Some(answer)
    }
}
