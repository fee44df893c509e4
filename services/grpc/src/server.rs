//! The listener: accepts, serves HTTP/2, keeps positions, and drains all of it at the end.
//!
//! An end goes like this: nobody is accepted, calls acknowledge what they took and end, connections are told to go (GOAWAY), the
//! positions are written. What is not done by the deadline is cut.

use crate::config::Config;
use crate::counters::{Counters, Snapshot};
use crate::door::{Handshake, Visitor, Wire};
use crate::error::GrpcError;
use crate::hub::{Gauge, Hub, Seat};
use crate::intake::Intake;
use crate::pace::Uses;
use crate::positions::Positions;
use crate::service::Service;
use crate::v1::readings_server::ReadingsServer;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::panic::resume_unwind;
use std::sync::Arc;
use std::time::Duration;
use tidegate_kernel_journal::Journal;
use tidegate_kernel_plug::{Authenticate, Knock, Live, listed, planted, waiting_on};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::{JoinSet, spawn_blocking};
use tokio::time::{Instant, MissedTickBehavior, interval, sleep, timeout_at};
use tonic::codegen::tokio_stream::StreamExt as _;
use tonic::codegen::tokio_stream::wrappers::ReceiverStream;
use tonic::transport::Server;

/// Before the next accept after one that failed: file descriptors come back when connections end.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);
/// What calls and connections get beyond the deadline of a drain, to notice it and leave.
const DRAIN_GRACE: Duration = Duration::from_secs(1);
/// Headers of a call: a token and a few lines a proxy adds.
const HEADER_BYTES_MAX: u32 = 16 << 10;

/// A listener that does not serve yet; [`Grpc::run`] serves.
#[derive(Debug)]
pub struct Grpc {
    /// Nothing once it drains, or is given up.
    listener: Live<Option<TcpListener>>,
    local_addr: SocketAddr,
    hub: Arc<Hub>,
    /// Nothing while it serves, or before. Dropping this sender is how a handle learns that the listener is gone.
    report: watch::Sender<Option<Drained>>,
}

/// What a drain left behind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Drained {
    /// Calls that were cut before everything they sent was acknowledged.
    pub calls: u64,
    /// Readings that were taken and not acknowledged; their clients send them again, and they are dropped as duplicates.
    pub unacknowledged: u64,
}

/// Asks a listener for its counts, or to drain.
#[derive(Debug, Clone)]
pub struct Handle {
    pub(crate) hub: Arc<Hub>,
    report: watch::Receiver<Option<Drained>>,
}

impl Grpc {
    /// Takes the address and finds out where the streams were. With `handshake` every connection goes through it. Reads the journal, so it blocks for a moment.
    pub async fn bind(
        config: Config,
        intake: Arc<dyn Intake>,
        doorkeeper: Arc<dyn Authenticate>,
        journal: Journal,
        handshake: Option<Arc<dyn Handshake>>,
    ) -> Result<Grpc, GrpcError> {
        config.check()?;
        let address = config.listen;
        let failed = |source| GrpcError::listen(address, source);
        let listener = TcpListener::bind(address).await.map_err(failed)?;
        let local_addr = listener.local_addr().map_err(failed)?;
        let hub = Hub {
            positions: Positions::open(journal, config.streams_max)?,
            config,
            intake,
            doorkeeper,
            handshake,
            uses: Arc::new(Uses::new(Instant::now())),
            counters: Counters::default(),
            calls: Gauge::new(),
            connections: Gauge::new(),
            order: watch::Sender::new(None),
        };
        let report = watch::Sender::new(None);
        Ok(Grpc { listener: Live::new(Some(listener)), local_addr, hub: Arc::new(hub), report })
    }

    /// Where it listens; the port is the real one where 0 was asked for.
    pub fn local_addr(&self) -> SocketAddr {
        self.local_addr
    }

    pub fn handle(&self) -> Handle {
        Handle { hub: self.hub.clone(), report: self.report.subscribe() }
    }

    /// Lets go of the address, where nobody will serve any more.
    pub fn close(&self) {
        self.listener.set(None);
    }

    /// Serves until [`Handle::drain`].
    pub async fn run(self) -> Drained {
        self.serve().await
    }

    /// The same for one that may have to be started again: after a panic it can be called anew. Those who come meanwhile wait.
    pub async fn serve(&self) -> Drained {
        tracing::info!(address = %self.local_addr, "gRPC listening");
        let Grpc { listener, local_addr, hub, report } = self;
        report.send_replace(None);
        let mut ended = Report { sender: report, drained: Drained::default() };
        let (door, visitors) = mpsc::channel(1);
        let (goaway, told) = oneshot::channel::<()>();
        let (mut serving, mut keeping) = (JoinSet::new(), JoinSet::new());
        serving.spawn(serve(hub.clone(), visitors, told));
        keeping.spawn(listed("grpc", "positions", keep_positions(hub.clone())));
        let accepting = waiting_on("a connection", accept_all(hub, listener.get(), *local_addr, &door));
        let deadline = tokio::select! {
            deadline = accepting => deadline,
            Some(Err(ended)) = serving.join_next() => resume_unwind(ended.into_panic()),
            Some(Err(ended)) = keeping.join_next() => resume_unwind(ended.into_panic()),
        };
        listener.set(None);
        let unanswered = hub.counters.unanswered.get();
        // Beyond the deadline they are cut, and counted as such.
        let _ = timeout_at(deadline + DRAIN_GRACE, hub.calls.emptied()).await;
        let unacknowledged = hub.counters.unanswered.get() - unanswered;
        let drained = Drained { calls: hub.calls.now() as u64, unacknowledged };
        drop(goaway);
        let _ = timeout_at(deadline + DRAIN_GRACE, serving.join_next()).await;
        keeping.shutdown().await;
        checkpoint(hub).await;
        ended.drained = drained;
        drained
    }
}

/// Tells handles that the listener is done, also if it is by a panic.
struct Report<'a> {
    sender: &'a watch::Sender<Option<Drained>>,
    drained: Drained,
}

impl Drop for Report<'_> {
    fn drop(&mut self) {
        self.sender.send_replace(Some(self.drained));
    }
}

impl Handle {
    pub fn snapshot(&self) -> Snapshot {
        self.hub.snapshot()
    }

    pub(crate) fn is_serving(&self) -> bool {
        !self.hub.is_draining() && self.report.borrow().is_none() && self.report.has_changed().is_ok()
    }

    /// Stops accepting and reading, waits until everything taken in is acknowledged, closes, and says what was left at
    /// `deadline`. A listener that does not run any more has nothing left.
    pub async fn drain(&self, deadline: Instant) -> Drained {
        self.hub.order.send_if_modified(|order| order.is_none() && order.replace(deadline).is_none());
        let mut report = self.report.clone();
        report.wait_for(Option::is_some).await.map_or(None, |drained| *drained).unwrap_or_default()
    }
}

/// Accepts until it is told to drain, and gives the deadline for that.
async fn accept_all(
    hub: &Arc<Hub>,
    listener: Arc<Option<TcpListener>>,
    local_addr: SocketAddr,
    door: &mpsc::Sender<Visitor>,
) -> Instant {
    let mut order = hub.order.subscribe();
    loop {
        tokio::select! {
            deadline = ordered(&mut order) => return deadline,
            accepted = accept(&listener) => match accepted {
                Ok((stream, peer)) => receive(hub, stream, Knock { peer, listener: local_addr }, door).await,
                Err(error) => {
                    hub.counters.accept_errors.add(1);
                    tracing::warn!(%error, "could not accept a gRPC connection");
                    sleep(ACCEPT_PAUSE).await;
                }
            },
        }
    }
}

/// Never, where there is no listener any more: that of one that drains.
async fn accept(listener: &Option<TcpListener>) -> std::io::Result<(TcpStream, SocketAddr)> {
    match listener {
        Some(listener) => listener.accept().await,
        None => std::future::pending().await,
    }
}

async fn ordered(order: &mut watch::Receiver<Option<Instant>>) -> Instant {
    let deadline = order.wait_for(Option::is_some).await.map_or(None, |deadline| *deadline);
    deadline.expect("the hub holds the sender itself, and it was waited for a deadline")
}

/// Nobody waits for another one's handshake.
async fn receive(hub: &Arc<Hub>, stream: TcpStream, knock: Knock, door: &mpsc::Sender<Visitor>) {
    planted::accepting(knock.peer);
    // Acknowledgements already wait for each other; the kernel need not wait for more.
    let _ = stream.set_nodelay(true);
    let Some(seat) = seat(hub) else { return };
    let Some(handshake) = hub.handshake.clone() else {
        return admit(hub, Box::new(stream), knock, seat, door).await;
    };
    let (hub, door) = (hub.clone(), door.clone());
    tokio::spawn(async move {
        if let Some(wire) = handshake.shake(stream).await {
            admit(&hub, wire, knock, seat, &door).await;
        }
    });
}

async fn admit(hub: &Hub, wire: Box<dyn Wire>, knock: Knock, seat: Seat, door: &mpsc::Sender<Visitor>) {
    let silence_max = Duration::from_millis(hub.config.connect_timeout_ms);
    // Only fails when the server has ended.
    let _ = door.send(Visitor::new(wire, knock, seat, silence_max)).await;
}

fn seat(hub: &Hub) -> Option<Seat> {
    hub.counters.connections.add(1);
    let seat = hub.connections.enter(hub.config.connections_max);
    hub.counters.connections_refused.add(u64::from(seat.is_none()));
    seat
}

async fn serve(hub: Arc<Hub>, visitors: mpsc::Receiver<Visitor>, told: oneshot::Receiver<()>) {
    let config = &hub.config;
    let window = config.message_bytes_max as u32;
    let service =
        ReadingsServer::new(Service(hub.clone())).max_decoding_message_size(config.message_bytes_max);
    let server = Server::builder()
        .max_concurrent_streams(config.calls_per_connection_max)
        .initial_stream_window_size(window)
        .initial_connection_window_size(window)
        .http2_max_header_list_size(HEADER_BYTES_MAX)
        .http2_keepalive_interval(Some(Duration::from_millis(config.keep_alive_ms)))
        .http2_keepalive_timeout(Some(Duration::from_millis(config.keep_alive_timeout_ms)));
    let incoming = ReceiverStream::new(visitors).map(Ok::<_, Infallible>);
    let ended = server.serve_with_incoming_shutdown(service, incoming, async {
        let _ = told.await;
    });
    if let Err(error) = ended.await {
        tracing::error!(%error, "the gRPC listener ended");
    }
}

async fn keep_positions(hub: Arc<Hub>) {
    let mut ticks = interval(Duration::from_millis(hub.config.snapshot_ms));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        checkpoint(&hub).await;
    }
}

async fn checkpoint(hub: &Arc<Hub>) {
    let hub = hub.clone();
    match spawn_blocking(move || hub.positions.checkpoint()).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => {
            tracing::warn!(%error, "could not write where the gRPC streams are; the journal has it")
        }
        Err(error) => tracing::error!(%error, "writing where the gRPC streams are panicked"),
    }
}
