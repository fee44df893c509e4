//! influxd goes and comes back while readings come in: what was taken in, what the accounts say and what influxd has are one number.

use crate::influxd::{Influxd, free_address, program};
use crate::rows::{PATIENCE, sink};
use std::time::Duration;
use tempfile::TempDir;
use tidegate_kernel_journal::DataFolder;
use tidegate_service_ingest::{
    Accounts, Config, Declined, Ingest, LimitKind, Pick, Reading, SinkConfig, Source,
};
use tokio::runtime::Handle;
use tokio::time::{sleep, timeout};

const PART: u64 = 3000;

struct Site {
    ingest: Ingest,
    folder: DataFolder,
}

impl Site {
    fn open(dir: &TempDir, address: std::net::SocketAddr) -> Site {
        let folder = DataFolder::open(dir.path()).unwrap();
        let config = Config { retry_cap_ms: 100, breaker_open_ms: 100, ..Config::default() };
        let ingest = Ingest::open(folder.queues().clone(), config).unwrap();
        let delivery = SinkConfig {
            batch_rows_max: 200,
            batch_age_ms: 5,
            limit: LimitKind::Adaptive { max: 4 },
            backlog_rows_min: 500,
            ..SinkConfig::default()
        };
        ingest.start_sink_with("influx", delivery, &Handle::current(), move || sink(address)).unwrap();
        Site { ingest, folder }
    }

    /// Every tenth of them is what no influxd takes beside numbers; how many those were.
    async fn publish(&self, many: u64, bad_every: u64) -> u64 {
        for at in 0..many {
            let is_bad = bad_every > 0 && at % bad_every == bad_every - 1;
            let payload = if is_bad { "on fire".to_owned() } else { at.to_string() };
            let reading = Reading::raw(Source::Mqtt, "line/7/temp".parse().unwrap(), payload);
            while let Err(declined) = self.ingest.offer(&reading) {
                assert_eq!(declined, Declined::Busy);
                sleep(Duration::from_millis(1)).await;
            }
        }
        many.checked_div(bad_every).unwrap_or(0)
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

    async fn drained(&self) -> Accounts {
        self.accounts(|accounts| accounts.sinks.iter().all(|sink| sink.lag + sink.in_flight == 0)).await
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_lost_over_a_kill_of_influxd_and_poison_rows_become_letters() {
    let Some(program) = program("nothing_is_lost_over_a_kill_of_influxd_and_poison_rows_become_letters")
    else {
        return;
    };
    let (dir, data) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let address = free_address();
    let influxd = Influxd::start(&program, dir.path(), address).await;
    let site = Site::open(&data, address);
    let mut bad = site.publish(PART, 500).await;
    site.accounts(|accounts| accounts.sinks[1].delivered > 0).await;
    influxd.kill();
    bad += site.publish(PART, 500).await;
    site.accounts(|accounts| accounts.sink_states[0].breaker == "open").await;
    let influxd = Influxd::start(&program, dir.path(), address).await;
    bad += site.publish(PART, 500).await;
    let accounts = site.drained().await;
    let process = &accounts.sinks[1];
    assert_eq!((process.routed, process.difference, process.dead_lettered), (3 * PART, 0, bad));
    assert_eq!(process.delivered, 3 * PART - bad);
    assert_eq!(influxd.count("payload").await, 3 * PART - bad);
    let letters = site.ingest.dead_letters(&Pick::default(), 1000);
    assert_eq!(letters.len() as u64, bad);
    assert!(
        letters
            .iter()
            .all(|letter| letter.code == "TG-IX-003" && letter.reason.contains("field type conflict"))
    );
    site.folder.close();
}
