//! A server on a port of its own, in a folder of its own.

use serde_json::{Value as Json, json};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tempfile::TempDir;
use tidegate_connector_opcua::{Config, OpcUaServer, Own};
use tidegate_driver_opcua::Trust;
use tidegate_kernel_plug::{
    Authenticate, Capability, Credential, Knock, Principal, Unauthenticated, exposition,
};
use tidegate_service_ingest::{Point, Quality, Value};
use tokio::task::JoinHandle;

pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// Knows `scada` with the secret `open sesame`, and lets nobody in particular in where that is allowed.
pub(crate) struct Door {
    pub(crate) anonymous: bool,
}

impl Authenticate for Door {
    fn authenticate(&self, credential: Credential<'_>, _: Knock) -> Result<Arc<Principal>, Unauthenticated> {
        let known = match credential {
            Credential::Anonymous => self.anonymous,
            Credential::Secret { name: "scada", secret: b"open sesame" } => true,
            _ => return Err(Unauthenticated::Unknown),
        };
        known.then(|| Arc::new(Principal::anonymous())).ok_or(Unauthenticated::Missing)
    }
}

pub(crate) struct Rig {
    pub(crate) server: Arc<OpcUaServer>,
    pub(crate) trust: Trust,
    pub(crate) folder: TempDir,
    running: JoinHandle<()>,
}

impl Rig {
    pub(crate) async fn start(config: Config, anonymous: bool) -> Rig {
        let folder = TempDir::new().unwrap();
        let trust = Trust::at(folder.path().join("opcua"));
        let config = Config { listen: "127.0.0.1:0".parse().unwrap(), ..config };
        let units = |_: &str| BTreeMap::from([("temp".into(), "°C".into())]);
        let (own, door) = (own(&trust), Arc::new(Door { anonymous }));
        let server = Arc::new(OpcUaServer::bind(&config, &own, door, Box::new(units)).await.unwrap());
        let serving = server.clone();
        let running = tokio::spawn(async move { serving.serve().await });
        Rig { server, trust, folder, running }
    }

    /// With an endpoint without security, over which anybody is let in.
    pub(crate) async fn open(config: Config) -> Rig {
        Rig::start(Config { is_open: true, ..config }, true).await
    }

    pub(crate) fn url(&self) -> String {
        format!("opc.tcp://{}", self.server.local_addr())
    }

    pub(crate) fn put(&self, device: &str, tag: &str, value: Value, quality: Quality, source_ms: u64) {
        self.server.put(device, &[Point { tag: tag.into(), value, quality, source_ms }]);
    }

    /// Good, and of no time in particular.
    pub(crate) fn put_real(&self, device: &str, tag: &str, value: f64) {
        self.put(device, tag, Value::Real(value), Quality::Good, 1_700_000_000_000);
    }

    /// Whether the page of metrics has this line.
    pub(crate) fn measures(&self, line: &str) -> bool {
        exposition(&self.server.metrics()).contains(&format!("{line}\n"))
    }

    pub(crate) async fn end(self) {
        assert!(self.server.drain(Instant::now() + PATIENCE).await.is_empty());
        self.running.await.unwrap();
    }
}

pub(crate) fn own(trust: &Trust) -> Own {
    Own { uri: trust.own().unwrap(), machine: "hall-3".to_owned(), folder: trust.folder().to_owned() }
}

pub(crate) fn told(value: Json, status: &str, source_ms: u64) -> Json {
    json!({ "value": value, "status": status, "source_ms": source_ms })
}
