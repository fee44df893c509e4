//! A batch of rows in as few requests as there are leaders, and again for what a partition has not got yet; what became of each row.

use crate::cargo::{Berth, Cargo};
use crate::config::Config;
use crate::connection::Access;
use crate::line::Line;
use crate::record::Outgoing;
use crate::route::{Atlas, Route};
use crate::trouble::Trouble;
use crate::verdict::{self, Tally, Verdict};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tidegate_codec_kafka::{
    ErrorCode, Malformed, PartitionBatch, Produced, encode_batch, partition, produce,
};
use tidegate_kernel_outbound::{Dialer, Endpoint};
use tidegate_service_ingest::{Row, Setback, Sink, SinkError};
use tokio::task::JoinSet;

/// How long a broker waits for its replicas.
const REPLICAS_WAIT_MS: i32 = 10_000;

/// Writes batches to the topics of one cluster.
#[derive(Debug)]
pub struct KafkaSink {
    config: Config,
    line: Arc<Line>,
    route: Route,
    /// Bytes of one batch, below what a broker has refused.
    batch_bytes_max: AtomicUsize,
}

/// What one broker said to its request, by the partitions that were in it.
#[derive(Debug)]
struct Reply {
    endpoint: Endpoint,
    berths: Vec<Berth>,
    outcome: Result<Vec<Produced>, Trouble>,
}

/// One batch under delivery.
#[derive(Debug)]
struct Voyage {
    /// By place in the batch; nothing where a row is no record.
    records: Vec<Option<Outgoing>>,
    cargo: Cargo,
    tally: Tally,
}

impl KafkaSink {
    /// Connects to nothing yet. The brokers are at least one.
    pub fn new(dialer: Dialer, config: Config) -> KafkaSink {
        let access = Access { dialer, client_id: config.client_id.clone(), login: config.login.clone() };
        KafkaSink {
            line: Arc::new(Line::new(access)),
            route: Route::new(config.brokers.clone()),
            batch_bytes_max: AtomicUsize::new(usize::MAX),
            config,
        }
    }

    fn records(&self, batch: &[Row]) -> Voyage {
        let mut tally = Tally::default();
        let mut record = |(at, row): (usize, &Row)| {
            let outgoing = Outgoing::of(&self.config, row);
            outgoing.map_err(|reason| tally.condemn(at, verdict::UNSAYABLE, reason)).ok()
        };
        let records = batch.iter().enumerate().map(&mut record).collect();
        Voyage { records, cargo: Cargo::default(), tally }
    }

    /// Gives each record its partition; those of a topic that has none are left.
    fn stow(&self, voyage: &mut Voyage, atlas: &Atlas) {
        let Voyage { records, cargo, tally } = voyage;
        let bytes_max = self.batch_bytes_max.load(Ordering::Relaxed);
        for (row, outgoing) in records.iter().enumerate() {
            let Some(outgoing) = outgoing else { continue };
            let found = atlas.topic(&outgoing.topic).and_then(|leaders| {
                let partition = partition(&outgoing.record.key, leaders.len());
                let leader = leaders[partition];
                let is_there = atlas.broker(leader).is_some();
                is_there.then_some((partition as i32, leader)).ok_or(ErrorCode::LEADER_NOT_AVAILABLE)
            });
            match found {
                Ok(at) => cargo.stow(row, outgoing, at, bytes_max),
                Err(error) => self.leave(tally, vec![row], &outgoing.topic, error),
            }
        }
    }

    /// What a topic has no leader for, or nobody may write to.
    fn leave(&self, tally: &mut Tally, rows: Vec<usize>, topic: &str, error: ErrorCode) {
        let (is_setting, code) = match verdict::of_topic(error) {
            Verdict::Setting(code) => (true, code),
            Verdict::Later(code) | Verdict::Halve(code) => (false, code),
            Verdict::Taken => (false, verdict::TROUBLE),
        };
        if !is_setting {
            self.route.forget();
        }
        let attempt = format!("could not write to topic {topic} of {}: {error}", self.cluster());
        tally.leave(rows, is_setting, SinkError::new(code, attempt));
    }

    /// Sends every partition its next batch, to all brokers at once.
    async fn round(&self, voyage: &Voyage, atlas: &Atlas) -> Vec<Reply> {
        let mut asked = JoinSet::new();
        for (leader, batches) in voyage.cargo.next() {
            let endpoint =
                atlas.broker(leader).cloned().expect("nothing is stowed for a leader that is not there");
            let encode = |(berth, rows): &(&Berth, &Vec<usize>)| {
                let records = rows.iter().filter_map(|row| voyage.records[*row].as_ref());
                let records = records.map(|outgoing| &outgoing.record);
                let batch = encode_batch(records, self.config.compression);
                PartitionBatch { topic: berth.0.clone(), partition: berth.1, batch }
            };
            let batches: Vec<_> = batches.iter().map(encode).collect();
            asked.spawn(send(self.line.clone(), endpoint, batches));
        }
        asked.join_all().await
    }

    /// Notes what a broker said; a partition it says nothing of is as if there was no answer.
    fn settle(&self, voyage: &mut Voyage, reply: Reply) {
        let Reply { endpoint, berths, outcome } = reply;
        let produced = match outcome {
            Ok(produced) => produced,
            Err(trouble) => return self.broke_off(voyage, &endpoint, &berths, trouble),
        };
        for berth in berths {
            match produced.iter().find(|one| (&one.topic, one.partition) == (&berth.0, berth.1)) {
                Some(produced) => self.settle_one(voyage, &berth, produced),
                None => {
                    let trouble = Malformed::Value("list of partitions").into();
                    self.broke_off(voyage, &endpoint, std::slice::from_ref(&berth), trouble);
                }
            }
        }
    }

    fn settle_one(&self, voyage: &mut Voyage, berth: &Berth, produced: &Produced) {
        let (topic, partition, error) = (&berth.0, berth.1, produced.error);
        match verdict::of_batch(error) {
            Verdict::Taken => drop(voyage.cargo.unload(berth)),
            Verdict::Halve(code) => {
                if code == verdict::TOO_LARGE {
                    self.shrink(voyage, berth);
                }
                if let Some(row) = voyage.cargo.halve(berth) {
                    let said = produced.message.as_deref().unwrap_or("no more is said");
                    let reason = format!("topic {topic}, partition {partition}: {error}, {said}");
                    voyage.tally.condemn(row, code, reason);
                }
            }
            Verdict::Later(_) | Verdict::Setting(_) => {
                // Whether a topic is there is asked again, before anything is said of it.
                self.route.forget();
                let rows = voyage.cargo.abandon(berth);
                let name = format!("{topic}, partition {partition},");
                let error = if error == ErrorCode::UNKNOWN_TOPIC_OR_PARTITION {
                    ErrorCode::NOT_LEADER_OR_FOLLOWER
                } else {
                    error
                };
                self.leave(&mut voyage.tally, rows, &name, error);
            }
        }
    }

    /// Later batches are smaller; a record that is too large by itself says nothing of them.
    fn shrink(&self, voyage: &Voyage, berth: &Berth) {
        let round = voyage.cargo.next();
        let batch = round.values().flatten().find(|(known, _)| *known == berth);
        let Some((_, rows)) = batch.filter(|(_, rows)| rows.len() > 1) else { return };
        let records = rows.iter().filter_map(|row| voyage.records[*row].as_ref());
        let bytes: usize = records.map(|outgoing| outgoing.record.bytes()).sum();
        self.batch_bytes_max.fetch_min(bytes / 2, Ordering::Relaxed);
    }

    fn broke_off(&self, voyage: &mut Voyage, endpoint: &Endpoint, berths: &[Berth], trouble: Trouble) {
        self.route.forget();
        let rows = berths.iter().flat_map(|berth| voyage.cargo.abandon(berth)).collect::<Vec<_>>();
        let (is_setting, attempt) = (trouble.is_setting(), format!("could not write to Kafka at {endpoint}"));
        voyage.tally.leave(rows, is_setting, sink_error(trouble, attempt));
    }

    fn cluster(&self) -> String {
        let brokers: Vec<String> = self.config.brokers.iter().map(ToString::to_string).collect();
        format!("Kafka at {}", brokers.join(", "))
    }
}

impl Sink for KafkaSink {
    async fn deliver(&self, batch: &[Row]) -> Result<(), Setback> {
        let mut voyage = self.records(batch);
        let topics: BTreeSet<&str> =
            voyage.records.iter().flatten().map(|outgoing| outgoing.topic.as_str()).collect();
        if topics.is_empty() {
            return voyage.tally.outcome(batch.len());
        }
        let found = self.route.find(&self.line, &topics).await;
        let atlas = match found {
            Ok(atlas) => atlas,
            Err(trouble) => {
                let records = voyage
                    .records
                    .iter()
                    .enumerate()
                    .filter_map(|(row, record)| record.as_ref().map(|_| row));
                let attempt = format!("could not ask {} where its topics are", self.cluster());
                voyage.tally.leave(records, trouble.is_setting(), sink_error(trouble, attempt));
                return voyage.tally.outcome(batch.len());
            }
        };
        self.stow(&mut voyage, &atlas);
        while !voyage.cargo.next().is_empty() {
            for reply in self.round(&voyage, &atlas).await {
                self.settle(&mut voyage, reply);
            }
        }
        voyage.tally.outcome(batch.len())
    }
}

fn sink_error(trouble: Trouble, attempt: String) -> SinkError {
    let code = match &trouble {
        Trouble::Login(_) => verdict::NOT_ALLOWED,
        Trouble::Versions => verdict::MISCONFIGURED,
        _ => verdict::UNREACHABLE,
    };
    SinkError { code, attempt, source: Some(trouble.into()) }
}

async fn send(line: Arc<Line>, endpoint: Endpoint, batches: Vec<PartitionBatch>) -> Reply {
    let outcome = exchange(&line, &endpoint, &batches).await;
    let berths = batches.into_iter().map(|batch| (batch.topic, batch.partition)).collect();
    Reply { endpoint, berths, outcome }
}

async fn exchange(
    line: &Line,
    endpoint: &Endpoint,
    batches: &[PartitionBatch],
) -> Result<Vec<Produced>, Trouble> {
    let mut connection = line.take(endpoint).await?;
    let version = connection.versions().produce;
    let answer = connection.ask(|head| produce(head, version, REPLICAS_WAIT_MS, batches)).await?;
    let (produced, throttle_ms) = Produced::read(answer, version)?;
    connection.be_quiet(throttle_ms);
    line.keep(endpoint, connection);
    Ok(produced)
}
