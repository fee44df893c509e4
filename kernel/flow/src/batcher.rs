//! When a batch is to go: at so many rows, so many bytes, or such an age of its first row.
//!
//! Counts only, and holds no row. Pure: the time is handed in, as the duration since any one origin.

use std::time::Duration;

/// The bounds of a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BatchLimits {
    /// 0 counts as 1.
    pub rows_max: usize,
    /// A single row may be larger.
    pub bytes_max: usize,
    /// How long the first row waits for others; nothing means that a batch goes as soon as it is asked for.
    pub age_max: Duration,
}

/// The batch that is being gathered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Batcher {
    limits: BatchLimits,
    rows: usize,
    bytes: usize,
    /// When its first row came.
    began: Duration,
}

impl Batcher {
    pub fn new(limits: BatchLimits) -> Batcher {
        Batcher { limits, rows: 0, bytes: 0, began: Duration::ZERO }
    }

    pub fn push(&mut self, rows: usize, bytes: usize, now: Duration) {
        if self.rows == 0 {
            self.began = now;
        }
        self.rows += rows;
        self.bytes = self.bytes.saturating_add(bytes);
    }

    pub fn is_empty(&self) -> bool {
        self.rows == 0
    }

    /// Rows and bytes that still fit; a batch without any takes one row of any size.
    pub fn room(&self) -> (usize, usize) {
        let rows = self.limits.rows_max.max(1).saturating_sub(self.rows);
        (rows, self.limits.bytes_max.saturating_sub(self.bytes).max(usize::from(self.is_empty())))
    }

    pub fn is_full(&self) -> bool {
        let (rows, bytes) = self.room();
        rows == 0 || bytes == 0
    }

    /// How long until it has to go; nothing left if it is due, `None` if it is empty.
    pub fn due_in(&self, now: Duration) -> Option<Duration> {
        let due_at = self.began.saturating_add(self.limits.age_max);
        match self.rows {
            0 => None,
            _ if self.is_full() => Some(Duration::ZERO),
            _ => Some(due_at.saturating_sub(now)),
        }
    }
}
