//! One device: measures at its period whatever the network does, and keeps what is not acknowledged.

use crate::sim::plant::Tally;
use crate::sim::session::{Message, Session};
use crate::sim::signal::payload;
use crate::sim::site::Place;
use std::collections::VecDeque;
use std::future::pending;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tidegate_codec_mqtt::{PacketId, Text, TopicName};
use tokio::sync::watch;
use tokio::time::{Instant, MissedTickBehavior, interval_at, sleep};

/// Readings a device keeps while nothing is acknowledged; then the oldest goes and is counted.
const KEPT_MAX: usize = 2000;
/// From one try to connect to the next.
const PAUSE: Duration = Duration::from_millis(100);

pub(super) struct Device {
    place: Place,
    broker: SocketAddr,
    client: Text,
    topic: TopicName,
    tally: Arc<Tally>,
    kept: VecDeque<Message>,
    next_id: u16,
}

impl Device {
    pub(super) fn new(place: Place, broker: SocketAddr, tally: Arc<Tally>) -> Device {
        let text = |text: String| Text::new(&text).expect("names of the plant are short ASCII");
        let topic = TopicName::new(&place.topic()).expect("a topic of the plant has no wildcard");
        Device { place, broker, client: text(place.name()), topic, tally, kept: VecDeque::new(), next_id: 0 }
    }

    /// Measures until it is told to stop, and then only waits for what is not acknowledged.
    pub(super) async fn run(mut self, began: Instant, mut stopping: watch::Receiver<bool>) {
        // Not in step with the others.
        let first = began + self.place.group.period.mul_f64((self.place.number as f64 * 0.37).fract());
        let mut ticks = interval_at(first, self.place.group.period);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
        let mut session = None;
        let mut is_stopping = false;
        while !(is_stopping && self.kept.is_empty()) {
            tokio::select! {
                now = ticks.tick(), if !is_stopping => self.measure(now - began, &mut session).await,
                opened = open(self.broker, &self.client), if session.is_none() => {
                    session = self.resend(opened).await;
                }
                outcome = acknowledged(&mut session) => match outcome {
                    Ok(id) => self.settle(id),
                    Err(_) => session = None,
                },
                () = told(&mut stopping), if !is_stopping => is_stopping = true,
            }
        }
    }

    async fn measure(&mut self, since: Duration, session: &mut Option<Session>) {
        let at_ms = u64::try_from(since.as_millis()).unwrap_or(u64::MAX);
        let payload = payload(self.place, at_ms as f64 / 1000.0).to_string().into();
        self.next_id = self.next_id % u16::MAX + 1;
        let id = PacketId::new(self.next_id).expect("counted from one");
        if self.kept.len() == KEPT_MAX {
            self.kept.pop_front();
            self.tally.drop_one();
        }
        self.kept.push_back(Message { id, topic: self.topic.clone(), payload, dup: false });
        self.tally.produce();
        if let Some(open) = session
            && self.send(open, self.kept.len() - 1).await.is_err()
        {
            *session = None;
        }
    }

    async fn send(&mut self, session: &mut Session, at: usize) -> io::Result<()> {
        self.tally.send();
        let outcome = session.publish(&self.kept[at]).await;
        self.kept[at].dup = true;
        outcome
    }

    /// Sends what is kept over a connection that has just been opened.
    async fn resend(&mut self, opened: io::Result<Session>) -> Option<Session> {
        let mut session = opened.ok()?;
        for at in 0..self.kept.len() {
            self.send(&mut session, at).await.ok()?;
        }
        Some(session)
    }

    fn settle(&mut self, id: PacketId) {
        if let Some(at) = self.kept.iter().position(|kept| kept.id == id) {
            self.kept.remove(at);
            self.tally.acknowledge();
        }
    }
}

/// Opens a connection, or waits a little and says why not.
async fn open(broker: SocketAddr, client: &Text) -> io::Result<Session> {
    let opened = Session::open(broker, client).await;
    if opened.is_err() {
        sleep(PAUSE).await;
    }
    opened
}

async fn acknowledged(session: &mut Option<Session>) -> io::Result<PacketId> {
    match session {
        Some(session) => session.acknowledged().await,
        None => pending().await,
    }
}

/// Resolves when the device is told to stop, or nobody is left to tell it.
async fn told(stopping: &mut watch::Receiver<bool>) {
    let _ = stopping.wait_for(|stopping| *stopping).await;
}
