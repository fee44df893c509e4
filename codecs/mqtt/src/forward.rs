//! One message to many receivers: what belongs to the message is shared, what belongs to a connection is beside it.

use bytes::{BufMut, BytesMut};

use crate::alias::TopicAlias;
use crate::connect::ProtocolLevel;
use crate::encoder::{Body, Form};
use crate::error::EncodeError;
use crate::field::put_field;
use crate::property::{ListProperties, Property, Sink};
use crate::publish::{self, Delivery, Publish};
use crate::subscribe::SubscriptionId;

/// How a message goes to one receiver. Replaces the fields of the same names in the [`Publish`] it goes with; what a
/// level does not have is not written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hop<'a> {
    pub delivery: Delivery,
    pub retain: bool,
    pub alias: Option<TopicAlias>,
    /// The receiver has learned the alias on this connection: the topic is left out.
    pub topic_known: bool,
    /// Seconds that are left [MQTT-3.3.2-6]; `None` for a message that does not expire.
    pub expiry_s: Option<u32>,
    pub subscription_ids: &'a [SubscriptionId],
}

impl Hop<'_> {
    /// Not retained, without alias, subscription identifiers or expiry; set the fields that differ.
    pub fn new(delivery: Delivery) -> Self {
        Self {
            delivery,
            retain: false,
            alias: None,
            topic_known: false,
            expiry_s: None,
            subscription_ids: &[],
        }
    }
}

pub(crate) struct Forward<'a> {
    pub(crate) message: &'a Publish,
    pub(crate) hop: &'a Hop<'a>,
}

impl Forward<'_> {
    fn topic(&self, form: Form) -> &[u8] {
        let left_out = form.has_properties() && self.hop.topic_known && self.hop.alias.is_some();
        if left_out { &[] } else { self.message.topic.as_bytes() }
    }
}

impl Body for Forward<'_> {
    fn first_byte(&self) -> u8 {
        publish::first_byte(self.hop.delivery, self.hop.retain)
    }

    fn check(&self, level: ProtocolLevel) -> Result<(), EncodeError> {
        self.message.check(level)
    }

    fn body_bytes(&self, form: Form) -> usize {
        let id_bytes = self.hop.delivery.id().map_or(0, |_| 2);
        2 + self.topic(form).len() + id_bytes + form.list_bytes(self) + self.message.payload.len()
    }

    fn put_body(&self, form: Form, out: &mut BytesMut) {
        put_field(self.topic(form), out);
        if let Some(id) = self.hop.delivery.id() {
            out.put_u16(id.get());
        }
        form.put_list(self, out);
        out.put_slice(&self.message.payload);
    }
}

impl ListProperties for Forward<'_> {
    fn list(&self, sink: &mut Sink<'_>) {
        self.hop.alias.iter().for_each(|one| sink.short(Property::TopicAlias, one.get()));
        for id in self.hop.subscription_ids {
            sink.varint(Property::SubscriptionId, id.get());
        }
        self.message.properties.list_with(self.hop.expiry_s, sink);
    }
}
