//! A broker on port 0 with a journal in a temporary folder behind it.

use std::any::Any;
use std::cell::RefCell;
use std::io::Write;
use std::net::SocketAddr;
use std::sync::{Arc, Once};
use std::time::Instant;

use tempfile::TempDir;
use tidegate_codec_mqtt::Connect;
use tidegate_kernel_journal::{DataFolder, Journal, Level};
use tidegate_kernel_plug::Knock;
use tidegate_service_broker::{Broker, CloseReason, Config, Drained, Handle, Ports, Snapshot};
use tokio::io::{AsyncRead, AsyncWrite, DuplexStream, duplex};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;

use crate::client::Client;
use crate::gate::Gate;
use crate::shelf::Shelf;

/// Real seconds, whatever the clock of a test does.
const DEADLINE_S: u64 = 20;
const STREAM_BYTES: usize = 64 * 1024;

pub(crate) struct Rig {
    pub(crate) shelf: Arc<Shelf>,
    pub(crate) handle: Handle,
    pub(crate) address: SocketAddr,
    pub(crate) running: JoinHandle<Drained>,
    _held: Box<dyn Any + Send>,
}

impl Rig {
    pub(crate) async fn new() -> Self {
        Self::with(Level::Disk, |_| {}).await
    }

    pub(crate) async fn with(level: Level, set: impl FnOnce(&mut Config)) -> Self {
        let dir = TempDir::new().unwrap();
        let folder = DataFolder::open(dir.path()).unwrap();
        let journal = folder.queues().clone();
        Self::on(journal, (folder, dir), level, set).await
    }

    /// On a journal of the caller's, with whatever has to live as long as it.
    pub(crate) async fn on(
        journal: Journal,
        held: impl Any + Send,
        level: Level,
        set: impl FnOnce(&mut Config),
    ) -> Self {
        Log::listen();
        let shelf = Arc::new(Shelf::new(journal.clone(), level));
        let mut config = Config { listen: ([127, 0, 0, 1], 0).into(), ..Config::default() };
        set(&mut config);
        // A paused clock runs away while a thread writes; who tests time keeps nothing.
        let journal = (level != Level::Memory).then_some(journal);
        let ports = Ports { intake: shelf.clone(), authenticate: Arc::new(Gate), journal };
        let broker = Broker::bind(config, ports).await.unwrap();
        let (handle, address) = (broker.handle(), broker.local_addr());
        Self { shelf, handle, address, running: tokio::spawn(broker.run()), _held: Box::new(held) }
    }

    pub(crate) async fn dial(&self) -> Client<TcpStream> {
        Client::new(TcpStream::connect(self.address).await.unwrap())
    }

    pub(crate) async fn connect(&self, connect: &Connect) -> Client<TcpStream> {
        Client::connected(TcpStream::connect(self.address).await.unwrap(), connect).await
    }

    /// A connection in memory: on a paused clock nothing but the test and the broker makes time pass.
    pub(crate) fn pipe(&self) -> DuplexStream {
        self.pipe_of(STREAM_BYTES)
    }

    pub(crate) fn pipe_of(&self, bytes: usize) -> DuplexStream {
        let (ours, theirs) = duplex(bytes);
        self.serve(theirs);
        ours
    }

    pub(crate) fn serve(&self, stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static) {
        let handle = self.handle.clone();
        let knock = Knock { peer: ([192, 0, 2, 1], 40_000).into(), listener: self.address };
        tokio::spawn(async move { handle.serve(stream, knock).await });
    }

    pub(crate) fn snapshot(&self) -> Snapshot {
        self.handle.snapshot()
    }

    pub(crate) fn closed(&self, reason: CloseReason) -> u64 {
        self.snapshot().closed(reason)
    }

    pub(crate) async fn until_closed(&self, reason: CloseReason) {
        until(|| self.closed(reason) == 1).await;
    }
}

/// Runs other tasks until it is so; does not let a paused clock move.
pub(crate) async fn until(mut condition: impl FnMut() -> bool) {
    let start = Instant::now();
    while !condition() {
        assert!(start.elapsed().as_secs() < DEADLINE_S, "it did not happen in {DEADLINE_S} s");
        tokio::task::yield_now().await;
    }
}

thread_local! {
    static LOG: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// Keeps what is logged, thread by thread: a test and the broker in it have one thread for themselves.
struct Log;

impl Log {
    /// For the whole process and before anything is logged: whether a line is wanted at all is remembered at its first
    /// use, on whatever thread that is.
    fn listen() {
        static ONCE: Once = Once::new();
        ONCE.call_once(|| tracing_subscriber::fmt().with_ansi(false).with_writer(|| Log).init());
    }
}

/// What was logged on this thread.
pub(crate) fn logged() -> String {
    LOG.with_borrow(|log| String::from_utf8(log.clone()).unwrap())
}

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        LOG.with_borrow_mut(|log| log.extend_from_slice(bytes));
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
