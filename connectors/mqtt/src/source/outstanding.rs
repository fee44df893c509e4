//! What was taken in and not acknowledged, in order of arrival [MQTT-4.6.0-2] [MQTT-4.6.0-3].
//!
//! Only the oldest is waited for: what is behind it is in the same batch of the journal or a later one. Bounded by its owner, who
//! stops reading.

use std::collections::VecDeque;
use std::future::{self, Future};
use std::pin::pin;
use std::task::{Context, Poll, Waker};
use tidegate_codec_mqtt::{Delivery, PacketId};
use tidegate_kernel_journal::{Level, Ticket, Unknown};

/// Something the broker is to be told.
#[derive(Debug)]
struct Due {
    delivery: Delivery,
    /// Nothing for what was refused for good: there is nothing to wait for but its turn.
    taken: Option<(Ticket, Level)>,
}

#[derive(Debug, Default)]
pub(super) struct Outstanding {
    queue: VecDeque<Due>,
}

impl Outstanding {
    pub(super) fn push(&mut self, delivery: Delivery, taken: Option<(Ticket, Level)>) {
        self.queue.push_back(Due { delivery, taken });
    }

    pub(super) fn len(&self) -> usize {
        self.queue.len()
    }

    pub(super) fn holds(&self, id: PacketId) -> bool {
        self.queue.iter().any(|due| due.delivery.id() == Some(id))
    }

    /// Resolves when the oldest may be acknowledged; never while there is none. May be dropped and asked again.
    pub(super) async fn due(&self) -> Result<(), Unknown> {
        match self.queue.front().map(|due| &due.taken) {
            Some(Some((ticket, level))) => ticket.reached(*level).await,
            Some(None) => Ok(()),
            None => future::pending().await,
        }
    }

    /// The next one, if it may be acknowledged.
    pub(super) fn release(&mut self) -> Option<Delivery> {
        self.queue.pop_front_if(|due| is_safe(due)).map(|due| due.delivery)
    }
}

fn is_safe(due: &Due) -> bool {
    let Some((ticket, level)) = &due.taken else { return true };
    let mut reached = pin!(ticket.reached(*level));
    matches!(reached.as_mut().poll(&mut Context::from_waker(Waker::noop())), Poll::Ready(Ok(())))
}
