//! The port to a book: what the capability asks of one, whatever gear keeps it; see [`Book`](crate::Book).
//!
//! What is called done is as safe as the guarantees say, and done once for an id. An answer that does not come in time is
//! [`Setback::Unknown`]; dropping a future loses the answer, never half of what was asked.

use crate::ask::{Ask, Outcome, Standing};
use crate::error::Setback;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Debug;
use std::future::Future;
use std::pin::Pin;
use tidegate_engine_book::{AccountNumber, Currency, Fact, Id, Reading, Trial};
use tidegate_kernel_journal::Level;

/// An answer under way.
pub type Answering<'a, T> = Pin<Box<dyn Future<Output = Result<T, Setback>> + Send + 'a>>;

/// What a gear promises.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Guarantees {
    pub gear: &'static str,
    /// How safe what is called done is.
    pub durability: Level,
    pub one_writer: OneWriter,
    /// All orders are done one after the other, and every read sees all that was called done before it was asked.
    pub strictly_serializable: bool,
}

/// What keeps a second writer out of a book.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OneWriter {
    /// The lock of the data folder.
    Folder,
    /// A lease in the database, and an epoch that every write has to name.
    Epoch,
}

impl OneWriter {
    pub fn name(self) -> &'static str {
        match self {
            OneWriter::Folder => "folder",
            OneWriter::Epoch => "epoch",
        }
    }
}

/// A fact with its number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recorded {
    pub seq: u64,
    pub fact: Fact,
}

/// Some facts, and where the next ones begin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    pub facts: Vec<Recorded>,
    /// Behind it for a feed, before it for a statement; nothing where a statement has come to its beginning.
    pub next: Option<u64>,
}

/// Names of accounts by their numbers.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Names(pub BTreeMap<AccountNumber, String>);

impl Names {
    /// The number itself where there is no name.
    pub fn of(&self, number: AccountNumber) -> String {
        self.0.get(&number).cloned().unwrap_or_else(|| number.to_string())
    }
}

impl Recorded {
    pub(crate) fn accounts(&self) -> BTreeSet<AccountNumber> {
        match &self.fact {
            Fact::Opened { .. } => BTreeSet::new(),
            Fact::Limited { account, .. } => BTreeSet::from([*account]),
            Fact::Posting(posting) => BTreeSet::from([posting.debit, posting.credit]),
        }
    }
}

/// A moment to look back to; what happened at it is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moment {
    Seq(u64),
    Ms(u64),
}

/// All balances added up, at a number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sheet {
    pub as_of_seq: u64,
    pub trials: BTreeMap<Currency, Trial>,
    pub reservations: usize,
}

/// One book.
pub trait Port: Send + Sync + Debug {
    fn name(&self) -> &str;

    fn guarantees(&self) -> Guarantees;

    /// Does what is asked, one after the other; an outcome for each. One that is refused does not hold up the others.
    fn submit(&self, asks: Vec<Ask>) -> Answering<'_, Vec<Outcome>>;

    /// A balance at once, as it is durable.
    fn balance(&self, account: &str) -> Result<(Currency, Reading), Setback>;

    /// Accounts by name, from behind `after` on, all at one number.
    fn accounts(&self, after: String, most: usize) -> Answering<'_, Vec<Standing>>;

    /// What these accounts are called.
    fn names(&self, numbers: BTreeSet<AccountNumber>) -> Answering<'_, Names>;

    fn trial(&self) -> Answering<'_, Sheet>;

    /// What touched an account, newest first, from before number `before` on.
    fn statement(&self, account: String, before: Option<u64>, most: usize) -> Answering<'_, Page>;

    /// An account as it was.
    fn as_of(&self, account: String, moment: Moment) -> Answering<'_, Standing>;

    /// What an id was accepted for, also if it is remembered no more.
    fn transfer(&self, id: Id) -> Answering<'_, Recorded>;

    /// All facts, oldest first, from behind number `after` on.
    fn postings(&self, after: u64, most: usize) -> Answering<'_, Page>;
}
