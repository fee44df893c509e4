//! `[http]` of the configuration file: the listener for devices, and what it takes in. Pure.

use crate::http::Config;
use std::num::NonZeroU32;
use tidegate_kernel_flow::Rate;
use tidegate_kernel_plug::RequestLimits;
use tidegate_kernel_plug::config::{Fault, Faults, Field, Kind, Section, Values};
use tidegate_service_ingest::http::{HttpConfig, Template};

const WAIT: Kind = Kind::Duration { min_ms: 1, max_ms: 600_000 };
const CONNECTIONS: Kind = Kind::Integer { min: 1, max: 1_000_000 };
const RATE: Kind = Kind::Integer { min: 1, max: u32::MAX as i64 };

/// What the configuration file can say of it.
pub(crate) const SECTION: Section = Section::new(
    "http",
    "Readings from devices over HTTP; over HTTPS on the same port where [tls] has a certificate.",
    &[
        Field::new(
            "listen",
            Kind::Address,
            "127.0.0.1:7301",
            "Where to listen; wider than loopback only where [identity] names somebody.",
        ),
        Field::new(
            "connections_max",
            CONNECTIONS,
            "4096",
            "Connections at once; beyond it one is answered with 503 and closed.",
        ),
        Field::new("connections_per_address_max", CONNECTIONS, "1024", "The same, of one address."),
        Field::new("head_max", WAIT, "10 s", "From the first byte of a request to the end of its head."),
        Field::new(
            "idle_max",
            Kind::Duration { min_ms: 1, max_ms: 3_600_000 },
            "1 min",
            "How long a connection may wait for its next request, or a client leave an answer unread.",
        ),
        Field::new("headers_max", Kind::Integer { min: 8, max: 1000 }, "64", "Header fields of a request."),
        Field::new(
            "header_bytes_max",
            Kind::Bytes { min: 1024, max: 1 << 20 },
            "16 KiB",
            "Names and values of all header fields, with the request's target.",
        ),
        Field::new(
            "requests_per_s_max",
            RATE,
            "1000",
            "Requests of one principal in a second; of one address where it is nobody in particular.",
        ),
        Field::new("requests_burst_max", RATE, "2000", "Requests that may come at once after a pause."),
        Field::new("body_max", WAIT, "30 s", "From the end of the head to the end of the body."),
        Field::new(
            "body_bytes_max",
            Kind::Bytes { min: 1024, max: 64 << 20 },
            "1 MiB",
            "The body of one request.",
        ),
        Field::new(
            "bodies_bytes_max",
            Kind::Bytes { min: 65_536, max: u32::MAX as u64 },
            "64 MiB",
            "Bodies being read or answered at once, added up.",
        ),
        Field::new(
            "batch_readings_max",
            CONNECTIONS,
            "10000",
            "Readings, or lines of line protocol, in one request.",
        ),
        Field::new(
            "line_topic",
            Kind::Text { bytes_max: 1024 },
            "{measurement}/{tags}",
            "The topic of a line: {measurement}, {tags} for all values in the order of their keys, {tag.KEY}, {db}.",
        ),
    ],
);

impl Config {
    /// From its section, whose limits are those of [`Config::check`].
    pub(crate) fn from_values(values: &Values, _: &mut Faults) -> Config {
        let rate = |key| NonZeroU32::new(values.get(key)).expect("the table refuses zero");
        Config {
            listen: values.get("listen"),
            connections_max: values.get("connections_max"),
            connections_per_address_max: values.get("connections_per_address_max"),
            head_ms_max: values.millis("head_max"),
            idle_ms_max: values.millis("idle_max"),
            requests: RequestLimits {
                headers_max: values.get("headers_max"),
                header_bytes_max: values.get("header_bytes_max"),
                requests: Rate { per_s: rate("requests_per_s_max"), burst: rate("requests_burst_max") },
                body_ms_max: values.millis("body_max"),
                bodies_bytes_max: values.get("bodies_bytes_max"),
            },
        }
    }
}

/// What the inputs are told; nothing where that is at fault.
pub(crate) fn inputs(values: &Values, faults: &mut Faults) -> Option<HttpConfig> {
    let (body_bytes_max, bodies_bytes_max): (usize, usize) =
        (values.get("body_bytes_max"), values.get("bodies_bytes_max"));
    if body_bytes_max > bodies_bytes_max {
        let message = "one body may be larger than all bodies together";
        faults.push(values.fault("bodies_bytes_max", message, "allow more, or less for one"));
    }
    let topic: Template = match values.get::<String>("line_topic").parse() {
        Ok(topic) => topic,
        Err(error) => {
            let hint = "take the places {measurement}, {tags}, {tag.KEY} and {db}".to_owned();
            let place = values.origin("line_topic").place();
            faults.push(Fault { place, code: "TG-IN-046", message: format!("{error}"), hint });
            return None;
        }
    };
    Some(HttpConfig { body_bytes_max, batch_readings_max: values.get("batch_readings_max"), topic })
}

#[cfg(test)]
mod tests {
    use super::*;
    use tidegate_kernel_plug::config::Table;

    #[test]
    fn the_table_has_the_defaults() {
        let table = Table::new(&[SECTION]);
        let config = Config::from_values(table.defaults().group("http"), &mut Faults::default());
        assert_eq!(format!("{config:?}"), format!("{:?}", Config::default()));
        let inputs = inputs(table.defaults().group("http"), &mut Faults::default());
        assert_eq!(format!("{inputs:?}"), format!("{:?}", Some(HttpConfig::default())));
    }
}
