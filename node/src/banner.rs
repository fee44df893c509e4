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
    pub(crate) mqtt: SocketAddr,
    pub(crate) mqtts: Option<SocketAddr>,
    /// Its scheme and address.
    pub(crate) http: (&'static str, SocketAddr),
    /// Whether it is over TLS, and its address.
    pub(crate) grpc: (bool, SocketAddr),
    pub(crate) admin: SocketAddr,
    pub(crate) admin_tls: Option<SocketAddr>,
    pub(crate) lan: Option<Greeting>,
    /// Its URL for the phone's camera, where there is a terminal to show it on.
    pub(crate) code: Option<String>,
    pub(crate) data: &'a Path,
    /// Nothing where readings go into no file.
    pub(crate) file: Option<&'a Path>,
    /// Nothing where there is no file.
    pub(crate) config: Option<String>,
}

impl fmt::Display for Banner<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Banner { mqtt, http: (scheme, http), grpc: (is_tls, grpc), admin, .. } = self;
        let of_grpc =
            if *is_tls { "tidegate.ingest.v1.Readings, over TLS" } else { "tidegate.ingest.v1.Readings" };
        let (data, file) = (self.data.display(), self.file.map(Path::display));
        writeln!(f, "tidegate {}", env!("CARGO_PKG_VERSION"))?;
        writeln!(f, "  mqtt   mqtt://{mqtt}   MQTT 5 and 3.1.1")?;
        if let Some(mqtts) = self.mqtts {
            writeln!(f, "  mqtts  mqtts://{mqtts}   the same over TLS")?;
        }
        writeln!(f, "  admin  http://{admin}   /metrics /readyz /healthz /api/v1/ingest/accounts")?;
        if let (Some(admin), None) = (self.admin_tls, &self.lan) {
            writeln!(f, "         https://{admin}   the same over TLS")?;
        }
        writeln!(f, "  http   {scheme}://{http}   readings over HTTP/1.1")?;
        writeln!(f, "  grpc   grpc://{grpc}   {of_grpc}")?;
        writeln!(f, "  data   {data}")?;
        if let Some(file) = &file {
            writeln!(f, "  file   {file}   one reading a line")?;
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
        writeln!(f, "  mosquitto_pub -h {} -p {} -q 1 -t line/7/temp -m 21.5", mqtt.ip(), mqtt.port())?;
        if let Some(file) = &file {
            writeln!(f, "  tail {file}")?;
        }
        writeln!(f, "  curl http://{admin}/api/v1/ingest/accounts")?;
        writeln!(f, "stop it with Ctrl-C: what is on its way goes out first")
    }
}

/// The last words.
pub(crate) fn farewell(report: &DrainReport, took: Duration) -> String {
    let seconds = took.as_secs_f64();
    if report.is_clean() {
        format!("drained in {seconds:.2} s; nothing is left\n")
    } else {
        format!("drained in {seconds:.2} s; left behind:\n{report}")
    }
}

/// Prints to standard output; a reader that went away is no reason to stop.
pub(crate) fn say(text: &str) {
    let mut out = io::stdout().lock();
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}
