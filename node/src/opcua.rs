//! The OPC UA server joined to the node: certificates and trust are those of the driver, values come from the history and a sink of its own.

use crate::failure::Failure;
use crate::history::Past;
use crate::identity::Identity;
use rustix::system::uname;
use std::io;
use std::sync::Arc;
use tidegate_connector_opcua::{Config, OpcUaServer, Own, Units};
use tidegate_driver_opcua::Trust;
use tidegate_service_ingest::{Ingest, SinkConfig};
use tokio::runtime::Handle;
use tokio::task::spawn_blocking;

/// Of the sink.
const NAME: &str = "opcua";
/// Subscriptions are published no sooner, and each delivery is a record of the journal.
const BATCH_AGE_MS: u64 = 50;
/// Names that are asked of the history at once.
const DEVICES_AT_ONCE: usize = 1000;
/// The history may have been so many records behind when it was written down.
const BEHIND_MAX: u64 = 10_000;
/// Records that are looked at once more, so that a start takes no longer than a second or two.
const REVIEW_MAX: u64 = 200_000;

pub(crate) async fn bind(
    config: &Config,
    trust: Arc<Trust>,
    identity: Arc<Identity>,
    ingest: Arc<Ingest>,
) -> Result<OpcUaServer, Failure> {
    let own = own(trust).await?;
    let units: Units = Box::new(move |device| ingest.units_of(device));
    let bound = OpcUaServer::bind(config, &own, identity, units).await;
    bound.map_err(|error| Failure::new(error.code(), &error, error.hint()))
}

/// The certificate is made at the first start.
async fn own(trust: Arc<Trust>) -> Result<Own, Failure> {
    let folder = trust.folder().to_owned();
    let made = spawn_blocking(move || trust.own()).await.unwrap_or_else(|panic| Err(io::Error::other(panic)));
    let uri = made.map_err(|error| {
        let message = format!("the node's own certificate in {} cannot be used: {error}", folder.display());
        Failure::message("TG-UA-015", message, "look at the folder opcua in the data folder")
    })?;
    let machine = uname().nodename().to_string_lossy().into_owned();
    Ok(Own { uri, machine, folder })
}

/// Shows what is known from before, and lets it take part in what comes from now on; fed as `delivery` says, but for how long a batch
/// waits.
pub(crate) fn start(
    server: &OpcUaServer,
    past: Option<&Past>,
    ingest: &Ingest,
    delivery: SinkConfig,
    exporters: &Handle,
) -> Result<(), Failure> {
    if let Some(past) = past {
        recall(server, past, ingest);
    }
    let sink = server.sink();
    let delivery = SinkConfig { batch_age_ms: BATCH_AGE_MS, ..delivery };
    let started = ingest.start_sink_with(NAME, delivery, exporters, move || sink.clone());
    started.map_err(|error| Failure::new(error.code(), &error, error.hint()))
}

/// What the history has, and what the sink was given after that was written down: a crash takes it from the history. Reads the journal.
fn recall(server: &OpcUaServer, past: &Past, ingest: &Ingest) {
    let mut names = past.history.devices("", DEVICES_AT_ONCE);
    while let Some(last) = names.last().cloned() {
        names.iter().for_each(|name| server.put(name, &past.history.latest(name)));
        names = past.history.devices(&last, DEVICES_AT_ONCE);
    }
    let through = ingest.settled(NAME).unwrap_or_else(|| ingest.accounts().as_of_seq);
    let from = past.kept_through.saturating_sub(BEHIND_MAX).max(through.saturating_sub(REVIEW_MAX));
    if let Err(error) = ingest.review(from + 1..=through, |row| server.show(&row)) {
        tracing::warn!(code = error.code(), "OPC UA clients are shown older values: {error}");
    }
}
