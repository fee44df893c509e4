//! Where topics are: asked of any broker when a topic is new, when the last answer is old, and after any doubt.

use crate::line::Line;
use crate::trouble::Trouble;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tidegate_codec_kafka::{BrokerAt, ErrorCode, Metadata, TopicFound, metadata};
use tidegate_kernel_outbound::Endpoint;
use tokio::time::Instant;

/// As old as an answer may be: partitions are added while we look elsewhere.
const AGE_MAX: Duration = Duration::from_secs(300);
/// Topics that are remembered; beyond it all are asked for again.
const TOPICS_MAX: usize = 4096;
const HOST_BYTES_MAX: usize = 253;

/// The cluster as the brokers say it is.
#[derive(Debug, Clone, Default)]
pub(crate) struct Atlas {
    brokers: BTreeMap<i32, Endpoint>,
    /// The leader of each partition by the partition's number, -1 for none; or why there are none.
    topics: BTreeMap<String, Result<Vec<i32>, ErrorCode>>,
}

#[derive(Debug)]
pub(crate) struct Route {
    /// At least one; asked before those that only brokers speak of.
    seeds: Vec<Endpoint>,
    /// The one that answered last.
    seed: AtomicUsize,
    known: Mutex<(Arc<Atlas>, Option<Instant>)>,
}

impl Atlas {
    /// The leaders of its partitions, at least one.
    pub(crate) fn topic(&self, name: &str) -> Result<&[i32], ErrorCode> {
        match self.topics.get(name) {
            Some(Ok(leaders)) if leaders.is_empty() => Err(ErrorCode::LEADER_NOT_AVAILABLE),
            Some(found) => found.as_deref().map_err(|error| *error),
            None => Err(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION),
        }
    }

    pub(crate) fn broker(&self, id: i32) -> Option<&Endpoint> {
        self.brokers.get(&id)
    }

    fn has(&self, topics: &BTreeSet<&str>) -> bool {
        topics.iter().all(|topic| self.topics.contains_key(*topic))
    }

    /// With what one broker has just said.
    fn with(&self, said: Metadata, tls: bool) -> Atlas {
        let mut topics = self.topics.clone();
        if topics.len() + said.topics.len() > TOPICS_MAX {
            topics.clear();
        }
        topics.extend(said.topics.into_iter().map(leaders));
        Atlas {
            brokers: said.brokers.into_iter().filter_map(|broker| endpoint(broker, tls)).collect(),
            topics,
        }
    }
}

fn endpoint(BrokerAt { id, host, port }: BrokerAt, tls: bool) -> Option<(i32, Endpoint)> {
    let port = u16::try_from(port).ok()?;
    let is_host = !host.is_empty() && host.len() <= HOST_BYTES_MAX;
    is_host.then(|| (id, Endpoint { tls, host, port, path: String::new() }))
}

fn leaders(topic: TopicFound) -> (String, Result<Vec<i32>, ErrorCode>) {
    let TopicFound { error, name, partitions } = topic;
    if error != ErrorCode::NONE {
        return (name, Err(error));
    }
    let mut leaders = vec![-1; partitions.len()];
    for partition in &partitions {
        let place = usize::try_from(partition.index).ok().and_then(|index| leaders.get_mut(index));
        place.into_iter().for_each(|place| *place = partition.leader);
    }
    (name, Ok(leaders))
}

impl Route {
    pub(crate) fn new(seeds: Vec<Endpoint>) -> Route {
        Route { seeds, seed: AtomicUsize::new(0), known: Mutex::default() }
    }

    /// An atlas with these topics in it.
    pub(crate) async fn find(&self, line: &Line, topics: &BTreeSet<&str>) -> Result<Arc<Atlas>, Trouble> {
        if let Some(atlas) = self.remembered(topics) {
            return Ok(atlas);
        }
        let said = self.ask(line, topics).await?;
        let tls = self.seeds[0].tls;
        let mut known = self.known();
        let atlas = Arc::new(known.0.with(said, tls));
        // What was not asked for now is as old as it was.
        let since = known.1.unwrap_or_else(Instant::now);
        // A topic that is not there may be made at any time.
        let is_whole = topics.iter().all(|topic| atlas.topic(topic).is_ok());
        *known = (atlas.clone(), is_whole.then_some(since));
        Ok(atlas)
    }

    /// What is known is no longer believed, but for where brokers are.
    pub(crate) fn forget(&self) {
        let mut known = self.known();
        let brokers = known.0.brokers.clone();
        *known = (Arc::new(Atlas { brokers, topics: BTreeMap::new() }), None);
    }

    fn remembered(&self, topics: &BTreeSet<&str>) -> Option<Arc<Atlas>> {
        let known = self.known();
        let is_fresh = known.1.is_some_and(|since| since.elapsed() < AGE_MAX);
        (is_fresh && known.0.has(topics)).then(|| known.0.clone())
    }

    /// Asks one broker after the other. A login that fails says more than a broker that is not there.
    async fn ask(&self, line: &Line, topics: &BTreeSet<&str>) -> Result<Metadata, Trouble> {
        let (first, brokers) = (self.seed.load(Ordering::Relaxed), self.known().0.brokers.clone());
        let mut worst: Option<Trouble> = None;
        for turn in 0..self.seeds.len() {
            let seed = (first + turn) % self.seeds.len();
            match ask_one(line, &self.seeds[seed], topics).await {
                Ok(said) => {
                    self.seed.store(seed, Ordering::Relaxed);
                    return Ok(said);
                }
                Err(trouble) => worst = Some(worst.filter(Trouble::is_setting).unwrap_or(trouble)),
            }
        }
        for endpoint in brokers.values().filter(|endpoint| !self.seeds.contains(endpoint)) {
            if let Ok(said) = ask_one(line, endpoint, topics).await {
                return Ok(said);
            }
        }
        Err(worst.unwrap_or(Trouble::Closed))
    }

    fn known(&self) -> MutexGuard<'_, (Arc<Atlas>, Option<Instant>)> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn ask_one(line: &Line, endpoint: &Endpoint, topics: &BTreeSet<&str>) -> Result<Metadata, Trouble> {
    let mut connection = line.take(endpoint).await?;
    let answer = connection.ask(|head| metadata(head, topics.iter().copied())).await?;
    let said = Metadata::read(answer)?;
    line.keep(endpoint, connection);
    Ok(said)
}
