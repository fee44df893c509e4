//! `journal.w1`, `journal.w16`, `journal.w256`: commits at level `disk`, beside a bare group commit on the same disk.
//!
//! Ours and both bare ones take turns in short rounds, so that whatever else the machine does hits all three; what is
//! reported are medians over rounds.

use super::bare::{Bare, Shape};
use super::scratch::Scratch;
use super::{Report, Trouble};
use std::convert::Infallible;
use std::io;
use std::thread;
use std::time::Duration;
use tidegate_kernel_journal::{DataFolder, Entry, Id, Journal, Level};
use tidegate_kernel_lab::{Load, Round, Row, drive, median};

const WRITERS: [usize; 3] = [1, 16, 256];
const ROUNDS: usize = 5;
const ROUND: Duration = Duration::from_millis(500);
const WARM_UP: Duration = Duration::from_millis(300);
/// Between rounds, so that what one started in the background does not run in the next.
const PAUSE: Duration = Duration::from_millis(150);
/// Header and payload.
const RECORD_BYTES: usize = 256;
const PAYLOAD_BYTES: usize = 200;
/// As long as the journal's segments are in the long run.
const PREWRITTEN_BYTES: u64 = 64 << 20;

pub(super) fn measure(report: &Report, scratch: &Scratch) -> Result<(), Trouble> {
    WRITERS.into_iter().try_for_each(|writers| compare(report, scratch, writers))
}

/// One journal and two bare group commits under the same load.
struct Contest {
    folder: DataFolder,
    prewritten: Bare,
    growing: Bare,
}

#[derive(Debug, Default)]
struct Rounds {
    ours: Vec<Round>,
    prewritten: Vec<Round>,
    growing: Vec<Round>,
}

fn compare(report: &Report, scratch: &Scratch, writers: usize) -> Result<(), Trouble> {
    let path = scratch.inner("commits");
    let contest = Contest {
        folder: DataFolder::open(&path)?,
        prewritten: Bare::create(&path.join("prewritten"), Shape::Prewritten(PREWRITTEN_BYTES))?,
        growing: Bare::create(&path.join("growing"), Shape::Growing)?,
    };
    let rounds = contest.run(writers)?;
    contest.folder.close();
    scratch.clear("commits")?;
    let peers = [
        ("bare group commit, zero-written file", &rounds.prewritten),
        ("bare group commit, growing file", &rounds.growing),
    ];
    peers.into_iter().for_each(|(peer, theirs)| report.print(row(writers, &rounds.ours, peer, theirs)));
    Ok(())
}

impl Contest {
    fn run(&self, writers: usize) -> Result<Rounds, Trouble> {
        let journal = self.folder.books();
        let load = Load { threads: writers, duration: ROUND };
        ours(journal, Load { duration: WARM_UP, ..load })?;
        let mut rounds = Rounds::default();
        let taken = self.prewritten.serve(|| {
            self.growing.serve(|| {
                for _ in 0..ROUNDS {
                    rounds.ours.push(ours(journal, load)?);
                    rounds.prewritten.push(bare(&self.prewritten, load));
                    rounds.growing.push(bare(&self.growing, load));
                }
                Ok::<(), Trouble>(())
            })
        });
        let inner: io::Result<Result<(), Trouble>> = taken?;
        inner??;
        Ok(rounds)
    }
}

fn ours(journal: &Journal, load: Load) -> Result<Round, Trouble> {
    thread::park_timeout(PAUSE);
    let payload = [7; PAYLOAD_BYTES];
    let entry =
        Entry { stream: 1, kind: 1, version: 1, id: Id::v7(1), payload: &payload, ..Entry::default() };
    drive(load, || -> Result<(), Trouble> { Ok(journal.append(entry)?.wait(Level::Disk)?) })
}

fn bare(bare: &Bare, load: Load) -> Round {
    thread::park_timeout(PAUSE);
    let record = [7; RECORD_BYTES];
    let round = drive(load, || -> Result<(), Infallible> {
        bare.commit(&record);
        Ok(())
    });
    match round {
        Ok(round) => round,
        Err(never) => match never {},
    }
}

fn row(writers: usize, ours: &[Round], peer: &'static str, theirs: &[Round]) -> Row {
    let over = |rounds: &[Round], figure: &dyn Fn(&Round) -> f64| median(rounds.iter().map(figure).collect());
    let (value, peer_value) = (over(ours, &Round::per_second), over(theirs, &Round::per_second));
    Row {
        scenario: format!("journal.w{writers}"),
        metric: "rate",
        unit: "commit/s",
        value,
        p50_us: Some(over(ours, &|round| round.latencies.quantile_us(0.5))),
        p99_us: Some(over(ours, &|round| round.latencies.quantile_us(0.99))),
        cpu_us_per_op: Some(over(ours, &Round::cpu_us_per_operation)),
        peer: Some(peer),
        peer_value: Some(peer_value),
        ratio: Some(value / peer_value),
        load: format!(
            "{writers} threads, one commit after another, level disk, record {RECORD_BYTES} B, books; \
             median of {ROUNDS} rounds of {} ms, in turn with the peer's",
            ROUND.as_millis()
        ),
        ..Row::default()
    }
}
