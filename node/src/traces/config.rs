//! What the configuration file can say of traces. Pure.

use std::num::NonZeroU32;
use tidegate_kernel_flow::Rate;
use tidegate_kernel_outbound::Endpoint;
use tidegate_kernel_plug::config::{Faults, Secret, Values};

/// The path that OTLP over HTTP gives traces.
const PATH: &str = "/v1/traces";
/// A span with all the attributes it may have.
const SPAN_BYTES_MAX: u64 = 5 << 10;

#[derive(Debug, Clone)]
pub(crate) struct Config {
    pub(super) endpoint: Endpoint,
    pub(super) authorization: Option<Secret>,
    /// Of traces that begin here.
    pub(super) rate: Rate,
    pub(super) spans_max: usize,
}

impl Config {
    /// Nothing where there is no collector, or a fault.
    pub(crate) fn from_values(values: &Values, faults: &mut Faults) -> Option<Config> {
        let url: String = values.find("endpoint")?;
        let refused =
            |message: String| values.fault("endpoint", message, "write it as http://host:4318/v1/traces");
        let endpoint: Result<Endpoint, _> = url.parse();
        let mut endpoint = endpoint
            .map_err(|error| faults.push(refused(format!("the URL cannot be used: {error}"))))
            .ok()?;
        if endpoint.path.is_empty() {
            endpoint.path = PATH.to_owned();
        }
        let per_s = NonZeroU32::new(values.get("traces_per_s")).expect("the table's limit is 1");
        Some(Config {
            endpoint,
            authorization: values.find("authorization"),
            rate: Rate::per_second(per_s),
            spans_max: values.get("spans_max"),
        })
    }

    /// Memory that spans may take.
    pub(crate) fn bytes_max(&self) -> u64 {
        self.spans_max as u64 * SPAN_BYTES_MAX
    }
}
