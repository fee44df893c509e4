//! The thread that writes and syncs: whatever was appended while the last sync ran goes into the next write together.
//!
//! No timer decides when a batch is full; the disk's own pace does. The first failed write or sync ends writing for good:
//! pages may be lost in the cache although they are marked clean, so writing them again would prove nothing.

use crate::journal::Shared;
use crate::log;
use std::io;
use std::sync::{Arc, PoisonError};
use std::thread::{self, JoinHandle};

pub(crate) fn start(shared: Arc<Shared>) -> io::Result<JoinHandle<()>> {
    thread::Builder::new().name("committer".to_owned()).spawn(move || run(&shared))
}

fn run(shared: &Shared) {
    let mut records = Vec::new();
    while let Some(through) = next_batch(shared, &mut records) {
        if let Err(error) = commit(shared, &mut records, through) {
            shared.lock().stopped = Some(error.to_string());
            break;
        }
        records.clear();
    }
    shared.written.stop();
    shared.synced.stop();
}

/// Waits for records and takes all there are, with the number of the last one; nothing when the journal closes.
fn next_batch(shared: &Shared, records: &mut Vec<u8>) -> Option<u64> {
    let mut state = shared.lock();
    while state.pending.is_empty() {
        if state.closing {
            return None;
        }
        state = shared.work.wait(state).unwrap_or_else(PoisonError::into_inner);
    }
    std::mem::swap(&mut state.pending, records);
    state.batches += 1;
    Some(state.head_seq)
}

fn commit(shared: &Shared, records: &mut [u8], through: u64) -> io::Result<()> {
    let offset = shared.lock().end;
    log::write(&shared.file, offset, records)?;
    index(shared, records, offset);
    shared.written.raise(through);
    shared.file.sync_data()?;
    shared.synced.raise(through);
    Ok(())
}

fn index(shared: &Shared, records: &[u8], offset: u64) {
    let mut state = shared.lock();
    state.end = offset + records.len() as u64;
    let first = crate::record::u64_at(records, 16);
    log::note(&mut state.index, first, offset);
}
