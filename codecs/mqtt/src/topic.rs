//! Topic names and topic filters (section 4.7): what may be published to, what may be subscribed to, what matches.
//!
//! Matching compares bytes, level by level, without allocating; nothing is normalised [MQTT-4.7.3-4]. Whether a client
//! may use a topic is not decided here.

use std::fmt;
use std::str::FromStr;

use bytes::Bytes;
use thiserror::Error;

use crate::text::{Text, TextError};

const SEPARATOR: u8 = b'/';

/// Why a string is no topic name or no topic filter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum TopicError {
    #[error(transparent)]
    Text(#[from] TextError),
    #[error("topic is empty [MQTT-4.7.3-1]")]
    Empty,
    #[error("topic name contains a wildcard [MQTT-3.3.2-2] [MQTT-4.7.1-1]")]
    WildcardInName,
    #[error("'#' in topic filter is not the whole of the last level [MQTT-4.7.1-2]")]
    MultiLevelWildcard,
    #[error("'+' in topic filter does not fill its level [MQTT-4.7.1-3]")]
    SingleLevelWildcard,
    #[error("shared topic filter has no group or no filter [MQTT-4.8.2-1] [MQTT-4.8.2-2]")]
    SharedFilter,
}

impl TopicError {
    /// The stable code, explained in `docs/errors/`.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Text(error) => error.code(),
            Self::Empty => "TG-MQ-015",
            Self::WildcardInName => "TG-MQ-016",
            Self::MultiLevelWildcard => "TG-MQ-017",
            Self::SingleLevelWildcard => "TG-MQ-018",
            Self::SharedFilter => "TG-MQ-059",
        }
    }
}

/// What a message is published to: at least one character, no wildcard.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TopicName(Text);

impl TopicName {
    /// Copies a string.
    pub fn new(name: &str) -> Result<Self, TopicError> {
        Self::try_from(Text::new(name)?)
    }

    pub fn text(&self) -> &Text {
        &self.0
    }

    pub fn as_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }

    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }

    /// A copy that no longer shares the read buffer; see [`Text::detach`].
    pub fn detach(&self) -> Self {
        Self(self.0.detach())
    }

    pub(crate) fn check(bytes: &[u8]) -> Result<(), TopicError> {
        Text::check(bytes)?;
        Self::check_levels(bytes)
    }

    fn check_levels(bytes: &[u8]) -> Result<(), TopicError> {
        if bytes.is_empty() {
            return Err(TopicError::Empty);
        }
        if has_wildcard(bytes) {
            return Err(TopicError::WildcardInName);
        }
        Ok(())
    }

    /// For bytes that [`TopicName::check`] has already passed.
    pub(crate) fn from_checked(bytes: Bytes) -> Self {
        debug_assert_eq!(Self::check(&bytes), Ok(()));
        Self(Text::from_checked(bytes))
    }
}

impl TryFrom<Text> for TopicName {
    type Error = TopicError;

    fn try_from(text: Text) -> Result<Self, TopicError> {
        Self::check_levels(text.as_bytes())?;
        Ok(Self(text))
    }
}

/// What a subscription asks for: levels, `+` for any one level, `#` at the end for the parent and all below.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TopicFilter {
    text: Text,
    wildcard: bool,
}

impl TopicFilter {
    /// Copies a string.
    pub fn new(filter: &str) -> Result<Self, TopicError> {
        Self::try_from(Text::new(filter)?)
    }

    pub fn text(&self) -> &Text {
        &self.text
    }

    pub fn as_bytes(&self) -> &[u8] {
        self.text.as_bytes()
    }

    pub fn as_str(&self) -> &str {
        self.text.as_str()
    }

    /// False where the filter matches the one topic that is spelled like it.
    pub fn has_wildcard(&self) -> bool {
        self.wildcard
    }

    /// Whether a message on `topic` belongs to this filter. A topic that starts with `$` is outside a filter that
    /// starts with a wildcard [MQTT-4.7.2-1].
    pub fn matches(&self, topic: &TopicName) -> bool {
        let (filter, topic) = (self.as_bytes(), topic.as_bytes());
        if !self.wildcard {
            return filter == topic;
        }
        if topic[0] == b'$' && is_wildcard(filter[0]) {
            return false;
        }
        levels_match(filter, topic)
    }
}

impl TryFrom<Text> for TopicFilter {
    type Error = TopicError;

    fn try_from(text: Text) -> Result<Self, TopicError> {
        check_filter(text.as_bytes())?;
        let wildcard = has_wildcard(text.as_bytes());
        Ok(Self { text, wildcard })
    }
}

fn check_filter(filter: &[u8]) -> Result<(), TopicError> {
    if filter.is_empty() {
        return Err(TopicError::Empty);
    }
    let mut levels = filter.split(|byte| *byte == SEPARATOR).peekable();
    while let Some(level) = levels.next() {
        if level.contains(&b'#') && (level.len() > 1 || levels.peek().is_some()) {
            return Err(TopicError::MultiLevelWildcard);
        }
        if level.contains(&b'+') && level.len() > 1 {
            return Err(TopicError::SingleLevelWildcard);
        }
    }
    Ok(())
}

fn levels_match(filter: &[u8], topic: &[u8]) -> bool {
    let mut names = topic.split(|byte| *byte == SEPARATOR);
    for level in filter.split(|byte| *byte == SEPARATOR) {
        if level == b"#" {
            return true;
        }
        match names.next() {
            Some(name) if level == b"+" || level == name => {}
            _ => return false,
        }
    }
    names.next().is_none()
}

fn is_wildcard(byte: u8) -> bool {
    byte == b'+' || byte == b'#'
}

fn has_wildcard(bytes: &[u8]) -> bool {
    bytes.iter().fold(false, |found, byte| found | is_wildcard(*byte))
}

macro_rules! string_like {
    ($($kind:ty),*) => {$(
        impl FromStr for $kind {
            type Err = TopicError;

            fn from_str(text: &str) -> Result<Self, TopicError> {
                Self::new(text)
            }
        }

        impl fmt::Display for $kind {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl fmt::Debug for $kind {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Debug::fmt(self.as_str(), f)
            }
        }
    )*};
}

string_like!(TopicName, TopicFilter);
