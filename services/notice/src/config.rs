//! What can be set, with its default and its limits.

use crate::notice::Severity;
use crate::text::Language;
use std::time::Duration;
use tidegate_kernel_plug::config::{Faults, Field, Kind, Section, Values};

/// Channels at once: each is a cursor on the journal.
pub const CHANNELS_MAX: usize = 16;
const WAIT: Kind = Kind::Duration { min_ms: 1, max_ms: 3_600_000 };

/// What the configuration file can say of it; channels are a group that whoever knows their types adds.
pub const SECTION: Section = Section::new(
    "notice",
    "Alarms told to people, through an outbox that outlives a restart.",
    &[
        Field::new(
            "title",
            Kind::Text { bytes_max: 64 },
            "tidegate",
            "What each message begins with, in brackets: the site, or the keyword a robot asks for.",
        ),
        Field::new(
            "language",
            Kind::Choice(&["en", "zh"]),
            "en",
            "The language of messages. The texts of alarms are as the rules have them.",
        ),
        Field::new(
            "age_max",
            Kind::Duration { min_ms: 60_000, max_ms: 604_800_000 },
            "1 h",
            "Notices that wait longer are told as one sum, and are dead letters where the channel is broken.",
        ),
        Field::new(
            "retry_base",
            WAIT,
            "1 s",
            "The longest first wait after a failed send, at random; doubles.",
        ),
        Field::new("retry_cap", WAIT, "1 min", "The longest wait between two sends that fail."),
        Field::new(
            "broken_pause",
            WAIT,
            "5 min",
            "How long a channel is left alone whose key, signature or address the other side refuses.",
        ),
    ],
);

/// The settings all channels share.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    pub title: String,
    pub language: Language,
    pub age_ms_max: u64,
    pub retry_base_ms: u64,
    pub retry_cap_ms: u64,
    pub broken_pause_ms: u64,
}

impl Default for Config {
    fn default() -> Config {
        Config {
            title: "tidegate".to_owned(),
            language: Language::English,
            age_ms_max: 3_600_000,
            retry_base_ms: 1000,
            retry_cap_ms: 60_000,
            broken_pause_ms: 300_000,
        }
    }
}

impl Config {
    pub fn from_values(values: &Values, _: &mut Faults) -> Config {
        let language: String = values.get("language");
        Config {
            title: values.get("title"),
            language: if language == "zh" { Language::Chinese } else { Language::English },
            age_ms_max: values.millis("age_max"),
            retry_base_ms: values.millis("retry_base"),
            retry_cap_ms: values.millis("retry_cap"),
            broken_pause_ms: values.millis("broken_pause"),
        }
    }

    pub(crate) fn retry(&self) -> (Duration, Duration) {
        (Duration::from_millis(self.retry_base_ms), Duration::from_millis(self.retry_cap_ms))
    }
}

/// One channel's own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChannelConfig {
    /// Letters, digits, `-` and `_`, at most 40 bytes: it is part of a cursor's name.
    pub name: String,
    /// What is told on it.
    pub severities: Vec<Severity>,
    /// Whether a cleared or acknowledged alarm is told as well.
    pub tells_ends: bool,
}

#[cfg(test)]
mod tests {
    use super::*;
    use tidegate_kernel_plug::config::Table;

    #[test]
    fn the_table_has_the_defaults() {
        let table = Table::new(&[SECTION]);
        let config = Config::from_values(table.defaults().group("notice"), &mut Faults::default());
        assert_eq!(config, Config::default());
    }
}
