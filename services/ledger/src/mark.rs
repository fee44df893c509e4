//! Which gear keeps the books of a folder: a register of its journal, so that it belongs to the data and not to a configuration. A book's
//! name begins with no dot, so no book has this register.

use crate::error::OpenError;
use tidegate_kernel_journal::{Journal, Refusal, Registers, Ticket};

const REGISTER: &str = "ledger..gear";
/// Was there before the mark: the last stream that a book of the embedded gear was given.
const LAST_STREAM: &str = "ledger..last";

/// The gear that has the books; nothing where there never was a book.
pub fn gear_of(journal: &Journal) -> Option<String> {
    let marked = journal.register(REGISTER).map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    marked.or_else(|| journal.register(LAST_STREAM).map(|_| "embedded".to_owned()))
}

/// The same by the registers of a journal that is not open.
pub(crate) fn gear_in(registers: &Registers) -> Option<String> {
    registers.get(REGISTER).map(|bytes| String::from_utf8_lossy(bytes).into_owned())
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
