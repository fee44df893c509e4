//! The pace of failed tries, per address and known name. Pure: the time is handed in.
//!
//! A known name has a bucket of its own at each address: behind one address there may be hundreds of devices, and one of them
//! with a wrong secret must not lock the others out. All unknown names and tokens of an address share one.

use std::net::IpAddr;
use std::num::NonZeroU32;
use std::time::Duration;
use tidegate_kernel_flow::{Rate, Rates};

/// Addresses and names that are watched at once.
const WATCHED_MAX: usize = 10_000;
/// Tries that fail: so many at once, then one a second.
const PACE: Rate = Rate { per_s: NonZeroU32::MIN, burst: NonZeroU32::MIN.saturating_add(19) };

/// Where a try came from.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct From {
    address: IpAddr,
    name: Option<String>,
}

impl From {
    pub(crate) fn new(address: IpAddr, known_name: Option<&str>) -> From {
        From { address: address.to_canonical(), name: known_name.map(str::to_owned) }
    }
}

/// Who failed lately.
#[derive(Debug)]
pub(crate) struct Tries(Rates<From>);

impl Tries {
    pub(crate) fn new() -> Tries {
        Tries(Rates::new(WATCHED_MAX))
    }

    /// Whether one more may be looked at; costs nothing, since only failures do.
    pub(crate) fn allow(&self, from: &From, now: Duration) -> Result<(), Duration> {
        self.0.peek(from, PACE, 1, now)
    }

    pub(crate) fn failed(&mut self, from: From, now: Duration) {
        // Two that were allowed at the same moment may both fail: the second finds nothing left, which is as good.
        let _ = self.0.take(from, PACE, 1, now);
    }
}
