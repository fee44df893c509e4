//! What a run prints: a row for each test as it ends, for people or as one JSON object a line.

use serde_json::json;

use super::trial::Verdict;

/// One test's result.
#[derive(Debug, Clone)]
pub struct Row {
    pub suite: &'static str,
    pub test: String,
    pub verdict: Verdict,
    pub seconds: f64,
}

impl Row {
    fn verdict(&self) -> (&'static str, &str) {
        match &self.verdict {
            Verdict::Passed => ("passed", ""),
            Verdict::Failed(why) => ("FAILED", why),
            Verdict::TimedOut => ("TIMED OUT", "it did not end within its limit"),
        }
    }
}

pub(super) fn head(json: bool, version: &str) {
    if json {
        println!("{}", json!({ "suites": "eclipse/paho.mqtt.testing", "version": version }));
    } else {
        println!("suites of eclipse/paho.mqtt.testing, {version}");
    }
}

pub(super) fn row(json: bool, row: &Row) {
    let (word, why) = row.verdict();
    let seconds = (row.seconds * 10.0).round() / 10.0;
    if json {
        let verdict = word.to_lowercase();
        println!(
            "{}",
            json!({ "suite": row.suite, "test": row.test, "verdict": verdict, "seconds": seconds, "why": why })
        );
    } else {
        println!("{:<11} {:<30} {seconds:>6.1} s  {word:<9} {why}", row.suite, row.test);
    }
}

pub(super) fn foot(json: bool, rows: &[Row]) {
    for suite in super::SUITES {
        let of_suite = || rows.iter().filter(|row| row.suite == suite.name);
        let passed = of_suite().filter(|row| row.verdict == Verdict::Passed).count();
        let tests = of_suite().count();
        if json {
            println!("{}", json!({ "suite": suite.name, "passed": passed, "tests": tests }));
        } else {
            println!("{:<11} {passed} of {tests} passed", suite.name);
        }
    }
}
