//! A data folder, the capability on it, and a sink whose moods a test decides.

use bytes::Bytes;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tempfile::TempDir;
use tidegate_codec_mqtt::Text;
use tidegate_kernel_journal::{DataFolder, Level};
use tidegate_service_ingest::{
    Accounts, Config, Ingest, Reading, Row, Setback, Sink, SinkConfig, SinkError, Source,
};
use tokio::runtime::Handle;
use tokio::sync::watch;

/// Longer than anything here takes; a test that waits for it has failed.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) struct Site {
    pub(crate) ingest: Arc<Ingest>,
    pub(crate) folder: DataFolder,
}

/// What the sink does with the next delivery.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Mood {
    Takes,
    Fails,
    Panics,
    /// Waits for another mood.
    Hangs,
}

/// What a test sees of a sink and tells it.
#[derive(Clone)]
pub(crate) struct Probe {
    pub(crate) mood: watch::Sender<Mood>,
    rows: Arc<watch::Sender<Vec<Row>>>,
    pub(crate) attempts: Arc<Mutex<u32>>,
}

pub(crate) struct TestSink(Probe);

impl Sink for TestSink {
    async fn deliver(&self, batch: &[Row]) -> Result<(), Setback> {
        *self.0.attempts.lock().unwrap() += 1;
        let mood = *self.0.mood.subscribe().wait_for(|mood| *mood != Mood::Hangs).await.unwrap();
        match mood {
            Mood::Fails => Err(SinkError::new("TG-FI-002", "could not write").into()),
            Mood::Panics => {
                self.0.mood.send_replace(Mood::Takes);
                panic!("as the test wanted")
            }
            _ => {
                self.0.rows.send_modify(|rows| rows.extend_from_slice(batch));
                Ok(())
            }
        }
    }
}

/// Topics below `alarm` are critical, below `live` telemetry; those below `known` need no model.
pub(crate) fn config() -> Config {
    let filter = |text: &str| vec![text.parse().unwrap()];
    Config {
        critical: filter("alarm/#"),
        telemetry: filter("live/#"),
        unknown_admitted: filter("known/#"),
        retry_cap_ms: 20,
        breaker_open_ms: 20,
        ..Config::default()
    }
}

impl Probe {
    pub(crate) fn new(mood: Mood) -> Probe {
        let rows = Arc::new(watch::Sender::new(Vec::new()));
        Probe { mood: watch::Sender::new(mood), rows, attempts: Arc::default() }
    }

    pub(crate) fn sink(&self) -> TestSink {
        TestSink(self.clone())
    }

    /// The rows that are there once there are so many.
    pub(crate) async fn rows(&self, many: usize) -> Vec<Row> {
        let mut receiver = self.rows.subscribe();
        let there = receiver.wait_for(|rows| rows.len() >= many);
        tokio::time::timeout(PATIENCE, there).await.expect("the rows arrive").unwrap().clone()
    }

    pub(crate) fn rows_now(&self) -> Vec<Row> {
        self.rows.borrow().clone()
    }
}

impl Site {
    pub(crate) fn open(dir: &TempDir) -> Site {
        Site::with(dir, config())
    }

    pub(crate) fn with(dir: &TempDir, config: Config) -> Site {
        Site::on(DataFolder::open(dir.path()).unwrap(), config)
    }

    pub(crate) fn on(folder: DataFolder, config: Config) -> Site {
        let ingest = Arc::new(Ingest::open(folder.queues().clone(), config).unwrap());
        Site { ingest, folder }
    }

    pub(crate) fn sink(&self, probe: &Probe) {
        let probe = probe.clone();
        self.ingest.start_sink("test", &Handle::current(), move || probe.sink()).unwrap();
    }

    pub(crate) fn sink_with<S: Sink>(&self, delivery: SinkConfig, make: impl Fn() -> S + Send + 'static) {
        self.ingest.start_sink_with("test", delivery, &Handle::current(), make).unwrap();
    }

    /// Offers a reading and waits until its publisher could be told.
    pub(crate) fn publish(&self, topic: &str, payload: &str) {
        let taken = self.ingest.offer(&reading(topic, payload)).unwrap();
        taken.ticket.wait(taken.level).unwrap();
    }

    /// The accounts as soon as they are as asked for. Its patience needs no timer, which a runtime that is kept busy would not run.
    pub(crate) async fn accounts(&self, asked: impl Fn(&Accounts) -> bool) -> Accounts {
        let began = Instant::now();
        loop {
            let accounts = self.ingest.accounts();
            if asked(&accounts) {
                return accounts;
            }
            assert!(began.elapsed() < PATIENCE, "the accounts stay at {accounts:#?}");
            tokio::task::yield_now().await;
        }
    }

    /// Ends as a crash does, but that everything appended is on disk.
    pub(crate) fn crash(self) {
        self.sync();
        self.folder.close();
    }

    /// Waits until everything appended is on disk, and so visible to readers.
    pub(crate) fn sync(&self) {
        let head = self.folder.queues().status().head_seq;
        self.folder.queues().synced().wait(head).unwrap();
    }
}

pub(crate) fn reading(topic: &str, payload: &str) -> Reading {
    let payload = Bytes::copy_from_slice(payload.as_bytes());
    let client = Text::new("press-7").unwrap();
    Reading { client, ..Reading::raw(Source::Mqtt, topic.parse().unwrap(), payload) }
}

pub(crate) fn payloads(rows: &[Row]) -> Vec<&str> {
    rows.iter().map(|row| std::str::from_utf8(row.reading.payload().unwrap()).unwrap()).collect()
}

/// The level a test waits for when it looks at the sink.
pub(crate) const SYNCED: Level = Level::Disk;
