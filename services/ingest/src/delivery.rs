//! How one sink is fed: the size and age of a batch, how many at once, what becomes of a backlog. Plain settings.

use crate::config::Config;
use std::time::Duration;
use tidegate_kernel_flow::{BatchLimits, BreakerWindow, LimitKind};

/// Outcomes a breaker looks back on, and how many bad ones among them open it.
const WINDOW_OUTCOMES: u32 = 20;
const WINDOW_BAD_MAX: u32 = 10;

/// The settings of one sink.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SinkConfig {
    /// Rows in one delivery.
    pub batch_rows_max: usize,
    /// Bytes of records in one delivery; one record is delivered however large it is.
    pub batch_bytes_max: usize,
    /// How long the first row of a batch waits for others; 0 delivers what is there at once.
    pub batch_age_ms: u64,
    /// Deliveries at once. With more than one, rows may arrive in another order than they came.
    pub limit: LimitKind,
    /// A delivery that takes longer counts against the sink like a failed one.
    pub slow_ms: u64,
    /// Of the rows sent while a backlog drains, so many in a hundred are new ones.
    pub live_share_percent: u8,
    /// A sink that works again and has at least so many rows to catch up on gets new ones beside them.
    pub backlog_rows_min: u64,
}

impl SinkConfig {
    /// One delivery at a time, in order, as soon as there is anything, in batches as the capability is configured.
    pub fn of(config: &Config) -> SinkConfig {
        SinkConfig {
            batch_rows_max: config.batch_records_max,
            batch_bytes_max: config.batch_bytes_max,
            batch_age_ms: 0,
            limit: LimitKind::Fixed(1),
            slow_ms: 5000,
            live_share_percent: 80,
            backlog_rows_min: 10_000,
        }
    }

    pub(crate) fn batch(&self) -> BatchLimits {
        BatchLimits {
            rows_max: self.batch_rows_max,
            bytes_max: self.batch_bytes_max,
            age_max: Duration::from_millis(self.batch_age_ms),
        }
    }

    pub(crate) fn window(&self) -> BreakerWindow {
        let slow = Duration::from_millis(self.slow_ms);
        BreakerWindow { outcomes: WINDOW_OUTCOMES, bad_max: WINDOW_BAD_MAX, slow }
    }
}

impl Default for SinkConfig {
    fn default() -> SinkConfig {
        SinkConfig::of(&Config::default())
    }
}
