//! The connection a book is written through, and the one transaction it writes.
//!
//! First the row of the book: it has to have the epoch this node was given and the number the facts are behind, and whoever else wants to
//! write waits for it. So a write that was sent twice is there once, and one of a node that was overtaken is nowhere.

use crate::error::Trouble;
use crate::pool::Given;
use crate::rows::{ChangedRows, FactRows, OpenedRows, Rows};
use crate::shared::Tenure;
use tokio_postgres::{Client, Error, Statement};

const FENCE: &str = "UPDATE tidegate.books SET last_seq = $4, leaves = $5, beat_at = clock_timestamp() \
    WHERE number = $1 AND epoch = $2 AND last_seq = $3";
const BEAT: &str = "UPDATE tidegate.books SET beat_at = clock_timestamp() WHERE number = $1 AND epoch = $2";
const FACTS: &str = "INSERT INTO tidegate.facts (book, seq, leaf, fact) \
    SELECT $1, * FROM unnest($2::bigint[], $3::bigint[], $4::bytea[])";
const OPENED: &str = "INSERT INTO tidegate.accounts \
    (book, number, name, currency, min, max, last_seq, posted, outgoing, incoming) \
    SELECT $1, *, 0, 0, 0 FROM unnest($2::bigint[], $3::text[], $4::text[], $5::bigint[], $6::bigint[], $7::bigint[])";
const CHANGED: &str = "UPDATE tidegate.accounts AS a SET last_seq = c.last_seq, \
    posted = coalesce(c.posted, a.posted), outgoing = coalesce(c.outgoing, a.outgoing), incoming = coalesce(c.incoming, a.incoming), \
    min = coalesce(c.min, a.min), max = coalesce(c.max, a.max) \
    FROM unnest($2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[], $7::bigint[], $8::bigint[]) \
    AS c (number, posted, outgoing, incoming, min, max, last_seq) WHERE a.book = $1 AND a.number = c.number";
const NOW: &str = "SELECT epoch, last_seq FROM tidegate.books WHERE number = $1";

/// What was there before a write, and what is after it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Step {
    pub(crate) before_seq: u64,
    pub(crate) last_seq: u64,
    pub(crate) leaves: u64,
}

/// A connection with its statements.
pub(crate) struct Link {
    client: Client,
    fence: Statement,
    beat: Statement,
    facts: Statement,
    opened: Statement,
    changed: Statement,
}

impl Link {
    pub(crate) async fn over(client: Client) -> Result<Link, Trouble> {
        let fence = client.prepare(FENCE).await?;
        let beat = client.prepare(BEAT).await?;
        let facts = client.prepare(FACTS).await?;
        let opened = client.prepare(OPENED).await?;
        let changed = client.prepare(CHANGED).await?;
        Ok(Link { client, fence, beat, facts, opened, changed })
    }

    /// Writes facts, their leaves and the accounts they touch, all or none. Whether it did: not if the book's row is not as it was before.
    pub(crate) async fn write(&self, tenure: Tenure, step: Step, rows: &Rows) -> Result<bool, Trouble> {
        let Rows { facts, opened, changed } = rows;
        // Sent one behind the other without waiting; the answers come in the same order.
        let (begun, fenced, kept, new, touched) = tokio::join!(
            biased;
            self.client.batch_execute("BEGIN"),
            self.fence(tenure, step),
            self.keep(tenure.book, facts),
            self.open(tenure.book, opened),
            self.change(tenure.book, changed),
        );
        begun?;
        if fenced? != 1 {
            self.client.batch_execute("ROLLBACK").await?;
            return Ok(false);
        }
        kept?;
        new?;
        if touched? != changed.numbers.len() as u64 {
            self.client.batch_execute("ROLLBACK").await?;
            return Err(Trouble::NoRow { seq: step.last_seq });
        }
        self.client.batch_execute("COMMIT").await?;
        Ok(true)
    }

    async fn fence(&self, Tenure { book, epoch }: Tenure, step: Step) -> Result<u64, Error> {
        let (before, last, leaves) = (step.before_seq as i64, step.last_seq as i64, step.leaves as i64);
        self.client.execute(&self.fence, &[&book, &epoch, &before, &last, &leaves]).await
    }

    async fn keep(&self, book: i32, FactRows { seqs, leaves, facts }: &FactRows) -> Result<u64, Error> {
        self.client.execute(&self.facts, &[&book, seqs, leaves, facts]).await
    }

    async fn open(&self, book: i32, opened: &OpenedRows) -> Result<u64, Error> {
        let OpenedRows { numbers, names, currencies, mins, maxes, seqs } = opened;
        if numbers.is_empty() {
            return Ok(0);
        }
        self.client.execute(&self.opened, &[&book, numbers, names, currencies, mins, maxes, seqs]).await
    }

    async fn change(&self, book: i32, changed: &ChangedRows) -> Result<u64, Error> {
        let ChangedRows { numbers, posted, outgoing, incoming, mins, maxes, seqs } = changed;
        let given: Given<'_> = &[&book, numbers, posted, outgoing, incoming, mins, maxes, seqs];
        self.client.execute(&self.changed, given).await
    }

    /// A sign of life; whether the book is still this node's.
    pub(crate) async fn beat(&self, Tenure { book, epoch }: Tenure) -> Result<bool, Trouble> {
        Ok(self.client.execute(&self.beat, &[&book, &epoch]).await? == 1)
    }

    /// Up to which number the book is kept.
    pub(crate) async fn kept_seq(&self, tenure: Tenure) -> Result<u64, Trouble> {
        let row = self.client.query_one(NOW, &[&tenure.book]).await?;
        let (epoch, last_seq): (i64, i64) = (row.try_get(0)?, row.try_get(1)?);
        if epoch == tenure.epoch { Ok(last_seq as u64) } else { Err(Trouble::Overtaken { epoch }) }
    }
}
