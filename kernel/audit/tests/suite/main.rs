//! Trees against a naive reference and against other people's implementations; building over a real journal, with damage.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on should say where")]

mod building;
mod documents;
mod evidence;
mod interop;
mod notes;
mod proofs;
mod recounts;
mod site;
mod sources;
mod witness;
