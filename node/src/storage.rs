//! The journal as the node holds it: its numbers as metrics, ready while it writes, closed last.

use std::time::Instant;
use tidegate_kernel_journal::{Journal, Status};
use tidegate_kernel_plug::{Capability, Draining, Family, Leftover, Readiness, Stage};

/// The journal of what is on its way to somewhere else.
#[derive(Debug)]
pub(crate) struct Queues(pub(crate) Journal);

impl Capability for Queues {
    fn name(&self) -> &'static str {
        "journal"
    }

    fn stage(&self) -> Stage {
        Stage::Storage
    }

    fn metrics(&self) -> Vec<Family> {
        families(&self.0.status())
    }

    fn readiness(&self) -> Readiness {
        match self.0.status().stopped {
            None => Readiness::Ready,
            Some(cause) => Readiness::Unready(format!("the journal stopped writing: {cause}")),
        }
    }

    fn drain(&self, _deadline: Instant) -> Draining<'_> {
        Box::pin(async {
            let journal = self.0.clone();
            // A panic of the committer has been reported by then, and there is nothing else to close.
            let _ = tokio::task::spawn_blocking(move || journal.close()).await;
            leftovers(&self.0.status())
        })
    }
}

fn leftovers(status: &Status) -> Vec<Leftover> {
    let unsynced = status.head_seq.saturating_sub(status.synced_seq);
    let what = "records not written, because the journal had stopped";
    let left = Leftover { part: "queues".to_owned(), count: unsynced, what };
    (unsynced > 0).then_some(left).into_iter().collect()
}

fn families(status: &Status) -> Vec<Family> {
    let gauge = |name, help, value: u64| Family::gauge(name, help).with(&[("journal", "queues")], value);
    vec![
        gauge("tidegate_journal_head_seq", "Number of the last record appended.", status.head_seq),
        gauge("tidegate_journal_written_seq", "Number of the last record written.", status.written_seq),
        gauge("tidegate_journal_synced_seq", "Number of the last record synced.", status.synced_seq),
        gauge(
            "tidegate_journal_pending_bytes",
            "Bytes that wait to be written.",
            status.pending_bytes as u64,
        ),
        gauge("tidegate_journal_log_bytes", "Bytes of records on disk.", status.log_bytes),
        Family::counter("tidegate_journal_batches_total", "Writes that ended in a sync, since the start.")
            .with(&[("journal", "queues")], status.batches),
        gauge(
            "tidegate_journal_stopped_state",
            "1 after a failed write or sync: nothing is written any more.",
            u64::from(status.stopped.is_some()),
        ),
        gauge(
            "tidegate_journal_cut_bytes",
            "Bytes of an unfinished end that the start cut off.",
            status.cut_bytes,
        ),
    ]
}
