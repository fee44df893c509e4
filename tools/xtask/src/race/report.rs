//! What a run of the gate came to: a row for each tool, and one verdict over them.

use serde_json::{Value, json};

use super::tool::Tool;
use crate::report::{Case, Skip, Tally, Verdict as Outcome};

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    Passed,
    /// With what the tool said.
    Found(String),
    /// With the reason.
    NotRun(String),
}

/// What one tool came to.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    pub tool: Tool,
    pub version: String,
    /// Tests that passed on the product as it is.
    pub tests: usize,
    /// Executions, schedules or seeds of all of them, where the tool counts.
    pub iterations: u64,
    /// Tests with a planted race that failed, as each of them has to.
    pub planted_found: usize,
    pub verdict: Verdict,
    pub seconds: f64,
}

impl Row {
    pub(super) fn new(tool: Tool, version: String, verdict: Verdict) -> Row {
        Row { tool, version, tests: 0, iterations: 0, planted_found: 0, verdict, seconds: 0.0 }
    }

    /// A stage that could not be carried out proves nothing, so it counts as a finding.
    pub(super) fn broken(tool: Tool, why: &str) -> Row {
        Row::new(tool, String::new(), Verdict::Found(why.to_owned()))
    }

    pub(super) fn line(&self) -> String {
        let Row { tests, iterations, planted_found, version, .. } = self;
        let name = self.tool.name();
        match &self.verdict {
            Verdict::Passed => format!(
                "ok      {name}: {tests} tests, {iterations} {}, {planted_found} planted races found; {version}",
                self.tool.unit()
            ),
            Verdict::Found(what) => format!("FAILED  {name}: {what}"),
            Verdict::NotRun(reason) => format!("NOT RUN {name}: {reason}"),
        }
    }

    fn json(&self) -> Value {
        let (verdict, words) = match &self.verdict {
            Verdict::Passed => ("passed", None),
            Verdict::Found(what) => ("found", Some(what)),
            Verdict::NotRun(reason) => ("not run", Some(reason)),
        };
        json!({
            "tool": self.tool.name(), "version": self.version, "tests": self.tests, self.tool.unit(): self.iterations,
            "planted_found": self.planted_found, "verdict": verdict, "words": words,
            "seconds": (self.seconds * 10.0).round() / 10.0,
        })
    }
}

#[derive(Debug, Clone, PartialEq)]
pub struct Report {
    pub commit: String,
    /// The sources are not those of the commit.
    pub changed: bool,
    pub quick: bool,
    pub ended_ms: u64,
    pub rows: Vec<Row>,
}

impl Report {
    pub fn has_finding(&self) -> bool {
        self.rows.iter().any(|row| matches!(row.verdict, Verdict::Found(_)))
    }

    fn left_out(&self) -> usize {
        self.rows.iter().filter(|row| matches!(row.verdict, Verdict::NotRun(_))).count()
    }

    /// Not `passed` while something was not looked at.
    pub fn verdict(&self) -> &'static str {
        match (self.has_finding(), self.left_out()) {
            (true, _) => "found",
            (false, 0) => "passed",
            (false, _) => "incomplete",
        }
    }

    pub fn json(&self) -> Value {
        let rows: Vec<Value> = self.rows.iter().map(Row::json).collect();
        json!({
            "report": "tidegate race", "form": 1, "verdict": self.verdict(), "commit": self.commit, "changed": self.changed,
            "quick": self.quick, "ended_ms": self.ended_ms, "stages": rows,
        })
    }

    /// The last line of a run.
    pub fn line(&self) -> String {
        let (rows, left_out) = (self.rows.len(), self.left_out());
        format!("race: {}; {} of {rows} stages ran, {left_out} NOT RUN", self.verdict(), rows - left_out)
    }

    /// As a stage among others: each tool is a case.
    pub fn tally(&self) -> Tally {
        let mut tally = Tally::default();
        for row in &self.rows {
            let name = format!("race {}", row.tool.name());
            let verdict = match &row.verdict {
                Verdict::Passed => Outcome::Passed,
                Verdict::Found(what) => Outcome::Failed(what.clone()),
                Verdict::NotRun(reason) => Outcome::Skipped(reason.clone()),
            };
            match &verdict {
                Outcome::Passed => tally.passed += 1,
                Outcome::Failed(_) => tally.failed += 1,
                Outcome::Skipped(reason) => {
                    tally.skips.push(Skip { name: name.clone(), reason: reason.clone() })
                }
            }
            tally.cases.push(Case { suite: "race".to_owned(), name, verdict });
        }
        tally
    }
}
