//! The real binary on real sockets, in a folder of its own, on free loopback ports.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on should say where")]

mod backup;
mod bad_input;
mod bad_values;
mod commands;
mod config;
mod counterpart;
mod crash;
mod delivery;
mod docs;
mod exact;
mod external;
mod fuse_layer;
mod grpc;
mod hostile;
mod http;
mod journal;
mod letters;
mod mosquitto;
mod mqtt;
mod notices;
mod page;
mod paho;
mod poison;
mod power;
mod power_disk;
mod process;
mod refusals;
mod rules;
mod secure;
mod servers;
mod shutdown;
mod story;
mod torn_file;
mod trouble;
mod whole;
