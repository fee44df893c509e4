//! A message on its way to one client: which, how, under which identifier, and whether it may go out. Time is handed in.

use std::sync::Arc;

use bytes::BytesMut;
use tidegate_codec_mqtt::{Delivery, PacketId, QoS, SubscriptionId};
use tidegate_kernel_journal::{Level, Ticket};
use tokio::time::Instant;

use crate::berth::Sent;
use crate::message::Message;
use crate::outlet::Outlet;
use crate::outstanding::is_kept;

/// A message on its way to one client.
#[derive(Debug, Clone)]
pub(crate) struct Parcel {
    pub(crate) message: Arc<Message>,
    pub(crate) qos: QoS,
    /// There is one above QoS 0.
    pub(crate) id: Option<PacketId>,
    pub(crate) retain: bool,
    /// It may have been sent before [MQTT-3.3.1-1].
    pub(crate) dup: bool,
    /// Of the subscriptions that brought it.
    pub(crate) ids: Vec<SubscriptionId>,
}

impl Parcel {
    /// What was sent once has its place in the client's state, and is not taken back.
    pub(crate) fn expires_at(&self) -> Option<Instant> {
        self.message.expires_at.filter(|_| !self.dup)
    }

    /// Writes it, unless its time is up; whether it was written.
    pub(crate) fn put(&self, outlet: &mut Outlet, now: Instant, out: &mut BytesMut, sent: &mut Sent) -> bool {
        if self.expires_at().is_some_and(|at| at <= now) {
            sent.expired += 1;
            return false;
        }
        let written = outlet.put(self, now, out).is_ok();
        match written {
            true => sent.by_qos[self.qos as usize] += 1,
            false => sent.too_large += 1,
        }
        written
    }

    pub(crate) fn delivery(&self) -> Delivery {
        match (self.qos, self.id) {
            (QoS::AtLeastOnce, Some(id)) => Delivery::AtLeastOnce { id, dup: self.dup },
            (QoS::ExactlyOnce, Some(id)) => Delivery::ExactlyOnce { id, dup: self.dup },
            _ => Delivery::AtMostOnce,
        }
    }

    /// A QoS 2 message goes out when its record is safe: after a crash the broker must know which it sent.
    pub(crate) fn waits_for(&self) -> Option<&(Ticket, Level)> {
        self.message.ticket().filter(|ticket| self.qos == QoS::ExactlyOnce && !is_kept(ticket))
    }
}
