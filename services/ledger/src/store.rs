//! What a gear is made of: where the facts of a book are kept, in one order. The embedded one is a stream of the journal; another one is a
//! crate under `gears/`.
//!
//! A book decides in memory, whatever keeps it, so orders, refusals and balances are the same behind every gear. A store has one book
//! that writes, and keeps another one from writing in it.

use crate::error::{OpenError, Setback};
use crate::moving::Arrival;
use crate::port::Guarantees;
use std::fmt::Debug;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use tidegate_engine_book::{AccountNumber, Balance, Fact};
use tidegate_kernel_audit::Found;

/// Facts read at once.
pub(crate) const AT_ONCE: usize = 4096;

/// Waiting for facts to be kept.
pub type Reaching<'a> = Pin<Box<dyn Future<Output = Result<(), Gone>> + Send + 'a>>;

/// It will never be told whether what was appended last is kept, and why. The book takes no more orders in this process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gone(pub String);

/// A balance that a store keeps beside the facts, and the number of the fact it is as of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Row {
    pub account: AccountNumber,
    pub balance: Balance,
    pub last_seq: u64,
}

/// Since the start.
#[derive(Debug, Default)]
pub struct StoreCounts {
    /// Appended, and not kept yet.
    pub unkept: AtomicU64,
    /// How often the store was reached again after it could not be.
    pub returns: AtomicU64,
}

/// Where one book's facts are. Reading blocks the calling thread, which is none that serves.
pub trait Store: Send + Sync + Debug {
    fn guarantees(&self) -> Guarantees;

    /// Takes facts behind all those before, to be kept all or none, under numbers that follow each other; the last one's. Nothing is taken
    /// with a setback; after `Busy` it is worth trying again in a moment.
    fn append(&self, facts: &[Fact]) -> Result<u64, Setback>;

    /// Resolves once everything up to this number is as safe as the guarantees say.
    fn reached(&self, seq: u64) -> Reaching<'_>;

    /// Waits until everything that was appended is kept, or never will be. Blocks.
    fn settle(&self) -> Result<(), Gone>;

    /// Up to which number everything is that safe.
    fn kept_seq(&self) -> u64;

    /// Whether what this book knows is still all there is: nobody else writes, and the store can be reached.
    fn check(&self) -> Result<(), Setback>;

    /// Kept facts behind `after`, `most` at once, and up to which number was looked.
    fn facts(&self, after: u64, most: usize) -> Result<(Vec<(u64, Fact)>, u64), OpenError>;

    /// Kept facts behind `after` as records for trees, byte for byte, `most` at once, and up to which number was looked.
    fn leaves(&self, after: u64, most: usize) -> Result<Found, OpenError>;

    /// The same, whatever has become of them since.
    fn leaves_again(&self, after: u64, most: usize) -> Result<Found, OpenError>;

    /// A number at or before the first fact of this time or later.
    fn seq_before(&self, at_ms: u64) -> Result<u64, OpenError>;

    /// Balances it keeps beside the facts, if it does, from account number `from` on, `most` at once.
    fn rows(&self, from: AccountNumber, most: usize) -> Result<Vec<Row>, OpenError>;

    /// The newest state that was written down. One that cannot be read costs time, and nothing else.
    fn snapshot(&self) -> Option<Vec<u8>>;

    /// Writes a state down, so that facts up to `seq` need not be read at the next start.
    fn write_snapshot(&self, seq: u64, bytes: &[u8]) -> Result<(), OpenError>;

    fn counts(&self) -> &StoreCounts;
}

/// A way of keeping books.
pub trait Gear: Send + Sync + Debug {
    /// As the configuration names it.
    fn name(&self) -> &'static str;

    /// The place of a book, made where there is none. Blocks.
    fn open(&self, book: &str) -> Result<Arc<dyn Store>, OpenError>;

    /// Whether books are opened behind the start, and again and again where that fails, for what keeps them may be away.
    fn is_remote(&self) -> bool;

    /// A place for a book that moves here, begun anew. Nobody serves it before the folder's mark says so. Blocks.
    fn arrival(&self, book: &str) -> Result<Box<dyn Arrival>, OpenError>;

    /// The folder's mark says that another gear has this book: nobody is to serve what is here. Blocks.
    fn leave(&self, book: &str) -> Result<(), OpenError>;
}
