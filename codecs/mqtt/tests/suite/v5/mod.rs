//! MQTT 5.0: what it has beyond 3.1.1.

mod refusals;
mod roundtrip;
pub(crate) mod samples;
mod vectors;
mod words;
