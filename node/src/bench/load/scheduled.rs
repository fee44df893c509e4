//! Publishers at QoS 1 that keep a schedule whatever the broker does: latencies count from when a publication was due, not from
//! when there was time for it. One whose connection ends comes back and sends again what was not acknowledged.

use super::publication::Publication;
use super::watch::Watch;
use super::wire::{PUBACK, Wire};
use super::{PATIENCE, Tally};
use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, sleep_until, timeout};

/// Between two attempts to come back; spread by the publisher's number, so that not all of them knock at once.
const RETURN_WAIT: Duration = Duration::from_millis(200);
const RETURN_SPREAD_MS: u64 = 300;

/// How many publications a second, until which one.
#[derive(Debug, Clone)]
pub(crate) struct Scheduled {
    pub(crate) per_second: u64,
    pub(crate) payload_bytes: usize,
    /// When the first one is due, and where the payloads' times begin.
    pub(crate) epoch: Instant,
    pub(crate) goal: Goal,
    /// Where the time from when each was due to its acknowledgement goes, if anybody wants it.
    pub(crate) watch: Option<Watch>,
}

/// How many publications there are in all; whoever watches a load may bring it forward.
#[derive(Debug, Clone)]
pub(crate) struct Goal(Arc<AtomicU64>);

impl Goal {
    pub(crate) fn new(total: u64) -> Goal {
        Goal(Arc::new(AtomicU64::new(total)))
    }

    pub(crate) fn total(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    /// Never further away; `total` must be beyond what is due by now, or some are sent and others not.
    pub(crate) fn bring_forward(&self, total: u64) {
        self.0.fetch_min(total, Ordering::Relaxed);
    }
}

impl Scheduled {
    /// Publications due within so long of the epoch.
    pub(crate) fn due_by(&self, elapsed: Duration) -> u64 {
        (self.per_second as f64 * elapsed.as_secs_f64()).round() as u64
    }

    fn due(&self, number: u64) -> Instant {
        self.epoch + Duration::from_secs_f64(number as f64 / self.per_second as f64)
    }
}

/// Publication `n` is the `n % connections`th connection's, on `f/<hundred>/<connection>/t`, and carries the number `n` and the time
/// it was due, in nanoseconds since the epoch.
pub(crate) async fn scheduled(address: SocketAddr, wires: Vec<Wire>, load: Scheduled) -> io::Result<Tally> {
    let (mut publishers, stride) = (JoinSet::new(), wires.len() as u64);
    for (number, wire) in wires.into_iter().enumerate() {
        let topic = format!("f/{}/{number}/t", number / 100);
        let publication = Publication::new(&topic, 1, load.payload_bytes);
        let (number, out) = (number as u64, VecDeque::new());
        let publisher = Publisher {
            address,
            number,
            wire,
            publication,
            load: load.clone(),
            next: number,
            stride,
            out,
            tally: Tally::default(),
        };
        publishers.spawn(publisher.run());
    }
    let mut total = Tally::default();
    while let Some(ended) = publishers.join_next().await {
        total.add(ended.map_err(io::Error::other)??);
    }
    Ok(total)
}

struct Publisher {
    address: SocketAddr,
    number: u64,
    wire: Wire,
    publication: Publication,
    load: Scheduled,
    /// The number of its next publication; every `stride`th is its own.
    next: u64,
    stride: u64,
    /// Not acknowledged, oldest first.
    out: VecDeque<u64>,
    tally: Tally,
}

impl Publisher {
    async fn run(mut self) -> io::Result<Tally> {
        while self.next < self.load.goal.total() {
            if self.publish().await.is_err() {
                self.come_back().await?;
            }
        }
        self.tally.elapsed = self.load.epoch.elapsed();
        while !self.out.is_empty() {
            let filled = timeout(PATIENCE, self.wire.fill()).await?;
            if self.take_acks(filled).is_err() {
                self.come_back().await?;
            }
        }
        Ok(self.tally)
    }

    /// To its last publication, or the end of the connection.
    async fn publish(&mut self) -> io::Result<()> {
        let timer = sleep_until(self.load.due(self.next));
        tokio::pin!(timer);
        while self.next < self.load.goal.total() {
            tokio::select! {
                () = &mut timer => {
                    self.send_due().await?;
                    timer.as_mut().reset(self.load.due(self.next));
                }
                filled = self.wire.fill() => self.take_acks(filled)?,
            }
        }
        Ok(())
    }

    async fn send_due(&mut self) -> io::Result<()> {
        let (now, total) = (Instant::now(), self.load.goal.total());
        while self.next < total && self.load.due(self.next) <= now {
            self.put(self.next);
            self.out.push_back(self.next);
            self.next += self.stride;
            self.tally.sent += 1;
        }
        self.wire.flush().await
    }

    fn put(&mut self, number: u64) {
        let nanos = (self.load.due(number) - self.load.epoch).as_nanos() as u64;
        let id = (number / self.stride % u64::from(u16::MAX) + 1) as u16;
        self.publication.put(&mut self.wire.output, id, number, nanos);
    }

    /// They are for the oldest publications [MQTT-4.6.0-2].
    fn take_acks(&mut self, filled: io::Result<()>) -> io::Result<()> {
        filled?;
        while let Some(frame) = self.wire.frame()? {
            let answered = if frame.kind() == PUBACK { self.out.pop_front() } else { None };
            if let Some(number) = answered {
                self.tally.arrived += 1;
                self.load.watch.iter().for_each(|watch| watch.record(self.load.due(number).elapsed()));
            }
        }
        Ok(())
    }

    /// Connects anew and sends again what was not acknowledged, until that works.
    async fn come_back(&mut self) -> io::Result<()> {
        let gone = Instant::now();
        while let Err(error) = self.connect_and_resend().await {
            if gone.elapsed() > PATIENCE {
                return Err(error);
            }
            sleep(RETURN_WAIT + Duration::from_millis(self.number * 7 % RETURN_SPREAD_MS)).await;
        }
        Ok(())
    }

    async fn connect_and_resend(&mut self) -> io::Result<()> {
        self.wire = Wire::connect(self.address, &format!("load-{}", self.number)).await?;
        for at in 0..self.out.len() {
            self.put(self.out[at]);
            self.tally.resent += 1;
        }
        self.wire.flush().await
    }
}
