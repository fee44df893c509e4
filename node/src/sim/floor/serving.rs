//! Simulated PLCs on sockets: a port for each, connections with a limit, and PLCs that are dead.

use crate::cli::Protocol;
use crate::sim::floor::image::Image;
use crate::sim::floor::{modbus, opcua, s7};
use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::io::AsyncReadExt;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinSet;
use tokio::time::sleep;

/// Before the next accept after one that failed.
pub(super) const ACCEPT_PAUSE: Duration = Duration::from_millis(50);
/// Connections of one PLC at once; more are closed.
const SEATS: usize = 32;
const BACKLOG: u32 = 64;

/// How a PLC behaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Manner {
    Answers,
    /// And closes the connection after each answer.
    ClosesEach,
    /// Takes connections, and never says anything.
    Silent,
    /// Refuses connections.
    Absent,
}

/// One that is to be served.
#[derive(Debug)]
pub(crate) struct Plc {
    pub(crate) protocol: Protocol,
    pub(crate) image: Image,
    pub(crate) manner: Manner,
}

/// What all PLCs count together.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    connections: AtomicU64,
    requests: AtomicU64,
}

impl Counts {
    /// Connections that were taken so far. The library that speaks OPC UA does not tell of its own.
    pub(crate) fn connections(&self) -> u64 {
        self.connections.load(Ordering::Relaxed)
    }

    /// Times something was asked. What came in one packet counts once.
    pub(crate) fn requests(&self) -> u64 {
        self.requests.load(Ordering::Relaxed)
    }
}

/// A PLC while it is served.
#[derive(Debug)]
pub(super) struct Station {
    image: Mutex<Image>,
    manner: Manner,
    seats: Arc<Semaphore>,
    counts: Arc<Counts>,
}

/// Held by a connection as long as it lives.
pub(super) type Seat = OwnedSemaphorePermit;

impl Station {
    /// Nothing where all are taken.
    pub(super) fn seat(&self, stream: &TcpStream) -> Option<Seat> {
        // An answer is one write; the kernel need not wait for more.
        let _ = stream.set_nodelay(true);
        let seat = self.seats.clone().try_acquire_owned().ok()?;
        self.counts.connections.fetch_add(1, Ordering::Relaxed);
        Some(seat)
    }

    /// What it has, for one answer.
    pub(super) fn asked(&self) -> MutexGuard<'_, Image> {
        self.counts.requests.fetch_add(1, Ordering::Relaxed);
        self.image()
    }

    pub(super) fn image(&self) -> MutexGuard<'_, Image> {
        self.image.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn closes_each(&self) -> bool {
        self.manner == Manner::ClosesEach
    }
}

/// PLCs that are served. Dropping it ends them.
#[derive(Debug)]
pub(crate) struct Floor {
    /// In the order in which they were given.
    pub(crate) plcs: Vec<(Protocol, SocketAddr)>,
    pub(crate) counts: Arc<Counts>,
    serving: JoinSet<()>,
    /// Ports of those that refuse connections, so that nobody else listens there.
    held: Vec<TcpSocket>,
}

impl Floor {
    /// The first one listens there and each further one a port later, or where the system chooses if the port is 0.
    pub(crate) async fn open(plcs: Vec<Plc>, first: SocketAddr) -> io::Result<Floor> {
        let counts = Arc::default();
        let mut floor = Floor { plcs: Vec::new(), counts, serving: JoinSet::new(), held: Vec::new() };
        for (number, plc) in (0..).zip(plcs) {
            let address = SocketAddr::new(first.ip(), port(first.port(), number)?);
            floor
                .serve(plc, address)
                .map_err(|error| io::Error::new(error.kind(), format!("{address}: {error}")))?;
        }
        Ok(floor)
    }

    fn serve(&mut self, plc: Plc, address: SocketAddr) -> io::Result<()> {
        let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
        socket.set_reuseaddr(true)?;
        socket.bind(address)?;
        self.plcs.push((plc.protocol, socket.local_addr()?));
        if plc.manner == Manner::Absent {
            self.held.push(socket);
            return Ok(());
        }
        let address = socket.local_addr()?;
        let listener = socket.listen(BACKLOG)?;
        let (image, seats) = (Mutex::new(plc.image), Arc::new(Semaphore::new(SEATS)));
        let station = Arc::new(Station { image, manner: plc.manner, seats, counts: self.counts.clone() });
        match (plc.manner, plc.protocol) {
            (Manner::Silent, _) => self.serving.spawn(attend(listener, station, be_silent)),
            (_, Protocol::Modbus) => self.serving.spawn(modbus::serve(listener, station)),
            (_, Protocol::S7) => self.serving.spawn(attend(listener, station, s7::serve)),
            (_, Protocol::OpcUa) => self.serving.spawn(opcua::Plc::new(station, address)?.serve(listener)),
        };
        Ok(())
    }
}

fn port(first: u16, number: u16) -> io::Result<u16> {
    match first {
        0 => Ok(0),
        _ => first
            .checked_add(number)
            .ok_or_else(|| io::Error::other("there are not so many ports behind the first one")),
    }
}

/// For ever, a task for each connection.
async fn attend<F>(
    listener: TcpListener,
    station: Arc<Station>,
    serve: impl Fn(TcpStream, Seat, Arc<Station>) -> F,
) where
    F: Future<Output = ()> + Send + 'static,
{
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    if let Some(seat) = station.seat(&stream) {
                        connections.spawn(serve(stream, seat, station.clone()));
                    }
                }
                Err(_) => sleep(ACCEPT_PAUSE).await,
            },
            Some(_) = connections.join_next() => {}
        }
    }
}

/// Hears everything, until the client goes.
async fn be_silent(mut stream: TcpStream, _seat: Seat, _: Arc<Station>) {
    let mut heard = [0; 512];
    while stream.read(&mut heard).await.is_ok_and(|bytes| bytes > 0) {}
}
