//! One stage: its tests on the product as it is, which have to pass, and each of them on planted races, where it has to fail.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result};

use super::report::{Row, Verdict};
use super::tool::{Subject, Tool};
use crate::process::{self, TIMED_OUT};

/// Of what a tool said, in a report.
const WORDS_CHARS_MAX: usize = 2000;
/// One command of a stage, builds included, without hurry and with it.
const LONGEST: [Duration; 2] = [Duration::from_secs(4 * 3600), Duration::from_secs(1200)];
/// Suites of the product that run under ThreadSanitizer: those whose threads share most, and what they are made of.
const SUITES: &[&str] = &["tidegate-engine-book", "tidegate-kernel-journal", "tidegate-service-ledger"];
/// Thousands of worlds on a simulated disk, one thread at a time: hours under a sanitizer, and nothing for it to see.
const SUITES_SKIP: &[&str] = &["crash", "seeds", "upgrade"];

pub(super) fn run(root: &Path, tool: Tool, quick: bool) -> Result<Row> {
    let version = match tool.version(root, quick) {
        Ok(version) => version,
        Err(reason) => return Ok(Row::new(tool, String::new(), Verdict::NotRun(reason))),
    };
    let stage = Stage { root, tool, quick };
    let mut row = Row::new(tool, version, Verdict::Passed);
    row.verdict = stage.judge(&mut row)?;
    Ok(row)
}

struct Stage<'a> {
    root: &'a Path,
    tool: Tool,
    quick: bool,
}

/// What a command printed, and whether it succeeded.
struct Said {
    succeeded: bool,
    text: String,
}

impl Stage<'_> {
    fn judge(&self, row: &mut Row) -> Result<Verdict> {
        for subject in [Subject::AsItIs, Subject::Planted] {
            let built = self.said(self.tool.command(self.root, subject, self.quick).arg("--no-run"))?;
            if !built.succeeded {
                return Ok(Verdict::Found(format!("it does not build: {}", end_of(&built.text))));
            }
        }
        let names = self.names(Subject::AsItIs)?;
        let sound = self.said(&self.sound())?;
        if !sound.succeeded || names.is_empty() {
            return Ok(Verdict::Found(self.finding(&sound.text)));
        }
        (row.tests, row.iterations) = (names.len(), self.iterations(&sound.text, names.len()));
        for name in &self.names(Subject::Planted)? {
            let planted = self.said(&self.planted(name))?;
            if planted.succeeded || !self.tool.finding().iter().any(|words| planted.text.contains(words)) {
                return Ok(Verdict::Found(format!("BLIND: the race planted for {name} was not found")));
            }
            row.planted_found += 1;
        }
        self.suites(row)
    }

    fn names(&self, subject: Subject) -> Result<Vec<String>> {
        let mut command = self.tool.command(self.root, subject, self.quick);
        let listed = self.said(command.args(["--", "--list", "--format", "terse"]))?;
        let names = listed.text.lines().filter_map(|line| line.strip_suffix(": test"));
        Ok(names.map(str::to_owned).collect())
    }

    fn sound(&self) -> Command {
        let mut command = self.tool.command(self.root, Subject::AsItIs, self.quick);
        self.seed(&mut command);
        command.args(["--", "--nocapture"]);
        command
    }

    fn planted(&self, name: &str) -> Command {
        let mut command = self.tool.command(self.root, Subject::Planted, self.quick);
        self.seed(&mut command);
        command.args(["--", "--exact", name]);
        command
    }

    fn seed(&self, command: &mut Command) {
        if let Some(seeds) = self.tool.seeds(self.quick) {
            command.env("MIRIFLAGS", format!("-Zmiri-many-seeds=0..{seeds}"));
        }
    }

    /// As the tests count them, or as many seeds as were asked for.
    fn iterations(&self, text: &str, tests: usize) -> u64 {
        let counted = text.lines().filter_map(|line| line.rsplit_once("iterations ")?.1.parse::<u64>().ok());
        self.tool.seeds(self.quick).unwrap_or_else(|| counted.sum::<u64>().max(tests as u64))
    }

    /// What a sanitizer is for: the product's own suites.
    fn suites(&self, row: &mut Row) -> Result<Verdict> {
        if self.tool != Tool::ThreadSanitizer {
            return Ok(Verdict::Passed);
        }
        let mut command = self.tool.cargo(self.root);
        SUITES.iter().for_each(|suite| {
            command.args(["-p", suite]);
        });
        command.args(["--lib", "--test", "suite", "--no-fail-fast", "--"]);
        SUITES_SKIP.iter().for_each(|skip| {
            command.args(["--skip", skip]);
        });
        let ran = self.said(&command)?;
        let passed = |line: &str| line.strip_prefix("test ").is_some_and(|rest| rest.ends_with("... ok"));
        row.tests += ran.text.lines().filter(|line| passed(line)).count();
        row.iterations = row.tests as u64;
        Ok(if ran.succeeded { Verdict::Passed } else { Verdict::Found(self.finding(&ran.text)) })
    }

    fn said(&self, command: &Command) -> Result<Said> {
        let longest = LONGEST[usize::from(self.quick)];
        let output = process::bounded(command, longest).output().context("cannot run timeout")?;
        let mut text = [output.stdout, output.stderr].concat();
        if output.status.code() == Some(TIMED_OUT) {
            text.extend_from_slice(format!("\nended after {longest:?}").as_bytes());
        }
        Ok(Said { succeeded: output.status.success(), text: String::from_utf8_lossy(&text).into_owned() })
    }

    /// From the first words of a finding on.
    fn finding(&self, text: &str) -> String {
        let places = self.tool.finding().iter().filter_map(|words| text.find(words));
        match places.min() {
            Some(place) => text[place..].chars().take(WORDS_CHARS_MAX).collect(),
            None => end_of(text),
        }
    }
}

fn end_of(text: &str) -> String {
    let skipped = text.chars().count().saturating_sub(WORDS_CHARS_MAX);
    text.chars().skip(skipped).collect()
}
