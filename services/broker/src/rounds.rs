//! What happens because time has passed and no packet came: sessions end, delayed wills are said, messages expire.
//!
//! One task, which sleeps until the next of them is due. Each round is short, but for a snapshot of the sessions now and then.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

use crate::hub::Hub;
use crate::offering::{Offered, Source};
use crate::router::Rings;
use crate::wills::PendingWill;

/// Messages that have expired, retained or queued, are looked for this often; nobody is sent one in between.
/// So is whether a snapshot is due.
const SWEEP: Duration = Duration::from_secs(10);
/// Before a will is offered again to an intake that was busy.
const RETRY: Duration = Duration::from_millis(64);

/// Never ends.
pub(crate) async fn walk(hub: Arc<Hub>) {
    let mut swept_at = Instant::now();
    loop {
        let next = hub.next_due().map_or(swept_at + SWEEP, |due| due.min(swept_at + SWEEP));
        tokio::select! {
            () = sleep_until(next) => {}
            () = hub.rounds.notified() => continue,
        }
        let now = Instant::now();
        hub.end_sessions(now);
        hub.say_wills(now);
        if now >= swept_at + SWEEP {
            swept_at = now;
            hub.router.expire_retained(now);
            for berth in hub.router.berths.all() {
                hub.router.expire_queued(&berth, now);
            }
            hub.snapshot_if_due().await;
        }
    }
}

impl Hub {
    fn next_due(&self) -> Option<Instant> {
        [self.router.berths.next_end(), self.wills.next_due()].into_iter().flatten().min()
    }

    fn end_sessions(&self, now: Instant) {
        self.router.berths.ended(now).iter().for_each(|berth| self.router.close(berth));
    }

    fn say_wills(&self, now: Instant) {
        for (client, will) in self.wills.due(now) {
            if let Some(busy) = self.say(will, now) {
                self.wills.put(client, busy);
            }
        }
    }

    /// On a thread of its own: it reads and writes the disk.
    async fn snapshot_if_due(&self) {
        let Some(ledger) = self.router.ledger.clone().filter(|ledger| ledger.is_due()) else { return };
        let written = tokio::task::spawn_blocking(move || ledger.snapshot()).await;
        if let Ok(Err(failed)) = written {
            tracing::warn!("{failed}; it is tried again");
        }
    }

    /// Says a will; gives it back where the intake was busy and there is time.
    pub(crate) fn say(&self, will: PendingWill, now: Instant) -> Option<PendingWill> {
        let mut rings = Rings::new();
        let source = Source { berth: will.from, received: None, put_off: will.is_kept };
        let offered = self.offer(&will.publication, source, &mut rings);
        rings.iter().for_each(|berth| berth.ring());
        match offered {
            Offered::Busy if now < will.until => return Some(PendingWill { due: now + RETRY, ..will }),
            Offered::Busy => self.intake.give_up(&will.publication, "will_held_back"),
            Offered::Taken(_) => return None,
            Offered::Refused { .. } => {}
        }
        self.router.forget_will(will.from);
        None
    }

    /// Says what is left at the end of the broker, and gives up what is not taken at once.
    pub(crate) fn say_all_wills(&self) {
        let now = Instant::now();
        for (_, will) in self.wills.all() {
            self.say(PendingWill { until: now, ..will }, now);
        }
    }
}
