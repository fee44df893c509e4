//! `ledger.postgres.c16`, `ledger.postgres.c64`: the double entry of the textbooks in SQL, on a PostgreSQL that runs already; the peer of
//! `ledger.durable`. And `ledger.gear.w256`, `ledger.gear.w16`: a book of ours on the same server.
//!
//! Each connection does one transaction after another: both accounts locked in the order of their numbers, the balance looked at, the
//! transfer inserted under its id, both balances written, COMMIT with `synchronous_commit` on.

use super::{durable, orders};
use crate::bench::scratch::Scratch;
use crate::bench::{Report, Trouble};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tidegate_gear_postgres::{Config, Postgres};
use tidegate_kernel_journal::{DataFolder, Id, SystemClock};
use tidegate_kernel_lab::{Row, median};
use tidegate_kernel_outbound::{Dialer, Endpoint, Resolver};
use tidegate_service_ledger::{Book, BookConfig, Gear, Shared};
use tokio::net::TcpStream;
use tokio::runtime::{Builder, Runtime};
use tokio_postgres::{Client, NoTls, Statement};

const CONNECTIONS: [usize; 2] = [16, 64];
const ROUNDS: usize = 5;
const ROUND: Duration = Duration::from_secs(1);
const USER: &str = "tidegate";
const DATABASE: &str = "postgres";

const TABLES: &str = "
DROP TABLE IF EXISTS textbook_transfers, textbook_accounts;
CREATE TABLE textbook_accounts (id bigint PRIMARY KEY, currency text NOT NULL, balance bigint NOT NULL, least bigint NOT NULL);
CREATE TABLE textbook_transfers (id uuid PRIMARY KEY, debit bigint NOT NULL REFERENCES textbook_accounts,
    credit bigint NOT NULL REFERENCES textbook_accounts, amount bigint NOT NULL CHECK (amount > 0), at timestamptz NOT NULL DEFAULT now());
INSERT INTO textbook_accounts SELECT number, 'CNY', 0, -9223372036854775808 FROM generate_series(0, 999) AS number;
";
const LOCK: &str =
    "SELECT id, balance, least FROM textbook_accounts WHERE id = $1 OR id = $2 ORDER BY id FOR UPDATE";
const TRANSFER: &str =
    "INSERT INTO textbook_transfers (id, debit, credit, amount) VALUES ($1::text::uuid, $2, $3, $4)";
const POST: &str = "UPDATE textbook_accounts SET balance = balance + $2 WHERE id = $1";

pub(super) fn measure(report: &Report, scratch: &Scratch, server: SocketAddr) -> Result<(), Trouble> {
    let runtime = Builder::new_multi_thread().enable_all().build()?;
    for connections in CONNECTIONS {
        let rate = runtime.block_on(textbook(server, connections))?;
        report.print(Row {
            scenario: format!("ledger.postgres.c{connections}"),
            metric: "rate",
            unit: "transfer/s",
            value: rate,
            load: format!(
                "{connections} connections, one transaction of double entry after another, synchronous_commit on, {} accounts; median of \
                 {ROUNDS} rounds of {} ms",
                durable::ACCOUNTS,
                ROUND.as_millis()
            ),
            ..Row::default()
        });
    }
    durable::WORKERS.into_iter().try_for_each(|workers| ours(report, scratch, &runtime, server, workers))
}

async fn connect(server: SocketAddr) -> Result<Client, Trouble> {
    let mut login = tokio_postgres::Config::new();
    login.user(USER).dbname(DATABASE);
    let stream = TcpStream::connect(server).await?;
    stream.set_nodelay(true)?;
    let (client, connection) = login.connect_raw(stream, NoTls).await?;
    tokio::spawn(connection);
    client.batch_execute("SET synchronous_commit = on").await?;
    Ok(client)
}

/// Transfers a second, the median of some rounds.
async fn textbook(server: SocketAddr, connections: usize) -> Result<f64, Trouble> {
    connect(server).await?.batch_execute(TABLES).await?;
    let mut tellers = Vec::new();
    for _ in 0..connections {
        tellers.push(Arc::new(Teller::new(connect(server).await?).await?));
    }
    let mut rates = Vec::new();
    for _ in 0..ROUNDS {
        rates.push(round(&tellers).await?);
    }
    Ok(median(rates))
}

async fn round(tellers: &[Arc<Teller>]) -> Result<f64, Trouble> {
    let began = Instant::now();
    let done = durable::done_in(ROUND, tellers).await?;
    Ok(done as f64 / began.elapsed().as_secs_f64())
}

impl durable::Doer for Teller {
    async fn once(&self, nth: u64) -> Result<(), Trouble> {
        self.transfer(nth).await
    }
}

/// One connection of the textbook, with its statements prepared.
struct Teller {
    client: Client,
    lock: Statement,
    transfer: Statement,
    post: Statement,
}

impl Teller {
    async fn new(client: Client) -> Result<Teller, Trouble> {
        let (lock, transfer) = (client.prepare(LOCK).await?, client.prepare(TRANSFER).await?);
        let post = client.prepare(POST).await?;
        Ok(Teller { client, lock, transfer, post })
    }

    async fn transfer(&self, nth: u64) -> Result<(), Trouble> {
        let (debit, credit) = durable::sides(nth);
        let (debit, credit, amount) = (debit as i64, credit as i64, 1_i64);
        let id = Id::v7(tidegate_kernel_journal::Clock::wall_ms(&SystemClock)).to_string();
        self.client.batch_execute("BEGIN").await?;
        let held = self.client.query(&self.lock, &[&debit, &credit]).await?;
        let payer = held.iter().find(|row| row.get::<_, i64>(0) == debit).ok_or("an account is missing")?;
        if payer.get::<_, i64>(1) - amount < payer.get::<_, i64>(2) {
            return Err("an account has nothing left".into());
        }
        self.client.execute(&self.transfer, &[&id, &debit, &credit, &amount]).await?;
        self.client.execute(&self.post, &[&debit, &-amount]).await?;
        self.client.execute(&self.post, &[&credit, &amount]).await?;
        self.client.batch_execute("COMMIT").await?;
        Ok(())
    }
}

fn ours(
    report: &Report,
    scratch: &Scratch,
    runtime: &Runtime,
    server: SocketAddr,
    workers: usize,
) -> Result<(), Trouble> {
    runtime.block_on(async {
        connect(server)
            .await?
            .batch_execute("DROP SCHEMA IF EXISTS tidegate CASCADE")
            .await
            .map_err(Trouble::from)
    })?;
    let folder = DataFolder::open(&scratch.inner("gear"))?;
    let within = runtime.enter();
    let book = open_book(&folder, server)?;
    drop(within);
    runtime.block_on(durable::open_accounts(&book))?;
    let (mut rates, mut cpu) = (Vec::new(), Vec::new());
    for _ in 0..=ROUNDS {
        let (rate, cpu_us) = runtime.block_on(durable::one_round(&book, workers))?;
        rates.push(rate);
        cpu.push(cpu_us);
    }
    drop(book);
    folder.close();
    scratch.clear("gear")?;
    report.print(Row {
        scenario: format!("ledger.gear.w{workers}"),
        metric: "rate",
        unit: "transfer/s",
        value: median(rates),
        cpu_us_per_op: Some(median(cpu)),
        load: format!(
            "{workers} tasks, one transfer after another, the gear postgres, {} accounts; median of {} rounds of {} ms",
            durable::ACCOUNTS,
            ROUNDS + 1,
            ROUND.as_millis()
        ),
        ..Row::default()
    });
    Ok(())
}

/// Blocks this thread, which is none of the runtime's.
fn open_book(folder: &DataFolder, server: SocketAddr) -> Result<Arc<Book>, Trouble> {
    let (host, port) = (server.ip().to_string(), server.port());
    let config = Config {
        endpoint: Endpoint { tls: false, host, port, path: format!("/{DATABASE}") },
        user: USER.to_owned(),
        password: None,
        connections_max: 2,
        timeout: Duration::from_secs(5),
        lease: Duration::from_secs(10),
    };
    let gear = Postgres::new(folder.books().clone(), Dialer::new(Resolver::system(), None)?, config);
    let book = BookConfig { name: "bench".to_owned(), limit: orders::limit(durable::IDS) };
    Ok(Book::on(gear.open("bench")?, Arc::new(SystemClock), book, Shared::default())?)
}
