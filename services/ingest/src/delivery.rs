//! How one sink is fed: the size and age of a batch, how many at once, what becomes of a backlog. Plain settings.

use crate::config::Config;
use std::time::Duration;
use tidegate_kernel_flow::{BatchLimits, BreakerWindow, LimitKind};
use tidegate_kernel_plug::config::{Field, Group, Kind, Values};

/// Outcomes a breaker looks back on, and how many bad ones among them open it.
const WINDOW_OUTCOMES: u32 = 20;
const WINDOW_BAD_MAX: u32 = 10;

/// Deliveries that may wait to be settled behind one that takes longer, for each that may be under way.
pub(crate) const LANDED_PER_FLIGHT_MAX: usize = 4;
/// What is new, and what waited.
const LANES: usize = 2;
/// A record, the row made of it, the request made of that.
const FORMS: usize = 3;

const FREE_IN_FLIGHT_MAX: usize = 4;
const BACKLOG_ROWS_MIN: u64 = 10_000;

/// Sinks of one kind.
pub const SINKS_MAX: usize = 16;

const WAIT: Kind = Kind::Duration { min_ms: 0, max_ms: 60_000 };

/// What the configuration file can say of how a sink is fed: `[ingest.KIND.NAME.delivery]`.
pub const DELIVERY: Group = Group::one(
    "delivery",
    "How the sink is fed.",
    &[
        Field::new("batch_rows_max", Kind::Integer { min: 1, max: 65_536 }, "512", "Rows in one delivery."),
        Field::new(
            "batch_bytes_max",
            Kind::Bytes { min: 1, max: 64 << 20 },
            "256 KiB",
            "Bytes of records in one delivery; one record is delivered however large it is.",
        ),
        Field::new("batch_age", WAIT, "20 ms", "How long the first row of a batch waits for others."),
        Field::optional(
            "in_flight_max",
            Kind::Integer { min: 1, max: 64 },
            "Deliveries at once. With more than one, rows may arrive in another order than they came. 4 for InfluxDB, else 1.",
        ),
        Field::new(
            "in_flight",
            Kind::Choice(&["adaptive", "fixed"]),
            "adaptive",
            "Whether that many are sent always, or as many as the other side takes without slowing down.",
        ),
        Field::new(
            "slow",
            Kind::Duration { min_ms: 1, max_ms: 600_000 },
            "5 s",
            "A delivery that takes longer counts against the sink like a failed one.",
        ),
        Field::new(
            "live_share_percent",
            Kind::Integer { min: 1, max: 99 },
            "80",
            "While a backlog drains and new rows come, so many in a hundred of the rows, of the deliveries at once and of the other \
             side's time are for new ones; one delivery is always there for old ones. Less drains faster.",
        ),
        Field::optional(
            "backlog_rows_min",
            Kind::Integer { min: 1, max: 1_000_000_000 },
            "A sink that works again and has at least so many rows to catch up on gets new ones beside them. 10,000, but never \
             for remote write, whose receiver wants every series in order.",
        ),
    ],
);

/// How much a sink cares for the order of its rows: what holds unless the file says otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sequence {
    /// Not at all: several deliveries at once.
    Free,
    /// One delivery at a time, but what is new need not wait for what an outage left.
    Loose,
    /// Always.
    Strict,
}

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
    /// While a backlog drains and new rows come, so many in a hundred of the rows, deliveries and time are for new ones.
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
            backlog_rows_min: BACKLOG_ROWS_MIN,
        }
    }

    /// From the group `delivery` of a sink's group.
    pub fn from_values(sink: &Values, sequence: Sequence) -> SinkConfig {
        let values = sink.group("delivery");
        let max = values.find("in_flight_max").unwrap_or(if sequence == Sequence::Free {
            FREE_IN_FLIGHT_MAX
        } else {
            1
        });
        let backlog_rows_min = if sequence == Sequence::Strict { u64::MAX } else { BACKLOG_ROWS_MIN };
        let is_adaptive = values.get::<String>("in_flight") == "adaptive";
        SinkConfig {
            batch_rows_max: values.get("batch_rows_max"),
            batch_bytes_max: values.get("batch_bytes_max"),
            batch_age_ms: values.millis("batch_age"),
            limit: if is_adaptive { LimitKind::Adaptive { max } } else { LimitKind::Fixed(max) },
            slow_ms: values.millis("slow"),
            live_share_percent: values.get("live_share_percent"),
            backlog_rows_min: values.find("backlog_rows_min").unwrap_or(backlog_rows_min),
        }
    }

    /// Memory that what was read and is not settled may take.
    pub fn memory_bytes_max(&self) -> u64 {
        let (LimitKind::Fixed(flights) | LimitKind::Adaptive { max: flights }) = self.limit;
        let batches = LANES * (LANDED_PER_FLIGHT_MAX * (1 + flights.max(1)) + 1);
        (batches * FORMS * self.batch_bytes_max) as u64
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
