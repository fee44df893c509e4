//! What one connection owes an answer for, in order of arrival [MQTT-4.6.0-2].
//!
//! Only the oldest is waited for: the records behind it are in the same batch or a later one, so one wake-up a batch
//! releases all there is, in one write. Bounded by its owner, who stops reading.

use std::collections::VecDeque;
use std::task::{Context, Poll, ready};

use tidegate_codec_mqtt::{Packet, PacketId};
use tidegate_kernel_journal::{Level, Ticket, Unknown, Waiting};

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
    /// For the oldest of them.
    waiting: Waiting,
}

impl Safe {
    fn poll_reached(&self, waiting: &mut Waiting, context: &mut Context<'_>) -> Poll<Result<(), Unknown>> {
        if let Some(Receipt { ticket, level }) = &self.receipt {
            ready!(ticket.poll_reached(*level, waiting, context))?;
        }
        match &self.kept {
            Some((ticket, level)) => ticket.poll_reached(*level, waiting, context),
            None => Poll::Ready(Ok(())),
        }
    }

    fn is_reached(&self) -> bool {
        let is_safe = |receipt: &Receipt| receipt.ticket.has_reached(receipt.level);
        self.receipt.as_ref().is_none_or(is_safe) && self.kept.as_ref().is_none_or(is_kept)
    }
}

/// Whether the record is as safe as that by now.
pub(crate) fn is_kept((ticket, level): &(Ticket, Level)) -> bool {
    ticket.has_reached(*level)
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

    /// Ready when the oldest may be answered; never while there is none.
    pub(crate) fn poll_due(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Unknown>> {
        match self.queue.front() {
            Some((_, safe)) => safe.poll_reached(&mut self.waiting, context),
            None => Poll::Pending,
        }
    }

    /// The next answer that may go out. What is behind one whose outcome is unknown stays.
    pub(crate) fn pop_safe(&mut self) -> Option<Answer> {
        let (answer, _) = self.queue.pop_front_if(|(_, safe)| safe.is_reached())?;
        self.taken -= usize::from(answer.is_of_taken());
        Some(answer)
    }
}
