//! The subscription of one group: what came of it since it was last looked at, and whether anything is still heard of it.
//!
//! A server that restarts, or falls over its publishing, leaves a session that can be read and a subscription that is silent. So a
//! subscription of which neither a value nor a keep-alive was heard for twice as long as the server said it would take is an error of
//! the whole session. Takes tokio's clock; a lock is held to put values down and to take them up.

use crate::address::{Address, Deadband};
use crate::error;
use crate::session::Plan;
use crate::value;
use opcua::client::{MonitoredItemMap, OnSubscriptionNotificationCore, Session as Client};
use opcua::types::{
    DataChangeFilter, DataChangeNotification, DataChangeTrigger, DataValue, DeadbandType, Error,
    ExtensionObject, MonitoredItemCreateRequest, MonitoringMode, MonitoringParameters, NotificationMessage,
    ReadValueId, StatusChangeNotification, StatusCode, TimestampsToReturn,
};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tidegate_service_plant::{Found, Limit, Trouble};
use tokio::time::Instant;

/// A group that changes slower is heard of as often, so that its silence is noticed within twice that.
const KEEP_ALIVE: Duration = Duration::from_secs(2);
/// Keep-alives that may be missed before the server itself gives the subscription up.
const LIFETIME_KEEP_ALIVES: u32 = 10;
/// Values in one message.
const NOTIFICATIONS_MAX: u32 = 1000;
/// Values that came and were not taken up; of more the session is given up.
const ARRIVED_MAX: usize = 65_536;
/// A variable that the server does not know may be there after its program was loaded.
const REFUSED_WAIT: Duration = Duration::from_secs(30);

pub(crate) struct Feed {
    id: u32,
    shelf: Shelf,
    /// Silence of this length is an end.
    bound: Duration,
    /// Why the server does not watch a variable, by its place in the plan.
    refused: BTreeMap<usize, Trouble>,
    tried: Instant,
}

/// Where the library puts things down.
#[derive(Clone)]
struct Shelf(Arc<Mutex<Arrived>>);

struct Arrived {
    values: Vec<(usize, DataValue)>,
    heard: Instant,
    ended: Option<StatusCode>,
}

impl Feed {
    pub(crate) async fn open(
        client: &Client,
        plan: &Plan,
        items_max: usize,
        limit: Limit,
    ) -> Result<Feed, Trouble> {
        let arrived = Arrived { values: Vec::new(), heard: Instant::now(), ended: None };
        let shelf = Shelf(Arc::new(Mutex::new(arrived)));
        let keep_alives = keep_alives(plan.every);
        let lifetime = keep_alives * LIFETIME_KEEP_ALIVES;
        let created = client.create_subscription(
            plan.every,
            lifetime,
            keep_alives,
            NOTIFICATIONS_MAX,
            0,
            true,
            shelf.clone(),
        );
        let id = limit.on(async { created.await.map_err(|error| refused("subscribe", &error)) }).await?;
        let bound = bound(client, id).unwrap_or(plan.every * keep_alives * 2);
        let mut feed = Feed { id, shelf, bound, refused: BTreeMap::new(), tried: Instant::now() };
        let all: Vec<usize> = (0..plan.addresses.len()).collect();
        feed.watch(client, plan, &all, items_max, limit).await?;
        Ok(feed)
    }

    /// Asks the server to watch these variables of the plan.
    async fn watch(
        &mut self,
        client: &Client,
        plan: &Plan,
        places: &[usize],
        items_max: usize,
        limit: Limit,
    ) -> Result<(), Trouble> {
        self.tried = Instant::now();
        for places in places.chunks(items_max) {
            let items = places.iter().map(|at| item(*at, &plan.addresses[*at], plan.every)).collect();
            let created = client.create_monitored_items(self.id, TimestampsToReturn::Source, items);
            let created = limit.on(async { created.await.map_err(|error| refused("watch", &error)) }).await?;
            if created.len() != places.len() {
                return Err(error::broken(StatusCode::BadUnknownResponse));
            }
            for (at, created) in places.iter().zip(created) {
                self.refused.remove(at);
                if created.result.status_code.is_bad() {
                    self.refused.insert(*at, error::bad(&plan.addresses[*at], created.result.status_code));
                }
            }
        }
        Ok(())
    }

    /// What came since the last time.
    pub(crate) async fn take(
        &mut self,
        client: &Client,
        plan: &Plan,
        items_max: usize,
        limit: Limit,
    ) -> Result<Vec<Found>, Trouble> {
        let values = self.shelf.take(self.bound)?;
        if !self.refused.is_empty() && self.tried.elapsed() > REFUSED_WAIT {
            let refused: Vec<usize> = self.refused.keys().copied().collect();
            self.watch(client, plan, &refused, items_max, limit).await?;
        }
        let mut news = vec![Vec::new(); plan.addresses.len()];
        for (at, value) in values {
            if let (Some(news), Some(address)) = (news.get_mut(at), plan.addresses.get(at)) {
                news.push(value::found(address, value));
            }
        }
        let found = news.into_iter().enumerate().map(|(at, news)| match self.refused.get(&at) {
            Some(trouble) => Found::Bad(trouble.clone()),
            None => Found::News(news),
        });
        Ok(found.collect())
    }
}

impl Shelf {
    fn take(&self, bound: Duration) -> Result<Vec<(usize, DataValue)>, Trouble> {
        let mut arrived = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(status) = arrived.ended {
            return Err(error::broken(status));
        }
        if arrived.heard.elapsed() > bound {
            return Err(error::unheard(bound));
        }
        if arrived.values.len() > ARRIVED_MAX {
            return Err(error::flooded(ARRIVED_MAX));
        }
        Ok(std::mem::take(&mut arrived.values))
    }
}

impl OnSubscriptionNotificationCore for Shelf {
    /// A message without anything in it is a keep-alive.
    fn on_subscription_notification(&mut self, message: NotificationMessage, _: MonitoredItemMap<'_>) {
        let mut arrived = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        arrived.heard = Instant::now();
        for part in message.notification_data.into_iter().flatten() {
            if let Some(change) = part.inner_as::<StatusChangeNotification>() {
                arrived.ended = Some(change.status).filter(StatusCode::is_bad).or(arrived.ended);
            } else if let Some(changes) = part.into_inner_as::<DataChangeNotification>() {
                let room = (ARRIVED_MAX + 1).saturating_sub(arrived.values.len());
                let values = changes.monitored_items.into_iter().flatten().take(room);
                // Handles are places in the plan and one.
                arrived
                    .values
                    .extend(values.map(|item| (item.client_handle.saturating_sub(1) as usize, item.value)));
            }
        }
    }
}

/// How many times the publishing interval passes before a silent subscription says that it lives.
fn keep_alives(every: Duration) -> u32 {
    let times = KEEP_ALIVE.as_millis().div_ceil(every.as_millis().max(1));
    u32::try_from(times).unwrap_or(u32::MAX).max(1)
}

/// Twice what the server itself says to be the longest silence.
fn bound(client: &Client, id: u32) -> Option<Duration> {
    let state = client.subscription_state().lock();
    let made = state.get(id)?;
    made.publishing_interval().checked_mul(made.max_keep_alive_count())?.checked_mul(2)
}

fn item(at: usize, address: &Address, every: Duration) -> MonitoredItemCreateRequest {
    let handle = u32::try_from(at + 1).expect("a template has fewer tags");
    MonitoredItemCreateRequest {
        item_to_monitor: ReadValueId::from(address.node.clone()),
        monitoring_mode: MonitoringMode::Reporting,
        requested_parameters: MonitoringParameters {
            client_handle: handle,
            // A queue is filled evenly between two messages.
            sampling_interval: every.as_secs_f64() * 1000.0 / f64::from(address.queue),
            filter: filter(address.deadband),
            queue_size: address.queue,
            discard_oldest: true,
        },
    }
}

fn filter(deadband: Option<Deadband>) -> ExtensionObject {
    let (of, value) = match deadband {
        None => return ExtensionObject::null(),
        Some(Deadband::Absolute(value)) => (DeadbandType::Absolute, value),
        Some(Deadband::Percent(value)) => (DeadbandType::Percent, value),
    };
    ExtensionObject::from_message(DataChangeFilter {
        trigger: DataChangeTrigger::StatusValue,
        deadband_type: of as u32,
        deadband_value: value,
    })
}

fn refused(what: &str, error: &Error) -> Trouble {
    error::refused(what, error.status())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn silence_is_noticed_within_four_seconds_or_twice_the_interval() {
        let bound = |every_ms| {
            let every = Duration::from_millis(every_ms);
            every * keep_alives(every) * 2
        };
        assert_eq!(bound(200), Duration::from_secs(4));
        assert_eq!(bound(50), Duration::from_secs(4));
        assert_eq!(bound(10_000), Duration::from_secs(20));
        assert!(bound(700) <= Duration::from_millis(4200));
    }
}
