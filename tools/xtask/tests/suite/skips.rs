//! Announces a test that cannot run on this machine, as CONTRIBUTING.md says.

use std::fs::OpenOptions;
use std::io::Write as _;

/// Outside `cargo xtask test` nobody would read it, so there the test fails instead.
pub(crate) fn announce(name: &str, reason: &str) {
    let file = std::env::var("TIDEGATE_TEST_SKIPS")
        .unwrap_or_else(|_| panic!("under cargo xtask test this is a skip: {reason}"));
    let mut file = OpenOptions::new().append(true).open(file).expect("the skip file is there");
    file.write_all(format!("SKIP {name}: {reason}\n").as_bytes()).expect("the skip file is writable");
}
