//! A list of checks on one product of this tool, each of which holds, fails, or cannot be made on this machine.
//!
//! Prints each as it is made, to standard error: standard output is for data. Skipped is never passed in silence: the
//! last line counts it, and its name and reason stand above.

use anyhow::Result;

use crate::report::{Skip, Tally};

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// What was seen.
    Holds(String),
    /// What was seen instead.
    Fails(String),
    /// Why it could not be looked at.
    Skipped(String),
}

impl Outcome {
    /// Holds where nothing speaks against it.
    pub fn of_faults(faults: &[String], seen: impl Into<String>) -> Self {
        if faults.is_empty() { Self::Holds(seen.into()) } else { Self::Fails(faults.join("; ")) }
    }
}

/// Checks as they are made, in order.
#[derive(Debug, Default)]
pub struct Checks {
    rows: Vec<(&'static str, Outcome)>,
}

impl Checks {
    /// Notes the outcome of one check; an error is a failure, for what could not be looked at proves nothing.
    pub fn add(&mut self, name: &'static str, outcome: Result<Outcome>) {
        let outcome = outcome.unwrap_or_else(|error| Outcome::Fails(format!("{error:#}")));
        match &outcome {
            Outcome::Holds(seen) => eprintln!("ok      {name}: {seen}"),
            Outcome::Fails(seen) => eprintln!("FAILED  {name}: {seen}"),
            Outcome::Skipped(reason) => eprintln!("SKIP    {name}: {reason}"),
        }
        self.rows.push((name, outcome));
    }

    pub fn outcome(&self, name: &str) -> Option<&Outcome> {
        self.rows.iter().find(|(known, _)| *known == name).map(|(_, outcome)| outcome)
    }

    pub fn tally(&self) -> Tally {
        let mut tally = Tally::default();
        for (name, outcome) in &self.rows {
            match outcome {
                Outcome::Holds(_) => tally.passed += 1,
                Outcome::Fails(_) => tally.failed += 1,
                Outcome::Skipped(reason) => {
                    tally.skips.push(Skip { name: (*name).to_owned(), reason: reason.clone() });
                }
            }
        }
        tally
    }

    /// Prints the count; true if nothing failed.
    pub fn end(&self) -> bool {
        let tally = self.tally();
        eprintln!("{}", tally.line());
        tally.failed == 0
    }
}
