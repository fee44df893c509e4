//! Which gear keeps the books of a folder: a register of its journal, so that it belongs to the data and not to a configuration. A book's
//! name begins with no dot, so no book has this register.

use crate::embedded::known_edition;
use crate::error::OpenError;
use tidegate_kernel_journal::{Journal, Refusal, Registers, Ticket};

const REGISTER: &str = "ledger..gear";
/// The gear there is without any other.
pub(crate) const EMBEDDED: &str = "embedded";
/// Was there before the mark: the last stream that a book of the embedded gear was given.
const LAST_STREAM: &str = "ledger..last";
/// Behind it the name of a book: what it had on the journal when it moved into another gear.
const MOVED_FROM: &str = "ledger..from.";

/// The gear that has the books; nothing where there never was a book.
pub fn gear_of(journal: &Journal) -> Option<String> {
    let marked = journal.register(REGISTER).map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    marked.or_else(|| journal.register(LAST_STREAM).map(|_| EMBEDDED.to_owned()))
}

/// The gear that has the books of a folder that is only read, if it is not the embedded one.
pub(crate) fn gear_elsewhere(registers: &Registers) -> Option<String> {
    let marked = registers.get(REGISTER).map(|bytes| String::from_utf8_lossy(bytes).into_owned());
    marked.filter(|gear| gear != EMBEDDED)
}

/// From here on this gear has them.
pub(crate) fn set_gear(journal: &Journal, gear: &str) -> Result<Ticket, Refusal> {
    journal.set_register(REGISTER, gear.as_bytes())
}

/// Refuses another gear than the one that has the books; where there are none yet it is this one from now on.
pub(crate) fn require(journal: &Journal, asked: &str) -> Result<(), OpenError> {
    match gear_of(journal) {
        Some(there) if there == asked => Ok(()),
        Some(there) => Err(OpenError::OtherGear { there, asked: asked.to_owned() }),
        None => set_gear(journal, asked).map(|_| ()).map_err(|source| OpenError::Mark { source }),
    }
}

/// What a book had on the journal before it moved into another gear, which is kept there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Origin {
    pub(crate) stream: u16,
    /// No fact of it has a number above.
    pub(crate) through: u64,
    /// Of the log it is the beginning of.
    pub(crate) edition: u16,
}

/// Of a book that is about to move into another gear.
pub(crate) fn set_moved_from(journal: &Journal, book: &str, origin: Origin) -> Result<(), Refusal> {
    let Origin { stream, through, edition } = origin;
    let bytes = [&stream.to_le_bytes()[..], &through.to_le_bytes(), &edition.to_le_bytes()].concat();
    journal.set_register(&format!("{MOVED_FROM}{book}"), &bytes).map(|_| ())
}

/// Nothing where the book began in another gear.
pub(crate) fn moved_from(journal: &Journal, book: &str) -> Option<Origin> {
    origin(&journal.register(&format!("{MOVED_FROM}{book}"))?)
}

fn origin(bytes: &[u8]) -> Option<Origin> {
    let (stream, rest) = bytes.split_first_chunk()?;
    let (through, edition) = rest.split_first_chunk()?;
    let (stream, through) = (u16::from_le_bytes(*stream), u64::from_le_bytes(*through));
    Some(Origin { stream, through, edition: u16::from_le_bytes(*edition.first_chunk()?) })
}

/// The log of a book that another gear has, in a folder that is only read.
pub(crate) fn log_elsewhere(registers: &Registers, book: &str) -> String {
    let origin = registers.get(&format!("{MOVED_FROM}{book}")).and_then(|bytes| origin(bytes));
    log_named(book, origin.map_or(1, |origin| origin.edition))
}

/// What the log of a book's facts is called. The facts of a book that came back from another gear have other numbers, so they are another log; a
/// book's name has no dot.
pub(crate) fn log_named(book: &str, edition: u16) -> String {
    if edition < 2 { book.to_owned() } else { format!("{book}.{edition}") }
}

/// Which log of the book this is, from 1 on.
pub(crate) fn edition(journal: &Journal, book: &str) -> u16 {
    match gear_of(journal).as_deref() {
        None | Some(EMBEDDED) => known_edition(journal, book),
        Some(_) => moved_from(journal, book).map_or(1, |origin| origin.edition),
    }
}

/// What the log of a book is called now: part of the name of its trees and of their folder.
pub fn log_of(journal: &Journal, book: &str) -> String {
    log_named(book, edition(journal, book))
}
