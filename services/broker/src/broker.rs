//! The listener: accepts, gives each connection a task, and drains them all at the end.

use std::net::SocketAddr;
use std::panic::resume_unwind;
use std::sync::Arc;
use std::time::Duration;

use tidegate_kernel_plug::{Knock, Live, listed, planted, waiting_on};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::{JoinError, JoinSet};
use tokio::time::Instant;
use tracing::{error, info};

use crate::config::Config;
use crate::connection::Connection;
use crate::counters::Snapshot;
use crate::error::BrokerError;
use crate::hub::{Hub, Ports};
use crate::reason::CloseReason;
use crate::rounds;

/// Before the next accept after one that failed: file descriptors come back when connections end.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);
/// What connections get beyond the deadline of a drain, to notice it and leave.
const DRAIN_GRACE: Duration = Duration::from_secs(1);

/// A broker that listens and does not serve yet; [`Broker::run`] serves.
#[derive(Debug)]
pub struct Broker {
    /// Nothing once it drains, or is given up.
    listener: Live<Option<TcpListener>>,
    local_addr: SocketAddr,
    hub: Arc<Hub>,
    order: watch::Sender<Option<Instant>>,
    /// Nothing while it serves. Dropping this sender is how a handle learns that the broker is gone.
    report: watch::Sender<Option<Drained>>,
}

/// What a drain left behind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Drained {
    /// Connections that had to be closed before everything on them was acknowledged.
    pub connections: u64,
    /// Publications that were taken in and whose PUBACK was not sent; their clients send them again.
    pub unacknowledged: u64,
}

/// Asks a broker for its counts, to drain, or to serve a connection that something else accepted.
#[derive(Debug, Clone)]
pub struct Handle {
    pub(crate) hub: Arc<Hub>,
    order: watch::Sender<Option<Instant>>,
    report: watch::Receiver<Option<Drained>>,
}

impl Broker {
    /// Takes the address. Connections wait in the backlog until [`Broker::run`].
    pub async fn bind(config: Config, ports: Ports) -> Result<Self, BrokerError> {
        config.check()?;
        let address = config.listen;
        let failed = |source| BrokerError::listen(address, source);
        let listener = TcpListener::bind(address).await.map_err(failed)?;
        let local_addr = listener.local_addr().map_err(failed)?;
        let hub = Arc::new(Hub::open(config, ports)?);
        Ok(Self {
            listener: Live::new(Some(listener)),
            local_addr,
            hub,
            order: watch::Sender::new(None),
            report: watch::Sender::new(None),
        })
    }

    /// Where it listens; the port is the real one where 0 was asked for.
    pub fn local_addr(&self) -> SocketAddr {
        self.local_addr
    }

    pub fn handle(&self) -> Handle {
        Handle { hub: self.hub.clone(), order: self.order.clone(), report: self.report.subscribe() }
    }

    /// Serves until [`Handle::drain`]. Dropping the future closes every connection at once.
    pub async fn run(self) -> Drained {
        self.serve().await
    }

    /// The same for one that may have to be started again: after a panic, by which every connection ended, it can be called anew. Those who
    /// come meanwhile wait.
    pub async fn serve(&self) -> Drained {
        info!(address = %self.local_addr, "MQTT listening");
        let mut drained = Report { sender: &self.report, drained: Drained::default() };
        self.report.send_replace(None);
        let (mut tasks, mut rounds) = (JoinSet::new(), JoinSet::new());
        rounds.spawn(listed("broker", "rounds", rounds::walk(self.hub.clone())));
        let deadline = waiting_on("a connection", self.accept_all(&mut tasks, &mut rounds)).await;
        self.listener.set(None);
        drained.drained = drain(&self.hub, deadline).await;
        tasks.shutdown().await;
        drained.drained
    }

    /// Lets go of the address, where nobody will serve any more.
    pub fn close(&self) {
        self.listener.set(None);
    }

    /// Accepts until it is told to drain, and gives the deadline for that. A panic of the rounds is its own.
    async fn accept_all(&self, tasks: &mut JoinSet<()>, rounds: &mut JoinSet<()>) -> Instant {
        let mut order = self.order.subscribe();
        let listener = self.listener.get();
        loop {
            tokio::select! {
                deadline = ordered(&mut order) => return deadline,
                accepted = accept(&listener) => match accepted {
                    Ok((stream, peer)) => self.admit(stream, peer, tasks),
                    Err(error) => self.pause(&error).await,
                },
                Some(ended) = tasks.join_next() => note_end(ended),
                Some(Err(ended)) = rounds.join_next() => resume_unwind(ended.into_panic()),
            }
        }
    }

    fn admit(&self, stream: TcpStream, peer: SocketAddr, tasks: &mut JoinSet<()>) {
        planted::accepting(peer);
        // Acknowledgements already wait for each other; the kernel need not wait for more.
        let _ = stream.set_nodelay(true);
        let knock = Knock { peer, listener: self.local_addr };
        if let Some(connection) = Connection::enter(&self.hub, knock) {
            tasks.spawn(connection.serve(stream));
        }
    }

    async fn pause(&self, error: &std::io::Error) {
        self.hub.counters.accept_errors.add(1);
        self.hub.notices.not_accepted(error);
        tokio::time::sleep(ACCEPT_PAUSE).await;
    }
}

/// Tells handles that the broker is done, also if it is by a panic.
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

    /// Serves one connection over any byte stream until it ends, under the same limits and counts; does nothing once
    /// the broker drains.
    pub async fn serve<S: AsyncRead + AsyncWrite + Unpin>(&self, stream: S, knock: Knock) {
        if let Some(connection) = Connection::enter(&self.hub, knock) {
            connection.serve(stream).await;
        }
    }

    /// Writes what is kept of sessions and retained messages into one file beside the journal, as the broker does by itself
    /// now and then. Blocks on the disk.
    pub fn write_snapshot(&self) -> Result<(), BrokerError> {
        let ledger = self.hub.router.ledger.as_ref();
        ledger.map_or(Ok(()), |ledger| ledger.snapshot().map_err(|_| BrokerError::SnapshotRefused))
    }

    /// Stops accepting and reading, waits until everything taken in is acknowledged, closes, and says what was left at
    /// `deadline`. A broker that does not run any more has nothing left.
    pub async fn drain(&self, deadline: Instant) -> Drained {
        self.order.send_if_modified(|order| order.is_none() && order.replace(deadline).is_none());
        let mut report = self.report.clone();
        report.wait_for(Option::is_some).await.map_or(None, |drained| *drained).unwrap_or_default()
    }
}

/// Never, where there is no listener any more: that of a broker that drains.
async fn accept(listener: &Option<TcpListener>) -> std::io::Result<(TcpStream, SocketAddr)> {
    match listener {
        Some(listener) => listener.accept().await,
        None => std::future::pending().await,
    }
}

async fn ordered(order: &mut watch::Receiver<Option<Instant>>) -> Instant {
    let deadline = order.wait_for(Option::is_some).await.map_or(None, |deadline| *deadline);
    deadline.expect("the broker holds a sender itself, and waited for a deadline")
}

async fn drain(hub: &Hub, deadline: Instant) -> Drained {
    let before = hub.counters.snapshot(0);
    hub.roster.call_drain(deadline);
    let stuck = hub.roster.emptied(deadline + DRAIN_GRACE).await as u64;
    hub.say_all_wills();
    let after = hub.counters.snapshot(0);
    let cut = |snapshot: &Snapshot| snapshot.closed(CloseReason::DrainUnfinished);
    Drained {
        connections: cut(&after) - cut(&before) + stuck,
        unacknowledged: after.unanswered - before.unanswered + after.unacknowledged,
    }
}

fn note_end(ended: Result<(), JoinError>) {
    if let Err(failure) = ended
        && failure.is_panic()
    {
        let (code, hint) = (CloseReason::Fault.code(), CloseReason::Fault.hint());
        error!(code, %failure, hint, "an MQTT connection's task panicked");
    }
}
