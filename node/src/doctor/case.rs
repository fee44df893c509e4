//! What is examined: a host, and what the configuration says of the node on it, or what is wrong with that.

use crate::config::{Origins, Unread};
use crate::doctor::finding::Finding;
use crate::doctor::host::Host;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use tidegate_kernel_plug::config::Values;

/// A listener of the node.
#[derive(Debug, Clone)]
pub(super) struct Door {
    /// As in the configuration: `mqtt.listen`.
    pub(super) key: &'static str,
    pub(super) address: SocketAddr,
    pub(super) has_tls: bool,
}

/// What matters here of the configuration.
#[derive(Debug, Clone)]
pub(super) struct Setup {
    pub(super) data: PathBuf,
    pub(super) file: Option<PathBuf>,
    pub(super) network_allowed: bool,
    pub(super) drain_s: u64,
    pub(super) connections_max: u64,
    pub(super) queue_bytes_max: u64,
    pub(super) telemetry: Vec<String>,
    pub(super) anonymous: String,
    pub(super) doors: Vec<Door>,
    pub(super) cert: Option<PathBuf>,
    pub(super) key: Option<PathBuf>,
}

pub(super) struct Case<'h> {
    pub(super) host: &'h dyn Host,
    /// Or what is wrong with the configuration, in one line.
    pub(super) setup: Result<Setup, String>,
}

impl Case<'_> {
    pub(super) fn of<'h>(host: &'h dyn Host, origins: &Origins) -> Case<'h> {
        let setup = match origins.read() {
            Ok((values, _)) => Ok(Setup::of(&values, origins.file.clone())),
            Err(Unread::File(error)) => Err(format!("{}: {error}", origins.name())),
            Err(Unread::Faults(faults)) => {
                Err(faults.report(&origins.name()).lines().next().unwrap_or_default().to_owned())
            }
        };
        Case { host, setup }
    }

    /// Evidence for a code of the catalogue.
    pub(super) fn note(&self, found: &mut Vec<Finding>, code: &'static str, evidence: impl Into<String>) {
        found.push(Finding { code, evidence: evidence.into() });
    }
}

impl Setup {
    pub(super) fn of(values: &Values, file: Option<PathBuf>) -> Setup {
        let cert: Option<PathBuf> = values.group("tls").find("cert");
        let has_tls = cert.is_some();
        let door = |key: &'static str, has_tls| {
            let (group, key_in) = key.split_once('.').expect("a key has its section before it");
            values.group(group).find(key_in).map(|address| Door { key, address, has_tls })
        };
        let opcua = values.group("opcua");
        let (serves_opcua, is_signed) = (opcua.get("enabled"), opcua.get::<String>("security") == "required");
        let doors = [
            door("management.listen", false),
            door("management.tls_listen", true),
            door("http.listen", has_tls),
            door("mqtt.listen", false),
            door("mqtts.listen", true).filter(|_| has_tls),
            door("grpc.listen", false),
            door("opcua.listen", is_signed).filter(|_| serves_opcua),
        ];
        let node = values.group("node");
        Setup {
            data: node.get("data"),
            file,
            network_allowed: node.get("allow_network_folder"),
            drain_s: node.millis("drain_timeout") / 1000,
            connections_max: values.group("mqtt").get("connections_max"),
            queue_bytes_max: values.group("queues").get("bytes_max"),
            telemetry: values.group("ingest").get("telemetry"),
            anonymous: values.group("identity").get("anonymous"),
            doors: doors.into_iter().flatten().collect(),
            key: values.group("tls").find("key"),
            cert,
        }
    }

    /// The data folder, or the nearest one above it that is there.
    pub(super) fn ground<'s>(&'s self, host: &dyn Host) -> &'s Path {
        let is_there = |folder: &&Path| folder.as_os_str().is_empty() || host.meta(folder).is_some();
        self.data
            .ancestors()
            .find(is_there)
            .filter(|folder| !folder.as_os_str().is_empty())
            .unwrap_or(Path::new("."))
    }
}
