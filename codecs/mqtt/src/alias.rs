//! Topic aliases (section 3.3.2.3.4): a number in place of a topic, for the life of a connection.
//!
//! The table bounds itself by the maximum its own side announced: that many topics, each no longer than a packet.

use std::num::NonZeroU16;

use bytes::Bytes;

use crate::error::DecodeError;
use crate::topic::TopicName;

/// Never zero [MQTT-3.3.2-8].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TopicAlias(NonZeroU16);

impl TopicAlias {
    /// `None` for zero.
    pub const fn new(number: u16) -> Option<Self> {
        match NonZeroU16::new(number) {
            Some(number) => Some(Self(number)),
            None => None,
        }
    }

    pub const fn get(self) -> u16 {
        self.0.get()
    }
}

/// What the other side has set so far.
#[derive(Debug, Default)]
pub(crate) struct Aliases {
    max: u16,
    topics: Vec<Option<TopicName>>,
}

impl Aliases {
    pub(crate) fn set_max(&mut self, max: u16) {
        self.max = max;
        self.topics.truncate(usize::from(max));
    }

    pub(crate) fn check(&self, alias: TopicAlias) -> Result<(), DecodeError> {
        let (alias, alias_max) = (alias.get(), self.max);
        if alias > alias_max { Err(DecodeError::TopicAlias { alias, alias_max }) } else { Ok(()) }
    }

    /// The topic of a PUBLISH: its own, which the alias then stands for, or the one the alias stood for.
    pub(crate) fn resolve(
        &mut self,
        alias: Option<TopicAlias>,
        own: Bytes,
    ) -> Result<TopicName, DecodeError> {
        match alias {
            None if own.is_empty() => Err(DecodeError::TopicMissing),
            None => Ok(TopicName::from_checked(own)),
            Some(alias) if own.is_empty() => self.find(alias),
            Some(alias) => {
                let topic = TopicName::from_checked(own);
                self.keep(alias, &topic);
                Ok(topic)
            }
        }
    }

    fn find(&self, alias: TopicAlias) -> Result<TopicName, DecodeError> {
        let known = self.topics.get(usize::from(alias.get()) - 1).and_then(Option::as_ref);
        known.cloned().ok_or(DecodeError::TopicAliasUnset { alias: alias.get() })
    }

    fn keep(&mut self, alias: TopicAlias, topic: &TopicName) {
        let index = usize::from(alias.get()) - 1;
        if self.topics.len() <= index {
            self.topics.resize(index + 1, None);
        }
        if self.topics[index].as_ref() != Some(topic) {
            self.topics[index] = Some(topic.detach());
        }
    }
}
