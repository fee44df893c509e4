//! Loads on an MQTT broker over loopback: publishers that wait for their acknowledgements, publishers that keep a schedule,
//! subscribers that count. One thread for all connections of a load; every load ends by itself.

mod closed;
mod fan;
mod publication;
mod scheduled;
mod watch;
mod wire;

pub(super) use closed::{Closed, closed, connect_all};
pub(super) use fan::{Fan, fan};
pub(super) use publication::{read, read_quoted};
pub(super) use scheduled::{Goal, Scheduled, scheduled};
pub(super) use watch::Watch;
pub(super) use wire::Wire;

use std::io;
use std::time::Duration;
use tidegate_kernel_lab::Latencies;
use tokio::runtime::{Builder, Runtime};

/// What is still on its way when a load ends gets so long to arrive.
pub(super) const PATIENCE: Duration = Duration::from_secs(20);

/// What one load came to.
#[derive(Debug, Default)]
pub(super) struct Tally {
    pub(super) sent: u64,
    /// Acknowledged to publishers, or counted by subscribers where the load has some.
    pub(super) arrived: u64,
    /// Sent again because a connection ended before the acknowledgement.
    pub(super) resent: u64,
    pub(super) elapsed: Duration,
    /// Of a whole load whose publishers take times. One histogram for all of them: one for each of 2,000 is half a gigabyte.
    pub(super) latencies: Option<Latencies>,
}

impl Tally {
    pub(super) fn per_second(&self) -> f64 {
        self.arrived as f64 / self.elapsed.as_secs_f64()
    }

    fn add(&mut self, other: Tally) {
        self.sent += other.sent;
        self.arrived += other.arrived;
        self.resent += other.resent;
        self.elapsed = self.elapsed.max(other.elapsed);
    }
}

/// The thread all connections of a load share.
pub(super) fn runtime() -> io::Result<Runtime> {
    Builder::new_current_thread().enable_all().build()
}
