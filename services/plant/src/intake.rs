//! The port behind the plant: who takes readings of devices in.
//!
//! Declared here because the plant needs it; whoever puts a node together joins it to what keeps readings. A call is synchronous
//! and short: an intake queues, it never waits for a disk or a network.

use std::sync::Arc;
use tidegate_codec_mqtt::TopicName;
use tidegate_engine_tags::Point;

/// What one read of one group brought.
#[derive(Debug, Clone, PartialEq)]
pub struct Sample {
    pub device: Arc<str>,
    pub topic: TopicName,
    /// When the answer was there, in milliseconds since 1970.
    pub read_ms: u64,
    /// As the device has them, not scaled. A tag that could not be read is there with what it was last, as bad.
    pub points: Vec<Point>,
}

/// Who takes readings in.
pub trait Intake: Send + Sync + 'static {
    /// Takes a sample, or says why not.
    fn offer(&self, sample: &Sample) -> Result<(), Declined>;

    /// A sample that was declined as busy for too long and will not be offered again; `reason` is a code.
    fn give_up(&self, reason: &'static str);
}

/// Why a sample was not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Declined {
    /// Nothing was taken or counted; the same offer may succeed in a moment.
    Busy,
    /// It was counted there as refused, with this code.
    Refused { code: &'static str },
}
