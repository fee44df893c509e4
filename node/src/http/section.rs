//! The section `[http]`: limits of the listener for devices, and of what it takes in.

use crate::http::Config;
use std::num::NonZeroU32;
use tidegate_kernel_flow::Rate;
use tidegate_kernel_plug::RequestLimits;
use tidegate_kernel_plug::config::{Fault, Faults, Field, Kind, Section, Values};
use tidegate_service_ingest::http::{HttpConfig, Template};

const CONNECTIONS: Kind = Kind::Integer { min: 1, max: 1_000_000 };
const WAIT: Kind = Kind::Duration { min_ms: 1, max_ms: 600_000 };
const RATE: Kind = Kind::Integer { min: 1, max: 1_000_000 };

pub(crate) const SECTION: Section = Section::new(
    "http",
    "Readings from devices over HTTP; over HTTPS on the same port where [tls] has a certificate.",
    &[
        Field::new(
            "listen",
            Kind::Address,
            "127.0.0.1:7301",
            "Where to listen. Wider than loopback only once [identity] names somebody.",
        ),
        Field::new(
            "connections_max",
            CONNECTIONS,
            "4096",
            "Connections at once; the next one is told so and closed.",
        ),
        Field::new("connections_per_address_max", CONNECTIONS, "1024", "The same, of one address."),
        Field::new("head_time_max", WAIT, "10 s", "From the first byte of a request to the end of its head."),
        Field::new("body_time_max", WAIT, "30 s", "From there to the end of its body."),
        Field::new(
            "idle_time_max",
            Kind::Duration { min_ms: 1, max_ms: 3_600_000 },
            "60 s",
            "How long a connection may wait for its next request, or a client leave an answer unread.",
        ),
        Field::new("headers_max", Kind::Integer { min: 8, max: 1000 }, "64", "Header fields of a request."),
        Field::new(
            "header_bytes_max",
            Kind::Bytes { min: 1024, max: 1 << 20 },
            "16 KiB",
            "Bytes of its target and header fields.",
        ),
        Field::new(
            "requests_per_s_max",
            RATE,
            "1000",
            "Requests of one principal; of one address where it is nobody in particular.",
        ),
        Field::new("requests_burst_max", RATE, "2000", "How many of them may come at once after a rest."),
        Field::new(
            "body_bytes_max",
            Kind::Bytes { min: 1024, max: 64 << 20 },
            "1 MiB",
            "The body of one request.",
        ),
        Field::new(
            "bodies_bytes_max",
            Kind::Bytes { min: 64 << 10, max: u32::MAX as u64 },
            "64 MiB",
            "All bodies that are being read or answered, added up. At least one of the largest.",
        ),
        Field::new(
            "batch_readings_max",
            RATE,
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
    pub(crate) fn from_values(values: &Values) -> Config {
        let rate = |key| NonZeroU32::new(values.get(key)).expect("the table's limit is above zero");
        Config {
            listen: values.get("listen"),
            connections_max: values.get("connections_max"),
            connections_per_address_max: values.get("connections_per_address_max"),
            head_ms_max: values.millis("head_time_max"),
            idle_ms_max: values.millis("idle_time_max"),
            requests: RequestLimits {
                headers_max: values.get("headers_max"),
                header_bytes_max: values.get("header_bytes_max"),
                requests: Rate { per_s: rate("requests_per_s_max"), burst: rate("requests_burst_max") },
                body_ms_max: values.millis("body_time_max"),
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
    fn what_holds_without_a_file_is_the_default() {
        let values = Table::new(&[SECTION]).defaults();
        let values = values.group("http");
        let config = Config::from_values(values);
        assert_eq!(format!("{config:?}"), format!("{:?}", Config::default()));
        let inputs = inputs(values, &mut Faults::default()).unwrap();
        assert_eq!(format!("{inputs:?}"), format!("{:?}", HttpConfig::default()));
    }
}
