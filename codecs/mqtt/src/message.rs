//! Properties that belong to an application message, wherever it goes: in a PUBLISH, in a will, in a store.
//!
//! They are passed on unaltered [MQTT-3.3.2-4] [MQTT-3.3.2-15] [MQTT-3.3.2-16] [MQTT-3.3.2-17] [MQTT-3.3.2-20]; only the
//! expiry runs down, which is for a caller with a clock.

use bytes::Bytes;

use crate::error::{DecodeError, EncodeError};
use crate::field::Fields;
use crate::property::{ListProperties, Place, Property, Sink, TakeProperty, check_data};
use crate::text::Text;
use crate::topic::TopicName;
use crate::user::{UserProperty, absent};

/// What a sender says about its payload.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum PayloadFormat {
    /// The same as saying nothing.
    Unspecified = 0,
    Utf8 = 1,
}

impl PayloadFormat {
    /// Whether a payload is what it is said to be. A receiver may check and answer with 0x99 (section 3.3.2.3.2).
    pub fn holds(self, payload: &[u8]) -> bool {
        self == Self::Unspecified || std::str::from_utf8(payload).is_ok()
    }
}

/// Properties of a message (section 3.3.2.3).
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct MessageProperties {
    pub payload_format: Option<PayloadFormat>,
    /// Seconds a server may keep the message; `None` is for ever.
    pub expiry_s: Option<u32>,
    pub content_type: Option<Text>,
    pub response_topic: Option<TopicName>,
    pub correlation_data: Option<Bytes>,
    pub user: Vec<UserProperty>,
}

absent! {
    MessageProperties = MessageProperties {
        payload_format: None,
        expiry_s: None,
        content_type: None,
        response_topic: None,
        correlation_data: None,
        user: Vec::new(),
    };
}

impl MessageProperties {
    /// False where the payload is said to be UTF-8 and is not.
    pub fn payload_holds(&self, payload: &[u8]) -> bool {
        self.payload_format.is_none_or(|format| format.holds(payload))
    }

    /// A copy that no longer shares the read buffer; see [`Text::detach`].
    pub fn detach(&self) -> Self {
        Self {
            content_type: self.content_type.as_ref().map(Text::detach),
            response_topic: self.response_topic.as_ref().map(TopicName::detach),
            correlation_data: self.correlation_data.as_ref().map(|data| Bytes::copy_from_slice(data)),
            user: self.user.iter().map(UserProperty::detach).collect(),
            ..*self
        }
    }

    pub(crate) fn check(&self) -> Result<(), EncodeError> {
        check_data(Property::CorrelationData, self.correlation_data.as_ref())
    }

    /// As [`ListProperties::list`], with the expiry that is left.
    pub(crate) fn list_with(&self, expiry_s: Option<u32>, sink: &mut Sink<'_>) {
        self.payload_format.iter().for_each(|one| sink.byte(Property::PayloadFormat, *one as u8));
        expiry_s.iter().for_each(|one| sink.long(Property::MessageExpiry, *one));
        self.content_type.iter().for_each(|one| sink.field(Property::ContentType, one.as_bytes()));
        self.response_topic.iter().for_each(|one| sink.field(Property::ResponseTopic, one.as_bytes()));
        self.correlation_data.iter().for_each(|one| sink.field(Property::CorrelationData, one));
        sink.user(&self.user);
    }
}

impl TakeProperty for MessageProperties {
    fn take(&mut self, property: Property, fields: &mut Fields<'_>) -> Result<Place, DecodeError> {
        match property {
            Property::PayloadFormat => {
                let utf8 = fields.flag(property)?;
                self.payload_format =
                    Some(if utf8 { PayloadFormat::Utf8 } else { PayloadFormat::Unspecified });
            }
            Property::MessageExpiry => self.expiry_s = Some(fields.long()?),
            Property::ContentType => self.content_type = Some(fields.text()?),
            Property::ResponseTopic => self.response_topic = Some(TopicName::try_from(fields.text()?)?),
            Property::CorrelationData => self.correlation_data = Some(fields.bytes()?),
            Property::UserProperty => return fields.user(&mut self.user),
            _ => return Ok(Place::Nowhere),
        }
        Ok(Place::Once)
    }
}

impl ListProperties for MessageProperties {
    fn list(&self, sink: &mut Sink<'_>) {
        self.list_with(self.expiry_s, sink);
    }
}
