//! A value that somebody wants written: on its way to the task of its bus, and what came of it on the way back. Takes tokio's clock.
//!
//! However it ends there is one answer: a bus that is told to end, begins anew or panics drops its slips, and each of them answers.

use crate::driver::Trouble;
use crate::error;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tidegate_engine_tags::Value;
use tokio::sync::oneshot;
use tokio::time::{Instant, sleep_until};

/// What is to be written.
#[derive(Debug, Clone, PartialEq)]
pub struct Order {
    pub device: Arc<str>,
    pub tag: Arc<str>,
    /// As it is to stand in the device.
    pub value: Value,
    /// Nothing is sent to the device after this.
    pub deadline: Instant,
}

/// What came of an order. Values are as they stand in the device.
#[derive(Debug, Clone, PartialEq)]
pub struct Written {
    pub fate: Fate,
    /// What was sent, or would have been: rounded where an integer stands in the device.
    pub value: Value,
    /// What stood there before; nothing where that was not read.
    pub before: Option<Value>,
    /// What was read there afterwards.
    pub after: Option<Value>,
    /// Why it is not confirmed.
    pub trouble: Option<Trouble>,
}

/// How an order ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// The device has the value.
    Confirmed,
    /// The device took it, and has another value, or one that cannot be read.
    Unconfirmed,
    /// Nothing was sent to the device.
    Refused,
    /// The device did not take it.
    Failed,
    /// It was sent, and nobody can say whether the device took it.
    Unknown,
}

/// The order at its bus, with the way back.
#[derive(Debug)]
pub(crate) struct Slip {
    pub(crate) order: Order,
    claimed: Arc<AtomicBool>,
    /// It has gone out to the device.
    pub(crate) is_sent: bool,
    pub(crate) before: Option<Value>,
    reply: Option<oneshot::Sender<Written>>,
}

/// The order at whoever waits for it.
#[derive(Debug)]
pub(crate) struct Pending {
    value: Value,
    deadline: Instant,
    claimed: Arc<AtomicBool>,
    reply: oneshot::Receiver<Written>,
}

impl Fate {
    pub fn name(self) -> &'static str {
        match self {
            Fate::Confirmed => "confirmed",
            Fate::Unconfirmed => "unconfirmed",
            Fate::Refused => "refused",
            Fate::Failed => "failed",
            Fate::Unknown => "unknown",
        }
    }
}

impl Written {
    pub(crate) fn refused(value: Value, trouble: Trouble) -> Written {
        Written { fate: Fate::Refused, value, before: None, after: None, trouble: Some(trouble) }
    }
}

impl Slip {
    pub(crate) fn new(order: Order) -> (Slip, Pending) {
        let (reply, receiver) = oneshot::channel();
        let claimed = Arc::new(AtomicBool::new(false));
        let (value, deadline) = (order.value.clone(), order.deadline);
        let pending = Pending { value, deadline, claimed: claimed.clone(), reply: receiver };
        (Slip { order, claimed, is_sent: false, before: None, reply: Some(reply) }, pending)
    }

    /// Takes it in hand: nobody gives it up from here on. False where somebody has.
    pub(crate) fn claim(&self) -> bool {
        !self.claimed.swap(true, Ordering::SeqCst)
    }

    pub(crate) fn end(mut self, written: Written) {
        self.answer(written);
    }

    fn answer(&mut self, written: Written) {
        if let Some(reply) = self.reply.take() {
            // Whoever asked may have gone.
            let _ = reply.send(written);
        }
    }
}

impl Drop for Slip {
    fn drop(&mut self) {
        let (fate, trouble) =
            if self.is_sent { (Fate::Unknown, error::cut_off()) } else { (Fate::Refused, error::cut()) };
        let (value, before) = (self.order.value.clone(), self.before.take());
        self.answer(Written { fate, value, before, after: None, trouble: Some(trouble) });
    }
}

impl Pending {
    /// The answer. Until its bus takes it in hand it is given up at the deadline; from then on the bus answers within its own limits.
    pub(crate) async fn answer(mut self) -> Written {
        tokio::select! {
            biased;
            written = &mut self.reply => return written.expect("a slip answers before it is gone"),
            () = sleep_until(self.deadline) => {}
        }
        if !self.claimed.swap(true, Ordering::SeqCst) {
            return Written::refused(self.value, error::too_late());
        }
        self.reply.await.expect("a slip answers before it is gone")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn order() -> Order {
        let deadline = Instant::now() + Duration::from_secs(1);
        Order { device: "a".into(), tag: "t".into(), value: Value::Integer(1), deadline }
    }

    fn code(written: &Written) -> (Fate, &'static str) {
        (written.fate, written.trouble.as_ref().map_or("", |trouble| trouble.code))
    }

    #[tokio::test(start_paused = true)]
    async fn an_order_that_nobody_takes_in_hand_is_given_up_and_not_carried_out_later() {
        let (slip, pending) = Slip::new(order());
        assert_eq!(code(&pending.answer().await), (Fate::Refused, error::TOO_LATE));
        assert!(!slip.claim());
    }

    #[tokio::test(start_paused = true)]
    async fn a_slip_that_is_dropped_says_whether_anything_was_sent() {
        let (slip, pending) = Slip::new(order());
        drop(slip);
        assert_eq!(code(&pending.answer().await), (Fate::Refused, error::CUT));
        let (mut slip, pending) = Slip::new(order());
        assert!(slip.claim());
        (slip.is_sent, slip.before) = (true, Some(Value::Integer(7)));
        drop(slip);
        let written = pending.answer().await;
        assert_eq!(
            (code(&written), written.before),
            ((Fate::Unknown, error::UNKNOWN), Some(Value::Integer(7)))
        );
    }
}
