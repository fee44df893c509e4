//! What can be set, with its default and its limits.

use crate::error::HistoryError;
use tidegate_kernel_plug::config::{Field, Kind, Section, Values};

/// Less has no room for one tag.
const BYTES_MIN: u64 = 1 << 16;

/// What the configuration file can say of it.
pub const SECTION: Section = Section::new(
    "history",
    "The latest value and the last values of each tag.",
    &[
        Field::new(
            "bytes_max",
            Kind::Bytes { min: BYTES_MIN, max: 1 << 40 },
            "64 MiB",
            "Memory for all tags; with more of them, each has fewer values.",
        ),
        Field::new(
            "points_max",
            Kind::Integer { min: 1, max: 1_000_000 },
            "1000",
            "Values of one tag that are kept where there is room.",
        ),
        Field::new(
            "snapshot",
            Kind::Duration { min_ms: 1000, max_ms: 86_400_000 },
            "60 s",
            "How often it is written down; what came after it is gone with a crash.",
        ),
    ],
);

/// The settings of the capability. `sample.toml` shows every one with its default.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// Memory for all tags.
    pub bytes_max: u64,
    /// Values of one tag that are kept where there is room.
    pub points_max: usize,
    /// How often it is written down.
    pub snapshot_ms: u64,
}

impl Default for Config {
    fn default() -> Config {
        Config { bytes_max: 64 << 20, points_max: 1000, snapshot_ms: 60_000 }
    }
}

impl Config {
    /// From its section.
    pub fn from_values(values: &Values) -> Config {
        Config {
            bytes_max: values.get("bytes_max"),
            points_max: values.get("points_max"),
            snapshot_ms: values.millis("snapshot"),
        }
    }

    pub(crate) fn check(&self) -> Result<(), HistoryError> {
        if self.bytes_max < BYTES_MIN || self.points_max == 0 { Err(HistoryError::TooSmall) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tidegate_kernel_plug::config::Table;

    #[test]
    fn the_table_has_the_defaults_and_the_sample_is_what_it_makes() {
        let table = Table::new(&[SECTION]);
        assert_eq!(Config::from_values(table.defaults().group("history")), Config::default());
        assert_eq!(table.sample_of("history").as_deref(), Some(include_str!("../sample.toml")));
    }
}
