//! What can be set, with its default and its limits. Parsed from text by whoever reads the configuration, never here.

use crate::error::OpenError;
use crate::quarantine::UnknownDevices;
use crate::telemetry::TelemetryLimits;
use std::time::Duration;
use tidegate_codec_mqtt::TopicFilter;
use tidegate_kernel_flow::BreakerLimits;
use tidegate_kernel_journal::ReadLimit;

/// Filters that may say the same thing of topics: each is looked at for every reading.
pub const FILTERS_MAX: usize = 64;

/// The settings of the capability. `sample.toml` shows every one with its default.
#[derive(Debug, Clone)]
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

    pub(crate) fn read_limit(&self) -> ReadLimit {
        ReadLimit { records: self.batch_records_max, bytes: self.batch_bytes_max }
    }

    pub(crate) fn breaker(&self) -> BreakerLimits {
        let open = Duration::from_millis(self.breaker_open_ms);
        BreakerLimits { failures_max: self.breaker_failures_max, open }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sample_shows_every_setting_with_its_default() {
        let Config {
            critical,
            telemetry,
            telemetry_keys_max,
            telemetry_bytes_max,
            unknown_devices,
            unknown_admitted,
            quarantine_bytes_max,
            batch_records_max,
            batch_bytes_max,
            breaker_failures_max,
            breaker_open_ms,
            retry_base_ms,
            retry_cap_ms,
            checkpoint_ms,
        } = Config::default();
        assert!(critical.is_empty() && telemetry.is_empty() && unknown_admitted.is_empty());
        assert_eq!(unknown_devices, UnknownDevices::Admit);
        let expected = [
            "[ingest]".to_owned(),
            "critical = []".to_owned(),
            "telemetry = []".to_owned(),
            format!("telemetry_keys_max = {telemetry_keys_max}"),
            format!("telemetry_bytes_max = {telemetry_bytes_max}"),
            "unknown_devices = \"admit\"".to_owned(),
            "unknown_admitted = []".to_owned(),
            format!("quarantine_bytes_max = {quarantine_bytes_max}"),
            format!("batch_records_max = {batch_records_max}"),
            format!("batch_bytes_max = {batch_bytes_max}"),
            format!("breaker_failures_max = {breaker_failures_max}"),
            format!("breaker_open_ms = {breaker_open_ms}"),
            format!("retry_base_ms = {retry_base_ms}"),
            format!("retry_cap_ms = {retry_cap_ms}"),
            format!("checkpoint_ms = {checkpoint_ms}"),
        ];
        let sample = include_str!("../sample.toml").lines();
        let settings: Vec<&str> = sample.filter(|line| !line.is_empty() && !line.starts_with('#')).collect();
        assert_eq!(settings, expected);
    }
}
