//! The long-lived tasks of the process: whose each is, whether it is being polled, when it last was, and what it waits on.
//!
//! One register for the process, since whoever asks what a process is doing asks about all of it. A poll of a listed task costs two
//! looks at the monotonic clock and a few stores; the lock of the register is taken when a task begins, ends, or all are asked for.

use serde::Serialize;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

/// Tasks that are listed; more run all the same, and are counted.
pub const TASKS_MAX: usize = 1024;
/// What no poll has begun at: the clock begins at 1.
const NEVER: u64 = 0;

static REGISTER: LazyLock<Register> = LazyLock::new(Register::new);

thread_local! {
    /// The task that this thread polls.
    static POLLED: RefCell<Option<Arc<Entry>>> = const { RefCell::new(None) };
}

/// One task as it is told. Times are spans up to now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Task {
    pub capability: &'static str,
    pub name: String,
    /// `polled`, `waiting`, or `new` before its first poll.
    pub state: &'static str,
    /// What it said it waits on; nothing while it is polled, or where it did not say.
    pub waits_on: Option<&'static str>,
    /// The system's number of the thread that polls it, or did last.
    pub thread: Option<u64>,
    /// Since the poll under way began, or since the last one ended.
    pub state_ms: u64,
    pub age_ms: u64,
    pub polls: u64,
    /// In all polls that have ended.
    pub busy_us: u64,
}

/// All of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Tasks {
    /// In the order they began.
    pub tasks: Vec<Task>,
    /// Tasks that found no room on the list, since the start.
    pub unlisted: u64,
}

/// What a task is, and what its polls say of it. Times are microseconds since the register began.
#[derive(Debug)]
struct Entry {
    capability: &'static str,
    name: String,
    began_us: u64,
    /// Of the poll under way, or [`NEVER`].
    poll_us: AtomicU64,
    /// The end of the last one, or [`NEVER`].
    ended_us: AtomicU64,
    thread: AtomicU64,
    polls: AtomicU64,
    busy_us: AtomicU64,
    waits_on: Mutex<Option<&'static str>>,
}

#[derive(Debug)]
struct Register {
    began: Instant,
    next: AtomicU64,
    unlisted: AtomicU64,
    entries: Mutex<BTreeMap<u64, Arc<Entry>>>,
}

/// Takes a task off the list when it ends, however it ends.
struct Listing {
    key: u64,
    entry: Arc<Entry>,
}

/// The same future; while it lives it is listed under this name. Names come from the program and its configuration, not from devices.
pub fn listed<F: Future>(
    capability: &'static str,
    name: impl Into<String>,
    future: F,
) -> impl Future<Output = F::Output> {
    let listing = REGISTER.enter(capability, name.into());
    async move {
        let mut future = pin!(future);
        match listing {
            None => future.await,
            Some(listing) => poll_fn(|cx| listing.entry.poll(|| future.as_mut().poll(cx))).await,
        }
    }
}

/// The same future; while it is waited for, the listed task that does says what it waits on.
pub async fn waiting_on<F: Future>(what: &'static str, future: F) -> F::Output {
    let mut future = pin!(future);
    poll_fn(|cx| {
        let polled = future.as_mut().poll(cx);
        let waits_on = polled.is_pending().then_some(what);
        POLLED.with_borrow(|entry| entry.iter().for_each(|entry| *entry.waits_on() = waits_on));
        polled
    })
    .await
}

/// What every listed task is doing now.
pub fn tasks() -> Tasks {
    let now_us = REGISTER.now_us();
    let entries: Vec<_> = REGISTER.entries().values().cloned().collect();
    let tasks = entries.iter().map(|entry| entry.told(now_us)).collect();
    Tasks { tasks, unlisted: REGISTER.unlisted.load(Ordering::Relaxed) }
}

impl Register {
    fn new() -> Register {
        let (next, unlisted) = (AtomicU64::new(0), AtomicU64::new(0));
        Register { began: Instant::now(), next, unlisted, entries: Mutex::default() }
    }

    fn enter(&self, capability: &'static str, name: String) -> Option<Listing> {
        let entry = Arc::new(Entry {
            capability,
            name,
            began_us: self.now_us(),
            poll_us: AtomicU64::new(NEVER),
            ended_us: AtomicU64::new(NEVER),
            thread: AtomicU64::new(0),
            polls: AtomicU64::new(0),
            busy_us: AtomicU64::new(0),
            waits_on: Mutex::default(),
        });
        let mut entries = self.entries();
        if entries.len() >= TASKS_MAX {
            self.unlisted.fetch_add(1, Ordering::Relaxed);
            return None;
        }
        let key = self.next.fetch_add(1, Ordering::Relaxed);
        entries.insert(key, entry.clone());
        Some(Listing { key, entry })
    }

    /// From 1 on.
    fn now_us(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_micros()).unwrap_or(u64::MAX).max(1)
    }

    fn entries(&self) -> MutexGuard<'_, BTreeMap<u64, Arc<Entry>>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Listing {
    fn drop(&mut self) {
        REGISTER.entries().remove(&self.key);
    }
}

/// Puts back whoever was polled around a poll, also when that panics.
struct Polling<'e> {
    entry: &'e Entry,
    around: Option<Arc<Entry>>,
}

impl Entry {
    fn poll<T>(self: &Arc<Entry>, poll: impl FnOnce() -> T) -> T {
        self.thread.store(thread(), Ordering::Relaxed);
        self.poll_us.store(REGISTER.now_us(), Ordering::Relaxed);
        *self.waits_on() = None;
        let around = POLLED.replace(Some(self.clone()));
        let _polling = Polling { entry: self, around };
        poll()
    }

    fn waits_on(&self) -> MutexGuard<'_, Option<&'static str>> {
        self.waits_on.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn told(&self, now_us: u64) -> Task {
        let of = |number: &AtomicU64| number.load(Ordering::Relaxed);
        let (poll_us, ended_us) = (of(&self.poll_us), of(&self.ended_us));
        let (state, since_us) = match (poll_us, ended_us) {
            (NEVER, NEVER) => ("new", self.began_us),
            (NEVER, ended_us) => ("waiting", ended_us),
            (poll_us, _) => ("polled", poll_us),
        };
        let ms = |since_us| now_us.saturating_sub(since_us) / 1000;
        Task {
            capability: self.capability,
            name: self.name.clone(),
            state,
            waits_on: *self.waits_on(),
            thread: Some(of(&self.thread)).filter(|thread| *thread != 0),
            state_ms: ms(since_us),
            age_ms: ms(self.began_us),
            polls: of(&self.polls),
            busy_us: of(&self.busy_us),
        }
    }
}

impl Drop for Polling<'_> {
    fn drop(&mut self) {
        POLLED.set(self.around.take());
        let (now_us, began_us) = (REGISTER.now_us(), self.entry.poll_us.swap(NEVER, Ordering::Relaxed));
        self.entry.ended_us.store(now_us, Ordering::Relaxed);
        self.entry.busy_us.fetch_add(now_us.saturating_sub(began_us), Ordering::Relaxed);
        self.entry.polls.fetch_add(1, Ordering::Relaxed);
    }
}

/// The system's number of this thread.
fn thread() -> u64 {
    thread_local! {
        static NUMBER: u64 = u64::from(rustix::thread::gettid().as_raw_nonzero().get().unsigned_abs());
    }
    NUMBER.with(|number| *number)
}
