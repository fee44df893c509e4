//! The database as an auditor reads it: one transaction that sees everything as of one moment and can write nothing. It takes no lease, makes
//! no table, and holds up no node.

use crate::config::Config;
use crate::connect::Connector;
use crate::error::Trouble;
use crate::gear::DATABASE;
use crate::pool::Given;
use crate::schema;
use crate::shelf::{AGAIN, ROWS, account, records};
use std::fmt;
use tidegate_engine_book::AccountNumber;
use tidegate_kernel_audit::Found;
use tidegate_kernel_journal::Registers;
use tidegate_kernel_outbound::Dialer;
use tidegate_service_ledger::verify::Database;
use tidegate_service_ledger::{OpenError, Row as AccountRow};
use tokio::runtime::Handle;
use tokio::time::timeout;
use tokio_postgres::{Client, Row};

const BEGIN: &str =
    "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SET LOCAL idle_in_transaction_session_timeout = 0";
const NUMBER: &str = "SELECT number FROM tidegate.books WHERE book = $1";

/// Blocks threads that are none of the runtime's.
pub struct Reader {
    connector: Connector,
    handle: Handle,
    /// Begun with the first question.
    client: Option<Client>,
}

impl Reader {
    /// Asks nothing yet. Within a tokio runtime.
    pub fn new(dialer: Dialer, config: Config) -> Reader {
        Reader { connector: Connector::new(config, dialer), handle: Handle::current(), client: None }
    }

    fn client(&mut self) -> Result<&Client, Trouble> {
        if self.client.is_none() {
            let begun = async {
                let client = self.connector.connect().await?;
                client.batch_execute(BEGIN).await?;
                Ok::<_, Trouble>(client)
            };
            self.client = Some(self.handle.block_on(begun)?);
        }
        Ok(self.client.as_ref().expect("it was begun"))
    }

    fn query(&mut self, text: &str, given: Given<'_>) -> Result<Vec<Row>, Trouble> {
        let (handle, limit) = (self.handle.clone(), self.connector.config.timeout);
        let asked = self.client()?.query(text, given);
        let answered = handle.block_on(async { timeout(limit, asked).await });
        Ok(answered.map_err(|_| Trouble::Slow(limit))??)
    }

    fn recognised(&mut self, registers: &Registers) -> Result<(), Trouble> {
        let (handle, client) = (self.handle.clone(), self.client()?);
        let id = handle.block_on(schema::id(client))?;
        match registers.get(DATABASE) {
            Some(known) if *known == id => Ok(()),
            _ => Err(Trouble::OtherDatabase),
        }
    }

    fn number(&mut self, book: &str) -> Result<Option<i32>, Trouble> {
        let rows = self.query(NUMBER, &[&book])?;
        Ok(rows.first().map(|row| row.try_get(0)).transpose()?)
    }

    fn behind(&mut self, book: &str, after: u64, most: usize) -> Result<Found, Trouble> {
        let Some(number) = self.number(book)? else { return Ok((Vec::new(), after)) };
        let most = i64::try_from(most).unwrap_or(i64::MAX);
        records(&self.query(AGAIN, &[&number, &(after as i64), &most])?, after)
    }

    fn accounts(&mut self, book: &str, from: AccountNumber, most: usize) -> Result<Vec<AccountRow>, Trouble> {
        let Some(number) = self.number(book)? else { return Ok(Vec::new()) };
        let most = i64::try_from(most).unwrap_or(i64::MAX);
        self.query(ROWS, &[&number, &i64::from(from), &most])?.iter().map(account).collect()
    }
}

impl Database for Reader {
    fn recognise(&mut self, registers: &Registers) -> Result<(), OpenError> {
        self.recognised(registers).map_err(|trouble| trouble.of("of this folder"))
    }

    fn facts(&mut self, book: &str, after: u64, most: usize) -> Result<Found, OpenError> {
        self.behind(book, after, most).map_err(|trouble| trouble.of(book))
    }

    fn rows(&mut self, book: &str, from: AccountNumber, most: usize) -> Result<Vec<AccountRow>, OpenError> {
        self.accounts(book, from, most).map_err(|trouble| trouble.of(book))
    }
}

/// Without what is asked over it.
impl fmt::Debug for Reader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reader").field("connector", &self.connector).finish_non_exhaustive()
    }
}
