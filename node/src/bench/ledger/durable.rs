//! `ledger.durable.w256`, `ledger.durable.w16`: so many tasks in the process, each with one transfer after another, beside a bare group
//! commit of records as long on the same disk.

use super::history::{BOOK, name_book};
use super::orders;
use crate::audit::{self, Log, Trees};
use crate::bench::bare::{Bare, Shape};
use crate::bench::scratch::Scratch;
use crate::bench::{Report, Trouble};
use crate::identity::NodeKey;
use std::convert::Infallible;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};
use tidegate_engine_book::{Currency, Id, Limits, Memo, Name};
use tidegate_kernel_journal::{Clock, DataFolder, Id as Made, SystemClock};
use tidegate_kernel_lab::{Load, Row, drive, median, process_cpu};
use tidegate_kernel_plug::Capability;
use tidegate_service_ledger::{Ask, Book, BookConfig, NamedAction, NamedOrder, Port, STREAM_MIN, Shared};
use tokio::runtime::Builder;

pub(super) const WORKERS: [usize; 2] = [256, 16];
pub(super) const ACCOUNTS: u64 = 1000;
pub(super) const IDS: usize = 1 << 20;
const ROUNDS: usize = 5;
const ROUND: Duration = Duration::from_secs(1);
/// Between rounds, so that what one started in the background does not run in the next.
const PAUSE: Duration = Duration::from_millis(150);
/// A transfer's record: a head of 56 bytes and 120 of the fact.
const RECORD_BYTES: usize = 176;
const PREWRITTEN_BYTES: u64 = 64 << 20;

pub(super) fn measure(report: &Report, scratch: &Scratch) -> Result<(), Trouble> {
    WORKERS.into_iter().try_for_each(|workers| compare(report, scratch, workers))
}

fn compare(report: &Report, scratch: &Scratch, workers: usize) -> Result<(), Trouble> {
    let path = scratch.inner("ledger");
    let folder = DataFolder::open(&path)?;
    let bare = Bare::create(&path.join("prewritten"), Shape::Prewritten(PREWRITTEN_BYTES))?;
    let runtime = Builder::new_multi_thread().enable_all().build()?;
    let book = runtime.block_on(async { open_book(&folder).await })?;
    let trees = open_trees(&path, &folder)?;
    let (mut ours, mut theirs, mut cpu) = (Vec::new(), Vec::new(), Vec::new());
    runtime.block_on(one_round(&book, workers))?;
    let taken = bare.serve(|| -> Result<(), Trouble> {
        for _ in 0..ROUNDS {
            thread::park_timeout(PAUSE);
            let (rate, cpu_us) = runtime.block_on(one_round(&book, workers))?;
            ours.push(rate);
            cpu.push(cpu_us);
            thread::park_timeout(PAUSE);
            theirs.push(bare_round(&bare, workers));
        }
        Ok(())
    });
    taken??;
    drop(book);
    runtime.block_on(trees.drain(Instant::now() + Duration::from_secs(5)));
    runtime.shutdown_timeout(Duration::from_secs(5));
    folder.close();
    scratch.clear("ledger")?;
    let (value, peer_value) = (median(ours), median(theirs));
    report.print(Row {
        scenario: format!("ledger.durable.w{workers}"),
        metric: "rate",
        unit: "transfer/s",
        value,
        cpu_us_per_op: Some(median(cpu)),
        peer: Some("bare group commit, zero-written file"),
        peer_value: Some(peer_value),
        ratio: Some(value / peer_value),
        load: format!(
            "{workers} tasks, one transfer after another, level disk, record {RECORD_BYTES} B, {ACCOUNTS} accounts, both trees \
             growing beside it; median of {ROUNDS} \
             rounds of {} ms, in turn with the peer's, which has as many threads",
            ROUND.as_millis()
        ),
        ..Row::default()
    });
    Ok(())
}

pub(super) async fn open_book(folder: &DataFolder) -> Result<Arc<Book>, Trouble> {
    let config = BookConfig { name: "bench".to_owned(), limit: orders::limit(IDS) };
    let (journal, clock) = (folder.books().clone(), Arc::new(SystemClock));
    // The scrubber is the ledger's, so there is none here.
    let book = Book::open(journal, STREAM_MIN, clock, config, Shared::default())?;
    open_accounts(&book).await?;
    Ok(book)
}

pub(super) async fn open_accounts(book: &Book) -> Result<(), Trouble> {
    let open = |number| {
        let name = Name::new(&orders::name(number)).expect("letters and digits");
        let currency = Currency::new("CNY").expect("letters");
        Ask::Open { name, currency, limits: Limits { min: i64::MIN, max: i64::MAX } }
    };
    let opened = book.submit((0..ACCOUNTS).map(open).collect()).await?;
    opened.into_iter().try_for_each(|outcome| outcome.map(|_| ()))?;
    Ok(())
}

/// The trees of a node over the book.
fn open_trees(path: &Path, folder: &DataFolder) -> Result<Trees, Trouble> {
    name_book(folder)?;
    let config = audit::Config {
        origin: None,
        checkpoint_every: Duration::from_secs(1),
        copy_to: None,
        left_within: Duration::from_secs(600),
        witnesses: Vec::new(),
        logs: Vec::new(),
    };
    let key = NodeKey::open(path).map_err(|failure| failure.line())?;
    let logs = vec![Log::of(folder.books(), BOOK)];
    let trees = Trees::open(path, folder.books(), &config, key, logs).map_err(|failure| failure.line())?;
    trees.start(None)?;
    Ok(trees)
}

/// Transfers a second, and the process's CPU time for each.
pub(super) async fn one_round(book: &Arc<Book>, workers: usize) -> Result<(f64, f64), Trouble> {
    let (began, cpu_before) = (Instant::now(), process_cpu());
    let transfers = done_in(ROUND, &vec![book.clone(); workers]).await? as f64;
    let cpu = process_cpu().saturating_sub(cpu_before).as_secs_f64();
    Ok((transfers / began.elapsed().as_secs_f64(), cpu * 1e6 / transfers.max(1.0)))
}

/// Who does one transfer after another.
pub(super) trait Doer: Send + Sync + 'static {
    fn once(&self, nth: u64) -> impl Future<Output = Result<(), Trouble>> + Send;
}

impl Doer for Book {
    async fn once(&self, nth: u64) -> Result<(), Trouble> {
        self.submit(vec![transfer(nth)]).await?.remove(0)?;
        Ok(())
    }
}

/// How many transfers so many tasks have done after that time, each its own.
pub(super) async fn done_in<D: Doer>(time: Duration, doers: &[Arc<D>]) -> Result<u64, Trouble> {
    let (stop, done) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
    let each = doers.iter().cloned().zip(0_u64..);
    let tasks: Vec<_> = each
        .map(|(doer, worker)| {
            let (stop, done) = (stop.clone(), done.clone());
            tokio::spawn(async move {
                let mut nth = worker * 7919;
                while !stop.load(Ordering::Relaxed) {
                    nth += 1;
                    doer.once(nth).await?;
                    done.fetch_add(1, Ordering::Relaxed);
                }
                Ok::<(), Trouble>(())
            })
        })
        .collect();
    tokio::time::sleep(time).await;
    stop.store(true, Ordering::Relaxed);
    for task in tasks {
        task.await??;
    }
    Ok(done.load(Ordering::Relaxed))
}

/// Two accounts that differ.
pub(super) fn sides(nth: u64) -> (u64, u64) {
    let (debit, credit) = (nth % ACCOUNTS, (nth * 31 + 1) % (ACCOUNTS - 1));
    (debit, if credit == debit { ACCOUNTS - 1 } else { credit })
}

fn transfer(nth: u64) -> Ask {
    let (debit, credit) = sides(nth);
    let (debit, credit) = (orders::name(debit), orders::name(credit));
    let action = NamedAction::Transfer { debit, credit, amount: 1 };
    Ask::One(NamedOrder { id: Id(Made::v7(SystemClock.wall_ms()).0), action, memo: Memo::default() })
}

fn bare_round(bare: &Bare, workers: usize) -> f64 {
    let record = [7; RECORD_BYTES];
    let round = drive(Load { threads: workers, duration: ROUND }, || -> Result<(), Infallible> {
        bare.commit(&record);
        Ok(())
    });
    match round {
        Ok(round) => round.per_second(),
        Err(never) => match never {},
    }
}
