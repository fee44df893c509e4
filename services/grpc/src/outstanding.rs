//! What one call has taken and not acknowledged, in order of arrival.
//!
//! Only the oldest is waited for: what is behind it is in the same batch of the journal or a later one, so one wake-up releases
//! all there is, in one Ack. Bounded by its owner, who stops reading.

use crate::intake::Receipt;
use crate::v1::{Ack, Refusal};
use std::collections::VecDeque;
use std::future::{self, Future};
use std::pin::pin;
use std::task::{Context, Poll, Waker};
use tidegate_kernel_journal::Unknown;

/// An acknowledgement to be.
#[derive(Debug, Default)]
pub(crate) struct Due {
    pub(crate) through: u64,
    /// Nothing where there is nothing to wait for.
    pub(crate) receipt: Option<Receipt>,
    pub(crate) refusals: Vec<Refusal>,
    pub(crate) duplicates: u64,
    /// Readings it is for, refused and repeated ones included.
    pub(crate) readings: usize,
}

#[derive(Debug, Default)]
pub(crate) struct Outstanding {
    queue: VecDeque<Due>,
    readings: usize,
}

impl Outstanding {
    pub(crate) fn push(&mut self, due: Due) {
        self.readings += due.readings;
        self.queue.push_back(due);
    }

    pub(crate) fn readings(&self) -> usize {
        self.readings
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    /// Resolves when the oldest may be acknowledged; never while there is none. May be dropped and asked again.
    pub(crate) async fn due(&self) -> Result<(), Unknown> {
        match self.queue.front().map(|due| &due.receipt) {
            Some(Some(receipt)) => receipt.safe().await,
            Some(None) => Ok(()),
            None => future::pending().await,
        }
    }

    /// One Ack for all that are safe, up to the first that is not.
    pub(crate) fn release(&mut self) -> Option<Ack> {
        let mut ack = None;
        while let Some(due) = self.queue.pop_front_if(|due| is_safe(due)) {
            self.readings -= due.readings;
            let ack = ack.get_or_insert_with(Ack::default);
            ack.through_sequence = ack.through_sequence.max(due.through);
            ack.duplicates += due.duplicates;
            ack.refusals.extend(due.refusals);
        }
        ack
    }
}

fn is_safe(due: &Due) -> bool {
    let Some(receipt) = &due.receipt else { return true };
    let mut safe = pin!(receipt.safe());
    matches!(safe.as_mut().poll(&mut Context::from_waker(Waker::noop())), Poll::Ready(Ok(())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_safe_together_is_one_ack() {
        let mut outstanding = Outstanding::default();
        assert_eq!(outstanding.release(), None);
        let refusal = Refusal { sequence: 2, ..Refusal::default() };
        outstanding.push(Due { through: 2, refusals: vec![refusal.clone()], readings: 2, ..Due::default() });
        outstanding.push(Due { through: 5, duplicates: 1, readings: 3, ..Due::default() });
        let ack = Ack { through_sequence: 5, refusals: vec![refusal], duplicates: 1 };
        assert_eq!((outstanding.readings(), outstanding.release()), (5, Some(ack)));
        assert_eq!((outstanding.readings(), outstanding.is_empty()), (0, true));
    }
}
