//! Requests and refusals counted, for every listener at once: a metric's name is on the page once. One lock, held for an increment.

use crate::metric::Family;
use axum::http::StatusCode;
use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

type By<K> = BTreeMap<(&'static str, K), u64>;

/// The counts of all HTTP listeners. Keys come from the program, so there are only so many.
#[derive(Debug, Default)]
pub struct HttpCounts(Mutex<Tables>);

#[derive(Debug, Default)]
struct Tables {
    answers: By<u16>,
    refusals: By<&'static str>,
}

impl HttpCounts {
    /// A refusal that never was a request: a connection too many, a head that did not come.
    pub fn refuse(&self, listener: &'static str, code: &'static str) {
        *self.tables().refusals.entry((listener, code)).or_default() += 1;
    }

    pub(crate) fn answer(&self, listener: &'static str, status: StatusCode) {
        *self.tables().answers.entry((listener, status.as_u16())).or_default() += 1;
    }

    pub fn families(&self) -> Vec<Family> {
        let tables = self.tables();
        let mut answers = Family::counter("tidegate_http_answers_total", "Requests answered, by status.");
        for ((listener, status), count) in &tables.answers {
            answers.push(&[("listener", listener), ("status", &status.to_string())], *count);
        }
        let help = "Requests and connections refused, by error code.";
        let mut refusals = Family::counter("tidegate_http_refusals_total", help);
        for ((listener, code), count) in &tables.refusals {
            refusals.push(&[("listener", listener), ("code", code)], *count);
        }
        vec![answers, refusals]
    }

    fn tables(&self) -> MutexGuard<'_, Tables> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
