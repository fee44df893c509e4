//! HTTP is served through `plug::Routes` alone, whose gate gives every request its id.
//!
//! A router or a server of axum's or hyper's is found wherever it is named, but for the two places that make the one listener. A bare
//! `TcpListener` is found as well: those of protocols other than HTTP are the ones in the list.

use super::{Finding, Source, finding};
use crate::tidy::senses::paths_from;
use crate::tidy::source::Kind;

pub(super) const NAME: &str = "routes";
pub(super) const WHAT: &str = "HTTP is served through plug::Routes alone";

/// Where routes become a router, and where the listener of HTTP takes connections.
const HTTP: &[&str] = &["kernel/plug/src/", "node/src/http.rs", "node/src/http/"];
/// Listeners of MQTT, gRPC and OPC UA.
const LISTENERS: &[&str] = &[
    "connectors/opcua/src/server.rs",
    "node/src/mqtts.rs",
    "services/broker/src/broker.rs",
    "services/grpc/src/server.rs",
];

const BANNED: &[&str] =
    &["axum::Router", "axum::routing", "axum::serve", "hyper::server", "hyper_util::server"];
const HINT: &str = "declare the route with plug::Routes; the node serves it";

pub(super) fn check(source: &Source) -> Vec<Finding> {
    let is_among = |places: &[&str]| places.iter().any(|place| source.path.starts_with(place));
    if is_among(HTTP) {
        return Vec::new();
    }
    let mut findings = Vec::new();
    for (index, token) in source.tokens.iter().enumerate() {
        let Kind::Ident(word) = &token.kind else { continue };
        let paths = match word.as_str() {
            "axum" | "hyper" | "hyper_util" => paths_from(&source.tokens[index..]),
            "TcpListener" if !is_among(LISTENERS) => vec!["TcpListener".to_owned()],
            _ => continue,
        };
        let is_banned =
            |path: &String| path == "TcpListener" || BANNED.iter().any(|banned| path.starts_with(banned));
        let banned = paths.into_iter().filter(is_banned);
        findings.extend(
            banned.map(|path| {
                finding(source, token.line, NAME, format!("{path} serves past plug::Routes"), HINT)
            }),
        );
    }
    findings
}
