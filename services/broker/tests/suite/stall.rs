//! Journals in trouble: one that has stopped committing for as long as a test wants, one whose disk fails.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Condvar, Mutex};
use std::task::{Context, Wake, Waker};

use tidegate_kernel_journal::{
    Entry, Fault, Id, Journal, Level, Options, SimDisk, SystemClock, Threads, Unknown,
};

/// Nothing appended from now on is synced until this is dropped.
///
/// A waiter is woken by the committing thread, so a waker that does not return holds that thread.
pub(crate) struct Stall {
    gate: Arc<Gate>,
    _waiter: Waiter,
}

type Waiter = Pin<Box<dyn Future<Output = Result<(), Unknown>>>>;

#[derive(Default)]
struct Gate {
    open: Mutex<bool>,
    opened: Condvar,
}

impl Wake for Gate {
    fn wake(self: Arc<Self>) {
        let open = self.open.lock().unwrap();
        drop(self.opened.wait_while(open, |open| !*open).unwrap());
    }
}

impl Stall {
    pub(crate) fn new(journal: &Journal) -> Self {
        let gate = Arc::new(Gate::default());
        let waker = Waker::from(gate.clone());
        // One that is written before it is asked for holds nobody: try another.
        loop {
            let ticket = journal.append(entry(b"stall")).unwrap();
            let mut waiter: Waiter = Box::pin(async move { ticket.reached(Level::Os).await });
            if waiter.as_mut().poll(&mut Context::from_waker(&waker)).is_pending() {
                return Self { gate, _waiter: waiter };
            }
        }
    }
}

impl Drop for Stall {
    fn drop(&mut self) {
        *self.gate.open.lock().unwrap() = true;
        self.gate.opened.notify_all();
    }
}

fn entry(payload: &[u8]) -> Entry<'_> {
    Entry { stream: 1, kind: 1, version: 1, id: Id::v7(1), payload, ..Entry::default() }
}

/// A journal on a disk whose next write fails when it is told to.
pub(crate) struct DeadLog {
    disk: SimDisk,
    pub(crate) journal: Journal,
    _threads: Threads,
}

impl DeadLog {
    pub(crate) fn new() -> Self {
        let disk = SimDisk::default();
        let (journal, threads) =
            Journal::start(Arc::new(disk.clone()), Arc::new(SystemClock), Options::queues()).unwrap();
        Self { disk, journal, _threads: threads }
    }

    pub(crate) fn fail(&self) {
        self.disk.plan(Fault::WriteError { operation: 0 });
    }
}
