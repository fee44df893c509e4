//! What one principal may use: calls at once, messages and bytes a second. Shared by all its calls.
//!
//! A rate that was used up stays so after a call has ended. Pure but for the lock; the instant is handed in.

use crate::fault::Fault;
use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tidegate_kernel_flow::{Bucket, Rate};
use tidegate_kernel_plug::{Allowance, Principal};
use tokio::time::Instant;

/// The use of all principals that have calls or have used up what they may.
#[derive(Debug)]
pub(crate) struct Uses {
    origin: Instant,
    by_name: Mutex<BTreeMap<String, Use>>,
}

#[derive(Debug, Default)]
struct Use {
    calls: u32,
    messages: Bucket,
    bytes: Bucket,
}

/// What a batch costs; what was paid is 0.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Cost {
    pub(crate) messages: u64,
    pub(crate) bytes: u64,
}

/// A call's place; given back when it is dropped.
#[derive(Debug)]
pub(crate) struct Place {
    uses: Arc<Uses>,
    principal: Arc<Principal>,
}

impl Uses {
    pub(crate) fn new(origin: Instant) -> Uses {
        Uses { origin, by_name: Mutex::default() }
    }

    pub(crate) fn enter(self: &Arc<Uses>, principal: &Arc<Principal>, now: Instant) -> Result<Place, Fault> {
        let (mut uses, now) = (self.lock(), now - self.origin);
        uses.retain(|_, each| each.calls > 0 || !each.messages.is_full(now) || !each.bytes.is_full(now));
        let each = uses.entry(principal.name.clone()).or_default();
        if principal.allowance.connections_max.is_some_and(|max| each.calls >= max.get()) {
            return Err(Fault::TooManyCalls { principal: principal.name.clone() });
        }
        each.calls += 1;
        Ok(Place { uses: self.clone(), principal: principal.clone() })
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Use>> {
        self.by_name.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Place {
    /// Pays for a batch, or says how long to wait before the rest of it can be paid.
    pub(crate) fn pay(&self, cost: &mut Cost, now: Instant) -> Result<(), Duration> {
        let Allowance { messages_per_s_max, bytes_per_s_max, .. } = self.principal.allowance;
        let now = now - self.uses.origin;
        let mut uses = self.uses.lock();
        let each = uses.entry(self.principal.name.clone()).or_default();
        pay(&mut each.messages, messages_per_s_max, &mut cost.messages, now)?;
        pay(&mut each.bytes, bytes_per_s_max, &mut cost.bytes, now)
    }
}

fn pay(
    bucket: &mut Bucket,
    per_s: Option<NonZeroU32>,
    amount: &mut u64,
    now: Duration,
) -> Result<(), Duration> {
    if let (Some(per_s), 1..) = (per_s, *amount) {
        bucket.take(Rate::per_second(per_s), *amount, now)?;
        *amount = 0;
    }
    Ok(())
}

impl Drop for Place {
    fn drop(&mut self) {
        if let Some(each) = self.uses.lock().get_mut(&self.principal.name) {
            each.calls -= 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn principal(allowance: Allowance) -> Arc<Principal> {
        Arc::new(Principal { allowance, ..Principal::anonymous() })
    }

    #[tokio::test(start_paused = true)]
    async fn a_second_call_too_many_is_refused_until_the_first_one_ends() {
        let uses = Arc::new(Uses::new(Instant::now()));
        let one = principal(Allowance { connections_max: NonZeroU32::new(1), ..Allowance::default() });
        let first = uses.enter(&one, Instant::now()).unwrap();
        assert!(matches!(uses.enter(&one, Instant::now()), Err(Fault::TooManyCalls { .. })));
        drop(first);
        uses.enter(&one, Instant::now()).unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_beyond_a_seconds_worth_is_waited_for_also_after_the_call_ended() {
        let now = Instant::now();
        let uses = Arc::new(Uses::new(now));
        let ten = principal(Allowance { messages_per_s_max: NonZeroU32::new(10), ..Allowance::default() });
        let pay = |place: &Place, messages, now| place.pay(&mut Cost { messages, bytes: 99 }, now);
        let place = uses.enter(&ten, now).unwrap();
        assert_eq!(pay(&place, 10, now), Ok(()));
        drop(place);
        let place = uses.enter(&ten, now).unwrap();
        assert_eq!(pay(&place, 5, now), Err(Duration::from_millis(500)));
        assert_eq!(pay(&place, 5, now + Duration::from_millis(500)), Ok(()));
    }
}
