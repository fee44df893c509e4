//! Metrics as text, the order of draining, and what holds for every route.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on should say where")]

mod routes;
mod tasks;

use proptest::prelude::*;
use std::future::Future;
use std::pin::pin;
use std::sync::Mutex;
use std::task::{Context, Poll, Waker};
use std::time::Instant;
use tidegate_kernel_plug::{
    Capability, DrainReport, Draining, Family, Histogram, Leftover, Readiness, SERIES_PER_FAMILY_MAX, Stage,
    drain_all, exposition,
};

#[test]
fn a_page_has_a_help_and_a_type_line_and_one_line_for_each_series() {
    let mut rows = Family::counter("tidegate_sink_delivered_rows_total", "Rows, a \\ and\na break.");
    rows.push(&[("sink", "fi\"le\\\n"), ("class", "process")], 3);
    rows.push(&[("sink", "b")], u64::MAX);
    let difference = Family::gauge("tidegate_ingest_difference_readings", "Zero.").with(&[], -1);
    assert_eq!(
        exposition(&[rows, difference]),
        "# HELP tidegate_sink_delivered_rows_total Rows, a \\\\ and\\na break.\n\
         # TYPE tidegate_sink_delivered_rows_total counter\n\
         tidegate_sink_delivered_rows_total{sink=\"fi\\\"le\\\\\\n\",class=\"process\"} 3\n\
         tidegate_sink_delivered_rows_total{sink=\"b\"} 18446744073709551615\n\
         # HELP tidegate_ingest_difference_readings Zero.\n\
         # TYPE tidegate_ingest_difference_readings gauge\n\
         tidegate_ingest_difference_readings -1\n"
    );
}

#[test]
fn a_histogram_counts_up_to_each_bound_and_beyond_all() {
    let mut histogram = Histogram::new(&[0.1, 1.0]);
    [0.0625, 0.1, 0.5, 7.0].into_iter().for_each(|measure| histogram.record(measure));
    let mut family = Family::histogram("tidegate_sink_batch_seconds", "Time.");
    family.push_histogram(&[("sink", "file")], histogram);
    let page = exposition(&[family]);
    let samples: Vec<_> = page.lines().skip(2).collect();
    assert_eq!(
        samples,
        [
            "tidegate_sink_batch_seconds_bucket{sink=\"file\",le=\"0.1\"} 2",
            "tidegate_sink_batch_seconds_bucket{sink=\"file\",le=\"1\"} 3",
            "tidegate_sink_batch_seconds_bucket{sink=\"file\",le=\"+Inf\"} 4",
            "tidegate_sink_batch_seconds_sum{sink=\"file\"} 7.6625",
            "tidegate_sink_batch_seconds_count{sink=\"file\"} 4",
        ]
    );
}

#[test]
fn series_beyond_the_limit_are_dropped_and_counted_and_long_values_cut() {
    let mut family = Family::gauge("tidegate_test_things", "Things.");
    (0..SERIES_PER_FAMILY_MAX + 5).for_each(|at| family.push(&[("at", &at.to_string())], 1));
    let page = exposition(&[family]);
    assert!(page.ends_with("tidegate_metrics_dropped_series 5\n"));
    let long = Family::gauge("tidegate_test_things", "Things.").with(&[("at", &"闸".repeat(100))], 1);
    assert!(exposition(&[long]).contains(&format!("\"{}\"", "闸".repeat(42))));
}

#[test]
fn a_name_the_product_does_not_use_is_a_fault_of_the_program() {
    let made = |name: &'static str| std::panic::catch_unwind(|| Family::gauge(name, "")).is_ok();
    assert!(made("tidegate_test_things"));
    assert!(
        !made("things")
            && !made("tidegate_test_things_total")
            && !made("tidegate_Test")
            && !made("tidegate_a-b")
    );
    assert!(std::panic::catch_unwind(|| Family::counter("tidegate_test_things", "")).is_err());
}

proptest! {
    #[test]
    fn whatever_a_label_holds_its_sample_is_one_line(value in any::<String>()) {
        let page = exposition(&[Family::gauge("tidegate_test_things", "Things.").with(&[("at", &value)], 1)]);
        prop_assert_eq!(page.split('\n').count(), 4);
        let ends = page.ends_with("\"} 1\n");
        prop_assert!(ends);
    }
}

struct Part<'a> {
    name: &'static str,
    stage: Stage,
    left: u64,
    ended: &'a Mutex<Vec<&'static str>>,
}

impl Capability for Part<'_> {
    fn name(&self) -> &'static str {
        self.name
    }

    fn stage(&self) -> Stage {
        self.stage
    }

    fn metrics(&self) -> Vec<Family> {
        Vec::new()
    }

    fn readiness(&self) -> Readiness {
        Readiness::Ready
    }

    fn drain(&self, _deadline: Instant) -> Draining<'_> {
        Box::pin(async {
            self.ended.lock().unwrap().push(self.name);
            let leftover = || Leftover { part: "sink file".to_owned(), count: self.left, what: "rows" };
            (self.left > 0).then(leftover).into_iter().collect()
        })
    }
}

fn drained(parts: &[&dyn Capability]) -> DrainReport {
    match pin!(drain_all(parts, Instant::now())).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(report) => report,
        Poll::Pending => panic!("nothing in it waits"),
    }
}

#[test]
fn what_brings_work_in_drains_first_and_what_keeps_it_last_and_the_report_follows() {
    let ended = Mutex::new(Vec::new());
    let part = |name, stage, left| Part { name, stage, left, ended: &ended };
    let journal = part("journal", Stage::Storage, 0);
    let ingest = part("ingest", Stage::Delivery, 7);
    let broker = part("broker", Stage::Intake, 2);
    let report = drained(&[&journal, &ingest, &broker]);
    assert_eq!(*ended.lock().unwrap(), ["broker", "ingest", "journal"]);
    assert!(!report.is_clean());
    assert_eq!(report.to_string(), "  broker: sink file: 2 rows\n  ingest: sink file: 7 rows\n");
}
