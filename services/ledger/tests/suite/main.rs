//! The embedded gear on a real journal, and its routes behind a real gate.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on should say where")]

mod asks;
mod conformance;
mod crash;
mod desk;
mod door;
mod folder;
mod grown;
mod http;
mod keys;
mod memos;
mod pruning;
mod reopening;
mod verify;
