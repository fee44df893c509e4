//! The codec against an independent implementation of the same protocol, and against bytes that are nothing.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on should say where")]

mod answers;
mod requests;
