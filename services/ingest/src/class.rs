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
    /// Acknowledged at once and kept in memory alone: the latest of each topic.
    Telemetry,
}

impl Class {
    pub const ALL: [Class; 3] = [Class::Critical, Class::Process, Class::Telemetry];

    /// Its place in [`Class::ALL`].
    pub(crate) fn index(self) -> usize {
        self as usize
    }

    /// The class of a reading in the journal.
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
            Class::Telemetry => Level::Memory,
        }
    }

    pub fn name(self) -> &'static str {
        match self {
            Class::Critical => "critical",
            Class::Process => "process",
            Class::Telemetry => "telemetry",
        }
    }
}

/// Which topics are in which class: `process`, unless a filter says `critical` or `telemetry`; if both do, it is `critical`.
#[derive(Debug, Clone, Default)]
pub struct Classes {
    critical: Vec<TopicFilter>,
    telemetry: Vec<TopicFilter>,
}

impl Classes {
    pub fn new(critical: Vec<TopicFilter>, telemetry: Vec<TopicFilter>) -> Classes {
        Classes { critical, telemetry }
    }

    pub fn of(&self, topic: &TopicName) -> Class {
        self.stated(topic).unwrap_or(Class::Process)
    }

    /// What a filter says of the topic.
    pub(crate) fn stated(&self, topic: &TopicName) -> Option<Class> {
        let any = |filters: &[TopicFilter]| filters.iter().any(|filter| filter.matches(topic));
        match () {
            () if any(&self.critical) => Some(Class::Critical),
            () if any(&self.telemetry) => Some(Class::Telemetry),
            () => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reading_is_process_unless_a_filter_says_otherwise() {
        let critical = vec!["alarm/#".parse().unwrap(), "line/+/stop".parse().unwrap()];
        let classes = Classes::new(critical, vec!["line/8/#".parse().unwrap()]);
        let class = |topic: &str| classes.of(&topic.parse().unwrap());
        assert_eq!(class("alarm/fire"), Class::Critical);
        assert_eq!(class("line/7/stop"), Class::Critical);
        assert_eq!(class("line/7/speed"), Class::Process);
        assert_eq!((class("line/8/speed"), class("line/8/stop")), (Class::Telemetry, Class::Critical));
    }

    #[test]
    fn a_critical_reading_is_acknowledged_after_the_sync_and_telemetry_at_once() {
        assert_eq!(Class::ALL.map(Class::level), [Level::Disk, Level::Os, Level::Memory]);
    }
}
