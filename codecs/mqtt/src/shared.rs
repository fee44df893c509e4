//! Shared subscriptions (MQTT 5.0 section 4.8.2): `$share/GROUP/FILTER`, where each message goes to one of a group.
//!
//! At level 3.1.1 the same string is a filter like any other unless a server says otherwise, so a decoder does not look
//! into it there.

use crate::text::Text;
use crate::topic::{TopicError, TopicFilter};

const PREFIX: &[u8] = b"$share/";

/// The two parts of a shared filter; they share its bytes.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct SharedFilter {
    group: Text,
    filter: TopicFilter,
}

impl SharedFilter {
    /// `None` for a filter that does not begin with `$share/`. A group has at least one character and no wildcard, and
    /// a filter behind it [MQTT-4.8.2-1] [MQTT-4.8.2-2].
    pub fn parse(filter: &TopicFilter) -> Result<Option<Self>, TopicError> {
        let Some(rest) = filter.as_bytes().strip_prefix(PREFIX) else { return Ok(None) };
        let group_bytes = rest.iter().position(|byte| *byte == b'/').ok_or(TopicError::SharedFilter)?;
        let group = &rest[..group_bytes];
        if group.is_empty() || group.iter().any(|byte| matches!(byte, b'+' | b'#')) {
            return Err(TopicError::SharedFilter);
        }
        let text = filter.text();
        let behind = text.part(PREFIX.len() + group_bytes + 1, text.as_bytes().len());
        let filter = TopicFilter::try_from(behind).map_err(|_| TopicError::SharedFilter)?;
        Ok(Some(Self { group: text.part(PREFIX.len(), PREFIX.len() + group_bytes), filter }))
    }

    /// The share name.
    pub fn group(&self) -> &Text {
        &self.group
    }

    /// What the group subscribes to, with the meaning it has without the group.
    pub fn filter(&self) -> &TopicFilter {
        &self.filter
    }
}
