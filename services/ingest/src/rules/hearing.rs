//! The rules' other input: telemetry, which is looked at in one order of time with the readings in the journal. Reads the wall clock.

use crate::rules::heard::Heard;
use crate::rules::outputs::Origin;
use crate::rules::runner::{LATE_MS_MAX, Runner};
use crate::state::wall_ms;
use tidegate_engine_rules::Fact;
use tidegate_kernel_journal::{Id, Refusal};

/// How the time of telemetry and that of the journal are brought together.
#[derive(Debug, Default)]
pub(crate) struct Mark {
    /// The end of the journal at a moment.
    seq: u64,
    /// That moment.
    at_ms: u64,
    /// The one before it, up to which the journal has been looked at.
    seen_ms: u64,
}

impl Runner {
    pub(super) fn has_pending(&self) -> bool {
        self.pending_at < self.pending.len() || !self.outputs.ingest.inbox.is_empty()
    }

    /// Tells the way in which telemetry to hand over.
    pub(super) fn show_interest(&self) {
        let trial = self.shadow.as_ref().map(|shadow| shadow.engine.set.clone());
        let sets = [self.engine.set.clone()].into_iter().chain(trial).collect();
        self.outputs.ingest.inbox.set_interest(sets);
    }

    /// Looks at telemetry, as far as the readings in the journal that came before it have been looked at; whether there was any.
    pub(super) async fn hear(&mut self) -> Result<bool, Refusal> {
        if self.pending_at == self.pending.len() {
            self.pending.clear();
            self.pending_at = 0;
            self.outputs.ingest.inbox.take(&mut self.pending);
        }
        if self.pending.is_empty() {
            return Ok(false);
        }
        let (until, from) = (self.horizon(), self.pending_at);
        let pending = std::mem::take(&mut self.pending);
        let mut heard = pending[from..].iter().take_while(|heard| heard.at <= until);
        let outcome = loop {
            let Some(next) = heard.next() else { break Ok(()) };
            self.pending_at += 1;
            if let Err(refusal) = self.listen(next).await {
                break Err(refusal);
            }
        };
        self.pending = pending;
        (self.is_unkept, self.is_unreported) = (true, true);
        outcome.map(|()| self.pending_at > from)
    }

    /// Up to when telemetry may be looked at: what is later in the journal than all that was looked at came later than that, too. Nothing
    /// waits for longer than for a journal that is kept busy.
    fn horizon(&mut self) -> u64 {
        if self.mark.seq <= self.through {
            self.mark.seen_ms = self.mark.at_ms;
            // The time first: what is appended after the look at the end is not earlier than that.
            self.mark.at_ms = wall_ms();
            self.mark.seq = self.outputs.ingest.journal.status().head_seq;
        }
        if self.mark.seq <= self.through {
            return u64::MAX;
        }
        let late = wall_ms().saturating_sub(LATE_MS_MAX);
        self.mark.seen_ms.max(self.engine.state.now()).max(late)
    }

    async fn listen(&mut self, heard: &Heard) -> Result<(), Refusal> {
        if self.engine.state.next_deadline().is_some_and(|due| due <= heard.at) {
            self.pass(heard.at).await?;
        }
        let (set, mut facts) = (self.engine.set.clone(), std::mem::take(&mut self.facts));
        for sample in heard.samples(&set, self.outputs.ingest.inbox.generation()) {
            self.engine.observe(heard.at, &sample, &mut facts);
        }
        if facts.iter().any(is_told) {
            let origin = Origin { id: Id::v7(heard.at), point: 0, replay: false };
            self.put_all(&facts, origin).await?;
        }
        facts.clear();
        self.facts = facts;
        if let Some(shadow) = &mut self.shadow {
            let set = shadow.engine.set.clone();
            heard.samples(&set, 0).for_each(|sample| shadow.observe(&self.engine, heard.at, &sample));
        }
        self.switch_if_due().await
    }
}

/// Whether it leaves the rules' task as a record.
pub(super) fn is_told(fact: &Fact) -> bool {
    fact.is_outcome() || matches!(fact, Fact::Stands { .. })
}
