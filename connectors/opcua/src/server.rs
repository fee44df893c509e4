//! The listener: sessions of clients until it is told to end, which they are told.

use crate::config::Config;
use crate::error::OpcUaError;
use crate::setup::{Own, builder};
use crate::sink::OpcUaSink;
use crate::space::{Space, Units};
use crate::strangers;
use crate::tags::Tags;
use crate::users::Users;
use opcua::server::node_manager::memory::InMemoryNodeManager;
use opcua::server::{Server, ServerHandle};
use opcua::types::{VariableId, Variant};
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tidegate_kernel_plug::{Authenticate, Capability, Draining, Family, Leftover, Readiness, Stage};
use tidegate_service_ingest::{Point, Row};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::spawn_blocking;
use tokio::time::{interval, timeout_at};

/// Between two looks at what the library leaves undone.
const TEND_EVERY: Duration = Duration::from_secs(1);
/// How long a client may take to hear that it is over.
const FAREWELL_MAX: Duration = Duration::from_secs(2);

/// A server that has its address, and serves once.
pub struct OpcUaServer {
    address: SocketAddr,
    waiting: Mutex<Option<(Server, TcpListener)>>,
    handle: ServerHandle,
    manager: Arc<InMemoryNodeManager<Tags>>,
    space: Arc<Space>,
    rejected: PathBuf,
    state: watch::Sender<State>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Serves,
    /// Those who do not hear are not waited for.
    Cut,
    Ended,
}

impl fmt::Debug for OpcUaServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OpcUaServer").field("address", &self.address).finish_non_exhaustive()
    }
}

impl OpcUaServer {
    pub async fn bind(
        config: &Config,
        own: &Own,
        doorkeeper: Arc<dyn Authenticate>,
        units: Units,
    ) -> Result<OpcUaServer, OpcUaError> {
        let failed = |source: io::Error| OpcUaError::Listen { address: config.listen, source };
        let listener = TcpListener::bind(config.listen).await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let (server, handle) = builder(config, own, address)
            .with_authenticator(Arc::new(Users::new(doorkeeper, address)))
            .build()
            .map_err(OpcUaError::Setup)?;
        let found = handle.node_managers().get_of_type::<InMemoryNodeManager<Tags>>();
        let manager = found.ok_or_else(|| OpcUaError::Setup("there is no room for tags".to_owned()))?;
        if handle.info().server_certificate.is_none() || handle.info().server_pkey.is_none() {
            return Err(OpcUaError::Setup(
                "the certificate of the node, or its key, cannot be read".to_owned(),
            ));
        }
        let space = Space::new(manager.clone(), handle.subscriptions().clone(), units, config.tags_max);
        let (waiting, space) = (Mutex::new(Some((server, listener))), Arc::new(space));
        let (rejected, state) = (own.folder.join("rejected"), watch::Sender::new(State::Serves));
        Ok(OpcUaServer { address, waiting, handle, manager, space, rejected, state })
    }

    pub fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// What the pipeline delivers to.
    pub fn sink(&self) -> OpcUaSink {
        OpcUaSink(self.space.clone())
    }

    /// A reading from before.
    pub fn show(&self, row: &Row) {
        self.space.show(row);
    }

    /// What is known from before.
    pub fn put(&self, device: &str, points: &[Point]) {
        self.space.put(device, points);
    }

    /// Serves until it is told to end. There is no second time: the library gives up what it had.
    pub async fn serve(&self) {
        let waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some((server, listener)) = waiting else { return };
        let _end = End(&self.state);
        let mut state = self.state.subscribe();
        tokio::select! {
            _ = server.run_with(listener) => {}
            () = self.tend() => {}
            _ = state.wait_for(|state| *state == State::Cut) => {}
        }
    }

    /// Nobody is let in any more, and nobody stays. Where it never served, nobody is ever let in.
    pub fn close(&self) {
        self.handle.cancel();
        if self.waiting.lock().unwrap_or_else(PoisonError::into_inner).take().is_some() {
            self.state.send_replace(State::Ended);
        }
    }

    /// For ever.
    async fn tend(&self) {
        let mut ticks = interval(TEND_EVERY);
        loop {
            ticks.tick().await;
            self.space.tend();
            let rejected = self.rejected.clone();
            // Where the folder cannot be read no certificate can be put there either.
            let _ = spawn_blocking(move || strangers::trim(&rejected)).await;
        }
    }

    fn diagnosed(&self, what: VariableId) -> u64 {
        let value = self.handle.info().diagnostics.get(what).and_then(|value| value.value);
        if let Some(Variant::UInt32(many)) = value { many.into() } else { 0 }
    }

    fn sessions(&self) -> u64 {
        self.diagnosed(VariableId::Server_ServerDiagnostics_ServerDiagnosticsSummary_CurrentSessionCount)
    }
}

/// Says that nothing is served, also where that ended by a panic.
struct End<'a>(&'a watch::Sender<State>);

impl Drop for End<'_> {
    fn drop(&mut self) {
        self.0.send_replace(State::Ended);
    }
}

impl Capability for OpcUaServer {
    fn name(&self) -> &'static str {
        "opcua"
    }

    fn stage(&self) -> Stage {
        Stage::Delivery
    }

    fn metrics(&self) -> Vec<Family> {
        let gauge = |name, help, value: u64| Family::gauge(name, help).with(&[], value);
        let counter = |name, help, value: u64| Family::counter(name, help).with(&[], value);
        let tags = self.manager.inner();
        let subscriptions =
            VariableId::Server_ServerDiagnostics_ServerDiagnosticsSummary_CurrentSubscriptionCount;
        let left_out = "Values of tags that are not shown because as many are as may be.";
        let abandoned = "Subscriptions that ran out as their clients went without a word.";
        let refused = "Tags that were not watched because as many are as may be.";
        vec![
            gauge("tidegate_opcua_sessions", "Sessions of OPC UA clients.", self.sessions()),
            gauge("tidegate_opcua_subscriptions", "Their subscriptions.", self.diagnosed(subscriptions)),
            gauge("tidegate_opcua_watched_tags", "Tags that subscriptions watch.", tags.watched() as u64),
            gauge(
                "tidegate_opcua_shown_tags",
                "Tags that OPC UA clients are shown.",
                self.space.tags() as u64,
            ),
            counter("tidegate_opcua_abandoned_subscriptions_total", abandoned, tags.abandoned()),
            counter("tidegate_opcua_left_out_values_total", left_out, self.space.left_out()),
            counter("tidegate_opcua_refused_watches_total", refused, tags.refused()),
        ]
    }

    fn readiness(&self) -> Readiness {
        match *self.state.borrow() {
            State::Serves => Readiness::Ready,
            State::Cut | State::Ended => Readiness::Unready("OPC UA is not served".to_owned()),
        }
    }

    /// Clients are told that it ends; those who do not hear are cut.
    fn drain(&self, deadline: Instant) -> Draining<'_> {
        Box::pin(async move {
            self.close();
            let deadline = deadline.min(Instant::now() + FAREWELL_MAX);
            let mut state = self.state.subscribe();
            let ended = |state: &State| *state == State::Ended;
            if timeout_at(deadline.into(), state.wait_for(ended)).await.is_ok() {
                return Vec::new();
            }
            let (part, what) = ("opcua".to_owned(), "sessions cut: their clients did not hear that it ends");
            let count = self.sessions().max(1);
            self.state.send_replace(State::Cut);
            vec![Leftover { part, count, what }]
        })
    }
}
