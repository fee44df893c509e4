//! The bare group commit the journal is compared with: one committer thread, one file, no headers and no checksums.
//!
//! Does what nobody who commits in groups can do without, in the same way as the journal: records are copied under one lock, the
//! committer takes what came in while the last sync ran, each waiter is unparked once its own number is synced, and the
//! committer's priority is raised where that is allowed.

use rustix::process::setpriority_process;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread::{self, Thread};

/// The journal's committer has the same.
const PRIORITY: i32 = -10;
/// What a failed write raises the mark to, so that nobody waits for ever.
const FAILED: u64 = u64::MAX;

/// Where the committer writes.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Shape {
    /// A file of this many zero-written bytes, begun anew at its end.
    Prewritten(u64),
    /// A file that becomes longer with each write.
    Growing,
}

#[derive(Debug)]
pub(crate) struct Bare {
    file: File,
    shape: Shape,
    open: Mutex<Open>,
    synced: AtomicU64,
    waiting: Mutex<Vec<(u64, Thread)>>,
    asleep: AtomicBool,
    committer: OnceLock<Thread>,
}

/// The open batch.
#[derive(Debug, Default)]
struct Open {
    records: Vec<u8>,
    last: u64,
    closing: bool,
}

impl Bare {
    pub(crate) fn create(path: &Path, shape: Shape) -> io::Result<Bare> {
        let file = File::options().write(true).create(true).truncate(true).open(path)?;
        if let Shape::Prewritten(bytes) = shape {
            let zeros = [0; 1 << 16];
            for offset in (0..bytes).step_by(zeros.len()) {
                file.write_all_at(&zeros, offset)?;
            }
        }
        file.sync_all()?;
        Ok(Bare {
            file,
            shape,
            open: Mutex::default(),
            synced: AtomicU64::new(0),
            waiting: Mutex::default(),
            asleep: AtomicBool::new(false),
            committer: OnceLock::new(),
        })
    }

    /// Runs the committer on a thread of its own while `load` runs.
    pub(crate) fn serve<T>(&self, load: impl FnOnce() -> T) -> io::Result<T> {
        thread::scope(|scope| {
            let committer = scope.spawn(|| self.commit_until_closed());
            let outcome = load();
            lock(&self.open).closing = true;
            self.ring();
            committer.join().expect("the committer returns errors and does not panic")?;
            Ok(outcome)
        })
    }

    /// Appends a record and waits until it is synced.
    pub(crate) fn commit(&self, record: &[u8]) {
        let number = {
            let mut open = lock(&self.open);
            open.records.extend_from_slice(record);
            open.last += 1;
            open.last
        };
        self.ring();
        self.wait(number);
    }

    fn ring(&self) {
        if self.asleep.swap(false, Ordering::SeqCst)
            && let Some(committer) = self.committer.get()
        {
            committer.unpark();
        }
    }

    fn wait(&self, number: u64) {
        {
            let mut waiting = lock(&self.waiting);
            if self.synced.load(Ordering::SeqCst) >= number {
                return;
            }
            waiting.push((number, thread::current()));
        }
        while self.synced.load(Ordering::SeqCst) < number {
            thread::park();
        }
    }

    fn raise(&self, number: u64) {
        let woken: Vec<_> = {
            let mut waiting = lock(&self.waiting);
            self.synced.store(number, Ordering::SeqCst);
            waiting.extract_if(.., |(wanted, _)| *wanted <= number).collect()
        };
        woken.into_iter().for_each(|(_, thread)| thread.unpark());
    }

    fn commit_until_closed(&self) -> io::Result<()> {
        self.committer.set(thread::current()).expect("a bare group commit is served once");
        // Without the right to it, the journal's committer runs at ordinary priority too.
        let _ = setpriority_process(None, PRIORITY);
        let committed = self.commit_all();
        if committed.is_err() {
            self.raise(FAILED);
        }
        committed
    }

    fn commit_all(&self) -> io::Result<()> {
        let (mut batch, mut offset) = (Vec::new(), 0);
        loop {
            self.asleep.store(true, Ordering::SeqCst);
            batch.clear();
            let (last, closing) = {
                let mut open = lock(&self.open);
                std::mem::swap(&mut batch, &mut open.records);
                (open.last, open.closing)
            };
            match batch.is_empty() {
                true if closing => return Ok(()),
                true if self.asleep.load(Ordering::SeqCst) => thread::park(),
                true => {}
                false => {
                    offset = self.write(&batch, offset)?;
                    self.raise(last);
                }
            }
        }
    }

    /// Writes and syncs one batch; where the next one goes.
    fn write(&self, batch: &[u8], offset: u64) -> io::Result<u64> {
        let bytes = batch.len() as u64;
        let start = match self.shape {
            Shape::Prewritten(length) if offset + bytes > length => 0,
            _ => offset,
        };
        self.file.write_all_at(batch, start)?;
        self.file.sync_data()?;
        Ok(start + bytes)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_committed_record_is_in_the_file_once_its_commit_returned() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("bare");
        let bare = Bare::create(&path, Shape::Growing).unwrap();
        let commit = |writer: u8| (0..50).for_each(|_| bare.commit(&[writer; 8]));
        bare.serve(|| {
            thread::scope(|scope| {
                (1..=4).for_each(|writer| drop(scope.spawn(move || commit(writer))));
            });
            assert_eq!(std::fs::metadata(&path).unwrap().len(), 4 * 50 * 8);
        })
        .unwrap();
    }

    #[test]
    fn a_prewritten_file_keeps_its_length() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("bare");
        let bare = Bare::create(&path, Shape::Prewritten(1 << 16)).unwrap();
        bare.serve(|| (0..5).for_each(|_| bare.commit(&[1; 30_000]))).unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().len(), 1 << 16);
    }
}
