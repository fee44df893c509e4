//! One stream of events, from its request to its end.
//!
//! ```text
//!   retry, hello ──> alarms since Last-Event-ID ──> events as they come, values of a device, heartbeats ──> end after LIFE
//! ```
//! The end after a while has whoever listens prove again who it is. Writes into a queue of a few pieces: a client that does not read
//! makes this task wait, and what it misses meanwhile is told and counted.

use crate::events::{Event, Events};
use crate::history::{Shown, shown};
use axum::body::{Body, Bytes};
use axum::extract::{Query, State};
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use hyper::body::Frame;
use serde::Deserialize;
use serde_json::json;
use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll};
use std::time::Duration;
use tidegate_kernel_plug::Refusal;
use tokio::sync::{OwnedSemaphorePermit, mpsc, watch};
use tokio::time::{Instant, timeout, timeout_at};

/// Pieces of text that wait for the client.
const PIECES_MAX: usize = 4;
/// A comment is sent where nothing else was for so long: proxies and phones drop what is silent.
const HEARTBEAT: Duration = Duration::from_secs(10);
/// How long a stream lasts at most.
const LIFE: Duration = Duration::from_secs(600);
/// What a client waits before it asks again.
const RETRY: Duration = Duration::from_secs(1);

#[derive(Debug, Deserialize)]
pub(super) struct Ask {
    /// The device whose values are wanted.
    device: Option<String>,
}

/// An open stream.
pub(super) struct Stream {
    events: Arc<Events>,
    device: Option<String>,
    /// The number of the next event.
    next: u64,
    /// The offset of the last alarm that was sent.
    alarm: u64,
    /// What was sent of the device's values.
    values: BTreeMap<String, Shown>,
    pieces: mpsc::Sender<Bytes>,
    _seat: OwnedSemaphorePermit,
}

pub(super) async fn open(
    State(events): State<Arc<Events>>,
    Query(ask): Query<Ask>,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let seat = events.seats.clone().try_acquire_owned().map_err(|_| {
        events.counts.refused.fetch_add(1, Ordering::Relaxed);
        Refusal::no_room("there are too many streams of events")
    })?;
    events.counts.opened.fetch_add(1, Ordering::Relaxed);
    let (pieces, queue) = mpsc::channel(PIECES_MAX);
    let last = headers.get("last-event-id").and_then(|id| id.to_str().ok()?.parse().ok());
    let next = events.ring().next;
    let stream = Stream {
        events,
        device: ask.device,
        next,
        alarm: last.unwrap_or(0),
        values: BTreeMap::new(),
        pieces,
        _seat: seat,
    };
    tokio::spawn(stream.run(last));
    let head = [(header::CONTENT_TYPE, "text/event-stream"), (header::CACHE_CONTROL, "no-store")];
    Ok((head, Body::new(Pieces(queue))).into_response())
}

/// The client is gone.
struct Gone;

impl Stream {
    async fn run(mut self, last: Option<u64>) {
        // Whoever is gone needs no farewell.
        let _ = self.tell(last).await;
    }

    async fn tell(&mut self, last: Option<u64>) -> Result<(), Gone> {
        let (end, mut head) = (Instant::now() + LIFE, self.events.head.subscribe());
        let hello = json!({"version": env!("CARGO_PKG_VERSION"), "started_ms": self.events.view.vitals.started_ms(),
            "heartbeat_ms": HEARTBEAT.as_millis() as u64});
        self.send(format!("retry: {}\n{}", RETRY.as_millis(), Event::new("hello", &hello).text())).await?;
        if let Some(after) = last {
            self.resume(after).await?;
        }
        self.show_values().await?;
        while Instant::now() < end {
            match timeout_at(end, next_beat(&mut head)).await {
                Ok(true) => self.catch_up().await?,
                Ok(false) => self.send(": still here\n\n".to_owned()).await?,
                Err(_) => break,
            }
        }
        Ok(())
    }

    /// The alarms behind an offset, which the journal has.
    async fn resume(&mut self, mut after: u64) -> Result<(), Gone> {
        loop {
            let ingest = self.events.view.ingest.clone();
            let read = move || ingest.rules().map(|rules| rules.alarms().since(after));
            let Ok(Some(Ok(page))) = tokio::task::spawn_blocking(read).await else { return Ok(()) };
            if page.has_gap {
                self.behind(None).await?;
            }
            for event in &page.events {
                self.show(&Event::of_alarm(event)).await?;
            }
            if page.events.is_empty() || page.next <= after {
                return Ok(());
            }
            after = page.next;
        }
    }

    async fn catch_up(&mut self) -> Result<(), Gone> {
        let (events, missed) = self.events.ring().since(self.next);
        self.next += missed + events.len() as u64;
        if missed > 0 {
            self.events.counts.missed.fetch_add(missed, Ordering::Relaxed);
            self.behind(Some(missed)).await?;
        }
        for event in &events {
            self.show(event).await?;
        }
        self.show_values().await
    }

    /// Alarms come from the journal and from the ring; each is sent once.
    async fn show(&mut self, event: &Event) -> Result<(), Gone> {
        match event.id {
            Some(id) if id <= self.alarm => return Ok(()),
            Some(id) => self.alarm = id,
            None => {}
        }
        self.send(event.text()).await
    }

    /// What of the device's values has changed since they were sent.
    async fn show_values(&mut self) -> Result<(), Gone> {
        let (Some(device), Some(history)) = (&self.device, &self.events.history) else { return Ok(()) };
        let mut values = shown(history, &self.events.view.ingest, device);
        values.retain(|tag, value| self.values.get(tag) != Some(value));
        if values.is_empty() {
            return Ok(());
        }
        let event = Event::new("values", &json!({"device": device, "tags": values}));
        self.values.extend(values);
        self.send(event.text()).await
    }

    async fn behind(&mut self, missed: Option<u64>) -> Result<(), Gone> {
        self.send(Event::new("behind", &json!({"missed": missed})).text()).await
    }

    async fn send(&mut self, text: String) -> Result<(), Gone> {
        self.pieces.send(text.into()).await.map_err(|_| Gone)
    }
}

/// Waits for events; false after a heartbeat's time without any.
async fn next_beat(head: &mut watch::Receiver<u64>) -> bool {
    timeout(HEARTBEAT, head.changed()).await.is_ok_and(|changed| changed.is_ok())
}

/// A body of pieces that come one after the other; it ends with their sender.
pub(crate) struct Pieces(pub(crate) mpsc::Receiver<Bytes>);

impl hyper::body::Body for Pieces {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        self.0.poll_recv(cx).map(|piece| piece.map(|bytes| Ok(Frame::data(bytes))))
    }
}
