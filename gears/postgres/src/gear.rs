//! The gear: which database it is, and whose book.
//!
//! A book has one node that writes. Its row says who, and until when: a lease that is renewed by every write, or by a sign of life. Whoever
//! takes a book raises its epoch, which every write names. So a node that comes back from wherever it was writes nothing any more, whatever
//! any clock says; and it answers no reader either once it has had no answer for a lease, after which another one may have the book.

use crate::config::Config;
use crate::connect::Connector;
use crate::error::Trouble;
use crate::incoming::{self, Incoming};
use crate::link::Link;
use crate::pool::Pool;
use crate::schema;
use crate::shared::{Shared, Tenure};
use crate::shelf::Shelf;
use crate::writer::Writer;
use std::sync::Arc;
use tidegate_kernel_id::random;
use tidegate_kernel_journal::Journal;
use tidegate_kernel_outbound::Dialer;
use tidegate_service_ledger::{Arrival, Gear, OpenError, Store};
use tokio::runtime::Handle;
use tokio::time::Instant;
use tokio_postgres::Client;

pub(crate) const NAME: &str = "postgres";
/// Registers of the node's journal: by what name it holds books, and in which database they are.
const HOLDER: &str = "ledger..holder";
pub(crate) const DATABASE: &str = "ledger..database";

const TAKE: &str = "INSERT INTO tidegate.books AS b (book, holder, epoch, lease_ms, beat_at, moving, last_seq, leaves) \
    VALUES ($1, $2, 1, $3, clock_timestamp(), false, 0, 0) \
    ON CONFLICT (book) DO UPDATE SET holder = $2, epoch = b.epoch + 1, lease_ms = $3, beat_at = clock_timestamp(), moving = false \
    WHERE b.holder = $2 OR (NOT b.moving AND b.beat_at + b.lease_ms * interval '1 millisecond' < clock_timestamp()) \
    RETURNING number, epoch, last_seq, leaves";
const WHOSE: &str = "SELECT encode(holder, 'hex'), moving FROM tidegate.books WHERE book = $1";

/// Books in a PostgreSQL database.
#[derive(Debug)]
pub struct Postgres {
    journal: Journal,
    connector: Connector,
    pool: Pool,
    handle: Handle,
}

impl Postgres {
    /// The journal is the node's own, for its name; within a tokio runtime.
    pub fn new(journal: Journal, dialer: Dialer, config: Config) -> Postgres {
        let connector = Connector::new(config, dialer);
        Postgres { journal, pool: Pool::new(connector.clone()), connector, handle: Handle::current() }
    }

    async fn take(&self, book: &str) -> Result<Shelf, Trouble> {
        let mut client = self.connector.connect().await?;
        self.recognise(&schema::ensure(&mut client).await?)?;
        let (asked_at, lease) = (Instant::now(), self.connector.config.lease);
        let (tenure, last_seq, leaves) = self.tenure(&client, book).await?;
        let shared = Arc::new(Shared::new(tenure, lease, last_seq, leaves, asked_at));
        let writer = Writer { shared: shared.clone(), connector: self.connector.clone() };
        tokio::spawn(writer.run(client));
        Ok(self.shelf(book, shared))
    }

    async fn arrive(&self, book: &str) -> Result<Incoming, Trouble> {
        let mut client = self.connector.connect().await?;
        self.recognise(&schema::ensure(&mut client).await?)?;
        let (asked_at, lease) = (Instant::now(), self.connector.config.lease);
        let tenure = incoming::place(&mut client, book, &self.holder()?, lease).await?;
        let shelf = self.shelf(book, Arc::new(Shared::new(tenure, lease, 0, 0, asked_at)));
        Ok(Incoming::new(shelf, Link::over(client).await?, self.connector.config.timeout))
    }

    async fn abandon(&self, book: &str) -> Result<(), Trouble> {
        let client = self.connector.connect().await?;
        client.execute(incoming::LEAVE, &[&book, &self.holder()?]).await?;
        Ok(())
    }

    fn shelf(&self, book: &str, shared: Arc<Shared>) -> Shelf {
        Shelf { book: book.to_owned(), shared, pool: self.pool.clone(), handle: self.handle.clone() }
    }

    /// The folder's books are in one database; the first one it sees is that.
    fn recognise(&self, database: &[u8]) -> Result<(), Trouble> {
        match self.journal.register(DATABASE) {
            Some(known) if known == database => Ok(()),
            Some(_) => Err(Trouble::OtherDatabase),
            None => Ok(self.journal.set_register(DATABASE, database).map(|_| ())?),
        }
    }

    fn holder(&self) -> Result<Vec<u8>, Trouble> {
        if let Some(holder) = self.journal.register(HOLDER) {
            return Ok(holder);
        }
        let holder: [u8; 16] = random()?;
        self.journal.set_register(HOLDER, &holder)?;
        Ok(holder.to_vec())
    }

    async fn tenure(&self, client: &Client, book: &str) -> Result<(Tenure, u64, u64), Trouble> {
        let (holder, lease_ms) = (self.holder()?, self.connector.config.lease.as_millis() as i64);
        let taken = client.query_opt(TAKE, &[&book, &holder, &lease_ms]).await?;
        let Some(row) = taken else { return Err(whose(client, book).await?) };
        let tenure = Tenure { book: row.try_get(0)?, epoch: row.try_get(1)? };
        let (last_seq, leaves): (i64, i64) = (row.try_get(2)?, row.try_get(3)?);
        Ok((tenure, last_seq as u64, leaves as u64))
    }
}

async fn whose(client: &Client, book: &str) -> Result<Trouble, Trouble> {
    let row = client.query_one(WHOSE, &[&book]).await?;
    let book = book.to_owned();
    match row.try_get(1)? {
        true => Ok(Trouble::Moving { book }),
        false => Ok(Trouble::Held { book, holder: row.try_get(0)? }),
    }
}

impl Gear for Postgres {
    fn name(&self) -> &'static str {
        NAME
    }

    fn open(&self, book: &str) -> Result<Arc<dyn Store>, OpenError> {
        let shelf = self.handle.block_on(self.take(book)).map_err(|trouble| trouble.of(book))?;
        Ok(Arc::new(shelf))
    }

    fn is_remote(&self) -> bool {
        true
    }

    fn arrival(&self, book: &str) -> Result<Box<dyn Arrival>, OpenError> {
        let incoming = self.handle.block_on(self.arrive(book)).map_err(|trouble| trouble.of(book))?;
        Ok(Box::new(incoming))
    }

    fn leave(&self, book: &str) -> Result<(), OpenError> {
        self.handle.block_on(self.abandon(book)).map_err(|trouble| trouble.of(book))
    }
}
