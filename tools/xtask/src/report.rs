//! Counts what test runs print: libtest's result lines, ignored tests, binaries that died, and announced skips.
//!
//! Pure but for [`announced`], which reads the file that tests append their skips to.

use std::path::Path;

use anyhow::Context as _;

/// What one stage or the whole run came to.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Tally {
    pub passed: u64,
    pub failed: u64,
    pub skips: Vec<Skip>,
    /// What could be read of the single results, for a report; the numbers above are the count.
    pub cases: Vec<Case>,
}

/// One result by name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Case {
    /// The crate and the binary as cargo names it, or the stage.
    pub suite: String,
    pub name: String,
    pub verdict: Verdict,
}

impl Case {
    /// Whether an announced skip means this case: it may carry the crate's or the binary's name before the test's.
    pub fn answers_to(&self, announced: &str) -> bool {
        let rest = announced.strip_suffix(self.name.as_str());
        self.verdict == Verdict::Passed && rest.is_some_and(|rest| rest.is_empty() || rest.ends_with("::"))
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    Passed,
    /// With what the test printed.
    Failed(String),
    /// With the reason.
    Skipped(String),
}

/// A test that could not run here, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Skip {
    pub name: String,
    pub reason: String,
}

impl Tally {
    /// One check that is no test binary: fmt, clippy, tidy, a build.
    pub fn of_check(passed: bool) -> Self {
        Self { passed: passed.into(), failed: (!passed).into(), ..Self::default() }
    }

    pub fn add(&mut self, other: Tally) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.skips.extend(other.skips);
        self.cases.extend(other.cases);
    }

    /// The last line of every run, alone on its line.
    pub fn line(&self) -> String {
        format!("{} passed, {} failed, {} skipped", self.passed, self.failed, self.skips.len())
    }
}

/// Reads the merged output of `cargo test` line by line.
#[derive(Debug, Default)]
pub struct Reader {
    tally: Tally,
    /// The binary whose result has not been seen yet.
    open: Option<String>,
    /// Binaries that never said how they ended: killed, aborted, or without libtest.
    silent: Vec<String>,
    suite: String,
    of_crate: String,
    /// The failed test whose output is being read.
    telling: Option<usize>,
}

impl Reader {
    pub fn line(&mut self, line: &str) {
        if let Some(binary) = binary_start(line) {
            self.silent.extend(self.open.replace(binary.to_owned()));
            self.name_suite(binary);
            self.telling = None;
        } else if let Some((passed, failed)) = result_line(line) {
            self.tally.passed += passed;
            self.tally.failed += failed;
            self.open = None;
            self.telling = None;
        } else if let Some(skip) = ignored_line(line) {
            self.tally.skips.push(skip);
        } else if let Some((name, verdict)) = case_line(line) {
            self.tally.cases.push(Case { suite: self.suite.clone(), name: name.to_owned(), verdict });
        } else {
            self.output_line(line);
        }
    }

    /// `unittests src/lib.rs (target/debug/deps/a-0)` names its crate; integration tests stand behind it and do not.
    fn name_suite(&mut self, binary: &str) {
        let (target, path) = binary.split_once(" (").unwrap_or((binary, ""));
        let file = path.rsplit('/').next().unwrap_or_default();
        if target.starts_with("unittests") {
            file.rsplit_once('-').map_or(file, |(name, _)| name).clone_into(&mut self.of_crate);
        }
        let doc_tests = path.is_empty();
        self.suite =
            if doc_tests { format!("{target} doc-tests") } else { format!("{} {target}", self.of_crate) };
    }

    /// Libtest repeats what failed tests printed, each under `---- NAME stdout ----`, before the result line.
    fn output_line(&mut self, line: &str) {
        if let Some(name) = line.strip_prefix("---- ").and_then(|rest| rest.strip_suffix(" stdout ----")) {
            let cases = self.tally.cases.iter();
            self.telling = cases.clone().rposition(|case| case.suite == self.suite && case.name == name);
        } else if line == "failures:" {
            self.telling = None;
        } else if let Some(index) = self.telling
            && let Verdict::Failed(text) = &mut self.tally.cases[index].verdict
            && text.len() + line.len() < OUTPUT_BYTES_MAX
        {
            text.push_str(line);
            text.push('\n');
        }
    }

    /// Closes the count. `succeeded` is cargo's own verdict: it decides what a silent binary means, and a failure that
    /// no binary explains (one that did not compile) still counts as one.
    pub fn finish(mut self, succeeded: bool) -> Tally {
        self.silent.extend(self.open.take());
        let silent = self.silent.len() as u64;
        if succeeded {
            self.tally.passed += silent;
        } else {
            self.tally.failed += silent;
            self.tally.failed = self.tally.failed.max(1);
        }
        self.tally
    }
}

/// Of one failed test's output in a report; the log has it all.
const OUTPUT_BYTES_MAX: usize = 16 * 1024;

/// `test NAME ... ok`; a name may carry ` - should panic`.
fn case_line(line: &str) -> Option<(&str, Verdict)> {
    let (name, verdict) = line.strip_prefix("test ")?.rsplit_once(" ... ")?;
    match verdict {
        "ok" => Some((name, Verdict::Passed)),
        "FAILED" => Some((name, Verdict::Failed(String::new()))),
        _ => None,
    }
}

fn binary_start(line: &str) -> Option<&str> {
    let line = line.trim_start();
    line.strip_prefix("Running ")
        .filter(|rest| rest.ends_with(')'))
        .or_else(|| line.strip_prefix("Doc-tests "))
}

/// `test result: ok. 3 passed; 1 failed; 0 ignored; ...` to (3, 1).
fn result_line(line: &str) -> Option<(u64, u64)> {
    let (_, counts) = line.strip_prefix("test result: ")?.split_once(". ")?;
    let mut numbers = counts.split("; ").map(|part| part.split_once(' '));
    let mut next = |word: &str| match numbers.next()?? {
        (number, found) if found == word => number.parse().ok(),
        _ => None,
    };
    Some((next("passed")?, next("failed")?))
}

fn ignored_line(line: &str) -> Option<Skip> {
    let (name, rest) = line.strip_prefix("test ")?.split_once(" ... ignored")?;
    let reason = rest.strip_prefix(", ").unwrap_or("ignored without a reason");
    Some(Skip { name: name.to_owned(), reason: reason.to_owned() })
}

/// Moves the skips in `file` from the passed to the skipped: libtest saw such a test return without a panic.
pub fn announced(tally: &mut Tally, file: &Path) -> anyhow::Result<()> {
    if !file.exists() {
        return Ok(());
    }
    let text = std::fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
    for skip in text.lines().filter_map(skip_line) {
        if !tally.skips.iter().any(|known| known.name == skip.name) {
            tally.passed = tally.passed.saturating_sub(1);
            tally.skips.push(skip);
        }
    }
    Ok(())
}

fn skip_line(line: &str) -> Option<Skip> {
    let line = line.trim();
    let text = line.strip_prefix("SKIP ").unwrap_or(line);
    // `: ` and not `:`, for test names carry `::`.
    let (name, reason) = text.split_once(": ").unwrap_or((text, "no reason given"));
    (!name.is_empty()).then(|| Skip { name: name.to_owned(), reason: reason.to_owned() })
}
