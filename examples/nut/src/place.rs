//! Where a UPS is: a server, and a name there. Pure.

use crate::error;
use std::fmt;
use tidegate_kernel_outbound::Endpoint;
use tidegate_service_plant::Unfit;

const PORT: u16 = 3493;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    pub(crate) endpoint: Endpoint,
    pub(crate) ups: String,
}

impl Place {
    pub(crate) fn parse(text: &str) -> Result<Place, Unfit> {
        let endpoint = Endpoint::with_schemes(text, &[("tcp", false, PORT)]);
        let endpoint = endpoint.map_err(|error| error::no_place(text, &error.to_string()))?;
        match endpoint.path.strip_prefix('/') {
            Some(ups) if is_word(ups) => Ok(Place { ups: ups.to_owned(), endpoint }),
            _ => Err(error::no_place(text, "its path is not the name of one UPS")),
        }
    }
}

/// As `upsc` takes it, for messages.
impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.ups, self.endpoint)
    }
}

/// Whether it may stand in a request as it is, without quotes.
pub(crate) fn is_word(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_');
    (1..=64).contains(&text.len()) && text.bytes().all(plain)
}
