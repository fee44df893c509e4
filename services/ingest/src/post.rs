//! Everything a pump needs but its sink, and the supervision of it: a pump whose sink panics is started anew.

use crate::accounts::{BACKLOG_SUFFIX, CURSOR_PREFIX};
use crate::config::Config;
use crate::delivery::SinkConfig;
use crate::letters::Letters;
use crate::pump::Pump;
use crate::reading::READINGS;
use crate::sink::Sink;
use crate::state::SinkState;
use crate::telemetry::Telemetry;
use std::sync::Arc;
use std::time::Duration;
use tidegate_kernel_journal::{Cursor, Journal, Refusal};
use tidegate_kernel_plug::listed;
use tokio::sync::watch;
use tokio::time::sleep;

/// Between a panic of a sink and its next start.
const RESTART_WAIT: Duration = Duration::from_secs(1);

/// What a pump is told to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Order {
    Run,
    /// Deliver everything up to this record and end.
    CatchUp {
        through: u64,
    },
    /// End now; what is not settled stays in the journal.
    Stop,
}

#[derive(Debug, Clone)]
pub(crate) struct Post {
    pub(crate) journal: Journal,
    pub(crate) config: Config,
    pub(crate) delivery: SinkConfig,
    pub(crate) state: Arc<SinkState>,
    pub(crate) letters: Arc<Letters>,
    pub(crate) telemetry: Arc<Telemetry>,
    pub(crate) orders: watch::Receiver<Order>,
}

/// The cursors of one sink.
#[derive(Debug)]
pub(crate) struct Cursors {
    pub(crate) live: Cursor,
    /// There as long as there is something left of a backlog.
    pub(crate) backlog: Option<Cursor>,
}

impl Post {
    pub(crate) fn cursors(&self) -> Result<Cursors, Refusal> {
        let live = self.journal.cursor(&format!("{CURSOR_PREFIX}{}", self.state.name), READINGS)?;
        let name = self.backlog_name();
        let accounts = self.journal.status().accounts;
        let known = accounts.iter().any(|account| account.cursor == name);
        let backlog = if known { Some(self.journal.cursor(&name, READINGS)?) } else { None };
        Ok(Cursors { live, backlog })
    }

    pub(crate) fn backlog_name(&self) -> String {
        format!("{CURSOR_PREFIX}{}{BACKLOG_SUFFIX}", self.state.name)
    }

    /// Readings that the cursor of this name has yet to be given.
    pub(crate) fn lag(&self, cursor: &str) -> u64 {
        let accounts = self.journal.status().accounts;
        let lag = accounts.iter().find(|account| account.cursor == cursor).map(|account| account.lag.total());
        lag.unwrap_or(0)
    }

    /// Runs a pump until it is told to end; one that panics is started anew, with a new sink and at the durable position.
    pub(crate) async fn supervise<S: Sink>(self, cursors: Cursors, make: impl Fn() -> S + Send) {
        let mut cursors = cursors;
        loop {
            let pump = Pump::new(self.clone(), cursors, make()).run();
            let pump = listed("ingest", format!("sink {}", self.state.name), pump);
            let Err(panic) = tokio::spawn(pump).await else { break };
            let sink = &*self.state.name;
            tracing::error!(sink, code = "TG-IN-004", %panic, "a sink panicked; it is started anew");
            self.state.failed("TG-IN-004", panic.to_string());
            self.state.restarted();
            sleep(RESTART_WAIT).await;
            match self.cursors() {
                Ok(again) => cursors = again,
                Err(refusal) => {
                    tracing::error!(sink, code = refusal.code(), %refusal, "a sink cannot be started again");
                    break;
                }
            }
        }
        self.state.ended();
    }
}
