//! What runs: each capability's tasks under the supervisor, and what they go on from after a panic.

use super::listening::{Door, Listeners, Ways, Wired};
use super::{Past, Site};
use crate::alarms;
use crate::broker::Mqtt;
use crate::failure::Failure;
use crate::http::Http;
use crate::mqtts::Mqtts;
use std::future::Future;
use std::panic::resume_unwind;
use std::sync::Arc;
use tidegate_connector_opcua::OpcUaServer;
use tidegate_service_broker::Broker;
use tidegate_service_grpc::Grpc;
use tidegate_service_ingest::Ingest;
use tidegate_service_plant::Plant;
use tokio::runtime::Handle;
use tokio::task::spawn_blocking;

impl Site<'_> {
    /// Sets everything running: devices, pipeline, management. Management serves to the end of the process.
    pub(super) fn set_running(&self, listeners: Listeners) -> Wired {
        let Listeners { door, http, ways, management, capabilities, .. } = listeners;
        if let Some(door) = door {
            self.run_door(door);
        }
        if let Some(http) = &http {
            self.run_http("http", http);
        }
        if let Some(ways) = ways {
            self.run_ingest();
            self.run_ways(ways);
            let ask = |plant: Arc<Plant>| async move { plant.run().await };
            self.keep_on(&self.devices, ("plant", "buses"), &self.pipeline.plant, ask, |_| {});
        }
        if self.settings.only.notice {
            self.keep(
                ("notice", "retired"),
                &self.notices,
                |notices| async move { notices.keep_retired().await },
            );
        }
        if let Some(Past { keeper, .. }) = &self.past {
            self.keep(("history", "snapshots"), keeper, |keeper| async move { keeper.keep().await });
        }
        self.keep(("events", "rounds"), &management.events, |events| async move { events.run().await });
        self.run_http("admin", &Arc::new(management.plain));
        if let Some(admin) = management.over_tls.map(Arc::new) {
            self.run_http("admin-tls", &admin);
        }
        capabilities
    }

    fn run_http(&self, capability: &'static str, http: &Arc<Http>) {
        let serve = |http: Arc<Http>| async move { http.serve().await };
        self.keep_listener((capability, "listener"), http, serve, Http::close);
    }

    /// MQTT over TLS serves through the broker, and goes with it.
    fn run_door(&self, Door { broker, mqtt, mqtts }: Door) {
        let over_tls = mqtts.clone();
        let serve = |both: Arc<(Arc<Mqtt>, Broker)>| async move { both.0.serve(&both.1).await };
        self.keep_listener(("broker", "listener"), &Arc::new((mqtt, broker)), serve, move |both| {
            both.1.close();
            over_tls.iter().for_each(|mqtts| mqtts.close());
        });
        if let Some(mqtts) = &mqtts {
            let serve = |mqtts: Arc<Mqtts>| async move { mqtts.serve().await };
            self.keep_listener(("mqtts", "listener"), mqtts, serve, Mqtts::close);
        }
    }

    fn run_ways(&self, Ways { grpc, links }: Ways) {
        let serve = |grpc: Arc<Grpc>| async move {
            grpc.serve().await;
        };
        self.keep_listener(("grpc", "listener"), &Arc::new(grpc), serve, Grpc::close);
        for link in &links.0 {
            self.keep(("external", &format!("link {}", link.name())), link, |link| async move {
                link.run().await
            });
        }
    }

    /// On the threads of sinks: certificates are read from the disk as clients come.
    pub(super) fn run_opcua(&self, server: &Arc<OpcUaServer>, exporters: &Handle) {
        let serve = |server: Arc<OpcUaServer>| async move { server.serve().await };
        self.keep_on(exporters, ("opcua", "listener"), server, serve, OpcUaServer::close);
    }

    /// Every change of an alarm goes into the outbox, from now on at the very first time, until the runtime ends.
    pub(super) fn follow_alarms(&self, exporters: &Handle) {
        let (ingest, notices, head) =
            (self.ingest.clone(), self.notices.clone(), self.ingest.accounts().as_of_seq);
        let follow = move || {
            let (ingest, outbox) = (ingest.clone(), notices.outbox().clone());
            async move { alarms::follow(&ingest, outbox, head).await }
        };
        self.supervisor.run(("notice", "alarms"), exporters, follow, || {});
    }

    /// The pipeline's own task. After a panic on the way in, that is opened again first, out of the journal.
    fn run_ingest(&self) {
        let ingest = self.ingest.clone();
        let run = move || run_ingest(ingest.clone());
        self.supervisor.run(("ingest", "register"), &Handle::current(), run, || {});
    }

    /// What has all it needs after a panic.
    fn keep<T, F>(
        &self,
        task: (&'static str, &str),
        kept: &Arc<T>,
        run: impl Fn(Arc<T>) -> F + Send + Sync + 'static,
    ) where
        T: Send + Sync + 'static,
        F: Future<Output = ()> + Send + 'static,
    {
        self.keep_listener(task, kept, run, |_| {});
    }

    /// The same where something is to be put away when it is given up: nobody is to connect to a socket that nobody accepts from.
    fn keep_listener<T, F>(
        &self,
        task: (&'static str, &str),
        kept: &Arc<T>,
        run: impl Fn(Arc<T>) -> F + Send + Sync + 'static,
        close: impl FnOnce(&T) + Send + 'static,
    ) where
        T: Send + Sync + 'static,
        F: Future<Output = ()> + Send + 'static,
    {
        self.keep_on(&Handle::current(), task, kept, run, close);
    }

    /// The same on the threads of a runtime.
    fn keep_on<T, F>(
        &self,
        runtime: &Handle,
        task: (&'static str, &str),
        kept: &Arc<T>,
        run: impl Fn(Arc<T>) -> F + Send + Sync + 'static,
        close: impl FnOnce(&T) + Send + 'static,
    ) where
        T: Send + Sync + 'static,
        F: Future<Output = ()> + Send + 'static,
    {
        let (kept, given_up) = (kept.clone(), kept.clone());
        let make = move || {
            let running = run(kept.clone());
            async {
                running.await;
                Ok(())
            }
        };
        self.supervisor.run(task, runtime, make, move || close(&given_up));
    }
}

async fn run_ingest(ingest: Arc<Ingest>) -> Result<(), Failure> {
    if ingest.is_down() {
        let opened = ingest.clone();
        match spawn_blocking(move || opened.reopen()).await {
            Ok(opened) => opened.map_err(|error| Failure::new(error.code(), &error, error.hint()))?,
            Err(panic) => resume_unwind(panic.into_panic()),
        }
    }
    ingest.run().await;
    Ok(())
}
