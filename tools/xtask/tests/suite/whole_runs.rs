//! `cargo xtask test` as a whole, on planted workspaces: what its last line says, and its exit status.

use std::process::{Command, Output};

use crate::fixture::Fixture;

const LIB: &str = "\
#[cfg(test)]
mod tests {
    #[test]
    fn two_and_two() {
        assert_eq!(2 + 2, FOUR);
    }

    const FOUR: u8 = 4;
}
";

const SKIPPING: &str = "\
#[test]
fn the_printer_prints() {
    use std::io::Write as _;
    let file = std::env::var(\"TIDEGATE_TEST_SKIPS\").unwrap();
    let mut file = std::fs::OpenOptions::new().append(true).open(file).unwrap();
    writeln!(file, \"SKIP the_printer_prints: no printer\").unwrap();
}
";

fn workspace() -> Fixture {
    Fixture::empty()
        .with("Cargo.toml", "[workspace]\nresolver = \"3\"\nmembers = [\"kernel/*\"]\n\n[workspace.lints]\n")
        .with_crate("kernel/flow", "tidegate-kernel-flow", "")
        .with("kernel/flow/src/lib.rs", LIB)
}

/// The stages that build and run the planted tests; nothing is installed for them.
const TESTS: &[&str] = &["test", "--only", "test", "--skip", "services"];

/// Runs the built tool on a planted tree.
fn xtask(tree: &Fixture, args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_xtask"))
        .args(args)
        .env("CARGO_MANIFEST_DIR", tree.root.join("tools/xtask"))
        .env("CARGO_TARGET_DIR", tree.root.join("target"))
        .env_remove("TIDEGATE_TEST_SKIPS")
        .output()
        .expect("the tool was built for this test")
}

fn lines(output: &Output) -> Vec<String> {
    String::from_utf8_lossy(&output.stdout).lines().map(str::to_owned).collect()
}

#[test]
fn a_run_that_passes_ends_with_the_counts_and_names_each_skip() {
    let tree = workspace().with("kernel/flow/tests/suite.rs", SKIPPING);
    let output = xtask(&tree, TESTS);
    let lines = lines(&output);
    assert!(output.status.success(), "{lines:#?}");
    let end = &lines[lines.len() - 2..];
    assert_eq!(end, ["SKIP the_printer_prints: no printer", "1 passed, 0 failed, 1 skipped"]);
}

#[test]
fn one_failing_test_fails_the_run() {
    let tree = workspace().with("kernel/flow/src/lib.rs", &LIB.replace("u8 = 4", "u8 = 5"));
    let output = xtask(&tree, TESTS);
    assert_eq!(output.status.code(), Some(1));
    let lines = lines(&output);
    assert!(lines.iter().any(|line| line == "test tests::two_and_two ... FAILED"), "{lines:#?}");
    assert_eq!(lines.last().map(String::as_str), Some("0 passed, 1 failed, 0 skipped"));
}

#[test]
fn arguments_after_two_dashes_reach_the_tests() {
    let output = xtask(&workspace(), &[TESTS, &["--", "no_test_of_this_name"]].concat());
    let lines = lines(&output);
    assert!(lines.iter().any(|line| line.contains("1 filtered out")), "{lines:#?}");
    assert_eq!(lines.last().map(String::as_str), Some("0 passed, 0 failed, 0 skipped"));
}

#[test]
fn a_build_that_fails_counts_once_and_its_tests_do_not_run() {
    let tree = workspace().with("kernel/flow/src/lib.rs", "fn f() -> u8 {}\n");
    let output = xtask(&tree, TESTS);
    let lines = lines(&output);
    assert!(lines.iter().any(|line| line == "not run: the build failed"), "{lines:#?}");
    assert_eq!(lines.last().map(String::as_str), Some("0 passed, 1 failed, 0 skipped"));
}

const LEAVING: &str = "\
#[test]
fn a_process_is_left_behind() {
    std::process::Command::new(\"sleep\").arg(\"20\").spawn().unwrap();
}
";

#[test]
fn a_process_that_a_test_left_behind_does_not_hold_up_the_run() {
    let tree = workspace().with("kernel/flow/tests/suite.rs", LEAVING);
    let lines = lines(&xtask(&tree, TESTS));
    assert!(lines.iter().any(|line| line.contains("outlives it")), "{lines:#?}");
    assert_eq!(lines.last().map(String::as_str), Some("2 passed, 0 failed, 0 skipped"));
}

#[test]
fn every_check_that_fails_is_shown_in_one_run() {
    let tree = workspace().with("kernel/flow/src/lib.rs", "pub fn  f(){ if true == true {} }\n");
    let output = xtask(&tree, &["test", "--skip", "services", "--skip", "xtask"]);
    let lines = lines(&output);
    let failed: Vec<&str> =
        lines.iter().filter_map(|line| line.split_once("FAILED (1)").map(|(stage, _)| &stage[..6])).collect();
    assert_eq!(failed, ["fmt   ", "clippy", "tidy  "], "{lines:#?}");
    assert_eq!(lines.last().map(String::as_str), Some("1 passed, 3 failed, 0 skipped"));
}

#[test]
fn a_run_is_also_written_as_junit_when_asked() {
    let tree = workspace().with("kernel/flow/tests/suite.rs", SKIPPING);
    let file = tree.root.join("reports/junit.xml");
    let output = xtask(&tree, &[TESTS, &["--junit", file.to_str().expect("the path is text")]].concat());
    assert!(output.status.success(), "{:#?}", lines(&output));
    let xml = std::fs::read_to_string(file).expect("it was written");
    assert!(xml.contains("<testsuites name=\"tidegate\" tests=\"2\" failures=\"0\" skipped=\"1\">"), "{xml}");
    assert!(xml.contains("name=\"the_printer_prints\"><skipped message=\"no printer\"/>"), "{xml}");
    assert!(
        xml.contains("tidegate_kernel_flow unittests src/lib.rs\" name=\"tests::two_and_two\"/>"),
        "{xml}"
    );
}

#[test]
fn a_call_that_makes_no_sense_is_refused_with_its_own_status() {
    let tree = Fixture::empty();
    let calls: &[&[&str]] = &[
        &["test", "--only", "tests"],
        &["paint"],
        &[],
        &["services", "restart"],
        &["tidy", "--quickly"],
        &["dist", "now"],
        &["image", "--size"],
        &["coverage", "--fail-under", "1"],
        &["cell"],
    ];
    for args in calls {
        assert_eq!(xtask(&tree, args).status.code(), Some(2), "{args:?}");
    }
}

#[test]
fn tidy_tells_by_its_exit_status_whether_it_found_something() {
    let tree = Fixture::clean();
    assert!(xtask(&tree, &["tidy"]).status.success());
    let tree = tree.without("node/README.md");
    let output = xtask(&tree, &["tidy", "--json"]);
    assert_eq!(output.status.code(), Some(1));
    let object: serde_json::Value = serde_json::from_str(&lines(&output)[0]).expect("a line is an object");
    assert_eq!(object["path"], "node/README.md");
}
