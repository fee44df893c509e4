//! What a reading is worth, decided by its topic: the first thing known about it, and all that decides how safe it must be
//! before its publisher is told. Pure.

use serde::Serialize;
use tidegate_codec_mqtt::{TopicFilter, TopicName};
use tidegate_kernel_journal::Level;

/// The traffic class of a reading.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Class {
    /// Acknowledged when it survives a power cut; never shed.
    Critical,
    /// Acknowledged when it survives the end of the process; the oldest go when room runs out.
    Process,
}

impl Class {
    pub const ALL: [Class; 2] = [Class::Critical, Class::Process];

    pub fn of_record(critical: bool) -> Class {
        if critical { Class::Critical } else { Class::Process }
    }

    pub fn is_critical(self) -> bool {
        self == Class::Critical
    }

    /// How safe a reading must be before its publisher is told.
    pub fn level(self) -> Level {
        match self {
            Class::Critical => Level::Disk,
            Class::Process => Level::Os,
        }
    }

    pub fn name(self) -> &'static str {
        match self {
            Class::Critical => "critical",
            Class::Process => "process",
        }
    }
}

/// Which topics are in which class: `process`, unless a filter says `critical`.
#[derive(Debug, Clone, Default)]
pub struct Classes {
    critical: Vec<TopicFilter>,
}

impl Classes {
    pub fn new(critical: Vec<TopicFilter>) -> Classes {
        Classes { critical }
    }

    pub fn of(&self, topic: &TopicName) -> Class {
        Class::of_record(self.critical.iter().any(|filter| filter.matches(topic)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reading_is_process_unless_a_filter_says_critical() {
        let classes = Classes::new(vec!["alarm/#".parse().unwrap(), "line/+/stop".parse().unwrap()]);
        let class = |topic: &str| classes.of(&topic.parse().unwrap());
        assert_eq!(class("alarm/fire"), Class::Critical);
        assert_eq!(class("line/7/stop"), Class::Critical);
        assert_eq!(class("line/7/speed"), Class::Process);
    }

    #[test]
    fn a_critical_reading_is_acknowledged_after_the_sync_and_any_other_after_the_write() {
        assert_eq!((Class::Critical.level(), Class::Process.level()), (Level::Disk, Level::Os));
    }
}
