//! The memory that messages of all sessions take together: a limit, and what is used of it. Relaxed counts, no lock.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

#[derive(Debug)]
pub(crate) struct Room {
    bytes_max: usize,
    used_bytes: AtomicUsize,
}

/// A part of the room, given back when it is dropped.
#[derive(Debug)]
pub(crate) struct Occupied {
    room: Arc<Room>,
    bytes: usize,
}

impl Room {
    pub(crate) fn new(bytes_max: usize) -> Self {
        Self { bytes_max, used_bytes: AtomicUsize::new(0) }
    }

    /// Takes so much, also beyond the limit: whoever fills queues asks [`Room::is_full`] first.
    pub(crate) fn occupy(self: &Arc<Self>, bytes: usize) -> Occupied {
        self.used_bytes.fetch_add(bytes, Ordering::Relaxed);
        Occupied { room: self.clone(), bytes }
    }

    pub(crate) fn is_full(&self) -> bool {
        self.used_bytes() >= self.bytes_max
    }

    pub(crate) fn used_bytes(&self) -> usize {
        self.used_bytes.load(Ordering::Relaxed)
    }
}

impl Drop for Occupied {
    fn drop(&mut self) {
        self.room.used_bytes.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}
