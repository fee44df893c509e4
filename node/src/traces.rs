//! The node's own spans and the way to a collector: `[traces]`, and what becomes of each span.
//!
//! Without the feature `otlp` none of it is built, and a file that asks for it is refused.

#[cfg(not(feature = "otlp"))]
mod absent;
#[cfg(feature = "otlp")]
mod config;
#[cfg(feature = "otlp")]
mod courier;
#[cfg(feature = "otlp")]
mod exporter;
#[cfg(feature = "otlp")]
mod message;
#[cfg(feature = "otlp")]
mod queue;

#[cfg(not(feature = "otlp"))]
pub(crate) use absent::{Config, Traces};
#[cfg(feature = "otlp")]
pub(crate) use config::Config;
#[cfg(feature = "otlp")]
pub(crate) use exporter::Traces;

use tidegate_kernel_plug::config::{Field, Kind, Section};

pub(crate) const SECTION: Section = Section::new(
    "traces",
    "The node's own spans, for a collector that speaks OTLP over HTTP. Without an endpoint none leave the node.",
    &[
        Field::optional(
            "endpoint",
            Kind::Url(&["http", "https"]),
            "Where spans are posted to; without a path it is /v1/traces.",
        ),
        Field::optional(
            "authorization",
            Kind::Secret,
            "The header Authorization of each request, with its scheme.",
        ),
        Field::new(
            "traces_per_s",
            Kind::Integer { min: 1, max: 100_000 },
            "100",
            "So many traces are kept in a second; of the others, only the spans that failed.",
        ),
        Field::new(
            "spans_max",
            Kind::Integer { min: 64, max: 65_536 },
            "2048",
            "Spans that wait for the collector; more are dropped and counted.",
        ),
    ],
);
