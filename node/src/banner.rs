//! What `tidegate up` tells a person on standard output: what listens where, how to try it, and at the end what is left.

use crate::lan::Greeting;
use std::fmt;
use std::io::{self, Write};
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;
use tidegate_kernel_plug::DrainReport;

/// The table printed once everything listens.
#[derive(Debug)]
pub(crate) struct Banner<'a> {
    /// Nothing where the broker is another process's.
    pub(crate) mqtt: Option<SocketAddr>,
    pub(crate) mqtts: Option<SocketAddr>,
    /// Nothing where neither the pipeline nor the books are this process's.
    pub(crate) http: Option<(&'static str, SocketAddr)>,
    /// Nothing where it is another process's.
    pub(crate) pipeline: Option<Pipeline<'a>>,
    pub(crate) admin: SocketAddr,
    pub(crate) admin_tls: Option<SocketAddr>,
    pub(crate) lan: Option<Greeting>,
    /// Its URL for the phone's camera, where there is a terminal to show it on.
    pub(crate) code: Option<String>,
    pub(crate) data: &'a Path,
    /// Nothing where there is no file.
    pub(crate) config: Option<String>,
}

/// The pipeline's own listener, and the file it writes.
#[derive(Debug)]
pub(crate) struct Pipeline<'a> {
    pub(crate) grpc: SocketAddr,
    pub(crate) over_tls: bool,
    /// Nothing where OPC UA is not served.
    pub(crate) opcua: Option<SocketAddr>,
    /// Nothing where readings go into no file.
    pub(crate) file: Option<&'a Path>,
}

impl fmt::Display for Banner<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (admin, data) = (self.admin, self.data.display());
        writeln!(f, "tidegate {}", env!("CARGO_PKG_VERSION"))?;
        if let Some(mqtt) = self.mqtt {
            writeln!(f, "  mqtt   mqtt://{mqtt}   MQTT 5 and 3.1.1")?;
        }
        if let Some(mqtts) = self.mqtts {
            writeln!(f, "  mqtts  mqtts://{mqtts}   the same over TLS")?;
        }
        writeln!(f, "  admin  http://{admin}   /metrics /readyz /healthz /api/v1/ingest/accounts")?;
        if let (Some(admin), None) = (self.admin_tls, &self.lan) {
            writeln!(f, "         https://{admin}   the same over TLS")?;
        }
        if let Some((scheme, http)) = self.http {
            let what = if self.pipeline.is_some() { "readings" } else { "books" };
            writeln!(f, "  http   {scheme}://{http}   {what} over HTTP/1.1")?;
        }
        if let Some(Pipeline { grpc, over_tls, .. }) = self.pipeline {
            let over_tls = if over_tls { ", over TLS" } else { "" };
            writeln!(f, "  grpc   grpc://{grpc}   tidegate.ingest.v1.Readings{over_tls}")?;
        }
        if let Some(opcua) = self.pipeline.as_ref().and_then(|pipeline| pipeline.opcua) {
            writeln!(f, "  opcua  opc.tcp://{opcua}   devices and tags, to read and subscribe to")?;
        }
        writeln!(f, "  data   {data}")?;
        if let Some(file) = self.pipeline.as_ref().and_then(|pipeline| pipeline.file) {
            writeln!(f, "  file   {}   one reading a line", file.display())?;
        }
        match &self.config {
            Some(config) => {
                writeln!(f, "  config {config}   reload: tidegate config reload --admin {admin}")?
            }
            None => writeln!(f, "  config none; defaults and command line. Begin one: tidegate config init")?,
        }
        if let Some(lan) = &self.lan {
            write!(f, "{lan}{}", self.code.as_deref().unwrap_or_default())?;
        }
        writeln!(f, "try it:")?;
        if let Some(mqtt) = self.mqtt {
            writeln!(f, "  mosquitto_pub -h {} -p {} -q 1 -t line/7/temp -m 21.5", mqtt.ip(), mqtt.port())?;
        }
        if let Some(file) = self.pipeline.as_ref().and_then(|pipeline| pipeline.file) {
            writeln!(f, "  tail {}", file.display())?;
        }
        match self.pipeline {
            Some(_) => writeln!(f, "  curl http://{admin}/api/v1/ingest/accounts")?,
            None => writeln!(f, "  curl http://{admin}/readyz")?,
        }
        writeln!(f, "stop it with Ctrl-C: what is on its way goes out first")
    }
}

/// How the last words begin.
pub(crate) const FAREWELL: &str = "drained in ";

/// The last words.
pub(crate) fn farewell(report: &DrainReport, took: Duration) -> String {
    let seconds = took.as_secs_f64();
    if report.is_clean() {
        format!("{FAREWELL}{seconds:.2} s; nothing is left\n")
    } else {
        format!("{FAREWELL}{seconds:.2} s; left behind:\n{report}")
    }
}

/// Prints to standard output; a reader that went away is no reason to stop.
pub(crate) fn say(text: &str) {
    let mut out = io::stdout().lock();
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}
