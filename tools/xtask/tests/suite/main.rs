//! Tests of xtask: each rule against a planted violation, the counting against real output, daemons for real.
//!
//! Fixture trees are written below cargo's temporary folder, not kept as files: they would break the rules they test.

mod conformance;
mod counting;
mod coverages;
mod daemons;
mod deployment;
mod fixture;
mod images;
mod packages;
mod pkgchecks;
mod races;
mod releases;
mod reports;
mod rules_of_crates;
mod rules_of_sharing;
mod rules_of_text;
mod skips;
mod whole_runs;
