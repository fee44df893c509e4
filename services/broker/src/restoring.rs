//! From what the ledger kept to what the router works with, once, before the first connection.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tidegate_codec_mqtt::{PacketId, Publish, Text};
use tokio::time::Instant;

use crate::fact::{Stored, Willed};
use crate::hub::wall_ms;
use crate::image::{Due, Image, Kept};
use crate::intake::Publication;
use crate::message::{Message, said};
use crate::parcel::Parcel;
use crate::router::Router;
use crate::subscription::Wanted;
use crate::wills::PendingWill;

/// The time this process began, by both clocks.
#[derive(Debug, Clone, Copy)]
struct Now {
    wall_ms: u64,
    instant: Instant,
}

impl Router {
    pub(crate) fn restore(&self) {
        let Some(ledger) = &self.ledger else { return };
        let now = Now { wall_ms: wall_ms(), instant: Instant::now() };
        ledger.look(|image| self.rebuild(image, now));
    }

    /// Wills that waited for their delay, each with its client.
    pub(crate) fn wills(&self) -> Vec<(Text, PendingWill)> {
        let Some(ledger) = &self.ledger else { return Vec::new() };
        let now = Now { wall_ms: wall_ms(), instant: Instant::now() };
        let restored = |(berth, (due_ms, will)): (&u64, &(u64, Willed))| {
            let pending = PendingWill::new(will.publication(), *berth, now.at(*due_ms));
            (will.client.clone(), PendingWill { is_kept: true, ..pending })
        };
        ledger.look(|image| image.wills.iter().map(restored).collect())
    }

    fn rebuild(&self, image: &Image, now: Now) {
        self.last_message.store(image.last_message, Ordering::Relaxed);
        self.berths.begin_after(image.last_berth);
        let mut messages = BTreeMap::new();
        for (number, kept) in &image.berths {
            self.moor(*number, kept, &mut messages, now);
        }
        for stored in image.retained.values() {
            self.retained.set(self.message_of(stored, &mut messages, now));
        }
    }

    fn moor(&self, number: u64, kept: &Kept, messages: &mut BTreeMap<u64, Arc<Message>>, now: Now) {
        let berth = self.berths.restore(number, &kept.client, kept.owner.as_str());
        berth.set_durable(true);
        for (filter, options) in &kept.subscriptions {
            if let Some(wanted) = Wanted::parse(filter.as_bytes()) {
                self.plant(&berth, filter, wanted, *options);
            }
        }
        let mut owed: Vec<_> = kept.owed.iter().collect();
        owed.sort_by_key(|(_, due)| due.stored.number);
        let parcels = owed.into_iter().map(|(id, due)| {
            let message = self.message_of(&due.stored, messages, now);
            (parcel(*id, due, message), due.released)
        });
        berth.restore(parcels.collect(), kept.received.iter().copied());
        // A client that was connected when the process ended has been away since.
        let ends_ms = kept.ends_ms.unwrap_or(now.wall_ms.saturating_add(u64::from(kept.expiry_s) * 1000));
        self.berths.end_at(&kept.client, Some(now.at(ends_ms)));
    }

    fn message_of(
        &self,
        stored: &Arc<Stored>,
        messages: &mut BTreeMap<u64, Arc<Message>>,
        now: Now,
    ) -> Arc<Message> {
        let make = || {
            let (publish, qos) = (stored.publish.clone(), stored.qos);
            let mut message = Message::new(publish, qos, stored.number, &self.room, now.instant);
            message.expires_at = (stored.expires_ms > 0).then(|| now.at(stored.expires_ms));
            Arc::new(message)
        };
        messages.entry(stored.number).or_insert_with(make).clone()
    }
}

impl Willed {
    pub(crate) fn of(publication: &Publication) -> Self {
        let (client, principal) = (publication.client.detach(), publication.principal.detach());
        Self { client, principal, qos: publication.qos, publish: said(publication) }
    }

    fn publication(&self) -> Publication {
        let Publish { topic, payload, retain, properties, .. } = self.publish.clone();
        let (client, principal, qos) = (self.client.clone(), self.principal.clone(), self.qos);
        Publication { client, principal, topic, payload, qos, dup: false, retain, properties }
    }
}

impl Now {
    fn at(self, wall_ms: u64) -> Instant {
        self.instant + Duration::from_millis(wall_ms.saturating_sub(self.wall_ms).min(CENTURY_MS))
    }
}

/// Further ahead than anything is due.
const CENTURY_MS: u64 = 100 * 365 * 24 * 3600 * 1000;

fn parcel(id: PacketId, due: &Due, message: Arc<Message>) -> Parcel {
    Parcel { message, qos: due.qos, id: Some(id), retain: due.retain, dup: due.dup, ids: due.ids.clone() }
}
