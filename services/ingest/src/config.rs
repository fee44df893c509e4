//! What can be set, with its default and its limits. Parsed from text by whoever reads the configuration, never here.

use crate::error::OpenError;
use std::time::Duration;
use tidegate_codec_mqtt::TopicFilter;
use tidegate_kernel_flow::BreakerLimits;

/// Filters that may say `critical`: each is looked at for every reading.
pub const CRITICAL_FILTERS_MAX: usize = 64;

/// The settings of the capability. `sample.toml` shows every one with its default.
#[derive(Debug, Clone)]
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sample_shows_every_setting_with_its_default() {
        let Config {
            critical,
            batch_records_max,
            batch_bytes_max,
            breaker_failures_max,
            breaker_open_ms,
            retry_base_ms,
            retry_cap_ms,
            checkpoint_ms,
        } = Config::default();
        assert!(critical.is_empty());
        let expected = [
            "[ingest]".to_owned(),
            "critical = []".to_owned(),
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
