//! What became of commands for devices, by where they came from. Each is under way, and then in exactly one count.

use super::Answer;
use std::sync::Mutex;
use std::sync::PoisonError;
use tidegate_kernel_plug::{Family, Refusal};
use tidegate_service_plant::Fate;
use tokio::sync::watch;

/// Where a command came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Origin {
    Http,
    Mqtt,
    Rule,
}

/// How a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outcome {
    Fate(Fate),
    /// It was carried out before, and is answered as it was then.
    Known,
}

const ORIGINS: [&str; 3] = ["http", "mqtt", "rule"];
const OUTCOMES: [Outcome; 6] = [
    Outcome::Fate(Fate::Confirmed),
    Outcome::Fate(Fate::Unconfirmed),
    Outcome::Fate(Fate::Refused),
    Outcome::Fate(Fate::Failed),
    Outcome::Fate(Fate::Unknown),
    Outcome::Known,
];

#[derive(Debug, Default)]
pub(crate) struct Counts {
    ended: Mutex<[[u64; OUTCOMES.len()]; ORIGINS.len()]>,
    under_way: watch::Sender<u64>,
}

/// One that is under way. Dropped without an end, nobody knows how far it came.
#[derive(Debug)]
pub(super) struct Counting<'c> {
    counts: &'c Counts,
    origin: Origin,
    outcome: Outcome,
}

impl Outcome {
    fn name(self) -> &'static str {
        match self {
            Outcome::Fate(fate) => fate.name(),
            Outcome::Known => "known",
        }
    }
}

impl Counts {
    pub(super) fn begin(&self, origin: Origin) -> Counting<'_> {
        self.under_way.send_modify(|many| *many += 1);
        Counting { counts: self, origin, outcome: Outcome::Fate(Fate::Unknown) }
    }

    pub(super) fn under_way(&self) -> u64 {
        *self.under_way.borrow()
    }

    /// Resolves when nothing is under way.
    pub(super) async fn idle(&self) {
        // The sender is here.
        let _ = self.under_way.subscribe().wait_for(|many| *many == 0).await;
    }

    pub(super) fn families(&self) -> Vec<Family> {
        let help = "Commands for devices that have ended, by where they came from and by how they ended.";
        let mut writes = Family::counter("tidegate_writes_commands_total", help);
        let ended = *self.ended.lock().unwrap_or_else(PoisonError::into_inner);
        for (origin, counts) in ORIGINS.iter().zip(&ended) {
            for (outcome, count) in OUTCOMES.iter().zip(counts) {
                writes.push(&[("origin", origin), ("outcome", outcome.name())], *count);
            }
        }
        let help = "Commands for devices that are being seen to.";
        vec![writes, Family::gauge("tidegate_writes_under_way_commands", help).with(&[], self.under_way())]
    }
}

impl Counting<'_> {
    pub(super) fn end(mut self, outcome: &Result<Answer, Refusal>) {
        self.outcome = match outcome {
            Ok(answer) if answer.is_known => Outcome::Known,
            Ok(answer) => Outcome::Fate(answer.end.fate),
            Err(_) => Outcome::Fate(Fate::Refused),
        };
    }
}

impl Drop for Counting<'_> {
    fn drop(&mut self) {
        let at = OUTCOMES.iter().position(|outcome| *outcome == self.outcome).expect("all of them are there");
        let mut ended = self.counts.ended.lock().unwrap_or_else(PoisonError::into_inner);
        ended[self.origin as usize][at] += 1;
        drop(ended);
        self.counts.under_way.send_modify(|many| *many -= 1);
    }
}
