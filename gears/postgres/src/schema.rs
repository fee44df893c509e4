//! The tables, made where they are not there, and which database this is.
//!
//! ```text
//! ledger     version of the tables, the database's own id
//! books      who holds a book, until when, under which epoch; its last number and how many leaves it has
//! facts      one row for a fact, as its bytes are everywhere: its number, its place among the leaves
//! accounts   name, limits and balance of each account as of its last fact
//! snapshots  a book as it was at a number, so that a start reads little
//! ```

use crate::error::Trouble;
use tidegate_kernel_id::random;
use tokio_postgres::Client;

const VERSION: i32 = 1;

const TABLES: &str = "
CREATE SCHEMA IF NOT EXISTS tidegate;
CREATE TABLE IF NOT EXISTS tidegate.ledger (version int NOT NULL, id bytea NOT NULL);
CREATE TABLE IF NOT EXISTS tidegate.books (
    number int GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    book text NOT NULL UNIQUE,
    holder bytea NOT NULL,
    epoch bigint NOT NULL,
    lease_ms bigint NOT NULL,
    beat_at timestamptz NOT NULL,
    moving boolean NOT NULL,
    last_seq bigint NOT NULL,
    leaves bigint NOT NULL
);
CREATE TABLE IF NOT EXISTS tidegate.facts (
    book int NOT NULL,
    seq bigint NOT NULL,
    leaf bigint NOT NULL,
    fact bytea NOT NULL,
    PRIMARY KEY (book, seq)
);
CREATE TABLE IF NOT EXISTS tidegate.accounts (
    book int NOT NULL,
    number bigint NOT NULL,
    name text NOT NULL,
    currency text NOT NULL,
    min bigint NOT NULL,
    max bigint NOT NULL,
    posted bigint NOT NULL,
    outgoing bigint NOT NULL,
    incoming bigint NOT NULL,
    last_seq bigint NOT NULL,
    PRIMARY KEY (book, number)
) WITH (fillfactor = 70);
CREATE TABLE IF NOT EXISTS tidegate.snapshots (
    book int PRIMARY KEY,
    seq bigint NOT NULL,
    bytes bytea NOT NULL
);
";

/// Whoever makes the tables keeps others from making them at once: \"tidegate\" as a number.
const LOCK: i64 = 0x7469_6465_6761_7465;

/// The database's own id, after the tables are there.
pub(crate) async fn ensure(client: &mut Client) -> Result<Vec<u8>, Trouble> {
    let there = client.query_one("SELECT to_regclass('tidegate.snapshots') IS NOT NULL", &[]).await?;
    if !there.try_get::<_, bool>(0)? {
        make(client).await?;
    }
    id(client).await
}

/// The database's own id, of tables of this version.
pub(crate) async fn id(client: &Client) -> Result<Vec<u8>, Trouble> {
    let row = client.query_one("SELECT version, id FROM tidegate.ledger", &[]).await?;
    match row.try_get(0)? {
        VERSION => Ok(row.try_get(1)?),
        there => Err(Trouble::Version { there, here: VERSION }),
    }
}

async fn make(client: &mut Client) -> Result<(), Trouble> {
    let id: [u8; 16] = random()?;
    let transaction = client.transaction().await?;
    transaction.execute("SELECT pg_advisory_xact_lock($1)", &[&LOCK]).await?;
    transaction.batch_execute(TABLES).await?;
    let first = "INSERT INTO tidegate.ledger SELECT $1, $2 WHERE NOT EXISTS (SELECT FROM tidegate.ledger)";
    transaction.execute(first, &[&VERSION, &&id[..]]).await?;
    transaction.commit().await?;
    Ok(())
}
