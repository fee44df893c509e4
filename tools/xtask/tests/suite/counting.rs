//! Counting what test runs print, line by line.

use xtask::report::{self, Reader, Skip, Tally};
use xtask::stages::{Plan, Stage, node_binary};

use crate::fixture::Fixture;

fn read(output: &str, succeeded: bool) -> Tally {
    let mut reader = Reader::default();
    output.lines().for_each(|line| reader.line(line));
    reader.finish(succeeded)
}

const TWO_BINARIES: &str = "     \
     Running unittests src/lib.rs (target/debug/deps/a-0)

running 2 tests
test one ... ok
test two ... ignored, needs a printer
test result: ok. 1 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.00s

   Doc-tests a

running 3 tests
test result: FAILED. 2 passed; 1 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s
";

#[test]
fn the_results_of_every_binary_and_doctest_add_up() {
    let tally = read(TWO_BINARIES, false);
    assert_eq!((tally.passed, tally.failed), (3, 1));
    assert_eq!(tally.skips, [Skip { name: "two".into(), reason: "needs a printer".into() }]);
    assert_eq!(tally.line(), "3 passed, 1 failed, 1 skipped");
}

#[test]
fn a_binary_that_dies_without_a_result_counts_as_failed() {
    let died = "Running tests/a.rs (target/debug/deps/a-0)\nrunning 1 test\n";
    assert_eq!(read(&format!("{died}{TWO_BINARIES}"), false).failed, 2);
    assert_eq!(read(died, false).failed, 1);
}

#[test]
fn a_binary_without_a_test_harness_passes_by_its_exit_status() {
    let tally = read("Running tests/a.rs (target/debug/deps/a-0)\nhello\n", true);
    assert_eq!((tally.passed, tally.failed), (1, 0));
}

#[test]
fn a_run_that_did_not_compile_counts_as_one_failed() {
    assert_eq!(read("error: could not compile `a`\n", false), Tally::of_check(false));
}

#[test]
fn what_a_test_prints_about_results_does_not_count() {
    let printed =
        "the test result: ok. 5 passed; 0 failed\ntest result: fine\ntest result: ok. x passed; 0 failed\n";
    assert_eq!(read(printed, true), Tally::default());
}

#[test]
fn an_announced_skip_is_not_a_pass_and_counts_once() {
    let text = "SKIP gate::the_lock_opens: no lock here: none\nfuse::power_loss: no /dev/fuse\nSKIP fuse::power_loss: again\n\n";
    let tree = Fixture::empty().with("skips", text);
    let mut tally = Tally { passed: 5, ..Tally::default() };
    report::announced(&mut tally, &tree.root.join("skips")).expect("the file can be read");
    assert_eq!(tally.line(), "3 passed, 0 failed, 2 skipped");
    assert_eq!(
        tally.skips[0],
        Skip { name: "gate::the_lock_opens".into(), reason: "no lock here: none".into() }
    );
}

#[test]
fn the_nodes_binary_is_told_from_its_tests() {
    let message = |kind: &str, test: bool, path: &str| {
        format!(
            "{{\"target\":{{\"name\":\"tidegate\",\"kind\":[\"{kind}\"]}},\"profile\":{{\"test\":{test}}},\
             \"executable\":\"{path}\"}}\n"
        )
    };
    let messages = format!("{}not json\n{}", message("bin", true, "a"), message("bin", false, "b"));
    assert_eq!(node_binary(&messages), Some("b".into()));
    assert_eq!(node_binary(&message("lib", false, "c")), None);
}

#[test]
fn naming_the_test_stage_brings_what_tests_need() {
    let plan = Plan { only: vec![Stage::named("test").expect("there is such a stage")], ..Plan::default() };
    let included: Vec<&str> =
        Stage::ALL.into_iter().filter(|stage| plan.includes(*stage)).map(Stage::name).collect();
    assert_eq!(included, ["services", "build", "test"]);
    assert!(Stage::named("tests").is_err());
}
