//! What can be set, with its default and its limits.

use std::time::Duration;
use tidegate_kernel_plug::config::{Field, Kind, Section, Values};

/// What the configuration file can say of it.
pub const SECTION: Section = Section::new(
    "probe",
    "The watchdog, and the dumps it writes below probe/ in the data folder.",
    &[
        Field::new(
            "watch",
            Kind::Flag,
            "true",
            "Whether the watchdog watches. Profiles can be asked for either way.",
        ),
        Field::new(
            "cpu_percent",
            Kind::Integer { min: 1, max: 100 },
            "92",
            "Of the processor quota of the process; above it for 3 of 5 seconds is an incident.",
        ),
        Field::new(
            "stall_after",
            Kind::Duration { min_ms: 2000, max_ms: 600_000 },
            "10 s",
            "A runtime that does not move, or a task that keeps its thread, for so long is an incident.",
        ),
        Field::new(
            "profile",
            Kind::Duration { min_ms: 1000, max_ms: 8000 },
            "5 s",
            "How long the CPU profile of a dump is.",
        ),
        Field::new(
            "dump_gap",
            Kind::Duration { min_ms: 1000, max_ms: 86_400_000 },
            "10 min",
            "Between two dumps of the same cause; incidents between them are counted alone.",
        ),
        Field::new(
            "dumps_max",
            Kind::Integer { min: 1, max: 100 },
            "8",
            "Dumps that are kept; the oldest goes first.",
        ),
        Field::new(
            "dumps_bytes_max",
            Kind::Bytes { min: 1 << 20, max: 1 << 34 },
            "64 MiB",
            "Bytes of all dumps together; the oldest goes first, and the newest stays.",
        ),
    ],
);

/// The settings of the capability. `sample.toml` shows every one with its default.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    pub watch: bool,
    pub cpu_percent: u32,
    pub stall_after: Duration,
    pub profile: Duration,
    pub dump_gap: Duration,
    pub dumps_max: usize,
    pub dumps_bytes_max: u64,
}

impl Default for Config {
    fn default() -> Config {
        Config {
            watch: true,
            cpu_percent: 92,
            stall_after: Duration::from_secs(10),
            profile: Duration::from_secs(5),
            dump_gap: Duration::from_secs(600),
            dumps_max: 8,
            dumps_bytes_max: 64 << 20,
        }
    }
}

impl Config {
    /// From its section.
    pub fn from_values(values: &Values) -> Config {
        Config {
            watch: values.get("watch"),
            cpu_percent: values.get("cpu_percent"),
            stall_after: values.get("stall_after"),
            profile: values.get("profile"),
            dump_gap: values.get("dump_gap"),
            dumps_max: values.get("dumps_max"),
            dumps_bytes_max: values.get("dumps_bytes_max"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tidegate_kernel_plug::config::Table;

    #[test]
    fn the_table_has_the_defaults_and_the_sample_is_what_it_makes() {
        let table = Table::new(&[SECTION]);
        assert_eq!(Config::from_values(table.defaults().group("probe")), Config::default());
        assert_eq!(table.sample_of("probe").as_deref(), Some(include_str!("../sample.toml")));
    }
}
