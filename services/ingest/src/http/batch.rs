//! Readings of one request on their way into the journal: offered one after another, waited for together.
//!
//! Waits only where the journal is busy, and at the end for all that was taken; both for so long at most.

use crate::error::Declined;
use crate::http::outcome::{BUSY, DOWN, Fault, Outcome, UNKNOWN};
use crate::ingest::{Ingest, Taken};
use crate::reading::Reading;
use std::time::Duration;
use tidegate_kernel_journal::Id;
use tokio::time::{Instant, sleep, timeout};

/// How long one request is held while the journal has no room.
const BUSY_MAX: Duration = Duration::from_secs(2);
/// Between two offers of the same reading.
const BUSY_PAUSE: Duration = Duration::from_millis(5);
/// How long the journal may take until everything taken is safe.
const SAFE_MAX: Duration = Duration::from_secs(30);

/// A request's readings so far.
pub(super) struct Batch<'a> {
    ingest: &'a Ingest,
    taken: Vec<Taken>,
    has_known: bool,
    busy_until: Option<Instant>,
}

impl<'a> Batch<'a> {
    pub(super) fn new(ingest: &'a Ingest) -> Batch<'a> {
        Batch { ingest, taken: Vec::new(), has_known: false, busy_until: None }
    }

    /// Offers one reading, under its idempotency key if it has one.
    pub(super) async fn offer(&mut self, reading: &Reading, key: Option<Id>) -> Outcome {
        let offered = self
            .patiently(|ingest| match key {
                Some(key) => ingest.offer_once(reading, key),
                None => ingest.offer(reading),
            })
            .await;
        match (offered, key) {
            (Ok(taken), _) => {
                let id = taken.id;
                self.taken.push(taken);
                Outcome::Accepted(id)
            }
            (Err(Declined::Refused { code: "TG-JR-006" }), Some(key)) => {
                self.has_known = true;
                Outcome::Known(key)
            }
            (Err(declined), _) => Outcome::Refused(self.told(declined)),
        }
    }

    /// A reading that is none.
    pub(super) async fn malformed(&mut self, fault: Fault) -> Outcome {
        self.decline(Declined::Malformed { code: fault.code }, fault).await
    }

    /// A reading that may not be.
    pub(super) async fn refused(&mut self, fault: Fault) -> Outcome {
        self.decline(Declined::Refused { code: fault.code }, fault).await
    }

    /// Counted like any other, so a request full of what cannot be taken is held back like any other.
    async fn decline(&mut self, declined: Declined, fault: Fault) -> Outcome {
        match self.patiently(|ingest| ingest.decline(declined)).await {
            Err(Declined::Busy) => Outcome::Refused(self.told(Declined::Busy)),
            _ => Outcome::Refused(fault),
        }
    }

    /// A busy journal is asked again for a while; over the whole request, not for each reading. What was busy until then was not received: whoever
    /// sent it is told to send it again.
    async fn patiently<T>(&mut self, ask: impl Fn(&Ingest) -> Result<T, Declined>) -> Result<T, Declined> {
        loop {
            match ask(self.ingest) {
                Err(Declined::Busy) => {
                    let until = *self.busy_until.get_or_insert_with(|| Instant::now() + BUSY_MAX);
                    if Instant::now() >= until {
                        self.ingest.turn_away();
                        return Err(Declined::Busy);
                    }
                    sleep(BUSY_PAUSE).await;
                }
                answer => return answer,
            }
        }
    }

    /// What a sender is told that tried long enough.
    fn told(&self, declined: Declined) -> Fault {
        match declined {
            Declined::Busy if self.ingest.is_down() => {
                Fault::new(DOWN, "a fault of the program has closed the way in")
            }
            Declined::Busy => Fault::new(BUSY, "too much is waiting to be written"),
            Declined::Refused { code } => Fault::new(code, "the reading was refused"),
            Declined::Malformed { code } => Fault::new(code, "its device's model can make nothing of it"),
        }
    }

    /// Resolves when everything taken is as safe as its class asks for.
    pub(super) async fn safe(self) -> Result<(), Fault> {
        let all = async {
            for taken in &self.taken {
                taken.ticket.reached(taken.level).await.map_err(|_| ())?;
            }
            if self.has_known {
                // Taken by another request, which may be waiting still: then it lies before the head.
                let head = self.ingest.journal.status().head_seq;
                self.ingest.journal.synced().reached(head).await.map_err(|_| ())?;
            }
            Ok::<(), ()>(())
        };
        let unknown = || Fault::new(UNKNOWN, "it is not known whether all readings are safe");
        timeout(SAFE_MAX, all).await.map_err(|_| unknown())?.map_err(|()| unknown())
    }
}
