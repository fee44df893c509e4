//! One publisher to many subscribers of one topic. The publisher waits while the slowest subscriber is too far behind, so that no
//! queue of a broker has to overflow.

use super::publication::{Publication, read};
use super::wire::{PUBACK, PUBLISH, Wire};
use super::{PATIENCE, Tally};
use bytes::BufMut;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout};

/// How far the publisher may be ahead of the slowest subscriber; fewer than a broker queues for one client.
const AHEAD_MAX: u64 = 500;
/// Publications in one write.
const BURST: u64 = 50;
const TOPIC: &str = "fan/out";

/// How many subscribers at which QoS, for how long.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Fan {
    pub(crate) subscribers: usize,
    pub(crate) qos: u8,
    pub(crate) payload_bytes: usize,
    pub(crate) duration: Duration,
}

/// Counts what subscribers received; `sent` is what they should have.
pub(crate) async fn fan(address: SocketAddr, load: Fan) -> io::Result<Tally> {
    let mut subscribers = JoinSet::new();
    let mut progress = Vec::with_capacity(load.subscribers);
    let goal = watch::Sender::new(u64::MAX);
    for number in 0..load.subscribers {
        let mut wire = Wire::connect(address, &format!("fan-{number}")).await?;
        wire.subscribe(TOPIC, load.qos).await?;
        let received = watch::Sender::new(0);
        progress.push(received.subscribe());
        subscribers.spawn(receive(wire, received, goal.subscribe()));
    }
    let mut publisher = Publisher::connect(address, load).await?;
    let (began, sent) = (Instant::now(), publisher.run(load.duration, &mut progress).await?);
    goal.send_replace(sent);
    let mut total = Tally { sent: sent * load.subscribers as u64, ..Tally::default() };
    while let Some(ended) = subscribers.join_next().await {
        total.arrived += ended.map_err(io::Error::other)??;
    }
    total.elapsed = began.elapsed();
    Ok(total)
}

struct Publisher {
    wire: Wire,
    publication: Publication,
    qos: u8,
    sent: u64,
    acknowledged: u64,
}

impl Publisher {
    async fn connect(address: SocketAddr, load: Fan) -> io::Result<Publisher> {
        let wire = Wire::connect(address, "fan-publisher").await?;
        let publication = Publication::new(TOPIC, load.qos, load.payload_bytes);
        Ok(Publisher { wire, publication, qos: load.qos, sent: 0, acknowledged: 0 })
    }

    async fn run(&mut self, duration: Duration, progress: &mut [watch::Receiver<u64>]) -> io::Result<u64> {
        let until = Instant::now() + duration;
        while Instant::now() < until {
            for _ in 0..BURST {
                self.sent += 1;
                let id = (self.sent % u64::from(u16::MAX) + 1) as u16;
                self.publication.put(&mut self.wire.output, id, self.sent, 0);
            }
            self.wire.flush().await?;
            timeout(PATIENCE, self.keep_pace(progress)).await??;
        }
        Ok(self.sent)
    }

    async fn keep_pace(&mut self, progress: &mut [watch::Receiver<u64>]) -> io::Result<()> {
        let floor = self.sent.saturating_sub(AHEAD_MAX);
        while self.qos > 0 && self.acknowledged < floor {
            self.wire.fill().await?;
            while let Some(frame) = self.wire.frame()? {
                self.acknowledged += u64::from(frame.kind() == PUBACK);
            }
        }
        for received in progress {
            received.wait_for(|received| *received >= floor).await.map_err(io::Error::other)?;
        }
        Ok(())
    }
}

/// Receives until the publisher's last one, or until nothing comes any more; says how many came.
async fn receive(
    mut wire: Wire,
    received: watch::Sender<u64>,
    mut goal: watch::Receiver<u64>,
) -> io::Result<u64> {
    let (mut count, mut last) = (0, 0);
    while last < *goal.borrow_and_update() {
        tokio::select! {
            filled = timeout(PATIENCE, wire.fill()) => match filled {
                Ok(filled) => filled?,
                Err(_) => break,
            },
            _ = goal.changed() => continue,
        }
        while let Some(frame) = wire.frame()? {
            if frame.kind() == PUBLISH {
                let (id, payload) = frame.publication()?;
                (count, last) = (count + 1, read(&payload).map_or(last, |(number, _)| number));
                if let Some([high, low]) = id {
                    wire.output.put_slice(&[PUBACK, 2, high, low]);
                }
            }
        }
        wire.flush().await?;
        received.send_replace(last);
    }
    Ok(count)
}
