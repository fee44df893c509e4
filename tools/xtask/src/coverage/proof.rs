//! `cargo xtask coverage --self-test`: the whole way from a test run to the verdict, on two planted workspaces.
//!
//! Each has a thousand lines of product code; tests run 849 of them in one and 850 in the other. The gate must let only
//! the second pass, half-written counts of a killed process notwithstanding. Both also hold lines under `#[cfg(test)]`,
//! which would tip the first one over if they counted.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result};

use super::gate::Measure;
use super::{Tools, measure};
use crate::checks::{Checks, Outcome};
use crate::services::Depot;
use crate::stages::Stage;

const LINES: u64 = 1000;
/// Names are those of the checks.
const CASES: [(&str, u64, bool); 2] =
    [("84.9-percent-fails", 849, false), ("85.0-percent-passes", 850, true)];

pub fn run(root: &Path) -> Result<bool> {
    let tools = Tools::fetch(&Depot::at(root))?;
    let mut checks = Checks::default();
    for (name, covered, passes) in CASES {
        let tree = root.join("target/coverage/self-test").join(name);
        plant(&tree, covered).with_context(|| format!("cannot plant {}", tree.display()))?;
        checks.add(name, verdict(&tools, &tree, covered, passes));
    }
    Ok(checks.end())
}

fn verdict(tools: &Tools, tree: &Path, covered: u64, passes: bool) -> Result<Outcome> {
    let (tests_passed, measured) = measure(tools, tree, &[Stage::Services])?;
    let mut faults = Vec::new();
    if !tests_passed {
        faults.push("its tests fail".to_owned());
    }
    if measured != (Measure { covered, lines: LINES }) {
        faults.push(format!("measured {measured:?} of {covered} covered"));
    }
    if measured.is_enough() != passes {
        faults.push(format!("the gate says {} to {} %", measured.is_enough(), measured.percent()));
    }
    let words = if passes { "passes" } else { "is refused" };
    Ok(Outcome::of_faults(&faults, format!("{} % {words}", measured.percent())))
}

/// The end of the test: leaves what a process leaves that is killed while it writes its counts.
const KILLED: &str = "    let counts = std::env::var(\"LLVM_PROFILE_FILE\").unwrap();
    std::fs::write(counts.replace('%', \"\"), \"half a head\").unwrap();
}
";

/// One function a line: those below `covered` are called by the test.
fn plant(tree: &Path, covered: u64) -> Result<()> {
    let mut lib = String::new();
    for number in 0..LINES {
        let _infallible = writeln!(lib, "pub fn f{number}() -> u64 {{ {number} }}");
    }
    lib.push_str(
        "#[cfg(test)]\nmod tests {\n    #[test]\n    fn within() {\n        assert_eq!(super::f0(), 0);\n",
    );
    lib.push_str("        assert_eq!(super::f0(), 0);\n    }\n}\n");
    let mut test = String::from("#[test]\nfn without() {\n");
    for number in 0..covered {
        let _infallible = writeln!(test, "    assert_eq!(planted::f{number}(), {number});");
    }
    test.push_str(KILLED);
    let member = "[package]\nname = \"planted\"\nversion = \"0.1.0\"\nedition = \"2024\"\n";
    for (path, text) in [
        ("Cargo.toml", "[workspace]\nresolver = \"3\"\nmembers = [\"kernel/planted\"]\n"),
        ("kernel/planted/Cargo.toml", member),
        ("kernel/planted/src/lib.rs", &lib),
        ("kernel/planted/tests/suite.rs", &test),
    ] {
        let path = tree.join(path);
        fs::create_dir_all(path.parent().expect("every file has a folder"))?;
        fs::write(path, text)?;
    }
    Ok(())
}
