//! The id of a request: the one it came with, or a new one. It is in the answer, in every refusal, and in the log.
//!
//! Reads the wall clock for new ones, which are UUIDv7 like every other id here.

use axum::http::{HeaderMap, HeaderName, HeaderValue};
use std::fmt;
use std::time::{SystemTime, UNIX_EPOCH};
use tidegate_kernel_id::Id;

pub(crate) const HEADER: HeaderName = HeaderName::from_static("x-request-id");
const BYTES_MAX: usize = 64;

/// What to call one request: 1 to 64 visible ASCII characters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestId(HeaderValue);

impl RequestId {
    /// A new one.
    pub fn make() -> RequestId {
        let since = SystemTime::now().duration_since(UNIX_EPOCH);
        let wall_ms = since.map_or(0, |since| since.as_millis() as u64);
        let id = HeaderValue::try_from(Id::v7(wall_ms).to_string());
        RequestId(id.expect("an id is written in letters a header takes"))
    }

    /// The one the request brought, if that will do as one, else a new one.
    pub fn of(headers: &HeaderMap) -> RequestId {
        let brought = headers.get(HEADER).filter(|value| is_id(value.as_bytes()));
        brought.map_or_else(RequestId::make, |value| RequestId(value.clone()))
    }

    pub(crate) fn header(&self) -> HeaderValue {
        self.0.clone()
    }

    pub fn as_str(&self) -> &str {
        self.0.to_str().expect("it is visible ASCII")
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

fn is_id(bytes: &[u8]) -> bool {
    (1..=BYTES_MAX).contains(&bytes.len()) && bytes.iter().all(u8::is_ascii_graphic)
}
