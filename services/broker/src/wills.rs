//! Last wills that wait for their delay (section 3.1.3.2.2 of MQTT 5).
//!
//! One for each client at most, so the limit on sessions bounds them. A node that ends in order says them then; one that crashed
//! finds them again, for each is written down, and that it was said is one batch with what it said. Holds a lock for map operations. Time is handed in.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tidegate_codec_mqtt::Text;
use tokio::time::{Duration, Instant};

use crate::intake::Publication;

/// For a will that the intake is too busy for.
pub(crate) const PATIENCE: Duration = Duration::from_secs(5);

#[derive(Debug)]
pub(crate) struct PendingWill {
    pub(crate) due: Instant,
    /// Given up if nobody has taken it by then.
    pub(crate) until: Instant,
    pub(crate) publication: Publication,
    /// The berth it came from.
    pub(crate) from: u64,
    /// There is a record of it.
    pub(crate) is_kept: bool,
}

impl PendingWill {
    /// One that is not written down yet.
    pub(crate) fn new(publication: Publication, berth: u64, due: Instant) -> Self {
        Self { due, until: due + PATIENCE, publication, from: berth, is_kept: false }
    }
}

#[derive(Debug, Default)]
pub(crate) struct Wills(Mutex<BTreeMap<Text, PendingWill>>);

impl Wills {
    pub(crate) fn of(pending: Vec<(Text, PendingWill)>) -> Self {
        Self(Mutex::new(pending.into_iter().collect()))
    }

    pub(crate) fn put(&self, client: Text, will: PendingWill) {
        self.lock().insert(client, will);
    }

    /// The client is back, or its session ends now.
    pub(crate) fn take(&self, client: &Text) -> Option<PendingWill> {
        self.lock().remove(client)
    }

    pub(crate) fn next_due(&self) -> Option<Instant> {
        self.lock().values().map(|will| will.due).min()
    }

    pub(crate) fn due(&self, now: Instant) -> Vec<(Text, PendingWill)> {
        let mut wills = self.lock();
        wills.extract_if(.., |_, will| will.due <= now).collect()
    }

    pub(crate) fn all(&self) -> Vec<(Text, PendingWill)> {
        std::mem::take(&mut *self.lock()).into_iter().collect()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<Text, PendingWill>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
