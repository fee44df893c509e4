//! The JUnit report: what each test came to, and sums that are those of the run.

use xtask::junit;
use xtask::report::{self, Reader, Tally};

use crate::fixture::Fixture;

const OUTPUT: &str = "\
     Running unittests src/lib.rs (target/debug/deps/tidegate_kernel_flow-0a)

running 1 test
test queue::a_full_queue_refuses ... ok

test result: ok. 1 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s

     Running tests/suite/main.rs (target/debug/deps/suite-0b)

running 4 tests
test one ... ok
test two ... FAILED
test the_lock_opens ... ok
a test's words run into the line: test three ... ok
failures:

---- two stdout ----

thread 'two' panicked at tests/suite/main.rs:3:5:
left < right & \u{1b}[1mbold

failures:
    two

test result: FAILED. 3 passed; 1 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s

   Doc-tests tidegate_kernel_flow

running 1 test
test kernel/flow/src/lib.rs - (line 17) ... ok

test result: ok. 1 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s
";

fn tally() -> Tally {
    let mut reader = Reader::default();
    OUTPUT.lines().for_each(|line| reader.line(line));
    reader.finish(false)
}

#[test]
fn every_result_is_a_case_of_its_crates_suite() {
    let xml = junit::write(&tally());
    for line in [
        "<testsuites name=\"tidegate\" tests=\"6\" failures=\"1\" skipped=\"0\">",
        "<testsuite name=\"tidegate_kernel_flow unittests src/lib.rs\" tests=\"1\" failures=\"0\" skipped=\"0\">",
        "<testsuite name=\"tidegate_kernel_flow tests/suite/main.rs\" tests=\"3\" failures=\"1\" skipped=\"0\">",
        "<testcase classname=\"tidegate_kernel_flow doc-tests\" name=\"kernel/flow/src/lib.rs - (line 17)\"/>",
    ] {
        assert!(xml.contains(line), "no {line} in\n{xml}");
    }
}

#[test]
fn a_failed_test_carries_what_it_printed() {
    let xml = junit::write(&tally());
    assert!(xml.contains("panicked at tests/suite/main.rs:3:5:"), "{xml}");
    assert!(xml.contains("left &lt; right &amp; \u{fffd}[1mbold"), "{xml}");
}

#[test]
fn results_whose_names_were_lost_are_counted_all_the_same() {
    let xml = junit::write(&tally());
    assert_eq!(xml.matches("<testcase ").count(), 6);
    assert!(xml.contains("<testsuite name=\"unnamed\" tests=\"1\""), "{xml}");
}

#[test]
fn an_announced_skip_is_a_skipped_case() {
    let text = "SKIP suite::the_lock_opens: no lock here\n";
    let tree = Fixture::empty().with("skips", text);
    let mut tally = tally();
    report::announced(&mut tally, &tree.root.join("skips")).expect("the file can be read");
    let xml = junit::write(&tally);
    assert!(xml.contains("name=\"the_lock_opens\"><skipped message=\"no lock here\"/>"), "{xml}");
    assert_eq!(xml.matches("<testcase ").count(), 6);
}
