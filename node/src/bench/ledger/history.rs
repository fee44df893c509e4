//! A journal with so many transfers as a book writes them, and the trees over it.

use super::orders::{self, Orders};
use crate::bench::Trouble;
use crate::bench::memory::Writer;
use std::path::Path;
use tidegate_engine_book::{Command, Fact, State};
use tidegate_kernel_audit::{Builder, Signer};
use tidegate_kernel_journal::{DataFolder, Entry, Id, Level};
use tidegate_service_ledger::{STREAM_MIN, trees_folder};

pub(super) const ACCOUNTS: u64 = 100_000;
pub(super) const BOOK: &str = "bench";

pub(super) struct History {
    pub(super) transfers: u64,
    pub(super) ids: usize,
    pub(super) snapshot_at: Option<u64>,
}

/// Writes the journal as a book does; what the first account came to.
pub(super) fn write(path: &Path, history: History) -> Result<i64, Trouble> {
    let folder = DataFolder::open(path)?;
    name_book(&folder)?;
    let (_, opened) = orders::book(1, ACCOUNTS);
    let (mut state, mut source) = (State::new(orders::limit(history.ids), 1), Orders::among(ACCOUNTS));
    let (mut writer, mut bytes, mut facts) = (Writer::on(folder.books()), Vec::new(), Vec::new());
    let mut seq = folder.books().synced().value();
    for fact in &opened {
        append(&mut writer, &mut bytes, fact)?;
        seq += 1;
        state.apply(seq, fact);
    }
    for nth in 1..=history.transfers {
        facts.clear();
        let now_ms = source.now_ms();
        state.decide(now_ms, &Command::One(source.next()), &mut facts)?;
        for fact in &facts {
            append(&mut writer, &mut bytes, fact)?;
            seq += 1;
            state.apply(seq, fact);
        }
        if Some(nth) == history.snapshot_at {
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

/// As a ledger does that opens its first book.
pub(super) fn name_book(folder: &DataFolder) -> Result<(), Trouble> {
    let named = folder.books().set_register(&format!("ledger.{BOOK}"), &STREAM_MIN.to_le_bytes())?;
    Ok(named.wait(Level::Disk)?)
}

fn append(writer: &mut Writer<'_>, bytes: &mut Vec<u8>, fact: &Fact) -> Result<(), Trouble> {
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
        id,
        payload: bytes,
        ..Entry::default()
    })
}

/// Grows trees over a stream of the folder, all of it, and signs them.
pub(super) fn grow(path: &Path, stream: u16, signers: Vec<Signer>) -> Result<(), Trouble> {
    let folder = DataFolder::open(path)?;
    let (mut builder, _) = Builder::open(&trees_folder(path, BOOK), folder.books(), &[stream], signers)?;
    while builder.step()?.records > 0 {}
    builder.sign()?;
    folder.close();
    Ok(())
}
