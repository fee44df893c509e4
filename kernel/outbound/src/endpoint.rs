//! One server, as `http://host:port` or `https://host:port` says. Pure.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

const HOST_BYTES_MAX: usize = 253;

/// Where to connect to, and whether with TLS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    pub tls: bool,
    /// A name, or an address without brackets.
    pub host: String,
    pub port: u16,
    /// What the path of each request begins with; empty, or `/` and no `/` at its end.
    pub path: String,
}

/// Text that is no endpoint, and why.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct NotAnEndpoint(&'static str);

impl Endpoint {
    /// Reads `SCHEME://HOST[:PORT][/PATH]` with one of these schemes: its name, whether it is TLS, its port.
    pub fn with_schemes(text: &str, schemes: &[(&str, bool, u16)]) -> Result<Endpoint, NotAnEndpoint> {
        let (scheme, rest) =
            text.split_once("://").ok_or(NotAnEndpoint("it has no scheme, such as http://"))?;
        let known = schemes.iter().find(|(name, _, _)| *name == scheme);
        let (_, tls, default_port) =
            *known.ok_or(NotAnEndpoint("its scheme is none that can be used here"))?;
        let (authority, path) = rest.find('/').map_or((rest, ""), |at| rest.split_at(at));
        if authority.contains('@') {
            return Err(NotAnEndpoint("a user and password do not belong in it"));
        }
        let (host, port) = split_authority(authority)?;
        let port = port
            .map_or(Ok(default_port), |port| port.parse().map_err(|_| NotAnEndpoint("its port is none")))?;
        if path.bytes().any(|byte| !byte.is_ascii_graphic() || byte == b'?' || byte == b'#') {
            return Err(NotAnEndpoint("its path may have no query, fragment or space"));
        }
        Ok(Endpoint { tls, host: host.to_owned(), port, path: path.trim_end_matches('/').to_owned() })
    }

    pub fn address(&self) -> Option<IpAddr> {
        self.host.parse().ok()
    }
}

fn split_authority(authority: &str) -> Result<(&str, Option<&str>), NotAnEndpoint> {
    if let Some(rest) = authority.strip_prefix('[') {
        let (host, after) = rest.split_once(']').ok_or(NotAnEndpoint("a bracket is not closed"))?;
        host.parse::<std::net::Ipv6Addr>().map_err(|_| NotAnEndpoint("its host is no address"))?;
        return Ok((host, after.strip_prefix(':')));
    }
    let (host, port) = authority.split_once(':').map_or((authority, None), |(host, port)| (host, Some(port)));
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_');
    let whole = !host.is_empty() && host.len() <= HOST_BYTES_MAX && host.bytes().all(plain);
    if whole { Ok((host, port)) } else { Err(NotAnEndpoint("its host is no name and no address")) }
}

impl FromStr for Endpoint {
    type Err = NotAnEndpoint;

    fn from_str(text: &str) -> Result<Endpoint, NotAnEndpoint> {
        Endpoint::with_schemes(text, &[("http", false, 80), ("https", true, 443)])
    }
}

/// Host and port, as a header says them.
impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Endpoint { host, port, .. } = self;
        if host.contains(':') { write!(f, "[{host}]:{port}") } else { write!(f, "{host}:{port}") }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_ports_paths_and_brackets_are_read() {
        let read = |text: &str| {
            text.parse::<Endpoint>().map(|endpoint| (endpoint.to_string(), endpoint.tls, endpoint.path))
        };
        assert_eq!(read("http://influx"), Ok(("influx:80".to_owned(), false, String::new())));
        assert_eq!(read("https://a.b:8443/hook/x/"), Ok(("a.b:8443".to_owned(), true, "/hook/x".to_owned())));
        assert_eq!(read("http://[::1]:9090"), Ok(("[::1]:9090".to_owned(), false, String::new())));
        for text in [
            "influx:8086",
            "ftp://a",
            "http://",
            "http://a b",
            "http://u:p@a",
            "http://a:70000",
            "http://a/x?y",
            "http://[::1",
        ] {
            assert!(read(text).is_err(), "{text}");
        }
    }
}
