//! `node.panic`: how long others take to answer while one capability panics in a loop, beside the same load without panics.
//!
//! A loop is what one thing does that is offered again and again: the capability is started again after 50 ms, then after twice as long
//! each time, seven times in six seconds; what comes after that is given up. Each round has a node of its own, first without and then with
//! the loop. Only a binary with the feature `faults` can be made to panic.

use super::prober::{ASKED_PER_SECOND, PUBLISHED_PER_SECOND, PUBLISHERS, Places, Prober, Taken};
use crate::bench::child::{Node, post};
use crate::bench::load::{Wire, runtime};
use crate::bench::scratch::Scratch;
use crate::bench::{Report, Trouble};
use crate::cli::Extent;
use std::fs;
use std::net::SocketAddr;
use std::thread;
use std::time::Duration;
use tidegate_kernel_lab::{Latencies, Row};
use tokio::runtime::Runtime;

/// Rounds of each loop; with `--seconds` as many as there is time for.
const ROUNDS: u64 = 5;
const ROUND_S: u64 = 26;
const SETTLING: Duration = Duration::from_millis(500);
/// To the seventh start, and not beyond.
const WINDOW: Duration = Duration::from_secs(6);
const PANICS_MIN: u64 = 5;
const CONFIG: &str = "[ingest.templates.press.tags]\ntemp = { unit = \"C\" }\n\
    [ingest.devices.presses]\ntopic = \"press/+\"\ntemplate = \"press\"\n\
    [ledger.books.bench]\n";

/// Who panics, and who is asked meanwhile.
struct Loop {
    name: &'static str,
    /// What counts its panics.
    panics: &'static str,
    asked: &'static [Question],
    begin: fn(&Node) -> Result<Poison, Trouble>,
}

struct Question {
    metric: &'static str,
    words: &'static str,
    of: fn(&Taken) -> &Latencies,
}

/// What keeps a loop going.
enum Poison {
    /// A publication that the broker offers again for as long as its connection is there.
    Publication { _held: (Runtime, Wire) },
    /// An order that is sent again until the node is gone.
    Order,
}

const LOOPS: [Loop; 2] = [
    Loop {
        name: "the book",
        panics: "tidegate_ledger_panics_total{",
        asked: &[
            Question {
                metric: "book.publish",
                words: "from a publication at QoS 1 to its acknowledgement",
                of: |taken| &taken.publish,
            },
            Question { metric: "book.history", words: "GET /api/v1/history", of: |taken| &taken.history },
        ],
        begin: |node| Ok(order(node.http)),
    },
    Loop {
        name: "ingest",
        panics: "tidegate_capability_panics_total{capability=\"ingest\"}",
        asked: &[
            Question {
                metric: "ingest.retained",
                words: "from a subscription to the retained message",
                of: |taken| &taken.retained,
            },
            Question { metric: "ingest.history", words: "GET /api/v1/history", of: |taken| &taken.history },
        ],
        begin: |node| publication(node.mqtt),
    },
];

/// One side of all rounds.
#[derive(Default)]
struct Side {
    taken: Taken,
    panics: u64,
}

pub(super) fn measure(report: &Report, scratch: &Scratch, extent: &Extent) -> Result<(), Trouble> {
    if !cfg!(feature = "faults") {
        report.print(skipped());
        return Ok(());
    }
    let rounds = extent.seconds.map_or(ROUNDS, |seconds| seconds.div_ceil(ROUND_S));
    for each in &LOOPS {
        let (mut without, mut with) = (Side::default(), Side::default());
        for _ in 0..rounds {
            round(scratch, each, &mut without, &mut with)?;
        }
        each.asked
            .iter()
            .for_each(|question| report.print(row(each.name, question, [&without, &with], rounds)));
    }
    Ok(())
}

fn skipped() -> Row {
    let why = "nothing can be planted in this binary; `cargo xtask bench node` builds one where it can";
    Row {
        scenario: "node.panic".to_owned(),
        metric: "p99",
        unit: "us",
        skipped: Some(why.to_owned()),
        ..Row::default()
    }
}

fn round(scratch: &Scratch, each: &Loop, without: &mut Side, with: &mut Side) -> Result<(), Trouble> {
    let file = scratch.inner("panic.toml");
    fs::write(&file, CONFIG)?;
    let node = Node::start_with(&scratch.inner("panic"), &["--config".as_ref(), file.as_ref()])?;
    let prober = Prober::start(Places { mqtt: node.mqtt, admin: node.admin() });
    thread::park_timeout(SETTLING);
    without.add(prober.window(WINDOW), node.metric(each.panics)?);
    let poison = (each.begin)(&node)?;
    with.add(prober.window(WINDOW), node.metric(each.panics)?);
    prober.end()?;
    drop((poison, node));
    scratch.clear("panic")?;
    match with.panics {
        panics if panics < PANICS_MIN => Err(format!("{} panicked {panics} times", each.name).into()),
        _ => Ok(()),
    }
}

impl Side {
    fn add(&mut self, taken: Taken, panics: u64) {
        let Taken { publish, retained, history } = taken;
        self.taken.publish += publish;
        self.taken.retained += retained;
        self.taken.history += history;
        self.panics += panics;
    }
}

fn publication(mqtt: SocketAddr) -> Result<Poison, Trouble> {
    let runtime = runtime()?;
    let wire = runtime.block_on(async {
        let mut wire = Wire::connect(mqtt, "poison").await?;
        wire.send("planted/panic/taking", b"x", false).await?;
        std::io::Result::Ok(wire)
    })?;
    Ok(Poison::Publication { _held: (runtime, wire) })
}

fn order(http: SocketAddr) -> Poison {
    let body = r#"{"name":"planted.panic.deciding","currency":"CNY"}"#;
    // Ends with the node.
    thread::spawn(move || while post(http, "/v1/ledger/bench/accounts", body).is_ok() {});
    Poison::Order
}

fn row(name: &str, question: &Question, [without, with]: [&Side; 2], rounds: u64) -> Row {
    let (quiet, loud) = ((question.of)(&without.taken), (question.of)(&with.taken));
    let (value, peer_value) = (loud.quantile_us(0.99), quiet.quantile_us(0.99));
    let load = format!(
        "{}; {} panics of {name} in {rounds} rounds of {} s, and {rounds} without; {PUBLISHED_PER_SECOND} msg/s due over {PUBLISHERS} connections, \
         {ASKED_PER_SECOND} a second of each question; answered {} times, without {}",
        question.words,
        with.panics,
        WINDOW.as_secs(),
        loud.count(),
        quiet.count(),
    );
    Row {
        scenario: "node.panic".to_owned(),
        metric: question.metric,
        unit: "us",
        value,
        p50_us: Some(loud.quantile_us(0.5)),
        p99_us: Some(value),
        peer: Some("p99 of the same without panics, us"),
        peer_value: Some(peer_value),
        ratio: Some(value / peer_value),
        load,
        ..Row::default()
    }
}
