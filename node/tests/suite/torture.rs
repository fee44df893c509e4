//! Books whose node is killed again and again while many post: what was acknowledged is there, once, as it was told; nothing else is.
//!
//! Here a few kills; `cargo xtask torture ledger` sets `TIDEGATE_TORTURE_KILLS` to a hundred.

use crate::http::ask;
use crate::ledger::{balance, open_accounts, post, start};
use crate::process::{Node, PATIENCE, Ports, run};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fs;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::Instant;
use tempfile::TempDir;
use tidegate_kernel_journal::{Clock, Id, SystemClock};

const CONFIG: &str = "[ledger]\nscrub = \"200 ms\"\nsnapshot_facts = 1000\n[ledger.books.main]\n";
const POSTERS: u64 = 3;
const KILLS: u64 = 6;
/// Orders of one request, and how many of them there are between two kills.
const TOGETHER: u64 = 8;
const BETWEEN: u64 = 60;
/// Every so many requests one that was answered long ago is sent again.
const AGAIN: usize = 5;

/// Requests that were answered, with the number of each order's fact.
#[derive(Debug, Default)]
struct Told {
    requests: Vec<(String, Vec<u64>)>,
    facts: BTreeMap<String, (u64, u64)>,
    /// Answered only after it was sent again.
    repeated: u64,
}

/// What all posters and whoever kills share.
struct Load {
    address: SocketAddr,
    stop: AtomicBool,
    acknowledged: AtomicU64,
}

impl Load {
    fn poster(&self, poster: u64) -> Told {
        let (mut told, mut amount) = (Told::default(), poster + 1);
        while !self.stop.load(Ordering::SeqCst) {
            let ids: Vec<String> = (0..TOGETHER).map(|_| Id::v7(SystemClock.wall_ms()).to_string()).collect();
            let body = request(&ids, amount);
            let (seqs, tries) = self.until_answered(&body);
            told.repeated += u64::from(tries > 1);
            told.facts.extend(ids.into_iter().zip(seqs.iter().map(|seq| (*seq, amount))));
            told.requests.push((body, seqs));
            self.acknowledged.fetch_add(TOGETHER, Ordering::SeqCst);
            if told.requests.len().is_multiple_of(AGAIN) {
                let (body, seqs) = &told.requests[told.requests.len() / 2];
                assert_eq!(&self.until_answered(body).0, seqs, "another answer than before to {body}");
            }
            amount = amount % 97 + POSTERS;
        }
        told
    }

    /// The numbers of the facts, and how often it was sent.
    fn until_answered(&self, body: &str) -> (Vec<u64>, u64) {
        let (began, mut tries) = (Instant::now(), 0);
        loop {
            tries += 1;
            if let Ok(answer) = post(self.address, body)
                && answer.status == 200
            {
                let results = answer.json()["results"].as_array().unwrap().clone();
                return (results.iter().map(|result| result["seq"].as_u64().unwrap()).collect(), tries);
            }
            assert!(began.elapsed() < PATIENCE, "no answer to {body}");
            thread::yield_now();
        }
    }

    fn wait_for(&self, acknowledged: u64) {
        let began = Instant::now();
        while self.acknowledged.load(Ordering::SeqCst) < acknowledged {
            assert!(began.elapsed() < PATIENCE, "the posters do not get on");
            thread::yield_now();
        }
    }
}

fn request(ids: &[String], amount: u64) -> String {
    let order =
        |id| json!({"id": id, "kind": "transfer", "debit": "source", "credit": "till", "amount": amount});
    json!({"orders": ids.iter().map(order).collect::<Vec<_>>()}).to_string()
}

/// All transfers of the book: number and amount by id; one that is there twice is an error.
fn postings(node: &Node, bearer: &str) -> BTreeMap<String, (u64, u64)> {
    let (mut found, mut after) = (BTreeMap::new(), 0);
    loop {
        let target = format!("GET /v1/ledger/main/postings?many=1000&after={after}");
        let page = ask(node.http(), &target, bearer, "").json();
        let facts: &Vec<Value> = page["facts"].as_array().unwrap();
        for fact in facts.iter().filter(|fact| fact["kind"] == "transfer") {
            let id = fact["id"].as_str().unwrap().to_owned();
            let what = (fact["seq"].as_u64().unwrap(), fact["amount"].as_u64().unwrap());
            assert_eq!(found.insert(id, what), None, "twice: {fact}");
        }
        match page["next"].as_u64() {
            Some(next) if !facts.is_empty() => after = next,
            _ => return found,
        }
    }
}

/// Kills and starts the node under load; what was told, and the node that came last.
fn torture(kills: u64, node: Node, again: impl Fn() -> Node) -> (Vec<Told>, Node) {
    let load = Load { address: node.http(), stop: AtomicBool::new(false), acknowledged: AtomicU64::new(0) };
    thread::scope(|scope| {
        let (load, mut node) = (&load, node);
        let posters: Vec<_> = (0..POSTERS).map(|poster| scope.spawn(move || load.poster(poster))).collect();
        for _ in 0..kills {
            load.wait_for(load.acknowledged.load(Ordering::SeqCst) + BETWEEN);
            node.kill();
            node = again();
        }
        load.stop.store(true, Ordering::SeqCst);
        (posters.into_iter().map(|poster| poster.join().unwrap()).collect(), node)
    })
}

/// What was told against what is there, by id, number and amount, as counts and as sums.
fn compare(told: &[Told], found: &BTreeMap<String, (u64, u64)>) -> Result<u64, String> {
    let told: BTreeMap<&String, &(u64, u64)> = told.iter().flat_map(|told| &told.facts).collect();
    for (id, what) in &told {
        match found.get(*id) {
            None => return Err(format!("{id} was acknowledged and is gone")),
            Some(there) if there != *what => {
                return Err(format!("{id} was told as {what:?} and is {there:?}"));
            }
            Some(_) => {}
        }
    }
    if let Some(id) = found.keys().find(|id| !told.contains_key(id)) {
        return Err(format!("{id} is there, and nobody was told of it"));
    }
    Ok(found.values().map(|(_, amount)| amount).sum())
}

#[test]
fn a_node_that_is_killed_again_and_again_under_load_loses_no_acknowledged_transfer() {
    let kills = std::env::var("TIDEGATE_TORTURE_KILLS").ok().map_or(KILLS, |kills| kills.parse().unwrap());
    let dir = TempDir::new().unwrap();
    let (file, data, ports) = (dir.path().join("tidegate.toml"), dir.path().join("data"), Ports::to_keep());
    let (lines, bearer) = auditor();
    fs::write(&file, format!("{CONFIG}{lines}")).unwrap();
    let node = start(&data, &file, ports);
    open_accounts(&node);
    let (told, node) = torture(kills, node, || start(&data, &file, ports));
    let found = postings(&node, &bearer);
    let sum = compare(&told, &found).unwrap_or_else(|what| panic!("{what}"));
    assert_eq!(
        (balance(&node, "till")["posted"].as_u64(), balance(&node, "source")["posted"].as_i64()),
        (Some(sum), Some(-(sum as i64)))
    );
    let last = found.values().map(|(seq, _)| *seq).max().unwrap();
    node.metric_when("tidegate_ledger_sound_seq{book=\"main\"}", |seq| seq >= last);
    assert_eq!(node.metric("tidegate_ledger_differences_total{book=\"main\"}"), Some(0));
    assert_eq!(node.terminate().status, Some(0));
    let repeated: u64 = told.iter().map(|told| told.repeated).sum();
    println!(
        "{}",
        json!({"torture": "ledger", "kills": kills, "acknowledged": found.len(), "sent_again": repeated, "sum": sum, "lost": 0})
    );
}

#[test]
fn whoever_compares_sees_what_is_gone_changed_or_invented() {
    let told = [Told {
        facts: BTreeMap::from([("a".to_owned(), (1, 5)), ("b".to_owned(), (2, 6))]),
        ..Told::default()
    }];
    let found = told[0].facts.clone();
    assert_eq!(compare(&told, &found), Ok(11));
    let (mut gone, mut other, mut more) = (found.clone(), found.clone(), found);
    gone.remove("b");
    other.insert("b".to_owned(), (2, 7));
    more.insert("c".to_owned(), (3, 1));
    for (found, words) in [(gone, "is gone"), (other, "was told as"), (more, "nobody was told")] {
        assert!(compare(&told, &found).unwrap_err().contains(words));
    }
}

/// The lines that let an auditor in, and the header by which it shows who it is.
fn auditor() -> (String, String) {
    let said = String::from_utf8(run(&["identity", "token", "eye"]).stdout).unwrap();
    let token = said.lines().nth(1).unwrap().trim_start_matches(['#', ' ']).to_owned();
    (format!("{said}roles = [\"auditor\"]\n"), format!("authorization: Bearer {token}\r\n"))
}
