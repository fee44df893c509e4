//! The outbox: a notice is in the journal before anything is sent, and every channel reads it from there.
//!
//! Appends to the journal `queues`; a lock for the number of the last notice, so that an idle channel need not read the log to know
//! that nothing is in it for it.

use crate::notice::{KIND, NOTICES, Notice, VERSION};
use std::sync::{Arc, Mutex, PoisonError};
use tidegate_kernel_journal::{Entry, Journal, Level, Refusal};
use tokio::sync::watch;

/// Where notices are put in.
#[derive(Debug, Clone)]
pub struct Outbox {
    pub(crate) journal: Journal,
    last: Arc<Mutex<u64>>,
    news: Arc<watch::Sender<u64>>,
}

/// What became of a notice that was put in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Posted {
    /// It is in the journal, synced.
    New { seq: u64 },
    /// It was before.
    Known { seq: u64 },
}

impl Outbox {
    pub(crate) fn new(journal: Journal) -> Outbox {
        // What is there already is read by each channel at its start.
        let head = journal.status().head_seq;
        Outbox { journal, last: Arc::new(Mutex::new(head)), news: Arc::new(watch::Sender::new(head)) }
    }

    /// Puts a notice in. Returns when it is synced, or was before; blocks this thread for that long.
    pub fn post(&self, notice: &Notice) -> Result<Posted, Refusal> {
        let payload = notice.encode();
        let entry = Entry {
            stream: NOTICES,
            kind: KIND,
            version: VERSION,
            critical: true,
            once: true,
            id: notice.id,
            payload: &payload,
            ..Entry::default()
        };
        let ticket = {
            let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
            let ticket = match self.journal.append(entry) {
                Err(Refusal::Known { seq }) => return Ok(Posted::Known { seq }),
                appended => appended?,
            };
            *last = ticket.seq();
            ticket
        };
        ticket.wait(Level::Disk).map_err(|_| Refusal::Stopped)?;
        self.news.send_replace(ticket.seq());
        Ok(Posted::New { seq: ticket.seq() })
    }

    /// The journal's head while there is no notice behind `read_to`, which is then in nobody's way.
    pub(crate) fn nothing_behind(&self, read_to: u64) -> Option<u64> {
        let last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        (*last <= read_to).then(|| self.journal.status().head_seq)
    }

    /// Changes whenever a notice is there to be read.
    pub(crate) fn news(&self) -> watch::Receiver<u64> {
        self.news.subscribe()
    }
}
