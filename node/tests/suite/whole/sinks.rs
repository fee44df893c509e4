//! What InfluxDB and Prometheus have in the end, held against the records and the accounts.

use super::books::{Record, of_sink};
use crate::process::{PATIENCE, pass};
use crate::servers::{Influxd, Prometheus};
use serde_json::Value;
use std::collections::BTreeSet;
use std::time::{Duration, Instant};

/// A point for each record, and as many as the account says were delivered.
pub(super) fn influxd_has(influxd: &Influxd, records: &[Record], accounts: &Value) {
    let modelled = records.iter().filter(|record| record.is_modelled).count() as u64;
    let plain = records.len() as u64 - modelled;
    assert_eq!((influxd.count("n"), influxd.count("payload")), (modelled, plain));
    assert_eq!(of_sink(accounts, "plant", "delivered"), records.len() as u64);
}

/// A sample for each millisecond in which a series had a record: it takes no second one, which is then a dead letter, and no row that
/// comes again when there is a later one.
pub(super) fn prometheus_has(prometheus: &Prometheus, records: &[Record], accounts: &Value) {
    let samples: BTreeSet<_> = records.iter().map(|record| (&record.topic, &record.time)).collect();
    let written = "{__name__=~\"tidegate_tag|tidegate_reading\",site=\"hall\"}";
    let found = prometheus.number(&format!("sum(count_over_time({written}[1h]))"));
    let many = records.len() as u64;
    assert_eq!(found, samples.len() as u64, "samples of {many} records");
    let [delivered, letters] =
        ["delivered", "dead_lettered"].map(|outcome| of_sink(accounts, "cloud", outcome));
    assert_eq!(delivered + letters, many);
    assert!(delivered <= found, "{delivered} delivered, {letters} dead letters, {found} samples");
}

/// The page that it scrapes has every series of the chosen topics.
pub(super) fn prometheus_scraped(prometheus: &Prometheus, records: &[Record]) {
    let chosen = |record: &&Record| record.topic.starts_with("curl/") || record.topic.starts_with("paho/");
    let series: BTreeSet<_> = records.iter().filter(chosen).map(|record| &record.topic).collect();
    let (began, goal) = (Instant::now(), series.len() as u64);
    loop {
        let scraped = prometheus.number("count(last_over_time(tidegate_reading{job=\"page\"}[1h]))");
        if scraped == goal {
            return;
        }
        assert!(began.elapsed() < PATIENCE && scraped < goal, "{scraped} of {goal} series were scraped");
        pass(Duration::from_millis(200));
    }
}
