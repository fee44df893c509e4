//! What one connection has taken in and not acknowledged, in order of arrival [MQTT-4.6.0-2].
//!
//! Only the oldest is waited for: the records behind it are in the same batch or a later one, so one wake-up a batch
//! releases all there is, in one write. Bounded by its owner, who stops reading.

use std::collections::VecDeque;
use std::future::{self, Future};
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use bytes::BytesMut;
use tidegate_codec_mqtt::{Encoder, PacketId};
use tidegate_kernel_journal::Unknown;

use crate::intake::Receipt;

#[derive(Debug, Default)]
pub(crate) struct Outstanding {
    queue: VecDeque<(PacketId, Receipt)>,
}

impl Outstanding {
    pub(crate) fn push(&mut self, id: PacketId, receipt: Receipt) {
        self.queue.push_back((id, receipt));
    }

    pub(crate) fn len(&self) -> usize {
        self.queue.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    /// Resolves when the oldest may be acknowledged; never while there is none. May be dropped and asked again.
    pub(crate) async fn due(&self) -> Result<(), Unknown> {
        match self.queue.front() {
            Some((_, receipt)) => receipt.safe().await,
            None => future::pending().await,
        }
    }

    /// Writes a PUBACK for each that is safe, up to the first that is not, and says how many. What is behind one whose
    /// outcome is unknown stays.
    pub(crate) fn release(&mut self, encoder: &Encoder, out: &mut BytesMut) -> u64 {
        let mut count = 0;
        while let Some((id, _)) = self.queue.pop_front_if(|(_, receipt)| is_safe(receipt)) {
            encoder.puback(id, out);
            count += 1;
        }
        count
    }
}

fn is_safe(receipt: &Receipt) -> bool {
    let mut safe = pin!(receipt.safe());
    matches!(safe.as_mut().poll(&mut Context::from_waker(Waker::noop())), Poll::Ready(Ok(())))
}
