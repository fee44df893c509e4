//! The latest sample of each series, as a page that Prometheus scrapes (text exposition format 0.0.4).
//!
//! A sink like any other fills it, so what stands there has been through the journal. The lock is held for one batch or one page.

mod snapshot;

use crate::sample::{Labels, samples};
use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tidegate_codec_mqtt::{TopicFilter, TopicName};
use tidegate_service_ingest::{Row, Setback, Sink};

/// Series on the page; a label from outside must not fill the memory.
pub const SERIES_MAX: usize = 10_000;
/// What an HTTP answer with the page says it is.
pub const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

const WRITES: &str = "writing to a string does not fail";

/// What is shown. Cheap to clone; clones are the same page.
#[derive(Debug, Clone, Default)]
pub struct Page {
    series: Arc<Mutex<Series>>,
}

#[derive(Debug, Default)]
struct Series {
    latest: BTreeMap<Labels, (f64, i64)>,
    /// Samples of series that there was no room for.
    left_out: u64,
}

/// Puts readings whose topic fits onto a page. Cheap to clone; clones fill the same page.
#[derive(Debug, Clone)]
pub struct PageSink {
    page: Page,
    topics: Vec<TopicFilter>,
}

impl PageSink {
    pub fn new(page: Page, topics: Vec<TopicFilter>) -> PageSink {
        PageSink { page, topics }
    }

    /// An empty page for the same topics.
    pub fn aside(&self) -> PageSink {
        PageSink::new(Page::default(), self.topics.clone())
    }

    /// What a delivery does, at once.
    pub fn show(&self, rows: &[Row]) {
        let mut series = self.page.lock();
        let chosen = rows.iter().filter(|row| self.chooses(&row.reading.topic));
        for sample in chosen.flat_map(samples) {
            series.put(sample.labels, sample.value, sample.time_ms);
        }
    }

    fn chooses(&self, topic: &TopicName) -> bool {
        self.topics.iter().any(|filter| filter.matches(topic))
    }
}

impl Page {
    pub fn text(&self) -> String {
        let series = self.lock();
        let (mut out, left_out) = (series.text(), series.left_out);
        writeln!(out, "# TYPE tidegate_page_left_out_samples_total counter").expect(WRITES);
        writeln!(out, "tidegate_page_left_out_samples_total {left_out}").expect(WRITES);
        out
    }

    /// How many there are.
    pub fn series(&self) -> usize {
        self.lock().latest.len()
    }

    fn lock(&self) -> MutexGuard<'_, Series> {
        self.series.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Series {
    fn text(&self) -> String {
        let (mut out, mut name) = (String::with_capacity(128 * self.latest.len()), "");
        for (labels, (value, time_ms)) in &self.latest {
            if labels[0].1 != name {
                name = &labels[0].1;
                writeln!(out, "# TYPE {name} gauge").expect(WRITES);
            }
            out.push_str(name);
            put_labels(&mut out, &labels[1..]);
            writeln!(out, " {value} {time_ms}").expect(WRITES);
        }
        out
    }

    /// An older sample than the one there is does not replace it: a backlog drains beside what is new.
    fn put(&mut self, labels: Labels, value: f64, time_ms: i64) {
        let room = self.latest.len() < SERIES_MAX;
        match self.latest.get_mut(&labels) {
            Some(latest) if latest.1 <= time_ms => *latest = (value, time_ms),
            Some(_) => {}
            None if room => drop(self.latest.insert(labels, (value, time_ms))),
            None => self.left_out += 1,
        }
    }
}

impl Sink for PageSink {
    async fn deliver(&self, batch: &[Row]) -> Result<(), Setback> {
        self.show(batch);
        Ok(())
    }
}

fn put_labels(out: &mut String, labels: &[(String, String)]) {
    let mut separator = '{';
    for (name, value) in labels {
        out.push(std::mem::replace(&mut separator, ','));
        write!(out, "{name}=\"").expect(WRITES);
        for letter in value.chars() {
            match letter {
                '\\' => out.push_str("\\\\"),
                '"' => out.push_str("\\\""),
                '\n' => out.push_str("\\n"),
                other => out.push(other),
            }
        }
        out.push('"');
    }
    out.push_str(if labels.is_empty() { "" } else { "}" });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample::tests::row;

    #[tokio::test]
    async fn the_page_shows_the_latest_sample_of_each_chosen_series() {
        let page = Page::default();
        let sink = PageSink::new(page.clone(), vec!["line/#".parse().unwrap()]);
        let rows = [
            row("line/7/\"a\"", "1", 5),
            row("line/7/\"a\"", "2", 7),
            row("line/7/\"a\"", "3", 6),
            row("hall/1", "4", 5),
        ];
        sink.deliver(&rows).await.unwrap();
        assert_eq!(
            page.text(),
            "# TYPE tidegate_reading gauge\ntidegate_reading{topic=\"line/7/\\\"a\\\"\"} 2 7\n\
             # TYPE tidegate_page_left_out_samples_total counter\ntidegate_page_left_out_samples_total 0\n"
        );
    }

    #[tokio::test]
    async fn series_beyond_the_limit_are_left_out_and_counted() {
        let page = Page::default();
        let sink = PageSink::new(page.clone(), vec!["#".parse().unwrap()]);
        let rows: Vec<_> = (0..SERIES_MAX + 3).map(|at| row(&format!("a/{at}"), "1", 5)).collect();
        sink.deliver(&rows).await.unwrap();
        let text = page.text();
        assert_eq!(text.lines().count(), SERIES_MAX + 3);
        assert!(text.ends_with("_total 3\n"));
    }
}
