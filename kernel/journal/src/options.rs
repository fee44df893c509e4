//! How large the parts of a journal may become.

use crate::segment::capacity;
use crate::window::WindowLimit;

/// The shape of one journal. Sizes in bytes.
#[derive(Debug, Clone)]
pub struct Options {
    /// The first, second and any further segment a process makes: small at first, so that starting is cheap.
    pub segment_bytes: [u64; 3],
    pub retention: Retention,
    pub window: WindowLimit,
}

/// What becomes of a segment nobody needs any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Retention {
    /// Nothing is ever removed: `books`.
    Keep,
    /// `queues`: what every cursor has passed stays for `keep_bytes`; above `bytes_max` the oldest segment goes, passed or not,
    /// and what is lost by it is counted.
    Drain { keep_bytes: u64, bytes_max: u64 },
}

const MIB: u64 = 1 << 20;
const DAY_MS: u64 = 24 * 60 * 60 * 1000;

impl Options {
    /// For what is kept.
    pub fn books() -> Options {
        Options {
            segment_bytes: [MIB, 8 * MIB, 64 * MIB],
            retention: Retention::Keep,
            window: WindowLimit { ids: 1 << 20, age_ms: DAY_MS, bytes: 256 * MIB },
        }
    }

    /// For what is on its way to somewhere else.
    pub fn queues() -> Options {
        let retention = Retention::Drain { keep_bytes: 256 * MIB, bytes_max: 2048 * MIB };
        Options { retention, ..Options::books() }
    }

    /// Room that only the journal's own records may use, so that cursors can move when nothing else fits.
    pub(crate) fn reserve_bytes(&self) -> u64 {
        (self.segment_bytes[0] / 8).min(64 << 10)
    }

    /// The most that is committed together, beside a checkpoint: recovery must find room for it in a first segment again.
    pub(crate) fn batch_bytes_max(&self) -> u64 {
        capacity(self.segment_bytes[0]) / 4 * 3
    }

    /// The length of the `nth` segment this process makes, from 0.
    pub(crate) fn segment_bytes_of(&self, nth: usize) -> u64 {
        self.segment_bytes[nth.min(2)]
    }
}
