//! The one way out is `kernel/outbound`, and a call made for a request says for which.
//!
//! Connections and look-ups of std's and tokio's are found by name, as are HTTP clients. A function that is handed a `RequestId` and
//! makes a request has to name the header `x-request-id`; what it hands on to other functions is not followed.

use super::{Finding, Source, finding};
use crate::tidy::senses::paths_from;
use crate::tidy::source::{Kind, Token};

pub(super) const NAME: &str = "outbound";
pub(super) const WHAT: &str = "calls to other servers go through kernel/outbound and carry the request's id";

/// The way out itself; and the command line, which asks the node of this machine.
const ALLOWED: &[&str] = &["kernel/outbound/src/", "node/src/asking.rs"];
/// What goes out, as the last two names of a path.
const CALLS: &[(&str, &str)] = &[
    ("TcpStream", "connect"),
    ("TcpStream", "connect_timeout"),
    ("UnixStream", "connect"),
    ("UdpSocket", "bind"),
    ("TcpSocket", "new_v4"),
    ("TcpSocket", "new_v6"),
    ("net", "lookup_host"),
];
const CLIENTS: &[&str] = &["hyper::client", "hyper_util::client", "reqwest", "ureq"];
const HINT: &str = "connect with kernel/outbound's Dialer or Client";

pub(super) fn check(source: &Source) -> Vec<Finding> {
    if ALLOWED.iter().any(|place| source.path.starts_with(place)) {
        return Vec::new();
    }
    let past =
        |(line, name)| finding(source, line, NAME, format!("{name} goes out past kernel/outbound"), HINT);
    let mut findings: Vec<Finding> = calls(&source.tokens).map(past).collect();
    findings.extend(clients(&source.tokens).map(past));
    findings.extend(silent(source));
    findings
}

fn calls(tokens: &[Token]) -> impl Iterator<Item = (usize, String)> {
    tokens.windows(4).filter_map(|window| {
        let [Kind::Ident(of), Kind::Punct(':'), Kind::Punct(':'), Kind::Ident(name)] =
            [&window[0].kind, &window[1].kind, &window[2].kind, &window[3].kind]
        else {
            return None;
        };
        let is_call = CALLS.contains(&(of.as_str(), name.as_str()));
        is_call.then(|| (window[3].line, format!("{of}::{name}")))
    })
}

fn clients(tokens: &[Token]) -> impl Iterator<Item = (usize, String)> {
    tokens.iter().enumerate().flat_map(|(index, token)| {
        let is_root = matches!(&token.kind, Kind::Ident(word) if CLIENTS.iter().any(|path| path.split("::").next() == Some(word.as_str())));
        let paths = if is_root { paths_from(&tokens[index..]) } else { Vec::new() };
        let is_client = |path: &String| CLIENTS.iter().any(|client| path.starts_with(client));
        paths.into_iter().filter(is_client).map(|path| (token.line, path)).collect::<Vec<_>>()
    })
}

/// Functions that know for which request they go out, and do not say so.
fn silent(source: &Source) -> Vec<Finding> {
    let words = |from: usize, to: usize| {
        source.text.lines().skip(from - 1).take(to - from).collect::<Vec<_>>().join("\n")
    };
    let is_silent = |function: &&crate::tidy::source::Function| {
        let text = words(function.line, function.line + function.lines);
        let (head, body) = text.split_once('{').unwrap_or((&text, ""));
        let goes_out =
            ["Request::post(", "Request::get(", "Request::put("].iter().any(|call| body.contains(call));
        head.contains("RequestId") && goes_out && !body.to_lowercase().contains("x-request-id")
    };
    let functions = source.functions.iter().filter(|function| !function.is_test).filter(is_silent);
    let told = functions.map(|function| {
        let message = format!("{} is handed a RequestId and makes a request without it", function.name);
        finding(source, function.line, NAME, message, "add .with(\"x-request-id\", id.as_str())")
    });
    told.collect()
}
