//! Publishers at QoS 1 that keep so many publications out and send the next one when one is acknowledged.

use super::publication::Publication;
use super::wire::{PUBACK, Wire};
use super::{PATIENCE, Tally};
use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tidegate_kernel_lab::Latencies;
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout};

/// Connections opened at once before the load begins; the backlog of a listener is not deeper on every system.
const CONNECTS_AT_ONCE: usize = 64;

/// How many publishers, how many publications each has out, for how long.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Closed {
    pub(crate) connections: usize,
    pub(crate) in_flight: usize,
    pub(crate) payload_bytes: usize,
    pub(crate) duration: Duration,
}

/// Publishes on `f/<line>/<connection>/t`; whatever is out at the end is waited for.
pub(crate) async fn closed(address: SocketAddr, load: Closed) -> io::Result<Tally> {
    let wires = connect_all(address, load.connections).await?;
    let began = Instant::now();
    let (mut publishers, latencies) = (JoinSet::new(), Arc::new(Mutex::new(Latencies::new())));
    for (number, wire) in wires.into_iter().enumerate() {
        let topic = format!("f/{}/{number}/t", number / 100);
        let publication = Publication::new(&topic, 1, load.payload_bytes);
        let publisher = Publisher::new(wire, publication, load.in_flight, latencies.clone());
        publishers.spawn(publisher.run(began + load.duration));
    }
    let mut total = Tally::default();
    while let Some(ended) = publishers.join_next().await {
        total.add(ended.map_err(io::Error::other)??);
    }
    total.latencies = Arc::into_inner(latencies).and_then(|latencies| latencies.into_inner().ok());
    Ok(total)
}

/// One after the other in small groups; publisher `n` is `load-n`.
pub(crate) async fn connect_all(address: SocketAddr, connections: usize) -> io::Result<Vec<Wire>> {
    let mut wires = Vec::with_capacity(connections);
    while wires.len() < connections {
        let mut opening = JoinSet::new();
        for number in wires.len()..connections.min(wires.len() + CONNECTS_AT_ONCE) {
            opening.spawn(async move { Wire::connect(address, &format!("load-{number}")).await });
        }
        for opened in opening.join_all().await {
            wires.push(opened?);
        }
    }
    Ok(wires)
}

struct Publisher {
    wire: Wire,
    publication: Publication,
    in_flight: usize,
    out: VecDeque<Instant>,
    tally: Tally,
    /// Everybody's, on the one thread of the load.
    latencies: Arc<Mutex<Latencies>>,
}

impl Publisher {
    fn new(
        wire: Wire,
        publication: Publication,
        in_flight: usize,
        latencies: Arc<Mutex<Latencies>>,
    ) -> Publisher {
        let out = VecDeque::with_capacity(in_flight);
        Publisher { wire, publication, in_flight, out, tally: Tally::default(), latencies }
    }

    async fn run(mut self, until: Instant) -> io::Result<Tally> {
        let began = Instant::now();
        while Instant::now() < until {
            self.send().await?;
            timeout(PATIENCE, self.take_acks()).await??;
        }
        self.tally.elapsed = began.elapsed();
        while !self.out.is_empty() {
            timeout(PATIENCE, self.take_acks()).await??;
        }
        Ok(self.tally)
    }

    async fn send(&mut self) -> io::Result<()> {
        let now = Instant::now();
        while self.out.len() < self.in_flight {
            let number = self.tally.sent;
            let id = (number % u64::from(u16::MAX) + 1) as u16;
            self.publication.put(&mut self.wire.output, id, number, 0);
            self.out.push_back(now);
            self.tally.sent += 1;
        }
        self.wire.flush().await
    }

    /// At least one, which are for the oldest publications [MQTT-4.6.0-2].
    async fn take_acks(&mut self) -> io::Result<()> {
        self.wire.fill().await?;
        let now = Instant::now();
        let mut latencies = self.latencies.lock().unwrap_or_else(PoisonError::into_inner);
        while let Some(frame) = self.wire.frame()? {
            let sent = self.out.pop_front().filter(|_| frame.kind() == PUBACK);
            let sent = sent.ok_or_else(|| io::Error::other("an answer nobody asked for"))?;
            latencies.record(now - sent);
            self.tally.arrived += 1;
        }
        Ok(())
    }
}
