//! `journal.memory`: appends at level `memory`, one writer: for some seconds, and in bursts the open batch can hold.
//!
//! A refusal for want of room is waited out, and is no append.

use super::scratch::Scratch;
use super::{Report, Trouble};
use std::thread;
use std::time::{Duration, Instant};
use tidegate_kernel_journal::{DataFolder, Entry, Id, Journal, Level, Refusal, Ticket};
use tidegate_kernel_lab::{Row, median, process_cpu, thread_cpu};

const PAYLOAD_BYTES: usize = 64;
const SUSTAINED: Duration = Duration::from_secs(4);
/// Appends between two looks at the clock.
const STRIDE: u64 = 1024;
/// A burst fits the open batch.
const BURST: u64 = 4096;
const BURSTS: usize = 201;
/// For the first segments to be there.
const SETTLE: Duration = Duration::from_millis(500);

pub(super) fn measure(report: &Report, scratch: &Scratch) -> Result<(), Trouble> {
    let folder = DataFolder::open(&scratch.inner("memory"))?;
    thread::park_timeout(SETTLE);
    report.print(bursts(folder.queues())?);
    report.print(sustained(folder.queues())?);
    folder.close();
    Ok(scratch.clear("memory")?)
}

/// Appends, waiting for room where there is none, and counts how long it waited.
pub(super) struct Writer<'a> {
    journal: &'a Journal,
    last: Option<Ticket>,
    pub(super) waited: Duration,
}

impl Writer<'_> {
    pub(super) fn on(journal: &Journal) -> Writer<'_> {
        Writer { journal, last: None, waited: Duration::ZERO }
    }

    pub(super) fn append(&mut self, entry: Entry<'_>) -> Result<(), Trouble> {
        loop {
            match self.journal.append(entry) {
                Ok(ticket) => {
                    self.last = Some(ticket);
                    return Ok(());
                }
                Err(Refusal::Busy(_)) => self.wait_for_room()?,
                Err(refusal) => return Err(refusal.into()),
            }
        }
    }

    /// Once the open batch is written there is an empty one; where there is none, the next segment is still on its way.
    fn wait_for_room(&mut self) -> Result<(), Trouble> {
        let began = Instant::now();
        match self.last.take() {
            Some(last) => last.wait(Level::Os)?,
            None => thread::park_timeout(Duration::from_millis(1)),
        }
        self.waited += began.elapsed();
        Ok(())
    }

    /// Waits until all of it is synced; the number of the last record.
    pub(super) fn finish(&mut self) -> Result<u64, Trouble> {
        let last = self.last.take();
        last.map_or(Ok(0), |last| last.wait(Level::Disk).map(|()| last.seq()).map_err(Trouble::from))
    }
}

pub(super) fn entry(payload: &[u8]) -> Entry<'_> {
    Entry { stream: 1, kind: 1, version: 1, id: Id::v7(1), payload, ..Entry::default() }
}

fn sustained(journal: &Journal) -> Result<Row, Trouble> {
    let (payload, mut writer) = ([7; PAYLOAD_BYTES], Writer::on(journal));
    let (began, process_before, thread_before) = (Instant::now(), process_cpu(), thread_cpu());
    let mut appends = 0;
    while began.elapsed() < SUSTAINED {
        for _ in 0..STRIDE {
            writer.append(entry(&payload))?;
        }
        appends += STRIDE;
    }
    let spent = Spent {
        wall: began.elapsed(),
        process: process_cpu().saturating_sub(process_before),
        writer: thread_cpu().saturating_sub(thread_before),
        waited: writer.waited,
    };
    writer.finish()?;
    Ok(Row {
        metric: "sustained",
        value: appends as f64 / spent.wall.as_secs_f64(),
        cpu_us_per_op: Some(spent.process.as_secs_f64() * 1e6 / appends as f64),
        limited_by: Some(spent.limited_by()),
        load: format!(
            "1 thread, level memory, payload {PAYLOAD_BYTES} B, queues, {} s; {} of it waiting for room, \
             the other threads used {} of a processor",
            SUSTAINED.as_secs(),
            percent(spent.waited_share()),
            percent(spent.others_share()),
        ),
        ..row()
    })
}

fn percent(share: f64) -> String {
    format!("{:.0} %", share * 100.0)
}

/// Where the time went.
struct Spent {
    wall: Duration,
    process: Duration,
    writer: Duration,
    waited: Duration,
}

impl Spent {
    fn waited_share(&self) -> f64 {
        self.waited.as_secs_f64() / self.wall.as_secs_f64()
    }

    /// Of the committer and the caretaker, in processors.
    fn others_share(&self) -> f64 {
        self.process.saturating_sub(self.writer).as_secs_f64() / self.wall.as_secs_f64()
    }

    /// A writer that waits for a committer that is not busy waits for the disk.
    fn limited_by(&self) -> &'static str {
        if self.waited_share() > 0.1 && self.others_share() < 0.9 { "the disk" } else { "the processor" }
    }
}

fn bursts(journal: &Journal) -> Result<Row, Trouble> {
    let payload = [7; PAYLOAD_BYTES];
    let mut rates = Vec::with_capacity(BURSTS);
    for _ in 0..BURSTS {
        let (mut writer, began) = (Writer::on(journal), Instant::now());
        for _ in 0..BURST {
            writer.append(entry(&payload))?;
        }
        rates.push(BURST as f64 / began.elapsed().as_secs_f64());
        writer.finish()?;
    }
    let load = format!(
        "1 thread, level memory, payload {PAYLOAD_BYTES} B, queues; median of {BURSTS} bursts of {BURST}, each synced \
         before the next"
    );
    Ok(Row { metric: "burst", value: median(rates), load, ..row() })
}

fn row() -> Row {
    Row { scenario: "journal.memory".to_owned(), unit: "append/s", ..Row::default() }
}
