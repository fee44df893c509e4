//! Connections for reading, as many as the configuration says and no more.

use crate::connect::Connector;
use crate::error::Trouble;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::Semaphore;
use tokio::time::timeout;
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, Row};

/// What is handed to a query.
pub(crate) type Given<'a> = &'a [&'a (dyn ToSql + Sync)];

#[derive(Debug, Clone)]
pub(crate) struct Pool {
    pub(crate) connector: Connector,
    idle: Arc<Mutex<Vec<Idle>>>,
    permits: Arc<Semaphore>,
}

struct Idle(Client);

impl Pool {
    pub(crate) fn new(connector: Connector) -> Pool {
        let permits = Arc::new(Semaphore::new(connector.config.connections_max));
        Pool { connector, idle: Arc::default(), permits }
    }

    /// All rows, within the limit of time, waiting for a connection included.
    pub(crate) async fn query(&self, text: &str, given: Given<'_>) -> Result<Vec<Row>, Trouble> {
        let limit = self.connector.config.timeout;
        timeout(limit, self.ask(text, given)).await.unwrap_or(Err(Trouble::Slow(limit)))
    }

    async fn ask(&self, text: &str, given: Given<'_>) -> Result<Vec<Row>, Trouble> {
        let _permit = self.permits.acquire().await.expect("it is never closed");
        let client = self.client().await?;
        // After an error the connection is not used again.
        let rows = client.query(text, given).await?;
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(Idle(client));
        Ok(rows)
    }

    async fn client(&self) -> Result<Client, Trouble> {
        loop {
            let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
            match idle {
                Some(Idle(client)) if client.is_closed() => {}
                Some(Idle(client)) => return Ok(client),
                None => return self.connector.connect().await,
            }
        }
    }
}

impl std::fmt::Debug for Idle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Idle")
    }
}
