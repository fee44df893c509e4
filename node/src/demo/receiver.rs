//! The receiver of webhooks behind the cable: counts readings, and those that came before, by their number in the node's journal.

use crate::failure::Failure;
use crate::http::{self, Http};
use crate::identity::{self, Identity};
use axum::Json;
use axum::extract::State;
use axum::http::{Method, StatusCode};
use serde::{Deserialize, Serialize};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use tidegate_kernel_plug::{Need, Route, Routes};

const BODY_BYTES_MAX: usize = 8 << 20;
/// Numbers that are told apart, a bit for each: a month of the plant.
const NUMBERS_MAX: u64 = 1 << 28;

/// What it has received.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Received {
    /// Readings, each once.
    pub(crate) readings: u64,
    /// Readings that were there before.
    pub(crate) again: u64,
}

#[derive(Debug, Default)]
pub(super) struct Receiver(Mutex<Seen>);

#[derive(Debug, Default)]
struct Seen {
    bits: Vec<u64>,
    received: Received,
}

/// A reading as the webhook sends it, as far as anything here looks at it.
#[derive(Debug, Deserialize)]
struct Row {
    seq: u64,
}

impl Receiver {
    /// Listens on a free port of loopback, and counts from then on.
    pub(super) async fn listen(self: &Arc<Receiver>) -> Result<SocketAddr, Failure> {
        let identity =
            Identity::open(&identity::Config::default()).expect("nobody is named, so nothing is wrong");
        let shared = http::Shared {
            authenticate: Arc::new(identity),
            counts: Arc::default(),
            stays: Arc::default(),
            witness: None,
        };
        let config =
            http::Config { listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)), ..http::Config::default() };
        let route = Route {
            method: Method::POST,
            path: "/readings",
            need: Need::Nothing,
            body_bytes_max: BODY_BYTES_MAX,
            purpose: "Counts readings.",
        };
        let routes = Routes::new().with(route, take, self.clone());
        let bound = Http::bind("receiver", &config, routes, &shared, None).await;
        let http = bound.map_err(|error| Failure::new(error.code(), &error, error.hint()))?;
        let address = http.address();
        tokio::spawn(async move { http.serve().await });
        Ok(address)
    }

    pub(super) fn received(&self) -> Received {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).received
    }

    fn take(&self, rows: &[Row]) {
        let mut seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        rows.iter().for_each(|row| seen.note(row.seq));
    }
}

impl Seen {
    fn note(&mut self, seq: u64) {
        let (at, bit) = ((seq % NUMBERS_MAX / 64) as usize, 1 << (seq % 64));
        if self.bits.len() <= at {
            self.bits.resize(at + 1, 0);
        }
        match self.bits[at] & bit {
            0 => self.received.readings += 1,
            _ => self.received.again += 1,
        }
        self.bits[at] |= bit;
    }
}

async fn take(State(receiver): State<Arc<Receiver>>, Json(rows): Json<Vec<Row>>) -> StatusCode {
    receiver.take(&rows);
    StatusCode::NO_CONTENT
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reading_that_comes_again_is_counted_apart_in_whatever_order() {
        let receiver = Receiver::default();
        receiver.take(&[7, 9, 8, 7, 200].map(|seq| Row { seq }));
        receiver.take(&[9, 10].map(|seq| Row { seq }));
        assert_eq!(receiver.received(), Received { readings: 5, again: 2 });
    }
}
