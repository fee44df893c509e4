//! `ledger.open`: ten million transfers in the journal, a snapshot a million of them old, and how long it takes until the book is back.

use super::orders::{self, Orders};
use crate::bench::memory::Writer;
use crate::bench::scratch::Scratch;
use crate::bench::{Report, Trouble};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tidegate_engine_book::{Command, Fact, State};
use tidegate_kernel_journal::{DataFolder, Entry, Id, SystemClock};
use tidegate_kernel_lab::Row;
use tidegate_service_ledger::{Book, BookConfig, Port, STREAM_MIN, Shared};
use tokio::runtime::Builder;

const TRANSFERS: u64 = 10_000_000;
const SNAPSHOT_AT: u64 = 9_000_000;
const ACCOUNTS: u64 = 100_000;
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
    let posted = build(&path)?;
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

/// Writes the journal as a book does; what the first account came to.
fn build(path: &Path) -> Result<i64, Trouble> {
    let folder = DataFolder::open(path)?;
    let (_, opened) = orders::book(1, ACCOUNTS);
    let (mut state, mut source) = (State::new(orders::limit(IDS), 1), Orders::among(ACCOUNTS));
    let (mut writer, mut bytes, mut facts) = (Writer::on(folder.books()), Vec::new(), Vec::new());
    for fact in &opened {
        write(&mut writer, &mut bytes, fact)?;
        state.apply(state.seq() + 1, fact);
    }
    for nth in 1..=TRANSFERS {
        facts.clear();
        let now_ms = source.now_ms();
        state.decide(now_ms, &Command::One(source.next()), &mut facts)?;
        for fact in &facts {
            write(&mut writer, &mut bytes, fact)?;
            state.apply(state.seq() + 1, fact);
        }
        if nth == SNAPSHOT_AT {
            writer.finish()?;
            folder.books().write_snapshot("ledger-bench", state.seq(), &state.encode())?;
        }
    }
    let last = writer.finish()?;
    folder.close();
    if last != state.seq() {
        return Err("the journal numbers its records in another way than this benchmark".into());
    }
    Ok(state.accounts()[0].balance.posted)
}

fn write(writer: &mut Writer<'_>, bytes: &mut Vec<u8>, fact: &Fact) -> Result<(), Trouble> {
    bytes.clear();
    fact.encode(bytes);
    let (kind, version) = (u16::from(fact.kind()), Fact::version());
    let id = match fact {
        Fact::Posting(posting) => Id(posting.id.0),
        _ => Id::NIL,
    };
    writer.append(Entry {
        stream: STREAM_MIN,
        kind,
        version,
        critical: true,
        once: false,
        id,
        payload: bytes,
    })
}
