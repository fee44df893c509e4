//! What there is to tell of the keys of memos beside what they are for.

use super::Memos;
use std::sync::atomic::Ordering::SeqCst;
use std::time::Instant;
use tidegate_kernel_plug::{Capability, Draining, Family, Readiness, Stage};

impl Capability for Memos {
    fn name(&self) -> &'static str {
        "memos"
    }

    fn stage(&self) -> Stage {
        Stage::Storage
    }

    fn metrics(&self) -> Vec<Family> {
        let counts = &self.counts;
        let mut kept = Family::gauge("tidegate_ledger_memo_subjects", "Subjects whose memos can be read.");
        kept.push(&[], counts.kept.load(SeqCst));
        let mut shredded =
            Family::gauge("tidegate_ledger_shredded_subjects", "Subjects whose memos were made unreadable.");
        shredded.push(&[], counts.shredded.load(SeqCst));
        let mut unsealed = Family::counter(
            "tidegate_ledger_unsealed_orders_total",
            "Orders that never came to their book because their memo could not be sealed, since the start.",
        );
        unsealed.push(&[], counts.unsealed.load(SeqCst));
        vec![kept, shredded, unsealed]
    }

    fn readiness(&self) -> Readiness {
        // While files are written nobody waits for an answer here.
        match self.vault.try_lock().map(|vault| vault.check()) {
            Ok(Err(error)) => Readiness::Unready(format!("no memo of a new subject is taken: {error}")),
            _ => Readiness::Ready,
        }
    }

    /// What is written is durable before anybody is told so.
    fn drain(&self, _deadline: Instant) -> Draining<'_> {
        Box::pin(async { Vec::new() })
    }
}
