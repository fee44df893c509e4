//! The codec's tests: vectors worked out by hand from the standard, refusals, feeding in pieces, round trips, topic
//! matching against a plain reference, seeded mutations, and the pages of the error codes. What is of MQTT 5.0 alone is in
//! `v5`.

mod errors;
mod feeding;
#[path = "../../fuzz/src/harness.rs"]
mod harness;
mod limits;
mod mutation;
mod refusals;
mod roundtrip;
mod samples;
mod topics;
mod v5;
mod vectors;
