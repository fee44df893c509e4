//! What runs: each capability's tasks under the supervisor, and what they go on from after a panic.

use super::listening::{Door, Listeners, Ways, Wired};
use super::{Past, Site};
use crate::alarms;
use crate::failure::Failure;
use std::future::Future;
use std::panic::resume_unwind;
use std::sync::Arc;
use tidegate_service_ingest::Ingest;
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
            self.keep(("http", "listener"), http, |http| async move { http.serve().await });
        }
        if let Some(ways) = ways {
            self.run_ingest();
            self.run_ways(ways);
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
        self.keep(
            ("admin", "listener"),
            &Arc::new(management.plain),
            |admin| async move { admin.serve().await },
        );
        if let Some(admin) = management.over_tls.map(Arc::new) {
            self.keep(("admin-tls", "listener"), &admin, |admin| async move { admin.serve().await });
        }
        capabilities
    }

    fn run_door(&self, Door { broker, mqtt, mqtts }: Door) {
        self.keep(("broker", "listener"), &Arc::new((mqtt, broker)), |both| async move {
            both.0.serve(&both.1).await
        });
        if let Some(mqtts) = &mqtts {
            self.keep(("mqtts", "listener"), mqtts, |mqtts| async move { mqtts.serve().await });
        }
    }

    fn run_ways(&self, Ways { grpc, links }: Ways) {
        self.keep(("grpc", "listener"), &Arc::new(grpc), |grpc| async move {
            grpc.serve().await;
        });
        for link in &links.0 {
            self.keep(("external", &format!("link {}", link.name())), link, |link| async move {
                link.run().await
            });
        }
    }

    /// Every change of an alarm goes into the outbox, from now on at the very first time, until the runtime ends.
    pub(super) fn follow_alarms(&self, exporters: &Handle) {
        let (ingest, notices, head) =
            (self.ingest.clone(), self.notices.clone(), self.ingest.accounts().as_of_seq);
        let follow = move || {
            let (ingest, outbox) = (ingest.clone(), notices.outbox().clone());
            async move { alarms::follow(&ingest, outbox, head).await }
        };
        self.supervisor.run(("notice", "alarms"), exporters, follow);
    }

    /// The pipeline's own task. After a panic on the way in, that is opened again first, out of the journal.
    fn run_ingest(&self) {
        let ingest = self.ingest.clone();
        let run = move || run_ingest(ingest.clone());
        self.supervisor.run(("ingest", "register"), &Handle::current(), run);
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
        let kept = kept.clone();
        let make = move || {
            let running = run(kept.clone());
            async {
                running.await;
                Ok(())
            }
        };
        self.supervisor.run(task, &Handle::current(), make);
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
