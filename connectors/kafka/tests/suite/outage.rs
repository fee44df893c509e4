//! Kafka is killed under load and comes back: what was taken in, what the accounts say and what is in the topic are one number.

use crate::kafka::{Kafka, program};
use crate::rows::{PATIENCE, config, sink};
use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::time::Duration;
use tempfile::TempDir;
use tidegate_kernel_journal::DataFolder;
use tidegate_service_ingest::{Accounts, Config, Declined, Ingest, LimitKind, Reading, SinkConfig, Source};
use tokio::runtime::Handle;
use tokio::time::{sleep, timeout};

const PART: u64 = 3000;

struct Site {
    ingest: Ingest,
    folder: DataFolder,
}

impl Site {
    fn open(dir: &TempDir, kafka: SocketAddr) -> Site {
        let folder = DataFolder::open(dir.path()).unwrap();
        let ingest_config = Config { retry_cap_ms: 100, breaker_open_ms: 100, ..Config::default() };
        let ingest = Ingest::open(folder.queues().clone(), ingest_config).unwrap();
        let delivery = SinkConfig {
            batch_rows_max: 100,
            batch_age_ms: 5,
            limit: LimitKind::Adaptive { max: 2 },
            backlog_rows_min: 500,
            ..SinkConfig::default()
        };
        let make = move || sink(config(&[kafka]));
        ingest.start_sink_with("kafka", delivery, &Handle::current(), make).unwrap();
        Site { ingest, folder }
    }

    async fn publish(&self, numbers: std::ops::Range<u64>) {
        for number in numbers {
            let topic = format!("line/{}", number % 11).parse().unwrap();
            let reading = Reading::raw(Source::Mqtt, topic, number.to_string());
            while let Err(declined) = self.ingest.offer(&reading) {
                assert_eq!(declined, Declined::Busy);
                sleep(Duration::from_millis(1)).await;
            }
        }
    }

    async fn accounts(&self, asked: impl Fn(&Accounts) -> bool) -> Accounts {
        let settled = async {
            loop {
                let accounts = self.ingest.accounts();
                if asked(&accounts) {
                    return accounts;
                }
                sleep(Duration::from_millis(2)).await;
            }
        };
        timeout(PATIENCE, settled)
            .await
            .unwrap_or_else(|_| panic!("they stay at {:?}", self.ingest.accounts()))
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_lost_over_a_kill_of_kafka_under_load_and_what_came_twice_says_so() {
    let Some(program) =
        program("outage::nothing_is_lost_over_a_kill_of_kafka_under_load_and_what_came_twice_says_so")
    else {
        return;
    };
    let mut kafka = Kafka::start(program).await;
    kafka.create("readings", 4, &[]);
    let data = TempDir::new().unwrap();
    let site = Site::open(&data, kafka.address);
    site.publish(0..PART).await;
    site.accounts(|accounts| accounts.sinks[1].delivered > 0).await;
    // What is behind is being sent at this moment.
    kafka.kill();
    site.publish(PART..2 * PART).await;
    site.accounts(|accounts| accounts.sink_states[0].breaker == "open").await;
    kafka.restart().await;
    site.publish(2 * PART..3 * PART).await;
    let drained = |accounts: &Accounts| accounts.sinks.iter().all(|sink| sink.lag + sink.in_flight == 0);
    let accounts = site.accounts(drained).await;
    let process = &accounts.sinks[1];
    assert_eq!((process.routed, process.delivered, process.dead_lettered), (3 * PART, 3 * PART, 0));
    assert_eq!(process.difference, 0);

    let consumed = kafka.consume("readings");
    let numbers: BTreeSet<u64> = consumed.iter().map(|one| one.value.parse().unwrap()).collect();
    assert!(numbers.into_iter().eq(0..3 * PART), "every reading is in the topic");
    let marked = consumed.iter().filter(|one| one.headers.contains("tidegate.replay:1")).count();
    let twice = consumed.len() - 3 * PART as usize;
    assert!(twice <= marked, "{twice} came twice, {marked} are marked");
    site.folder.close();
}
