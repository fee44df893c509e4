//! Publishers at QoS 1 that keep a schedule whatever the broker does: latencies count from when a publication was due, not from
//! when there was time for it.

use super::closed::connect_all;
use super::publication::Publication;
use super::wire::{PUBACK, Wire};
use super::{PATIENCE, Tally};
use std::io;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until, timeout};

/// How many publications a second, over how many connections, for how long.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Scheduled {
    pub(crate) per_second: u64,
    pub(crate) connections: usize,
    pub(crate) payload_bytes: usize,
    pub(crate) duration: Duration,
    /// Where the payloads' times begin.
    pub(crate) epoch: Instant,
}

/// Publication `n` carries the number `n` and the time it was due, in nanoseconds since the epoch.
pub(crate) async fn scheduled(address: SocketAddr, load: Scheduled) -> io::Result<Tally> {
    let wires = connect_all(address, load.connections).await?;
    let began = Instant::now();
    let mut publishers = JoinSet::new();
    for (number, wire) in wires.into_iter().enumerate() {
        let topic = format!("f/{}/{number}/t", number / 100);
        let publication = Publication::new(&topic, 1, load.payload_bytes);
        let number = number as u64;
        let publisher = Publisher { wire, publication, load, began, next: number, tally: Tally::default() };
        publishers.spawn(publisher.run());
    }
    let mut total = Tally::default();
    while let Some(ended) = publishers.join_next().await {
        total.add(ended.map_err(io::Error::other)??);
    }
    Ok(total)
}

struct Publisher {
    wire: Wire,
    publication: Publication,
    load: Scheduled,
    began: Instant,
    /// The number of its next publication; every `connections`th is its own.
    next: u64,
    tally: Tally,
}

impl Publisher {
    async fn run(mut self) -> io::Result<Tally> {
        let until = self.began + self.load.duration;
        let timer = sleep_until(self.due());
        tokio::pin!(timer);
        while Instant::now() < until {
            tokio::select! {
                () = &mut timer => {
                    self.send_due().await?;
                    timer.as_mut().reset(self.due().min(until));
                }
                filled = self.wire.fill() => self.count_acks(filled)?,
            }
        }
        self.tally.elapsed = self.began.elapsed();
        while self.tally.arrived < self.tally.sent {
            let filled = timeout(PATIENCE, self.wire.fill()).await?;
            self.count_acks(filled)?;
        }
        Ok(self.tally)
    }

    /// When its next publication is due.
    fn due(&self) -> Instant {
        self.began + Duration::from_secs_f64(self.next as f64 / self.load.per_second as f64)
    }

    async fn send_due(&mut self) -> io::Result<()> {
        let now = Instant::now();
        while self.due() <= now {
            let nanos = (self.due() - self.load.epoch).as_nanos() as u64;
            let id = (self.tally.sent % u64::from(u16::MAX) + 1) as u16;
            self.publication.put(&mut self.wire.output, id, self.next, nanos);
            self.next += self.load.connections as u64;
            self.tally.sent += 1;
        }
        self.wire.flush().await
    }

    fn count_acks(&mut self, filled: io::Result<()>) -> io::Result<()> {
        filled?;
        while let Some(frame) = self.wire.frame()? {
            self.tally.arrived += u64::from(frame.kind() == PUBACK);
        }
        Ok(())
    }
}
