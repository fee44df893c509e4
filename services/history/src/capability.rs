//! The history as the node holds it: always ready, and written down when the node ends.

use crate::history::History;
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tidegate_kernel_journal::Journal;
use tidegate_kernel_plug::{Capability, Draining, Family, Leftover, Readiness, Stage};
use tokio::time::{MissedTickBehavior, interval};

/// The history with the journal beside which it is written down.
#[derive(Clone)]
pub struct Keeper {
    history: Arc<History>,
    journal: Journal,
}

impl fmt::Debug for Keeper {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keeper").finish_non_exhaustive()
    }
}

impl Keeper {
    pub fn new(history: Arc<History>, journal: Journal) -> Keeper {
        Keeper { history, journal }
    }

    /// Writes it down at intervals, until it is dropped. Blocks a thread of the runtime for that.
    pub async fn keep(&self) {
        let mut ticks = interval(Duration::from_millis(self.history.config.snapshot_ms));
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        // The first tick comes at once.
        ticks.tick().await;
        loop {
            ticks.tick().await;
            self.save().await;
        }
    }

    async fn save(&self) -> bool {
        let keeper = self.clone();
        let saved = tokio::task::spawn_blocking(move || keeper.history.save(&keeper.journal)).await;
        match saved {
            Ok(Ok(())) => true,
            Ok(Err(error)) => {
                tracing::warn!(code = error.code(), "{error}");
                false
            }
            // A panic in there has been reported by then.
            Err(_) => false,
        }
    }
}

impl Capability for Keeper {
    fn name(&self) -> &'static str {
        "history"
    }

    fn stage(&self) -> Stage {
        Stage::Delivery
    }

    fn metrics(&self) -> Vec<Family> {
        let (tags, values, bytes) = self.history.lock().size();
        let turned_away = self.history.lock().turned_away;
        let gauge = |name, help, value: u64| Family::gauge(name, help).with(&[], value);
        vec![
            gauge("tidegate_history_tags", "Tags with a latest value.", tags),
            gauge("tidegate_history_values", "Values on the curves of all tags.", values),
            gauge("tidegate_history_bytes", "About how many bytes they take.", bytes),
            Family::counter(
                "tidegate_history_turned_away_points_total",
                "Points of tags there was no room for, since the start.",
            )
            .with(&[], turned_away),
        ]
    }

    fn readiness(&self) -> Readiness {
        Readiness::Ready
    }

    fn drain(&self, _deadline: Instant) -> Draining<'_> {
        Box::pin(async {
            let what = "snapshot of the history not written";
            let left = Leftover { part: "snapshot".to_owned(), count: 1, what };
            if self.save().await { Vec::new() } else { vec![left] }
        })
    }
}
