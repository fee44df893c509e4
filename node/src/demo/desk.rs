//! What a visitor sees and may change, in the parent: the cable, how often the node was started again, what the plant and the
//! receiver count.

use crate::demo::cable::Cable;
use crate::demo::receiver::{Received, Receiver};
use crate::sim;
use serde::{Deserialize, Serialize};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::watch;

/// What `GET /api/v1/demo` answers.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) struct Status {
    pub(crate) cable: Cable,
    /// How often the node was started again.
    pub(crate) restarts: u64,
    pub(crate) plant: sim::Counts,
    /// What is behind the cable.
    pub(crate) webhook: Received,
}

#[derive(Debug)]
pub(super) struct Desk {
    pub(super) cable: watch::Sender<Cable>,
    restarts: AtomicU64,
    plant: Mutex<sim::Counts>,
    pub(super) receiver: Arc<Receiver>,
}

impl Desk {
    pub(super) fn new() -> Desk {
        Desk {
            cable: watch::Sender::new(Cable::In),
            restarts: AtomicU64::new(0),
            plant: Mutex::default(),
            receiver: Arc::default(),
        }
    }

    pub(super) fn note_restart(&self) -> u64 {
        self.restarts.fetch_add(1, Ordering::Relaxed) + 1
    }

    pub(super) fn note_plant(&self, counts: sim::Counts) {
        *self.plant.lock().unwrap_or_else(PoisonError::into_inner) = counts;
    }

    pub(super) fn status(&self) -> Status {
        Status {
            cable: *self.cable.borrow(),
            restarts: self.restarts.load(Ordering::Relaxed),
            plant: *self.plant.lock().unwrap_or_else(PoisonError::into_inner),
            webhook: self.receiver.received(),
        }
    }
}
