//! What can be set, with its default and its limits. Parsed from text by whoever reads the configuration, never here.

use crate::error::OpenError;
use std::time::Duration;
use tidegate_codec_mqtt::TopicFilter;
use tidegate_kernel_flow::BreakerLimits;
use tidegate_kernel_plug::config::{Faults, Field, Kind, Section, Values};

/// Filters that may say `critical`: each is looked at for every reading.
pub const CRITICAL_FILTERS_MAX: usize = 64;

const FILTER: Kind = Kind::Text { bytes_max: 65_535 };
const WAIT: Kind = Kind::Duration { min_ms: 1, max_ms: 3_600_000 };

/// What the configuration file can say of it.
pub const SECTION: Section = Section::new(
    "ingest",
    "The pipeline from a message to a row in a sink.",
    &[
        Field::new(
            "critical",
            Kind::List { of: &FILTER, items_max: CRITICAL_FILTERS_MAX },
            "[]",
            "Topics, as MQTT filters, whose readings are critical: acknowledged only after a sync, never shed.",
        )
        .live(),
        Field::new(
            "batch_records_max",
            Kind::Integer { min: 1, max: 65_536 },
            "512",
            "Rows in one delivery to a sink.",
        ),
        Field::new(
            "batch_bytes_max",
            Kind::Bytes { min: 1, max: 64 << 20 },
            "256 KiB",
            "Bytes of records in one delivery; one record is delivered however large it is.",
        ),
        Field::new(
            "breaker_failures_max",
            Kind::Integer { min: 1, max: 1000 },
            "3",
            "After so many failed deliveries in a row a sink is left alone for a while; then one delivery decides.",
        ),
        Field::new("breaker_open", WAIT, "1 s", "How long it is left alone."),
        Field::new(
            "retry_base",
            WAIT,
            "50 ms",
            "The longest first wait after a failed delivery, at random; doubles from failure to failure.",
        ),
        Field::new("retry_cap", WAIT, "5 s", "The longest wait between two deliveries."),
        Field::new(
            "checkpoint",
            WAIT,
            "1 s",
            "How often the admission counts are written down when they changed.",
        ),
    ],
);

/// The settings of the capability. `sample.toml` shows every one with its default.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// Topics whose readings are `critical`; at most [`CRITICAL_FILTERS_MAX`].
    pub critical: Vec<TopicFilter>,
    /// Rows in one delivery.
    pub batch_records_max: usize,
    /// Bytes of records in one delivery; one record is delivered however large it is.
    pub batch_bytes_max: usize,
    /// Failed deliveries in a row after which a sink is left alone for a while.
    pub breaker_failures_max: u32,
    /// How long it is left alone.
    pub breaker_open_ms: u64,
    /// The longest first wait after a failed delivery; doubles from failure to failure.
    pub retry_base_ms: u64,
    /// The longest wait between two deliveries.
    pub retry_cap_ms: u64,
    /// How often the admission counts are written down when they changed.
    pub checkpoint_ms: u64,
}

impl Default for Config {
    fn default() -> Config {
        Config {
            critical: Vec::new(),
            batch_records_max: 512,
            batch_bytes_max: 262_144,
            breaker_failures_max: 3,
            breaker_open_ms: 1000,
            retry_base_ms: 50,
            retry_cap_ms: 5000,
            checkpoint_ms: 1000,
        }
    }
}

impl Config {
    /// From its section; a topic filter that is none is a fault at its place.
    pub fn from_values(values: &Values, faults: &mut Faults) -> Config {
        Config {
            critical: filters(values, faults),
            batch_records_max: values.get("batch_records_max"),
            batch_bytes_max: values.get("batch_bytes_max"),
            breaker_failures_max: values.get("breaker_failures_max"),
            breaker_open_ms: values.millis("breaker_open"),
            retry_base_ms: values.millis("retry_base"),
            retry_cap_ms: values.millis("retry_cap"),
            checkpoint_ms: values.millis("checkpoint"),
        }
    }

    pub(crate) fn check(&self) -> Result<(), OpenError> {
        match self.critical.len() {
            found if found > CRITICAL_FILTERS_MAX => {
                Err(OpenError::TooManyFilters { found, max: CRITICAL_FILTERS_MAX })
            }
            _ => Ok(()),
        }
    }

    pub(crate) fn breaker(&self) -> BreakerLimits {
        let open = Duration::from_millis(self.breaker_open_ms);
        BreakerLimits { failures_max: self.breaker_failures_max, open }
    }
}

fn filters(values: &Values, faults: &mut Faults) -> Vec<TopicFilter> {
    let texts: Vec<String> = values.get("critical");
    let parsed = texts.iter().enumerate().filter_map(|(at, text)| match text.parse() {
        Ok(filter) => Some(filter),
        Err(error) => {
            let message = format!("ingest.critical: {text:?} is no topic filter: {error}");
            faults.push(values.fault_in(
                "critical",
                at,
                message,
                "+ stands for one level, # at the end for the rest",
            ));
            None
        }
    });
    parsed.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use tidegate_kernel_plug::config::{Source, Table};

    #[test]
    fn the_table_has_the_defaults_and_the_sample_is_what_it_makes() {
        let table = Table::new(&[SECTION]);
        let mut faults = Faults::default();
        assert_eq!(Config::from_values(table.defaults().group("ingest"), &mut faults), Config::default());
        assert!(faults.is_empty());
        assert_eq!(table.sample_of("ingest").as_deref(), Some(include_str!("../sample.toml")));
    }

    #[test]
    fn a_filter_that_is_none_is_a_fault_where_it_stands() {
        let file = Some(&b"[ingest]\ncritical = [\"a/#\", \"a/#/b\"]\n"[..]);
        let none = |_: &_| Err(String::new());
        let mut reading = Table::new(&[SECTION]).read(&Source { file, overrides: &[], secrets: &none });
        let config = reading.section("ingest", Config::from_values).expect("the section itself is sound");
        assert_eq!(config.critical, ["a/#".parse().unwrap()]);
        let faults = reading.finish().unwrap_err();
        assert_eq!(faults.iter().map(|fault| fault.place_in("f")).collect::<Vec<_>>(), ["f:2:20"]);
    }
}
