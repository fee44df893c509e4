//! Journals in trouble: one that has stopped committing for as long as a test wants, one whose disk fails.

use std::fs;
use std::future::Future;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::fs::symlink;
use std::path::Path;
use std::pin::Pin;
use std::sync::{Arc, Condvar, Mutex};
use std::task::{Context, Wake, Waker};

use rustix::fs::{MemfdFlags, SealFlags, fcntl_add_seals, memfd_create};
use tidegate_kernel_journal::{DataFolder, Entry, Id, Journal, Level, Unknown};

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
    Entry { stream: 1, kind: 1, version: 1, critical: false, id: Id::v7(1), payload }
}

/// The log of a data folder that opens and reads like any other and takes no further byte.
pub(crate) struct DeadLog(OwnedFd);

impl DeadLog {
    /// Puts a file in memory in the place of the folder's log: that kind of file can be sealed against writing while it
    /// is open. Knows how the journal names its file.
    pub(crate) fn plant(folder: &Path) -> Self {
        DataFolder::open(folder).unwrap().close();
        let file = memfd_create("log", MemfdFlags::ALLOW_SEALING | MemfdFlags::CLOEXEC).unwrap();
        fs::remove_file(folder.join("queues/log")).unwrap();
        symlink(format!("/proc/self/fd/{}", file.as_raw_fd()), folder.join("queues/log")).unwrap();
        Self(file)
    }

    pub(crate) fn fail(&self) {
        fcntl_add_seals(&self.0, SealFlags::WRITE | SealFlags::GROW).unwrap();
    }
}
