//! libFuzzer entry: hands every input to the checks that the stable test suite runs too.

#![no_main]

use libfuzzer_sys::fuzz_target;

mod harness;

fuzz_target!(|data: &[u8]| {
    harness::fuzz_one(data);
});
