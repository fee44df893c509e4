//! What others than the one that panics are asked for, on a schedule, and how long each answer took: from when it was due, also where
//! nobody had time to ask.

use crate::bench::load::{Goal, Scheduled, Watch, Wire, connect_all, runtime, scheduled};
use std::fmt::Debug;
use std::io;
use std::net::SocketAddr;
use std::thread::{self, JoinHandle};
use std::time::Duration;
use tidegate_kernel_lab::Latencies;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use tokio::time::{Instant, sleep_until};

pub(super) const PUBLISHED_PER_SECOND: u64 = 1000;
pub(super) const PUBLISHERS: usize = 50;
const READING_BYTES: usize = 58;
/// Between two of one asker.
const PACE: Duration = Duration::from_millis(20);
pub(super) const ASKERS: usize = 2;
/// So many a second of each kind of question.
pub(super) const ASKED_PER_SECOND: u64 = ASKERS as u64 * 50;
const HISTORY: &str = "/api/v1/history";
pub(super) const RETAINED: &str = "plant/gate";

/// Where it is asked.
#[derive(Debug, Clone, Copy)]
pub(super) struct Places {
    pub(super) mqtt: SocketAddr,
    pub(super) admin: SocketAddr,
}

/// How long answers take, by what is asked.
#[derive(Debug, Clone, Default)]
pub(super) struct Watches {
    /// From a publication at QoS 1 to its acknowledgement.
    pub(super) publish: Watch,
    /// From a subscription to the retained message.
    pub(super) retained: Watch,
    pub(super) history: Watch,
}

/// What was taken in a window.
#[derive(Debug, Default)]
pub(super) struct Taken {
    pub(super) publish: Latencies,
    pub(super) retained: Latencies,
    pub(super) history: Latencies,
}

/// A load that runs. Dropping it ends it.
pub(super) struct Prober {
    watches: Watches,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<io::Result<()>>>,
}

impl Prober {
    pub(super) fn start(places: Places) -> Prober {
        let (watches, (stop, stopped)) = (Watches::default(), oneshot::channel());
        let watched = watches.clone();
        let thread = thread::spawn(move || {
            runtime()?.block_on(async {
                tokio::select! {
                    ended = probe(places, &watched) => ended,
                    _ = stopped => Ok(()),
                }
            })
        });
        Prober { watches, stop: Some(stop), thread: Some(thread) }
    }

    /// What was answered within so long from now on.
    pub(super) fn window(&self, length: Duration) -> Taken {
        self.take();
        thread::park_timeout(length);
        self.take()
    }

    fn take(&self) -> Taken {
        let Watches { publish, retained, history } = &self.watches;
        Taken { publish: publish.take(), retained: retained.take(), history: history.take() }
    }

    pub(super) fn end(mut self) -> io::Result<()> {
        drop(self.stop.take());
        self.thread.take().map_or(Ok(()), |thread| thread.join().map_err(|_| io::Error::other("a panic"))?)
    }
}

async fn probe(places: Places, watches: &Watches) -> io::Result<()> {
    let Places { mqtt, admin } = places;
    Wire::connect(mqtt, "gate").await?.publish(RETAINED, b"open", true).await?;
    let wires = connect_all(mqtt, PUBLISHERS).await?;
    let load = Scheduled {
        per_second: PUBLISHED_PER_SECOND,
        payload_bytes: READING_BYTES,
        epoch: Instant::now(),
        goal: Goal::new(u64::MAX),
        watch: Some(watches.publish.clone()),
    };
    let publishers = async { scheduled(mqtt, wires, load).await.map(drop) };
    let askers = [history(admin, &watches.history), history(admin, &watches.history)];
    let panels = [panel(mqtt, 0, &watches.retained), panel(mqtt, 1, &watches.retained)];
    let [one, two] = askers;
    let [three, four] = panels;
    tokio::try_join!(publishers, one, two, three, four).map(drop)
}

async fn history(admin: SocketAddr, watch: &Watch) -> io::Result<()> {
    let mut asker = Asker(BufReader::new(TcpStream::connect(admin).await?));
    let mut due = Instant::now();
    loop {
        due += PACE;
        sleep_until(due).await;
        asker.get(HISTORY).await?;
        watch.record(due.elapsed());
    }
}

async fn panel(mqtt: SocketAddr, number: usize, watch: &Watch) -> io::Result<()> {
    let mut wire = Wire::connect(mqtt, &format!("panel-{number}")).await?;
    let mut due = Instant::now();
    loop {
        due += PACE;
        sleep_until(due).await;
        wire.retained(RETAINED).await?;
        watch.record(due.elapsed());
    }
}

/// A connection that is kept, for one question after another.
struct Asker(BufReader<TcpStream>);

impl Asker {
    /// Anything but 200 is an error.
    async fn get(&mut self, path: &str) -> io::Result<()> {
        let request = format!("GET {path} HTTP/1.1\r\nHost: node\r\n\r\n");
        self.0.write_all(request.as_bytes()).await?;
        let (mut line, mut length, mut is_well) = (String::new(), 0, false);
        while line != "\r\n" {
            line.clear();
            if self.0.read_line(&mut line).await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            is_well |= line.starts_with("HTTP/1.1 200 ");
            if let Some(said) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                length = said.trim().parse().map_err(io::Error::other)?;
            }
        }
        self.0.read_exact(&mut vec![0; length]).await?;
        if is_well { Ok(()) } else { Err(io::Error::other(format!("{path} was refused"))) }
    }
}
