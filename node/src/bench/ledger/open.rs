//! `ledger.open`: ten million transfers in the journal, a snapshot a million of them old, and how long it takes until the book is back.

use super::history::{self, ACCOUNTS, History};
use super::orders;
use crate::bench::scratch::Scratch;
use crate::bench::{Report, Trouble};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tidegate_kernel_journal::{DataFolder, SystemClock};
use tidegate_kernel_lab::Row;
use tidegate_service_ledger::{Book, BookConfig, Port, STREAM_MIN, Shared};
use tokio::runtime::Builder;

const TRANSFERS: u64 = 10_000_000;
const SNAPSHOT_AT: u64 = 9_000_000;
const IDS: usize = 1 << 20;
const RECORD_BYTES: u64 = 176;
/// Segments are zero-written ahead, batches have commit records, and there is the snapshot.
const ROOM_BYTES: u64 = TRANSFERS * RECORD_BYTES + (1 << 30);

pub(super) fn measure(report: &Report, scratch: &Scratch) -> Result<(), Trouble> {
    let free = scratch.free_bytes()?;
    if free < ROOM_BYTES {
        let why = format!("{free} bytes are free and {ROOM_BYTES} are needed");
        report.print(Row { skipped: Some(why), ..row("total", Duration::ZERO) });
        return Ok(());
    }
    let path = scratch.inner("ledger");
    let posted =
        history::write(&path, History { transfers: TRANSFERS, ids: IDS, snapshot_at: Some(SNAPSHOT_AT) })?;
    let runtime = Builder::new_multi_thread().enable_all().build()?;
    let began = Instant::now();
    let folder = DataFolder::open(&path)?;
    let opened = began.elapsed();
    let config = BookConfig { name: "bench".to_owned(), limit: orders::limit(IDS) };
    let within = runtime.enter();
    let book =
        Book::open(folder.books().clone(), STREAM_MIN, Arc::new(SystemClock), config, Shared::default())?;
    let total = began.elapsed();
    drop(within);
    let found = book.balance(&orders::name(0)).map(|(_, reading)| reading.balance.posted);
    drop(book);
    runtime.shutdown_timeout(Duration::from_secs(5));
    folder.close();
    scratch.clear("ledger")?;
    if found != Ok(posted) {
        return Err("the balance read back is not the one that was written".into());
    }
    report.print(row("total", total));
    report.print(row("journal", opened));
    Ok(())
}

fn row(metric: &'static str, took: Duration) -> Row {
    let load = format!(
        "{TRANSFERS} transfers of {RECORD_BYTES} B in the books, {ACCOUNTS} accounts, {IDS} ids, snapshot at {SNAPSHOT_AT}; until \
         balances can be read; page cache as writing left it"
    );
    let value = took.as_secs_f64() * 1000.0;
    Row { scenario: "ledger.open".to_owned(), metric, unit: "ms", value, load, ..Row::default() }
}
