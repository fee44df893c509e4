//! Log lines about connections, bounded: a fleet that reconnects in a loop must not fill a disk with its complaints.
//!
//! At most so many lines a second for each reason; the next line says how many were left out. Every end is counted
//! whether or not it is logged.

use std::fmt;
use std::io;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;
use tracing::{debug, info, warn};

use crate::reason::{CloseReason, Ending};

const LINES_MAX: u32 = 10;
const WINDOW: Duration = Duration::from_secs(1);

const FULL: &str = "TG-MQ-100";
const NOT_ACCEPTED: &str = "TG-MQ-115";

#[derive(Debug, Default)]
struct Valve {
    window: Option<Instant>,
    lines: u32,
    left_out: u64,
}

impl Valve {
    /// Whether to say it, and how many were left out since the last time.
    fn pass(&mut self, now: Instant) -> Option<u64> {
        if self.window.is_none_or(|start| now >= start + WINDOW) {
            (self.window, self.lines) = (Some(now), 0);
        }
        if self.lines == LINES_MAX {
            self.left_out += 1;
            return None;
        }
        self.lines += 1;
        Some(std::mem::take(&mut self.left_out))
    }
}

/// One valve for each reason, and for what happens before there is a connection.
#[derive(Debug)]
pub(crate) struct Notices {
    endings: Vec<Mutex<Valve>>,
    refusals: Mutex<Valve>,
    accepts: Mutex<Valve>,
}

impl Notices {
    pub(crate) fn new() -> Self {
        let endings = CloseReason::ALL.iter().map(|_| Mutex::default()).collect();
        Self { endings, refusals: Mutex::default(), accepts: Mutex::default() }
    }

    pub(crate) fn closed(&self, ending: &Ending, client: &dyn fmt::Debug, peer: &dyn fmt::Display) {
        let reason = ending.reason;
        let Some(code) = reason.code() else {
            debug!(?client, %peer, "MQTT connection closed: {reason}");
            return;
        };
        let Some(left_out) = pass(&self.endings[reason as usize]) else { return };
        let (cause, hint) = (ending.cause.map(tracing::field::display), reason.hint());
        match reason {
            CloseReason::Lost | CloseReason::TakenOver => {
                info!(code, ?client, %peer, left_out, hint, "MQTT connection closed: {reason}");
            }
            _ => warn!(code, cause, ?client, %peer, left_out, hint, "MQTT connection closed: {reason}"),
        }
    }

    pub(crate) fn full(&self, connections_max: usize, peer: &dyn fmt::Display) {
        let Some(left_out) = pass(&self.refusals) else { return };
        let hint = "raise connections_max, or look for a client that connects again and again";
        warn!(code = FULL, connections_max, %peer, left_out, hint, "MQTT connection refused: too many are open");
    }

    pub(crate) fn not_accepted(&self, error: &io::Error) {
        let Some(left_out) = pass(&self.accepts) else { return };
        let hint = "raise the limit on open files (ulimit -n) above connections_max";
        warn!(code = NOT_ACCEPTED, %error, left_out, hint, "could not accept an MQTT connection");
    }
}

fn pass(valve: &Mutex<Valve>) -> Option<u64> {
    valve.lock().unwrap_or_else(PoisonError::into_inner).pass(Instant::now())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_flood_of_one_complaint_is_cut_and_the_next_line_says_by_how_much() {
        let (mut valve, start) = (Valve::default(), Instant::now());
        let said = (0..100).filter(|_| valve.pass(start).is_some()).count();
        assert_eq!(said, LINES_MAX as usize);
        assert_eq!(valve.pass(start + WINDOW), Some(90));
    }
}
