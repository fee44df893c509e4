//! The address of a robot: where to connect to, and the path and query that carry its key and are never shown. Pure.

use std::fmt;
use tidegate_kernel_outbound::Endpoint;

/// `http(s)://host[:port]/path?query`, as the vendor shows it when a robot is made.
#[derive(Clone, PartialEq, Eq)]
pub struct Address {
    pub(crate) endpoint: Endpoint,
    /// Path and query.
    pub(crate) target: String,
}

/// Text that is no address; says nothing of it, since it may hold a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotAnAddress;

impl Address {
    pub fn parse(text: &str) -> Result<Address, NotAnAddress> {
        let (scheme, rest) = text.split_once("://").ok_or(NotAnAddress)?;
        let (host, target) = rest.find(['/', '?']).map_or((rest, "/"), |at| rest.split_at(at));
        let endpoint: Endpoint = format!("{scheme}://{host}").parse().map_err(|_| NotAnAddress)?;
        let is_target = target.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'#');
        let target = if target.starts_with('?') { format!("/{target}") } else { target.to_owned() };
        if is_target { Ok(Address { endpoint, target }) } else { Err(NotAnAddress) }
    }

    /// With more parameters behind its own.
    pub(crate) fn with(&self, parameters: &str) -> String {
        let joint = if self.target.contains('?') { '&' } else { '?' };
        format!("{}{joint}{parameters}", self.target)
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/..", self.endpoint)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_keeps_its_query_and_shows_it_to_nobody() {
        let address =
            Address::parse("https://qyapi.weixin.qq.com/cgi-bin/webhook/send?key=00000000").unwrap();
        assert_eq!(address.target, "/cgi-bin/webhook/send?key=00000000");
        assert_eq!(address.with("sign=x"), "/cgi-bin/webhook/send?key=00000000&sign=x");
        assert!(!format!("{address:?}").contains("0000"));
        assert_eq!(Address::parse("http://127.0.0.1:80").unwrap().target, "/");
    }

    #[test]
    fn what_is_no_address_is_refused() {
        for text in
            ["", "qyapi.weixin.qq.com/send", "ftp://h/p", "https:///send", "https://h/a b", "https://h/a#b"]
        {
            assert_eq!(Address::parse(text), Err(NotAnAddress), "{text}");
        }
    }
}
