//! An HTTP listener: accepts, gives each connection a task, and drains them at the end.
//!
//! What is limited about connections is limited here; what is about requests, by the gate in front of the routes. Takes the
//! monotonic clock; no file.

mod config;
mod connection;
mod seats;
mod section;
mod watched;

pub(crate) use config::{Config, HttpError};
pub(crate) use section::{SECTION, inputs};

use crate::http::connection::{Connection, Host};
use crate::http::seats::Seats;
use crate::tls::Tls;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};
use tidegate_kernel_plug::{
    Authenticate, Capability, Draining, Family, Gate, HttpCounts, Leftover, Live, Readiness, Routes, Stage,
    Stays, Witness, planted, waiting_on,
};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

/// Before the next accept after one that failed: file descriptors come back when connections end.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);
/// What connections get beyond the deadline of a drain, to notice it and leave.
const DRAIN_GRACE: Duration = Duration::from_millis(500);

/// What every HTTP listener of the node shares.
#[derive(Clone)]
pub(crate) struct Shared {
    pub(crate) authenticate: Arc<dyn Authenticate>,
    pub(crate) counts: Arc<HttpCounts>,
    pub(crate) stays: Arc<Stays>,
    /// Nothing for a listener without administrative acts.
    pub(crate) witness: Option<Arc<dyn Witness>>,
}

/// Whether the request came over TLS; each carries it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Secured(pub(crate) bool);

/// A listener that serves routes.
#[derive(Debug)]
pub(crate) struct Http {
    name: &'static str,
    /// Nothing once it is given up.
    listener: Live<Option<TcpListener>>,
    address: SocketAddr,
    host: Arc<Host>,
    order: watch::Sender<Option<Instant>>,
    serves: AtomicBool,
    cut: AtomicU64,
    /// How a drain learns that the listener has ended.
    ended: watch::Sender<bool>,
}

impl Http {
    /// Takes the address; `name` is what it is called in metrics. With `tls` it speaks nothing but that.
    pub(crate) async fn bind(
        name: &'static str,
        config: &Config,
        routes: Routes,
        shared: &Shared,
        tls: Option<Arc<Tls>>,
    ) -> Result<Http, HttpError> {
        config.check()?;
        let failed = |source: io::Error| HttpError::Listen { name, address: config.listen, source };
        let listener = TcpListener::bind(config.listen).await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let Shared { authenticate, counts, stays, witness } = shared.clone();
        let gate = Gate::new(name, authenticate, config.requests, counts.clone());
        let gate = match witness {
            Some(witness) => gate.before(witness),
            None => gate,
        };
        let seats = Seats::new(config.connections_max, config.connections_per_address_max);
        let router = routes.behind(Arc::new(gate));
        let host = Host { name, address, config: config.clone(), router, counts, seats, stays, tls };
        let host = Arc::new(host);
        Ok(Http {
            name,
            listener: Live::new(Some(listener)),
            address,
            host,
            order: watch::Sender::new(None),
            serves: AtomicBool::new(true),
            cut: AtomicU64::new(0),
            ended: watch::Sender::new(false),
        })
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    pub(crate) fn scheme(&self) -> &'static str {
        if self.host.tls.is_some() { "https" } else { "http" }
    }

    /// Serves until it is drained, and is unready from then on. After a panic, by which all connections ended, it can be called again: those
    /// who come meanwhile wait.
    pub(crate) async fn serve(&self) {
        struct Ended<'a>(&'a Http);
        impl Drop for Ended<'_> {
            fn drop(&mut self) {
                self.0.serves.store(false, Ordering::SeqCst);
                self.0.ended.send_replace(true);
            }
        }
        self.ended.send_replace(false);
        self.serves.store(!self.is_draining(), Ordering::SeqCst);
        let _ended = Ended(self);
        tracing::info!(address = %self.address, listener = self.name, "HTTP listening");
        let mut tasks = JoinSet::new();
        let deadline = waiting_on("a connection", self.accept_all(&mut tasks)).await;
        let all = async { while tasks.join_next().await.is_some() {} };
        if tokio::time::timeout_at((deadline + DRAIN_GRACE).into(), all).await.is_err() {
            self.cut.store(tasks.len() as u64, Ordering::SeqCst);
            tasks.shutdown().await;
        }
    }

    /// Accepts until it is told to drain, and gives the deadline for that.
    async fn accept_all(&self, tasks: &mut JoinSet<()>) -> Instant {
        let (mut order, listener) = (self.order.subscribe(), self.listener.get());
        loop {
            tokio::select! {
                deadline = ordered(&mut order) => return deadline,
                accepted = accept(&listener) => match accepted {
                    Ok((stream, peer)) => self.admit(stream, peer, tasks),
                    Err(error) => {
                        tracing::warn!(listener = self.name, %error, "could not accept a connection");
                        tokio::time::sleep(ACCEPT_PAUSE).await;
                    }
                },
                Some(ended) = tasks.join_next() => if let Err(failure) = ended && failure.is_panic() {
                    tracing::error!(listener = self.name, %failure, "an HTTP connection's task panicked");
                },
            }
        }
    }

    /// Lets go of the address, where nobody will serve any more.
    pub(crate) fn close(&self) {
        self.listener.set(None);
    }

    fn is_draining(&self) -> bool {
        self.order.borrow().is_some()
    }

    fn admit(&self, stream: TcpStream, peer: SocketAddr, tasks: &mut JoinSet<()>) {
        planted::accepting(peer);
        // An answer is one write; the kernel need not wait for more.
        let _ = stream.set_nodelay(true);
        let connection = Connection { host: self.host.clone(), peer, order: self.order.subscribe() };
        tasks.spawn(connection.serve(stream));
    }
}

/// Never, where there is no listener any more.
pub(crate) async fn accept(listener: &Option<TcpListener>) -> io::Result<(TcpStream, SocketAddr)> {
    match listener {
        Some(listener) => listener.accept().await,
        None => std::future::pending().await,
    }
}

async fn ordered(order: &mut watch::Receiver<Option<Instant>>) -> Instant {
    let deadline = order.wait_for(Option::is_some).await.map_or(None, |deadline| *deadline);
    deadline.expect("the listener holds a sender itself, and waited for a deadline")
}

impl Capability for Http {
    fn name(&self) -> &'static str {
        self.name
    }

    fn stage(&self) -> Stage {
        Stage::Intake
    }

    fn metrics(&self) -> Vec<Family> {
        // Every listener is in the same families, which are those of `HttpCounts`.
        Vec::new()
    }

    fn readiness(&self) -> Readiness {
        match self.serves.load(Ordering::SeqCst) {
            true => Readiness::Ready,
            false => Readiness::Unready(format!("the HTTP listener {} does not serve", self.name)),
        }
    }

    fn drain(&self, deadline: Instant) -> Draining<'_> {
        Box::pin(async move {
            self.serves.store(false, Ordering::SeqCst);
            self.order.send_if_modified(|order| order.is_none() && order.replace(deadline).is_none());
            // The sender is in here, so waiting fails only where the condition holds.
            let _ = self.ended.subscribe().wait_for(|ended| *ended).await;
            let count = self.cut.load(Ordering::SeqCst);
            let what = "connections cut before their request was answered";
            let left = || Leftover { part: self.name.to_owned(), count, what };
            (count > 0).then(left).into_iter().collect()
        })
    }
}

#[cfg(test)]
mod tests;
