//! What can be set, with its default and its limits. Parsed from text by whoever reads the configuration, never here.

use crate::devices::{DEVICES, TEMPLATES};
use crate::error::OpenError;
use crate::quarantine::UnknownDevices;
use crate::telemetry::TelemetryLimits;
use std::time::Duration;
use tidegate_codec_mqtt::TopicFilter;
use tidegate_kernel_flow::BreakerLimits;
use tidegate_kernel_plug::config::{Faults, Field, Kind, Section, Values};

/// Filters that may say the same thing of topics: each is looked at for every reading.
pub const FILTERS_MAX: usize = 64;

const FILTER: Kind = Kind::Text { bytes_max: 65_535 };
const FILTERS: Kind = Kind::List { of: &FILTER, items_max: FILTERS_MAX };
const WAIT: Kind = Kind::Duration { min_ms: 1, max_ms: 3_600_000 };

/// What the configuration file can say of it.
pub const SECTION: Section = Section::new(
    "ingest",
    "The pipeline from a message to a row in a sink.",
    &[
        Field::new(
            "critical",
            FILTERS,
            "[]",
            "Topics, as MQTT filters, whose readings are critical: acknowledged only after a sync, never shed.",
        )
        .live(),
        Field::new(
            "telemetry",
            FILTERS,
            "[]",
            "Topics whose readings are kept in memory alone, the latest of each: for what is old once there is news.",
        )
        .live(),
        Field::new(
            "telemetry_keys_max",
            Kind::Integer { min: 1, max: 10_000_000 },
            "20000",
            "Topics of them that are held; beyond it, those that had no news for longest go.",
        ),
        Field::new(
            "telemetry_bytes_max",
            Kind::Bytes { min: 4096, max: 1 << 40 },
            "32 MiB",
            "Bytes of them that are held.",
        ),
        Field::new(
            "unknown_devices",
            Kind::Choice(&["admit", "quarantine", "refuse"]),
            "admit",
            "What becomes of readings whose device has no model.",
        )
        .live(),
        Field::new(
            "unknown_admitted",
            FILTERS,
            "[]",
            "Topics, as MQTT filters, of such devices that are admitted all the same.",
        )
        .live(),
        Field::new(
            "quarantine_bytes_max",
            Kind::Bytes { min: 0, max: 1 << 40 },
            "16 MiB",
            "Bytes of readings in quarantine; what comes beyond is refused.",
        ),
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
)
.with(&[TEMPLATES, DEVICES]);

/// The settings of the capability. `sample.toml` shows every one with its default.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// Topics whose readings are `critical`; at most [`FILTERS_MAX`].
    pub critical: Vec<TopicFilter>,
    /// Topics whose readings are `telemetry`; at most as many.
    pub telemetry: Vec<TopicFilter>,
    /// Topics and bytes held of class `telemetry`.
    pub telemetry_keys_max: usize,
    pub telemetry_bytes_max: usize,
    /// What becomes of readings whose device has no model.
    pub unknown_devices: UnknownDevices,
    /// Topics of such devices that are admitted all the same; at most as many as are critical.
    pub unknown_admitted: Vec<TopicFilter>,
    /// Bytes of readings in quarantine; what comes beyond is refused.
    pub quarantine_bytes_max: u64,
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
            telemetry: Vec::new(),
            telemetry_keys_max: 20_000,
            telemetry_bytes_max: 33_554_432,
            unknown_devices: UnknownDevices::Admit,
            unknown_admitted: Vec::new(),
            quarantine_bytes_max: 16_777_216,
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
            critical: filters(values, "critical", faults),
            telemetry: filters(values, "telemetry", faults),
            telemetry_keys_max: values.get("telemetry_keys_max"),
            telemetry_bytes_max: values.get("telemetry_bytes_max"),
            unknown_devices: unknown_devices(&values.get::<String>("unknown_devices")),
            unknown_admitted: filters(values, "unknown_admitted", faults),
            quarantine_bytes_max: values.get("quarantine_bytes_max"),
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
        let lists = [
            ("critical", &self.critical),
            ("telemetry", &self.telemetry),
            ("that unknown devices are admitted", &self.unknown_admitted),
        ];
        lists.into_iter().try_for_each(|(what, filters)| match filters.len() {
            found if found > FILTERS_MAX => Err(OpenError::TooManyFilters { what, found, max: FILTERS_MAX }),
            _ => Ok(()),
        })
    }

    pub(crate) fn telemetry_limits(&self) -> TelemetryLimits {
        TelemetryLimits { keys_max: self.telemetry_keys_max, bytes_max: self.telemetry_bytes_max }
    }

    pub(crate) fn breaker(&self) -> BreakerLimits {
        let open = Duration::from_millis(self.breaker_open_ms);
        BreakerLimits { failures_max: self.breaker_failures_max, open }
    }
}

fn unknown_devices(word: &str) -> UnknownDevices {
    match word {
        "quarantine" => UnknownDevices::Quarantine,
        "refuse" => UnknownDevices::Refuse,
        _ => UnknownDevices::Admit,
    }
}

fn filters(values: &Values, key: &str, faults: &mut Faults) -> Vec<TopicFilter> {
    let texts: Vec<String> = values.get(key);
    let parsed = texts.iter().enumerate().filter_map(|(at, text)| match text.parse() {
        Ok(filter) => Some(filter),
        Err(error) => {
            let message = format!("ingest.{key}: {text:?} is no topic filter: {error}");
            faults.push(values.fault_in(
                key,
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
