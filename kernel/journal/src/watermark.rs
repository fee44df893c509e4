//! A number that only rises, and those who wait for it: how a commit releases its waiters.
//!
//! One mechanism for threads and for async tasks: a waiter is a [`Waker`], and each is woken once, when its own number is
//! reached. A condition variable would wake every waiter for every batch. Holds a lock for a push or a drain, never over IO.

use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::Thread;

/// Everything up to and including this number has happened.
#[derive(Debug, Default)]
pub struct Watermark {
    value: AtomicU64,
    waiters: Mutex<Waiters>,
}

#[derive(Debug, Default)]
struct Waiters {
    waiting: Vec<(u64, Waker)>,
    stopped: bool,
}

/// The journal stopped writing before it could tell whether the record is safe: it may or may not be found again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the journal stopped writing, so the outcome of this record is unknown")]
pub struct Unknown;

impl Watermark {
    pub(crate) fn starting_at(value: u64) -> Watermark {
        Watermark { value: AtomicU64::new(value), waiters: Mutex::default() }
    }

    pub fn value(&self) -> u64 {
        self.value.load(Ordering::SeqCst)
    }

    /// Raises the mark and wakes those who waited for a number up to it.
    pub(crate) fn raise(&self, value: u64) {
        let woken = {
            let mut waiters = self.lock();
            self.value.store(value, Ordering::SeqCst);
            let (woken, waiting) = waiters.waiting.drain(..).partition(|(wanted, _)| *wanted <= value);
            waiters.waiting = waiting;
            woken
        };
        wake_all(woken);
    }

    /// No number above the present one will ever be reached.
    pub(crate) fn stop(&self) {
        let woken = {
            let mut waiters = self.lock();
            waiters.stopped = true;
            std::mem::take(&mut waiters.waiting)
        };
        wake_all(woken);
    }

    /// Resolves once the mark is at `wanted` or above.
    pub fn reached(&self, wanted: u64) -> Reached<'_> {
        Reached { watermark: self, wanted, registered: None }
    }

    /// Blocks this thread until the mark is at `wanted` or above.
    pub fn wait(&self, wanted: u64) -> Result<(), Unknown> {
        if self.value() >= wanted {
            return Ok(());
        }
        let waker = Waker::from(Arc::new(Unpark(std::thread::current())));
        let mut context = Context::from_waker(&waker);
        let mut reached = self.reached(wanted);
        loop {
            if let Poll::Ready(outcome) = Pin::new(&mut reached).poll(&mut context) {
                return outcome;
            }
            std::thread::park();
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Waiters> {
        self.waiters.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn wake_all(woken: Vec<(u64, Waker)>) {
    for (_, waker) in woken {
        waker.wake();
    }
}

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// See [`Watermark::reached`].
#[derive(Debug)]
pub struct Reached<'a> {
    watermark: &'a Watermark,
    wanted: u64,
    /// The waker that stands in the list, so that a second poll by the same task adds nothing.
    registered: Option<Waker>,
}

impl Future for Reached<'_> {
    type Output = Result<(), Unknown>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        if self.watermark.value() >= self.wanted {
            return Poll::Ready(Ok(()));
        }
        let mut waiters = self.watermark.lock();
        if self.watermark.value() >= self.wanted {
            return Poll::Ready(Ok(()));
        }
        if waiters.stopped {
            return Poll::Ready(Err(Unknown));
        }
        if !self.registered.as_ref().is_some_and(|waker| waker.will_wake(context.waker())) {
            waiters.waiting.push((self.wanted, context.waker().clone()));
            drop(waiters);
            self.registered = Some(context.waker().clone());
        }
        Poll::Pending
    }
}

impl Drop for Reached<'_> {
    fn drop(&mut self) {
        let Some(registered) = self.registered.take() else { return };
        if self.watermark.value() >= self.wanted {
            return;
        }
        let mut waiters = self.watermark.lock();
        let wanted = self.wanted;
        if let Some(at) = waiters
            .waiting
            .iter()
            .position(|(number, waker)| *number == wanted && waker.will_wake(&registered))
        {
            waiters.waiting.swap_remove(at);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_waiter_returns_when_its_number_is_reached_and_not_before() {
        let mark = Arc::new(Watermark::default());
        let waiting = {
            let mark = mark.clone();
            std::thread::spawn(move || mark.wait(5))
        };
        mark.raise(4);
        assert_eq!(mark.value(), 4);
        mark.raise(5);
        assert_eq!(waiting.join().unwrap(), Ok(()));
    }

    #[test]
    fn a_stop_answers_unknown_to_those_above_the_mark_only() {
        let mark = Watermark::starting_at(3);
        mark.stop();
        assert_eq!(mark.wait(3), Ok(()));
        assert_eq!(mark.wait(4), Err(Unknown));
    }

    #[test]
    fn a_dropped_future_leaves_no_waker_behind() {
        let mark = Watermark::default();
        let mut reached = mark.reached(9);
        assert!(Pin::new(&mut reached).poll(&mut Context::from_waker(Waker::noop())).is_pending());
        assert_eq!(mark.lock().waiting.len(), 1);
        drop(reached);
        assert_eq!(mark.lock().waiting.len(), 0);
    }
}
