//! The real binary on real sockets, in a folder of its own, on free loopback ports.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on should say where")]

mod bad_input;
mod config;
mod counterpart;
mod crash;
mod delivery;
mod demo;
mod external;
mod fuse_layer;
mod grpc;
mod http;
mod https;
mod journal;
mod lan;
mod letters;
mod mosquitto;
mod mqtt;
mod notices;
mod paho;
mod power;
mod power_disk;
mod process;
mod readme;
mod refusals;
mod secure;
mod shutdown;
mod story;
mod torn_file;
mod trouble;
