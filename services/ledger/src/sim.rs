//! A book on a disk that loses power, tears sectors, fails syncs, is slow and fills up, by a seed; and whether it kept what it promised.
//!
//! A world lives a few times. In each life orders are sent, several at once, some of them again; something goes wrong at some operation of
//! the disk; then the power comes back with a part of what was not synced, or only the process does. In the end everything is read
//! and judged. Seeds choose orders and faults; how the threads of the journal run beside each other is the machine's.

mod judge;
mod trees;

use crate::ask::{Ask, NamedAction, NamedOrder, Outcome};
use crate::book::Book;
use crate::config::{BookConfig, Shared};
use crate::error::Setback;
use crate::ledger::STREAM_MIN;
use crate::port::Port;
use std::sync::Arc;
use std::time::Duration;
use tidegate_engine_book::{Currency, Id, Limits, Memo, Name};
use tidegate_kernel_journal::{Clock, Fault, Id as Made, Journal, Options, SimDisk, SystemClock, Threads};

pub use judge::Plant;
use trees::Trees;

const LIVES: usize = 4;
const STEPS: usize = 16;
/// Orders of one step.
const TOGETHER: u64 = 4;
const SEGMENT_BYTES: [u64; 3] = [64 << 10; 3];
/// A fault is planned at one of the next so many operations.
const SOON: u64 = 60;
/// How long a slow disk takes for a sync, and how long an answer may take then.
const SLOW: Duration = Duration::from_millis(4);
const PATIENCE: Duration = Duration::from_millis(2);
const ACCOUNTS: [&str; 3] = ["source", "a", "b"];

/// What a world came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Tally {
    pub orders: usize,
    pub acknowledged: usize,
    pub refused: usize,
    /// Requests whose answer did not come in time.
    pub late: usize,
}

/// A promise that was not kept.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("seed {seed}: {what}")]
pub struct Broken {
    pub seed: u64,
    pub what: String,
}

/// Lets the world of this seed live and judges it, with something planted for whoever judges.
pub async fn run(seed: u64, plant: Plant) -> Result<Tally, Broken> {
    let mut world = World {
        random: Random(seed),
        disk: SimDisk::default(),
        sent: Vec::new(),
        time: 0,
        late: 0,
        trees: Trees::new(STREAM_MIN),
    };
    let lived = world.live(plant).await;
    lived.map_err(|what| Broken { seed, what })
}

/// splitmix64 (Steele, Lea, Flood 2014).
#[derive(Debug)]
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % bound
    }

    fn at(&mut self, length: usize) -> usize {
        self.below(length as u64) as usize
    }
}

/// An order, when it was first sent, and what is known of it.
#[derive(Debug, Clone)]
struct Sent {
    order: NamedOrder,
    sent_at: u64,
    /// The number of its fact, and when that was told.
    acknowledged: Option<(u64, u64)>,
    /// The last answer was that it is not done.
    refused: bool,
}

#[derive(Debug)]
struct World {
    random: Random,
    disk: SimDisk,
    sent: Vec<Sent>,
    /// Rises with whatever is sent or told.
    time: u64,
    late: usize,
    trees: Trees,
}

impl World {
    async fn live(&mut self, plant: Plant) -> Result<Tally, String> {
        for _ in 0..LIVES {
            self.life().await?;
        }
        self.judge(plant).await?;
        let count = |is: &dyn Fn(&Sent) -> bool| self.sent.iter().filter(|sent| is(sent)).count();
        Ok(Tally {
            orders: self.sent.len(),
            acknowledged: count(&|sent| sent.acknowledged.is_some()),
            refused: count(&|sent| sent.refused),
            late: self.late,
        })
    }

    async fn life(&mut self) -> Result<(), String> {
        let shared = self.plan_fault();
        if let Some((book, journal, threads)) = self.open(shared)? {
            // A fault may come as early as here; then there is nothing to send orders to.
            let _ = book.submit(ACCOUNTS.map(account).to_vec()).await;
            for _ in 0..STEPS {
                self.step(&book).await?;
            }
            if self.random.below(2) == 0 {
                // On a disk that has failed it does not grow; how it was left is judged in the end.
                let _ = self.trees.grow(&journal);
            }
            drop((book, journal, threads));
        }
        match self.random.below(4) {
            0 => self.disk.restart_process(),
            _ => self.disk.power_cycle(self.random.below(5)),
        }
        Ok(())
    }

    /// What is to go wrong, and how patient those are who ask.
    fn plan_fault(&mut self) -> Shared {
        let operation = self.disk.operations() + 1 + self.random.below(SOON);
        let fault = match self.random.below(6) {
            0 | 1 => Fault::PowerCut { operation },
            2 => Fault::SyncError { operation },
            3 => Fault::WriteError { operation },
            4 => Fault::Slow { operation, many: 4, each: SLOW },
            _ => Fault::Full { bytes: SEGMENT_BYTES[0] * (2 + self.random.below(6)) },
        };
        self.disk.plan(fault);
        match fault {
            Fault::Slow { .. } => Shared { timeout: PATIENCE, ..Shared::default() },
            _ => Shared::default(),
        }
    }

    /// Nothing where the disk fails while the journal is opened; a journal that opens and is no book is a promise broken.
    fn open(&self, shared: Shared) -> Result<Option<(Arc<Book>, Journal, Threads)>, String> {
        let options = Options { segment_bytes: SEGMENT_BYTES, ..Options::books() };
        let opened = Journal::start(Arc::new(self.disk.clone()), Arc::new(SystemClock), options);
        let Ok((journal, threads)) = opened else { return Ok(None) };
        let config = BookConfig { name: "sim".to_owned(), limit: Default::default() };
        let book = Book::open(journal.clone(), STREAM_MIN, Arc::new(SystemClock), config, shared);
        Ok(Some((book.map_err(|error| error.to_string())?, journal, threads)))
    }

    /// Up to four orders at once, new ones and some that were sent before.
    async fn step(&mut self, book: &Book) -> Result<(), String> {
        let mut chosen = Vec::new();
        for _ in 0..=self.random.below(TOGETHER) {
            let at = self.choose();
            if !chosen.contains(&at) {
                chosen.push(at);
            }
        }
        let asks = chosen.iter().map(|at| Ask::One(self.sent[*at].order.clone())).collect();
        match book.submit(asks).await {
            Ok(outcomes) => chosen.iter().zip(outcomes).try_for_each(|(at, outcome)| self.hear(*at, outcome)),
            Err(Setback::Closed(_)) => Ok(()),
            Err(Setback::Unknown) => {
                self.late += 1;
                // Whatever was said before: it may be done by now.
                chosen.iter().for_each(|at| self.sent[*at].refused = false);
                Ok(())
            }
            Err(setback) => Err(format!("a request came to {setback}")),
        }
    }

    fn choose(&mut self) -> usize {
        if !self.sent.is_empty() && self.random.below(3) == 0 {
            return self.random.at(self.sent.len());
        }
        let (order, sent_at) = (self.new_order(), self.tick());
        self.sent.push(Sent { order, sent_at, acknowledged: None, refused: false });
        self.sent.len() - 1
    }

    fn new_order(&mut self) -> NamedOrder {
        let [debit, credit] = [(); 2].map(|()| ACCOUNTS[self.random.at(ACCOUNTS.len())].to_owned());
        let amount = 1 + self.random.below(20) as i64;
        let action = match self.random.below(6) {
            0 => NamedAction::Reserve { debit, credit, amount, timeout_ms: None },
            1 if !self.sent.is_empty() => NamedAction::Post { reservation: self.any_id(), amount: None },
            2 if !self.sent.is_empty() => NamedAction::Void { reservation: self.any_id() },
            _ => NamedAction::Transfer { debit, credit, amount },
        };
        NamedOrder { id: Id(Made::v7(SystemClock.wall_ms()).0), action, memo: Memo::default() }
    }

    fn any_id(&mut self) -> Id {
        let at = self.random.at(self.sent.len());
        self.sent[at].order.id
    }

    fn tick(&mut self) -> u64 {
        self.time += 1;
        self.time
    }

    fn hear(&mut self, at: usize, outcome: Outcome) -> Result<(), String> {
        let now = self.tick();
        let sent = &mut self.sent[at];
        sent.refused = matches!(outcome, Err(Setback::Refused(_)));
        match outcome {
            Ok(done) => {
                let (seq, _) = *sent.acknowledged.get_or_insert((done.seq, now));
                if seq == done.seq {
                    Ok(())
                } else {
                    Err(format!("one order is fact {} as well: {sent:?}", done.seq))
                }
            }
            Err(Setback::Refused(refused)) if sent.acknowledged.is_some() => {
                Err(format!("refused after it was acknowledged, {refused}: {sent:?}"))
            }
            Err(_) => Ok(()),
        }
    }
}

/// The first one may go below zero.
fn account(name: &str) -> Ask {
    let min = if name == ACCOUNTS[0] { i64::MIN } else { 0 };
    let (name, currency) = (Name::new(name), Currency::new("CNY"));
    let limits = Limits { min, max: i64::MAX };
    Ask::Open { name: name.expect("letters"), currency: currency.expect("letters"), limits }
}
