//! One book in the database: appended through its writer, read through the pool.
//!
//! Each page of facts is read together with the one before it, so that a row somebody took out is noticed wherever it was: places among the
//! leaves follow each other without a gap, and the last fact has the number the book's row says.

use crate::error::Trouble;
use crate::pool::{Given, Pool};
use crate::shared::Shared;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use tidegate_engine_book::{AccountNumber, Balance, Fact};
use tidegate_kernel_audit::Found;
use tidegate_kernel_journal::Level;
use tidegate_service_ledger::{
    Gone, Guarantees, OneWriter, OpenError, Reaching, Row as AccountRow, Setback, Store, StoreCounts, leaf,
};
use tokio::runtime::Handle;
use tokio_postgres::Row;

const FACTS: &str = "SELECT seq, leaf, fact FROM tidegate.facts WHERE book = $1 AND seq <= $3 AND seq >= \
    coalesce((SELECT max(seq) FROM tidegate.facts WHERE book = $1 AND seq <= $2), 0) ORDER BY seq LIMIT $4";
const ONE: &str = "SELECT seq, fact FROM tidegate.facts WHERE book = $1 AND seq >= $2 ORDER BY seq LIMIT 1";
pub(crate) const AGAIN: &str =
    "SELECT seq, fact FROM tidegate.facts WHERE book = $1 AND seq > $2 ORDER BY seq LIMIT $3";
const EPOCH: &str = "SELECT epoch FROM tidegate.books WHERE number = $1";
pub(crate) const ROWS: &str = "SELECT number, posted, outgoing, incoming, last_seq FROM tidegate.accounts \
    WHERE book = $1 AND number >= $2 ORDER BY number LIMIT $3";
const SNAPSHOT: &str = "SELECT bytes FROM tidegate.snapshots WHERE book = $1 AND seq <= $2";
const KEEP: &str = "INSERT INTO tidegate.snapshots (book, seq, bytes) VALUES ($1, $2, $3) \
    ON CONFLICT (book) DO UPDATE SET seq = $2, bytes = $3";

/// A fact's number, and it as it is there.
type Bytes = (u64, Vec<u8>);

#[derive(Debug)]
pub(crate) struct Shelf {
    pub(crate) book: String,
    pub(crate) shared: Arc<Shared>,
    pub(crate) pool: Pool,
    pub(crate) handle: Handle,
}

impl Shelf {
    /// Blocks this thread, which is none of the runtime's.
    fn query(&self, text: &str, given: Given<'_>) -> Result<Vec<Row>, Trouble> {
        self.handle.block_on(self.pool.query(text, given))
    }

    fn book(&self) -> i32 {
        self.shared.tenure.book
    }

    /// Facts as their bytes are there, behind those that this node has seen kept.
    fn page(&self, after: u64, most: usize) -> Result<(Vec<Bytes>, u64), Trouble> {
        let kept_seq = self.kept_seq();
        if after >= kept_seq {
            return Ok((Vec::new(), after));
        }
        let most = i64::try_from(most).unwrap_or(i64::MAX - 1) + 1;
        let rows = self.query(FACTS, &[&self.book(), &(after as i64), &(kept_seq as i64), &most])?;
        let (mut facts, mut leaf) = (Vec::with_capacity(rows.len()), None);
        for row in &rows {
            let (seq, place): (i64, i64) = (row.try_get(0)?, row.try_get(1)?);
            let seq = seq as u64;
            let expected = leaf.map_or(if seq <= after { place } else { 0 }, |leaf: i64| leaf + 1);
            if place != expected {
                return Err(Trouble::Missing { seq });
            }
            leaf = Some(place);
            if seq > after {
                facts.push((seq, row.try_get(2)?));
            }
        }
        let through = facts.last().map_or(after, |(seq, _)| *seq);
        let is_end = (rows.len() as i64) < most;
        if is_end && through < kept_seq {
            Err(Trouble::Missing { seq: kept_seq })
        } else {
            Ok((facts, through))
        }
    }

    fn decoded_page(&self, after: u64, most: usize) -> Result<(Vec<(u64, Fact)>, u64), Trouble> {
        let (facts, through) = self.page(after, most)?;
        let decoded = |(seq, bytes): Bytes| Ok((seq, decoded(seq, &bytes)?));
        Ok((facts.into_iter().map(decoded).collect::<Result<_, Trouble>>()?, through))
    }

    /// What goes into a tree was read while the book was this node's, and is a fact.
    fn sequenced(&self, after: u64, most: usize) -> Result<Found, Trouble> {
        let (facts, through) = self.page(after, most)?;
        if !facts.is_empty() {
            self.own()?;
        }
        let record = |(seq, bytes): Bytes| decoded(seq, &bytes).map(|_| leaf(seq, bytes));
        Ok((facts.into_iter().map(record).collect::<Result<_, Trouble>>()?, through))
    }

    /// That the book is still held under the epoch this node was given.
    fn own(&self) -> Result<(), Trouble> {
        let rows = self.query(EPOCH, &[&self.book()])?;
        let epoch = rows.first().map_or(Ok(0), |row| row.try_get(0))?;
        if epoch == self.shared.tenure.epoch { Ok(()) } else { Err(Trouble::Overtaken { epoch }) }
    }

    fn again(&self, after: u64, most: usize) -> Result<Found, Trouble> {
        let most = i64::try_from(most).unwrap_or(i64::MAX);
        let rows = self.query(AGAIN, &[&self.book(), &(after as i64), &most])?;
        records(&rows, after)
    }

    /// Halves the numbers between the first and the last until one is left: times rise with them.
    fn before(&self, at_ms: u64) -> Result<u64, Trouble> {
        let (mut earlier, mut later) = (0, self.kept_seq() + 1);
        while later - earlier > 1 {
            let middle = earlier + (later - earlier) / 2;
            let rows = self.query(ONE, &[&self.book(), &(middle as i64)])?;
            let Some(row) = rows.first() else {
                later = middle;
                continue;
            };
            let seq = row.try_get::<_, i64>(0)? as u64;
            match decoded(seq, row.try_get(1)?)?.at_ms() < at_ms {
                true => earlier = seq.min(later - 1),
                false => later = middle,
            }
        }
        Ok(earlier)
    }

    fn accounts(&self, from: AccountNumber, most: usize) -> Result<Vec<AccountRow>, Trouble> {
        let most = i64::try_from(most).unwrap_or(i64::MAX);
        let rows = self.query(ROWS, &[&self.book(), &i64::from(from), &most])?;
        rows.iter().map(account).collect()
    }

    fn told<T>(&self, outcome: Result<T, Trouble>) -> Result<T, OpenError> {
        outcome.map_err(|trouble| trouble.of(&self.book))
    }
}

/// Out of [`AGAIN`], behind that number.
pub(crate) fn records(rows: &[Row], after: u64) -> Result<Found, Trouble> {
    let record = |row: &Row| Ok(leaf(row.try_get::<_, i64>(0)? as u64, row.try_get(1)?));
    let records: Vec<_> = rows.iter().map(record).collect::<Result<_, Trouble>>()?;
    let through = records.last().map_or(after, |last| last.head.seq);
    Ok((records, through))
}

/// Out of [`ROWS`].
pub(crate) fn account(row: &Row) -> Result<AccountRow, Trouble> {
    let number: i64 = row.try_get(0)?;
    let balance = Balance { posted: row.try_get(1)?, outgoing: row.try_get(2)?, incoming: row.try_get(3)? };
    let last_seq = row.try_get::<_, i64>(4)? as u64;
    Ok(AccountRow { account: number as AccountNumber, balance, last_seq })
}

fn decoded(seq: u64, bytes: &[u8]) -> Result<Fact, Trouble> {
    Fact::decode(bytes).map_err(|source| Trouble::NotAFact { seq, source })
}

impl Store for Shelf {
    fn guarantees(&self) -> Guarantees {
        let (gear, one_writer) = (crate::gear::NAME, OneWriter::Epoch);
        Guarantees { gear, durability: Level::Disk, one_writer, strictly_serializable: true }
    }

    fn append(&self, facts: &[Fact]) -> Result<u64, Setback> {
        self.shared.append(facts)
    }

    fn reached(&self, seq: u64) -> Reaching<'_> {
        Box::pin(async move {
            let mut progress = self.shared.progress.subscribe();
            let reached =
                progress.wait_for(|progress| progress.kept_seq >= seq || progress.gone.is_some()).await;
            match reached {
                Ok(progress) if progress.kept_seq >= seq => Ok(()),
                Ok(progress) => Err(Gone(progress.gone.as_deref().unwrap_or_default().to_owned())),
                Err(_) => Err(Gone("the writer of the book has ended".to_owned())),
            }
        })
    }

    fn settle(&self) -> Result<(), Gone> {
        self.handle.block_on(self.reached(self.shared.last_seq()))
    }

    fn kept_seq(&self) -> u64 {
        self.shared.progress.borrow().kept_seq
    }

    fn check(&self) -> Result<(), Setback> {
        self.shared.check()
    }

    fn facts(&self, after: u64, most: usize) -> Result<(Vec<(u64, Fact)>, u64), OpenError> {
        self.told(self.decoded_page(after, most))
    }

    fn leaves(&self, after: u64, most: usize) -> Result<Found, OpenError> {
        self.told(self.sequenced(after, most))
    }

    fn leaves_again(&self, after: u64, most: usize) -> Result<Found, OpenError> {
        self.told(self.again(after, most))
    }

    fn seq_before(&self, at_ms: u64) -> Result<u64, OpenError> {
        self.told(self.before(at_ms))
    }

    fn rows(&self, from: AccountNumber, most: usize) -> Result<Vec<AccountRow>, OpenError> {
        self.told(self.accounts(from, most))
    }

    fn snapshot(&self) -> Option<Vec<u8>> {
        let rows = self.query(SNAPSHOT, &[&self.book(), &(self.kept_seq() as i64)]);
        let rows =
            rows.inspect_err(|trouble| tracing::warn!(book = self.book, %trouble, "a snapshot was not read"));
        rows.ok()?.first()?.try_get(0).ok()
    }

    fn write_snapshot(&self, seq: u64, bytes: &[u8]) -> Result<(), OpenError> {
        self.told(self.query(KEEP, &[&self.book(), &(seq as i64), &bytes]).map(|_| ()))
    }

    fn counts(&self) -> &StoreCounts {
        &self.shared.counts
    }
}

impl Drop for Shelf {
    fn drop(&mut self) {
        self.shared.left.store(true, Ordering::SeqCst);
        self.shared.wake.notify_one();
    }
}
