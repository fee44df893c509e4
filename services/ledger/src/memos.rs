//! Memos of orders, which no book, no journal and no database ever sees as they are: sealed under a key of their subject before a book is
//! asked, opened for whoever may read them, and unreadable for ever once that key is deleted. Hashes and proofs are over what is sealed.
//!
//! The nonce is made of the memo and its place, so an order that is sent again has the same bytes, and is the same order. Writes files; a
//! lock is held while they are written, and none while something is encrypted.

mod outer;
mod replacing;
mod shown;
mod vault;

use crate::ask::NamedOrder;
use crate::error::Setback;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::sync::{Mutex, MutexGuard, PoisonError};
use tidegate_engine_book::{Id, Memo};
use tidegate_kernel_sm::SmError;
use tidegate_kernel_sm::field::{Keyring, Place, is_name, key_of};
use vault::Vault;

/// Bytes of a memo as it is written.
pub const MEMO_TEXT_BYTES_MAX: usize = 256;
/// Below the data folder.
const FOLDER: &str = "memos";

/// A memo as it is written, and whose it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    /// A customer's number for one; of the book itself where nobody is named.
    pub subject: Option<String>,
    pub text: String,
}

/// An order whose memo is not sealed yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Noted {
    pub order: NamedOrder,
    pub note: Option<Note>,
}

/// A memo as it may be read now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Told {
    /// There is none, or an earlier version wrote it down as it was.
    Plain(String),
    Open {
        subject: String,
        text: String,
    },
    /// Its subject was shredded, its key is not here, or it is not what was sealed.
    Closed {
        subject: String,
        why: SmError,
    },
}

/// Why a memo was not sealed, or keys were not changed. Nothing was done.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MemoError {
    #[error(transparent)]
    Sm(#[from] SmError),
    #[error("memos have {limit} subjects already, those that were shredded among them")]
    TooMany { limit: usize },
    #[error("the keys of memos in {} cannot be used: {why}", .path.display())]
    Keys { path: PathBuf, why: String },
}

/// What became of a subject.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Subject {
    Kept,
    Shredded,
}

/// Keys of subjects, and the files they are in.
#[derive(Debug)]
pub struct Memos {
    keys: Keyring,
    vault: Mutex<Vault>,
    subjects_max: usize,
    counts: Counts,
}

#[derive(Debug, Default)]
struct Counts {
    kept: AtomicU64,
    shredded: AtomicU64,
    /// Orders that were refused because their memo was not sealed.
    unsealed: AtomicU64,
}

impl Memos {
    /// The keys in this data folder. Blocks for the disk; makes nothing before there is a memo.
    pub fn open(data: &Path, subjects_max: usize) -> Result<Memos, MemoError> {
        let (vault, keys) = Vault::open(data.join(FOLDER))?;
        let (kept, shredded) = keys.counts();
        let counts = Counts { kept: kept.into(), shredded: shredded.into(), ..Counts::default() };
        Ok(Memos { keys, vault: Mutex::new(vault), subjects_max, counts })
    }

    /// Whether all subjects have their keys, so that sealing does not block.
    pub(crate) fn knows(&self, book: &str, orders: &[Noted]) -> bool {
        names(book, orders)
            .iter()
            .all(|name| !matches!(self.keys.writer(name), Err(SmError::UnknownKey { .. })))
    }

    /// Orders as a book takes them, each with its memo sealed. Blocks for the disk where a subject is new: its key is durable before
    /// anything is sealed under it.
    pub fn seal(&self, book: &str, orders: Vec<Noted>) -> Vec<Result<NamedOrder, Setback>> {
        let admitted = self.admit(&names(book, &orders));
        let sealed = orders.into_iter().enumerate().map(|(at, Noted { order, note })| match note {
            None => Ok(order),
            Some(note) => match self.seal_one(book, order.id, &note) {
                Ok(memo) => Ok(NamedOrder { memo, ..order }),
                Err(MemoError::Sm(SmError::UnknownKey { .. })) => Err((at, admitted.clone().err())),
                Err(why) => Err((at, Some(why))),
            },
        });
        let told = |(at, why): (usize, Option<MemoError>)| {
            self.counts.unsealed.fetch_add(1, SeqCst);
            Setback::Memo { at, why: why.expect("a subject that was let in has a key") }
        };
        sealed.map(|sealed| sealed.map_err(told)).collect()
    }

    fn seal_one(&self, book: &str, id: Id, note: &Note) -> Result<Memo, MemoError> {
        let writer = self.keys.writer(&note.subject(book))?;
        let text = with_place(book, id, |place| writer.seal_synthetic(place, note.text.as_bytes()))?;
        Ok(Memo::new(text.into_bytes()).expect("what 256 bytes are sealed to fits"))
    }

    /// Makes keys for those that have none.
    fn admit(&self, names: &BTreeSet<String>) -> Result<(), MemoError> {
        let is_new = |name: &&str| matches!(self.keys.writer(name), Err(SmError::UnknownKey { .. }));
        if names.iter().map(String::as_str).filter(is_new).count() == 0 {
            return Ok(());
        }
        let mut vault = self.vault();
        // Somebody may have come before.
        let new: Vec<&str> = names.iter().map(String::as_str).filter(is_new).collect();
        let known = self.counts.kept.load(SeqCst) + self.counts.shredded.load(SeqCst);
        if known as usize + new.len() > self.subjects_max {
            return Err(MemoError::TooMany { limit: self.subjects_max });
        }
        let made = Keyring::default();
        new.iter().try_for_each(|name| made.create(name))?;
        vault.add(&made, &new)?;
        self.counts.kept.fetch_add(new.len() as u64, SeqCst);
        Ok(self.keys.adopt(made)?)
    }

    /// What a memo says, to somebody who may read it.
    pub fn read(&self, book: &str, id: Id, memo: &Memo) -> Told {
        let text = String::from_utf8_lossy(memo.bytes());
        let Ok(subject) = key_of(&text) else { return Told::Plain(text.into_owned()) };
        let subject = subject.to_owned();
        match with_place(book, id, |place| self.keys.open(&text, place)) {
            Ok(plain) => Told::Open { subject, text: String::from_utf8_lossy(&plain).into_owned() },
            Err(why) => Told::Closed { subject, why },
        }
    }

    /// What became of a subject; an error where it never had a memo.
    pub fn subject(&self, name: &str) -> Result<Subject, MemoError> {
        match self.keys.writer(name) {
            Ok(_) => Ok(Subject::Kept),
            Err(SmError::Shredded { .. }) => Ok(Subject::Shredded),
            Err(why) => Err(why.into()),
        }
    }

    /// Deletes the key of a subject, durably; whether it was there. Blocks for the disk.
    pub fn shred(&self, name: &str) -> Result<bool, MemoError> {
        let mut vault = self.vault();
        if self.subject(name)? == Subject::Shredded {
            return Ok(false);
        }
        vault.shred(name)?;
        self.keys.shred(name)?;
        self.counts.kept.fetch_sub(1, SeqCst);
        self.counts.shredded.fetch_add(1, SeqCst);
        Ok(true)
    }

    /// Puts all keys under a new outer key and deletes the one before; memos stay as they are. The version of the new one. Blocks for the
    /// disk; only new subjects wait for it.
    pub fn rotate(&self) -> Result<u32, MemoError> {
        self.vault().rotate(&self.keys)
    }

    fn vault(&self) -> MutexGuard<'_, Vault> {
        self.vault.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Note {
    /// Nothing where the text or the subject is none.
    pub fn new(subject: Option<String>, text: String) -> Option<Note> {
        let fits = (1..=MEMO_TEXT_BYTES_MAX).contains(&text.len());
        (fits && subject.as_deref().is_none_or(is_name)).then_some(Note { subject, text })
    }

    fn subject(&self, book: &str) -> String {
        self.subject.clone().unwrap_or_else(|| format!("book.{book}"))
    }
}

fn names(book: &str, orders: &[Noted]) -> BTreeSet<String> {
    orders.iter().filter_map(|noted| noted.note.as_ref()).map(|note| note.subject(book)).collect()
}

/// A memo opens in its book and at its order alone.
fn with_place<T>(book: &str, id: Id, then: impl FnOnce(Place) -> T) -> T {
    let (table, row) = (format!("ledger/{book}"), id.to_string());
    then(Place { table: &table, column: "memo", row: &row })
}

/// The subject of a memo that nobody opens; nothing where it is not sealed.
pub(crate) fn subject_of(memo: &Memo) -> Option<String> {
    std::str::from_utf8(memo.bytes()).ok().and_then(|text| key_of(text).ok()).map(str::to_owned)
}

impl MemoError {
    pub fn code(&self) -> &'static str {
        match self {
            MemoError::Sm(error) => error.code(),
            MemoError::TooMany { .. } => "TG-LE-070",
            MemoError::Keys { .. } => "TG-LE-071",
        }
    }

    /// What to do about it, in one line.
    pub fn hint(&self) -> &'static str {
        match self {
            MemoError::Sm(SmError::UnknownKey { .. }) => "compare the subject with those of the memos",
            MemoError::Sm(error) => error.hint(),
            MemoError::TooMany { .. } => "raise ledger.subjects_max, or name fewer subjects",
            MemoError::Keys { .. } => {
                "look at the disk and the permissions; put the folder back from its copy, and start again"
            }
        }
    }
}
