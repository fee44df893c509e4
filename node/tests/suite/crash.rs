//! A node that is killed at any moment while devices publish: nothing acknowledged is lost, nothing comes twice unmarked, and
//! the accounts close. What holds is written at the heads of `checker` and `sums`, which judge; here is the run.
//!
//! Each life of the node begins with its accounts, which are asked for before any publisher knows where it listens, and ends
//! with SIGKILL: after at least one acknowledgement and a random time. Now and then the start that follows is killed too, so
//! that recovery is itself interrupted. The last life ends in order. Moments are random, so each run is another one; which
//! moments they are follows from a seed, and the checks from nothing but the evidence.

mod checker;
mod evidence;
mod planted;
mod publisher;
mod sums;

use crate::process::{Node, command, pass, start_and_kill};
use evidence::{Books, BrokerCounts, Evidence, Life, Publication, Row};
use publisher::{Diary, Home, publish};
use std::hash::{BuildHasher, RandomState};
use std::path::Path;
use std::process::Command;
use std::time::Duration;
use tempfile::TempDir;

const KILLS: u32 = 20;
/// Publications each publisher keeps unacknowledged: one that waits for each, and some that do not.
const WINDOWS: [usize; 5] = [1, 8, 32, 64, 200];
/// A life after its first acknowledgement, a start, and the time between a last look and the kill, at most.
const LIFE_MS: u64 = 150;
const START_MS: u64 = 60;
const LAST_LOOK_MS: u64 = 5;
/// Acknowledgements in the life that is not killed.
const LAST_ACKS: u64 = 500;

/// The moments of a run, from a seed (SplitMix64).
struct Moments(u64);

impl Moments {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % limit
    }

    fn within(&mut self, limit_ms: u64) -> Duration {
        Duration::from_micros(self.below(limit_ms * 1000))
    }
}

/// Says after a failure which seed it was, and keeps the data folder.
struct Scene {
    seed: u64,
    dir: Option<TempDir>,
}

impl Drop for Scene {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let kept = self.dir.take().map(TempDir::keep);
            eprintln!("seed: TIDEGATE_TEST_SEED={}, data folder: {kept:?}", self.seed);
        }
    }
}

/// Lets publishers go, also after a failure.
struct Leave<'a>(&'a Home);

impl Drop for Leave<'_> {
    fn drop(&mut self) {
        self.0.abandon();
    }
}

fn seed() -> u64 {
    let given = std::env::var("TIDEGATE_TEST_SEED").ok();
    given.map_or_else(|| RandomState::new().hash_one(0), |seed| seed.parse().unwrap())
}

fn critical(data: &Path) -> Command {
    let mut command = command(data);
    command.args(["--critical", Publication::CRITICAL]);
    command
}

fn start(data: &Path) -> (Node, Books) {
    let node = Node::start_with(critical(data), data);
    let books = Books(node.accounts());
    (node, books)
}

/// One life of the node that ends by a kill, and perhaps starts after it that end so too; at most `kills` of them all.
fn killed_life(data: &Path, home: &Home, at: usize, kills: u32, moments: &mut Moments) -> Life {
    let (node, start) = start(data);
    home.open(at, node.mqtt());
    home.acked(1);
    pass(moments.within(LIFE_MS));
    let received_seen = Books(node.accounts()).of("/admission/received");
    pass(moments.within(LAST_LOOK_MS));
    assert_eq!(node.kill().status, None);
    let mut life = Life { start, received_seen, kills: 1 };
    while life.kills < kills && moments.below(3) == 0 {
        start_and_kill(critical(data), moments.within(START_MS));
        life.kills += 1;
    }
    life
}

/// The life that ends in order, once publishers have ended and everything is delivered.
fn last_life(data: &Path, home: &Home, at: usize) -> (Node, Books) {
    let (node, start) = start(data);
    home.open(at, node.mqtt());
    home.acked(LAST_ACKS);
    home.end();
    (node, start)
}

fn broker_counts(node: &Node) -> BrokerCounts {
    let of = |sample: &str| node.metric(&format!("tidegate_broker_{sample}")).unwrap();
    BrokerCounts {
        at_most_once: of("publications_total{qos=\"0\",dup=\"false\"}"),
        at_least_once: of("publications_total{qos=\"1\",dup=\"false\"}"),
        at_least_once_dup: of("publications_total{qos=\"1\",dup=\"true\"}"),
        acks: of("acks_total"),
    }
}

fn rows(node: &Node) -> Vec<Row> {
    let text = std::fs::read_to_string(node.file()).unwrap();
    let row = |line: &str| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error} in {line}"));
    text.lines().map(row).collect()
}

fn is_drained(accounts: &serde_json::Value) -> bool {
    accounts["sinks"].as_array().unwrap().iter().all(|sink| sink["lag"] == 0 && sink["in_flight"] == 0)
}

/// Lives until `KILLS` kills are done, then the last one; gives what publishers and the node have to say.
fn run(data: &Path, home: &Home, moments: &mut Moments) -> Evidence {
    std::thread::scope(|scope| {
        let _leave = Leave(home);
        let publishers: Vec<_> = (0_u64..)
            .zip(WINDOWS)
            .map(|(number, window)| scope.spawn(move || publish(home, number, window)))
            .collect();
        let (mut lives, mut left) = (Vec::<Life>::new(), KILLS);
        while left > 0 {
            lives.push(killed_life(data, home, lives.len(), left, moments));
            left -= lives.last().map_or(0, |life| life.kills);
        }
        let (node, start) = last_life(data, home, lives.len());
        let diaries: Vec<Diary> = publishers.into_iter().map(|publisher| publisher.join().unwrap()).collect();
        let received_seen = Books(node.accounts()).of("/admission/received");
        lives.push(Life { start, received_seen, kills: 0 });
        let end = Books(node.accounts_when(is_drained));
        let broker = broker_counts(&node);
        let attempts = diaries.iter().flat_map(|diary| diary.attempts.iter().copied()).collect();
        let acks = diaries.iter().flat_map(|diary| diary.acks.iter().copied()).collect();
        Evidence { attempts, acks, rows: rows(&node), lives, end, broker }
    })
}

#[test]
fn whatever_moments_a_node_is_killed_at_nothing_acknowledged_is_lost_and_the_accounts_close() {
    let (home, seed, dir) = (Home::default(), seed(), TempDir::new().unwrap());
    let data = dir.path().to_owned();
    let _scene = Scene { seed, dir: Some(dir) };
    let evidence = run(&data, &home, &mut Moments(seed));
    let faults = checker::check(&evidence);
    let first = &faults[..faults.len().min(20)];
    assert!(faults.is_empty(), "{} faults: {first:#?}", faults.len());
}
