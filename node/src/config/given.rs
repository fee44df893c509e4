//! What the command line of `tidegate up` says, as settings. Pure.

use crate::cli::Up;
use tidegate_kernel_plug::config::Override;

/// Those that are given; they go before the file's.
pub(crate) fn overrides(up: &Up) -> Vec<Override> {
    let one =
        |path, option, text: Option<String>| text.map(|text| Override { path, option, texts: vec![text] });
    let network = up.allow_network_folder.then(|| "true".to_owned());
    let critical: Vec<String> = up.critical.iter().map(|filter| filter.as_str().to_owned()).collect();
    let only = Override { path: "node.only", option: "--only", texts: up.only.clone() };
    let critical = Override { path: "ingest.critical", option: "--critical", texts: critical };
    [
        one("node.data", "--data", up.data.clone()),
        one("node.allow_network_folder", "--allow-network-folder", network),
        one("log.format", "--log", up.log.clone()),
        one("node.drain_timeout", "--drain-timeout", up.drain_timeout.map(|seconds| format!("{seconds} s"))),
        one("management.listen", "--admin", up.admin.map(|address| address.to_string())),
        one("management.tls_listen", "--admin-tls", up.admin_tls.map(|address| address.to_string())),
        one("http.listen", "--http", up.http.map(|address| address.to_string())),
        one("mqtts.listen", "--mqtts", up.mqtts.map(|address| address.to_string())),
        one("tls.cert", "--tls-cert", up.tls_cert.clone()),
        one("tls.key", "--tls-key", up.tls_key.clone()),
        one("tls.client_ca", "--tls-client-ca", up.tls_client_ca.clone()),
        one("grpc.listen", "--grpc", up.grpc.map(|address| address.to_string())),
        one("mqtt.listen", "--mqtt", up.mqtt.map(|address| address.to_string())),
        one("ingest.file.path", "--file", up.file.clone()),
        Some(critical).filter(|given| !given.texts.is_empty()),
        Some(only).filter(|given| !given.texts.is_empty()),
    ]
    .into_iter()
    .flatten()
    .collect()
}
