//! The accounts close, and their JSON has the documented shape.

use crate::site::{Mood, Probe, Site};
use serde_json::{Value, json};
use tempfile::TempDir;

#[tokio::test(flavor = "multi_thread")]
async fn the_accounts_have_the_documented_shape() {
    let dir = TempDir::new().unwrap();
    let (site, probe) = (Site::open(&dir), Probe::new(Mood::Takes));
    site.sink(&probe);
    site.publish("line/7/temp", "1");
    site.ingest.malformed("TG-MQ-003");
    let accounts = site.accounts(|accounts| accounts.sinks[1].delivered == 1).await;
    let mut value = serde_json::to_value(accounts).unwrap();
    let as_of = value.as_object_mut().unwrap().remove("as_of_seq");
    assert!(as_of.is_some_and(|seq| seq.is_u64()));
    let sink = |class: &str, count: u64| -> Value {
        json!({"sink": "test", "class": class, "routed": count, "delivered": count, "absorbed": 0, "coalesced": 0,
            "shed": 0, "dead_lettered": 0, "lag": 0, "in_flight": 0, "difference": 0, "replayed": 0})
    };
    let expected = json!({
        "admission": {"received": 2, "accepted": 1, "quarantined": 0, "malformed": 1, "refused": 0,
            "malformed_by_code": {"TG-MQ-003": 1}, "refused_by_reason": {}, "difference": 0,
            "sources": [{"source": "mqtt", "class": "process", "accepted": 1, "absorbed": 0}], "sources_difference": 0,
            "quarantine": {"readings": 0, "bytes": 0},
            "crashes": 0, "lost_at_crash_max": 0, "recent_crashes": []},
        "routing": {"accepted": 1, "derived": 0, "routed": 1, "unrouted": 0, "difference": 0},
        "sinks": [sink("critical", 0), sink("process", 1), sink("telemetry", 0)],
        "sink_states": [{"sink": "test", "running": true, "breaker": "closed", "limit": 1, "catching_up": false, "failures": 0, "last_error": null}],
        "commands": {"decided": 0, "published": 0, "unheard": 0, "expired": 0, "refused": 0, "waiting": 0, "difference": 0},
    });
    assert_eq!(value, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_sums_close_at_every_moment_while_readings_pour_in() {
    let dir = TempDir::new().unwrap();
    let (site, probe) = (Site::open(&dir), Probe::new(Mood::Takes));
    site.sink(&probe);
    let ingest = site.ingest.clone();
    let pouring = tokio::task::spawn_blocking(move || {
        (0..5000).filter(|at| ingest.offer(&crate::site::reading("a", &at.to_string())).is_ok()).count()
    });
    while !pouring.is_finished() {
        let accounts = site.ingest.accounts();
        assert_eq!((accounts.admission.difference, accounts.routing.difference), (0, 0));
        assert!(accounts.sinks.iter().all(|account| account.difference == 0));
    }
    let taken = pouring.await.unwrap();
    let rows = probe.rows(taken).await;
    assert!(rows.windows(2).all(|pair| pair[0].seq < pair[1].seq));
    assert_eq!(site.ingest.accounts().admission.accepted, taken as u64);
}
