//! Where a server is and how it is talked to: `opc.tcp://10.0.0.7:4840/path?security=Basic256Sha256&mode=Sign&read=subscribe`. Pure.

use crate::error::Misfit;
use opcua::crypto::SecurityPolicy;
use opcua::types::MessageSecurityMode;
use std::fmt;
use tidegate_kernel_outbound::Endpoint;
use tidegate_service_plant::Unfit;

const PORT: u16 = 4840;
const SCHEME: &str = "opc.tcp";

/// A server, and what is agreed on with it before anybody connects.
#[derive(Debug, Clone, PartialEq)]
pub struct Place {
    pub(crate) endpoint: Endpoint,
    pub(crate) policy: SecurityPolicy,
    pub(crate) mode: MessageSecurityMode,
    /// Values are sent by the server as they change, not asked for.
    pub(crate) subscribes: bool,
}

impl Place {
    pub(crate) fn parse(text: &str) -> Result<Place, Unfit> {
        let misfit = |why: String| Unfit::from(Misfit::Place { text: text.to_owned(), why });
        let (url, query) = text.split_once('?').unwrap_or((text, ""));
        let endpoint = Endpoint::with_schemes(url, &[(SCHEME, false, PORT)]);
        let endpoint = endpoint.map_err(|error| misfit(error.to_string()))?;
        let (policy, mode) = (SecurityPolicy::Basic256Sha256, MessageSecurityMode::SignAndEncrypt);
        let mut place = Place { endpoint, policy, mode, subscribes: false };
        let mut mode = None;
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            match pair.split_once('=') {
                Some(("security", name)) => {
                    place.policy = policy_of(name).ok_or_else(|| misfit(format!("{name:?} is no policy")))?;
                }
                Some(("mode", name)) => {
                    mode = Some(mode_of(name).ok_or_else(|| misfit(format!("{name:?} is no mode")))?);
                }
                Some(("read", "subscribe")) => place.subscribes = true,
                Some(("read", "poll")) => place.subscribes = false,
                _ => return Err(misfit(format!("{pair:?} says nothing that is known"))),
            }
        }
        match (place.policy, mode) {
            (SecurityPolicy::None, None) => place.mode = MessageSecurityMode::None,
            (SecurityPolicy::None, Some(_)) => {
                return Err(misfit("without security there is no mode".into()));
            }
            (_, mode) => place.mode = mode.unwrap_or(place.mode),
        }
        Ok(place)
    }

    /// What it is called in the protocol.
    pub(crate) fn url(&self) -> String {
        format!("{SCHEME}://{}{}", self.endpoint, self.endpoint.path)
    }

    pub(crate) fn is_secured(&self) -> bool {
        self.policy != SecurityPolicy::None
    }
}

/// As a bus: who talks to a server in another way has another session.
impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let read = if self.subscribes { "subscribe" } else { "poll" };
        write!(f, "{}?security={}&mode={}&read={read}", self.url(), self.policy.to_str(), self.mode)
    }
}

/// Those that are still thought secure, and none.
fn policy_of(name: &str) -> Option<SecurityPolicy> {
    match name {
        "None" => Some(SecurityPolicy::None),
        "Basic256Sha256" => Some(SecurityPolicy::Basic256Sha256),
        "Aes128_Sha256_RsaOaep" => Some(SecurityPolicy::Aes128Sha256RsaOaep),
        "Aes256_Sha256_RsaPss" => Some(SecurityPolicy::Aes256Sha256RsaPss),
        _ => None,
    }
}

fn mode_of(name: &str) -> Option<MessageSecurityMode> {
    match name {
        "Sign" => Some(MessageSecurityMode::Sign),
        "SignAndEncrypt" => Some(MessageSecurityMode::SignAndEncrypt),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_a_server_and_how_it_is_talked_to() {
        let place = |text| Place::parse(text).map(|place| place.to_string()).map_err(|unfit| unfit.code);
        let whole = "opc.tcp://10.0.0.7:4840/UA/Line?security=Aes256-Sha256-RsaPss&mode=Sign&read=subscribe";
        let written = "opc.tcp://10.0.0.7/UA/Line?security=Aes256_Sha256_RsaPss&mode=Sign&read=subscribe";
        assert_eq!(place(written).map(|text| text.replace('_', "-")), Ok(whole.to_owned()));
        let plain = "opc.tcp://plc-7.hall:4841?security=None&mode=None&read=poll";
        assert_eq!(place("opc.tcp://plc-7.hall:4841?security=None"), Ok(plain.to_owned()));
        let safe = "opc.tcp://plc-7:4840?security=Basic256Sha256&mode=SignAndEncrypt&read=poll";
        assert_eq!(place("opc.tcp://plc-7"), Ok(safe.to_owned()), "what is not said is secure");
        for text in [
            "10.0.0.7",
            "tcp://h",
            "opc.tcp://",
            "opc.tcp://u:p@h",
            "opc.tcp://h?security=Basic256",
            "opc.tcp://h?security=None&mode=Sign",
            "opc.tcp://h?mode=None",
            "opc.tcp://h?read=never",
            "opc.tcp://h?x",
            "",
        ] {
            assert_eq!(place(text), Err("TG-UA-001"), "{text}");
        }
    }
}
