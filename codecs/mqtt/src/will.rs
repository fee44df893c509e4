//! The will of a CONNECT (sections 3.1.2.5 and 3.1.3.2): the message a server publishes for a client that is gone.

use bytes::{Bytes, BytesMut};

use crate::connect::{WILL, WILL_QOS, WILL_RETAIN};
use crate::encoder::Form;
use crate::error::{DecodeError, EncodeError};
use crate::field::{Fields, check_field, field_bytes, put_field};
use crate::message::MessageProperties;
use crate::property::{self, ListProperties, Place, Property, Sink, TakeProperty};
use crate::publish::QoS;
use crate::topic::TopicName;
use crate::user::Properties;

/// The message a server publishes for a client that went without a DISCONNECT.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Will {
    pub topic: TopicName,
    pub payload: Bytes,
    pub qos: QoS,
    pub retain: bool,
    /// Seconds between the end of the connection and the message, unless the session ends before (MQTT 5.0 section
    /// 3.1.3.2.2).
    pub delay_s: u32,
    pub properties: Properties<MessageProperties>,
}

impl Will {
    /// QoS 0, not retained; set the fields that differ.
    pub fn new(topic: TopicName, payload: Bytes) -> Self {
        let (qos, properties) = (QoS::AtMostOnce, Properties::none());
        Self { topic, payload, qos, retain: false, delay_s: 0, properties }
    }

    pub(crate) fn read(flags: u8, fields: &mut Fields<'_>) -> Result<Option<Self>, DecodeError> {
        if flags & WILL == 0 {
            return Ok(None);
        }
        let mut head = Head::default();
        if fields.scope.has_properties() {
            property::read(fields, &mut head)?;
        }
        let Head { delay_s, properties } = head;
        let topic = TopicName::try_from(fields.text()?)?;
        let payload = fields.bytes()?;
        let qos = QoS::new((flags & WILL_QOS) >> 3).ok_or(DecodeError::WillQos)?;
        Ok(Some(Self { topic, payload, qos, retain: flags & WILL_RETAIN != 0, delay_s, properties }))
    }

    pub(crate) fn check(&self) -> Result<(), EncodeError> {
        check_field("will payload", &self.payload)?;
        self.properties.check()
    }

    pub(crate) fn flags(&self) -> u8 {
        WILL | (self.qos as u8) << 3 | if self.retain { WILL_RETAIN } else { 0 }
    }

    pub(crate) fn bytes(&self, form: Form) -> usize {
        form.list_bytes(self) + field_bytes(self.topic.as_bytes()) + field_bytes(&self.payload)
    }

    pub(crate) fn put(&self, form: Form, out: &mut BytesMut) {
        form.put_list(self, out);
        put_field(self.topic.as_bytes(), out);
        put_field(&self.payload, out);
    }
}

/// What stands in front of the will's topic.
#[derive(Default)]
struct Head {
    delay_s: u32,
    properties: Properties<MessageProperties>,
}

impl TakeProperty for Head {
    fn take(&mut self, property: Property, fields: &mut Fields<'_>) -> Result<Place, DecodeError> {
        if property != Property::WillDelay {
            return self.properties.take(property, fields);
        }
        self.delay_s = fields.long()?;
        Ok(Place::Once)
    }
}

impl ListProperties for Will {
    fn list(&self, sink: &mut Sink<'_>) {
        if self.delay_s != 0 {
            sink.long(Property::WillDelay, self.delay_s);
        }
        self.properties.list(sink);
    }
}
