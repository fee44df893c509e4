//! Connections to the brokers of one cluster, those that are idle kept for the next request.

use crate::connection::{Access, Connection};
use crate::trouble::Trouble;
use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use tidegate_kernel_outbound::Endpoint;

/// Idle connections to all brokers together.
const IDLE_MAX: usize = 64;

#[derive(Debug)]
pub(crate) struct Line {
    access: Access,
    idle: Mutex<BTreeMap<String, Vec<Connection>>>,
}

impl Line {
    pub(crate) fn new(access: Access) -> Line {
        Line { access, idle: Mutex::default() }
    }

    /// A connection that nobody else uses.
    pub(crate) async fn take(&self, endpoint: &Endpoint) -> Result<Connection, Trouble> {
        let idle = self.idle().get_mut(&endpoint.to_string()).and_then(pop_open);
        match idle {
            Some(connection) => Ok(connection),
            None => Connection::open(&self.access, endpoint).await,
        }
    }

    /// Takes back one whose last request was answered.
    pub(crate) fn keep(&self, endpoint: &Endpoint, connection: Connection) {
        let mut idle = self.idle();
        if idle.values().map(Vec::len).sum::<usize>() >= IDLE_MAX {
            idle.clear();
        }
        idle.entry(endpoint.to_string()).or_default().push(connection);
    }

    fn idle(&self) -> MutexGuard<'_, BTreeMap<String, Vec<Connection>>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The last one that can be used; those that cannot are dropped.
fn pop_open(idle: &mut Vec<Connection>) -> Option<Connection> {
    idle.retain(Connection::is_open);
    idle.pop()
}
