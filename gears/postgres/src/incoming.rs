//! A book that moves into the database: marked as moving, so that nobody takes it before the folder it comes from says that it is here.

use crate::error::Trouble;
use crate::link::{Link, Step};
use crate::rows::Rows;
use crate::shared::Tenure;
use crate::shelf::Shelf;
use std::future::Future;
use std::time::Duration;
use tidegate_engine_book::Fact;
use tidegate_service_ledger::{Arrival, OpenError, Store};
use tokio::time::timeout;
use tokio_postgres::Client;

const WHOSE: &str = "SELECT number, holder FROM tidegate.books WHERE book = $1 FOR UPDATE";
const MAKE: &str = "INSERT INTO tidegate.books (book, holder, epoch, lease_ms, beat_at, moving, last_seq, leaves) \
    VALUES ($1, $2, 1, $3, clock_timestamp(), true, 0, 0) RETURNING number";
/// Where the book is kept elsewhere again: nobody serves these rows any more, and their holder may write over them.
pub(crate) const LEAVE: &str =
    "UPDATE tidegate.books SET moving = true, epoch = epoch + 1 WHERE book = $1 AND holder = $2";

pub(crate) struct Incoming {
    pub(crate) shelf: Shelf,
    pub(crate) link: Link,
    pub(crate) limit: Duration,
    seq: u64,
    leaves: u64,
}

/// A place for the book. What this folder left there before is stale, for its own mark says that the book is elsewhere.
pub(crate) async fn place(
    client: &mut Client,
    book: &str,
    holder: &[u8],
    lease: Duration,
) -> Result<Tenure, Trouble> {
    let transaction = client.transaction().await?;
    // A large book takes longer to clear than a query may.
    transaction.batch_execute("SET LOCAL statement_timeout = 0").await?;
    if let Some(row) = transaction.query_opt(WHOSE, &[&book]).await? {
        let (number, there): (i32, &[u8]) = (row.try_get(0)?, row.try_get(1)?);
        if there != holder {
            return Err(Trouble::Taken { book: book.to_owned() });
        }
        for (table, key) in
            [("facts", "book"), ("accounts", "book"), ("snapshots", "book"), ("books", "number")]
        {
            transaction
                .execute(&format!("DELETE FROM tidegate.{table} WHERE {key} = $1"), &[&number])
                .await?;
        }
    }
    let row = transaction.query_one(MAKE, &[&book, &holder, &(lease.as_millis() as i64)]).await?;
    let number = row.try_get(0)?;
    transaction.commit().await?;
    Ok(Tenure { book: number, epoch: 1 })
}

impl Incoming {
    pub(crate) fn new(shelf: Shelf, link: Link, limit: Duration) -> Incoming {
        Incoming { shelf, link, limit, seq: 0, leaves: 0 }
    }

    fn within<T>(&self, work: impl Future<Output = Result<T, Trouble>>) -> Result<T, Trouble> {
        let limit = self.limit;
        self.shelf.handle.block_on(async { timeout(limit, work).await.unwrap_or(Err(Trouble::Slow(limit))) })
    }

    fn write(&self, facts: &[(u64, Fact)], step: Step) -> Result<(), Trouble> {
        let rows = Rows::of(facts.iter().map(|(seq, fact)| (*seq, fact)), self.leaves);
        match self.within(self.link.write(self.shelf.shared.tenure, step, &rows))? {
            true => Ok(()),
            false => Err(Trouble::Missing { seq: step.last_seq }),
        }
    }
}

impl Arrival for Incoming {
    fn keep(&mut self, facts: &[(u64, Fact)]) -> Result<(), OpenError> {
        let Some((last_seq, _)) = facts.last() else { return Ok(()) };
        let leaves = self.leaves + facts.len() as u64;
        let step = Step { before_seq: self.seq, last_seq: *last_seq, leaves };
        self.write(facts, step).map_err(|trouble| trouble.of(&self.shelf.book))?;
        (self.seq, self.leaves) = (step.last_seq, leaves);
        self.shelf.shared.progress.send_modify(|progress| progress.kept_seq = step.last_seq);
        Ok(())
    }

    fn store(&self) -> &dyn Store {
        &self.shelf
    }
}
