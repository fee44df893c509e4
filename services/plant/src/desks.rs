//! Where orders for each device are handed in, as long as its bus has a task. A lock that is held for a look or a change.

use crate::counters::Shared;
use crate::error;
use crate::order::{Order, Slip, Written};
use std::collections::BTreeMap;
use std::sync::Arc;
use tokio::sync::mpsc;
use tokio::sync::mpsc::error::TrySendError;

/// Orders that wait for one bus; one more is refused.
pub(crate) const ORDERS_MAX: usize = 16;

/// By device.
#[derive(Debug, Default)]
pub(crate) struct Desks(Shared<BTreeMap<Arc<str>, mpsc::Sender<Slip>>>);

impl Desks {
    pub(crate) fn open(&self, devices: impl Iterator<Item = Arc<str>>, desk: &mpsc::Sender<Slip>) {
        self.0.lock().extend(devices.map(|device| (device, desk.clone())));
    }

    pub(crate) fn close<'d>(&self, devices: impl Iterator<Item = &'d str>) {
        let mut desks = self.0.lock();
        devices.for_each(|device| drop(desks.remove(device)));
    }

    pub(crate) fn of(&self, device: &str) -> Option<mpsc::Sender<Slip>> {
        self.0.lock().get(device).cloned()
    }
}

/// Hands an order in, and waits for what comes of it.
pub(crate) async fn hand_in(desk: mpsc::Sender<Slip>, order: Order) -> Written {
    let value = order.value.clone();
    let (slip, pending) = Slip::new(order);
    match desk.try_send(slip) {
        Ok(()) => pending.answer().await,
        Err(TrySendError::Full(_)) => Written::refused(value, error::no_room(ORDERS_MAX)),
        Err(TrySendError::Closed(_)) => Written::refused(value, error::cut()),
    }
}
