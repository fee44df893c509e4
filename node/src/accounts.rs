//! The accounts as a running node answers them, read for a person: sums of a sink over its classes, and what does not close. Pure.

use serde_json::Value;

/// The answer of `GET /api/v1/ingest/accounts`.
#[derive(Debug, Clone)]
pub(crate) struct Accounts(pub(crate) Value);

impl Accounts {
    pub(crate) const PATH: &'static str = "/api/v1/ingest/accounts";

    /// Sinks by name.
    pub(crate) fn sinks(&self) -> impl Iterator<Item = &str> {
        self.states().filter_map(|state| state["sink"].as_str())
    }

    fn states(&self) -> impl Iterator<Item = &Value> {
        self.0["sink_states"].as_array().into_iter().flatten()
    }

    fn of_classes(&self) -> impl Iterator<Item = &Value> {
        self.0["sinks"].as_array().into_iter().flatten()
    }

    pub(crate) fn sum(&self, sink: &str, key: &str) -> u64 {
        self.of_classes()
            .filter(|account| account["sink"] == sink)
            .filter_map(|account| account[key].as_u64())
            .sum()
    }

    /// What a sink has not taken yet, also what is just being offered to it.
    pub(crate) fn waiting(&self, sink: &str) -> u64 {
        self.sum(sink, "lag") + self.sum(sink, "in_flight")
    }

    /// `closed`, `half-open` or `open`.
    pub(crate) fn breaker(&self, sink: &str) -> &str {
        self.states()
            .find(|state| state["sink"] == sink)
            .and_then(|state| state["breaker"].as_str())
            .unwrap_or("-")
    }

    pub(crate) fn admitted(&self, key: &str) -> u64 {
        self.0["admission"][key].as_u64().unwrap_or_default()
    }

    /// Accounts that do not close.
    pub(crate) fn differences(&self) -> usize {
        let both = [&self.0["admission"], &self.0["routing"]].into_iter();
        both.chain(self.of_classes()).filter(|account| account["difference"] != 0).count()
    }
}

#[cfg(test)]
pub(crate) fn sample(difference: i64) -> Accounts {
    Accounts(serde_json::json!({
        "admission": {"received": 70, "accepted": 70, "quarantined": 0, "malformed": 0, "refused": 0, "difference": 0},
        "routing": {"difference": difference},
        "sinks": [
            {"sink": "mes", "routed": 70, "delivered": 10, "absorbed": 5, "lag": 45, "in_flight": 10, "difference": 0},
            {"sink": "file", "routed": 70, "delivered": 65, "absorbed": 5, "lag": 0, "in_flight": 0, "difference": 0},
        ],
        "sink_states": [{"sink": "file", "breaker": "closed"}, {"sink": "mes", "breaker": "half-open"}],
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_offered_to_a_sink_waits_as_well_and_what_does_not_close_is_counted() {
        let accounts = sample(3);
        assert_eq!(accounts.sinks().collect::<Vec<_>>(), ["file", "mes"]);
        assert_eq!((accounts.waiting("mes"), accounts.breaker("mes")), (55, "half-open"));
        assert_eq!((accounts.differences(), sample(0).differences()), (1, 0));
    }
}
