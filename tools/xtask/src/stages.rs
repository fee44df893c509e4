//! `cargo xtask test`: the stages in order, their times, and the one line that says how it ended.
//!
//! A stage after a failed one still runs, so that one run shows every problem; only `test` waits for `build`. This
//! file decides what runs with which arguments; it counts nothing itself (`report`) and starts no daemon (`services`).

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};

use crate::report::{self, Case, Reader, Tally};
use crate::services::table::COUNTERPARTS;
use crate::{junit, pkgcheck, process, race, services, tidy, workspace};

const XTASK_MANIFEST: &str = "tools/xtask/Cargo.toml";
const XTASK_TARGET: &str = "target/xtask";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    Fmt,
    Clippy,
    Tidy,
    Pkgcheck,
    Xtask,
    Race,
    Services,
    Build,
    Test,
}

impl Stage {
    pub const ALL: [Stage; 9] = [
        Stage::Fmt,
        Stage::Clippy,
        Stage::Tidy,
        Stage::Pkgcheck,
        Stage::Xtask,
        Stage::Race,
        Stage::Services,
        Stage::Build,
        Stage::Test,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Stage::Fmt => "fmt",
            Stage::Clippy => "clippy",
            Stage::Tidy => "tidy",
            Stage::Pkgcheck => "pkgcheck",
            Stage::Xtask => "xtask",
            Stage::Race => "race",
            Stage::Services => "services",
            Stage::Build => "build",
            Stage::Test => "test",
        }
    }

    pub fn named(name: &str) -> Result<Self> {
        match Self::ALL.into_iter().find(|stage| stage.name() == name) {
            Some(stage) => Ok(stage),
            None => bail!("no stage {name:?}; there are {}", Self::ALL.map(Stage::name).join(", ")),
        }
    }
}

/// What to run: every stage unless some are named or left out, and arguments for the product's `cargo test`.
#[derive(Debug, Default)]
pub struct Plan {
    pub only: Vec<Stage>,
    pub skip: Vec<Stage>,
    pub pass_through: Vec<String>,
    /// Where the run is also written as JUnit XML.
    pub junit: Option<PathBuf>,
    /// Set for the product's build and tests.
    pub env: Vec<(String, String)>,
}

impl Plan {
    /// The tests need what the two stages before them export, so naming `test` brings those along.
    pub fn includes(&self, stage: Stage) -> bool {
        let for_tests = matches!(stage, Stage::Services | Stage::Build) && self.only.contains(&Stage::Test);
        let named = self.only.is_empty() || self.only.contains(&stage) || for_tests;
        named && !self.skip.contains(&stage)
    }
}

/// What a run carries from stage to stage.
struct Run<'a> {
    root: &'a Path,
    plan: &'a Plan,
    /// False in a workspace without members, which cargo refuses to build.
    has_product: bool,
    /// Exported to the tests.
    env: Vec<(String, String)>,
    started: Vec<String>,
    build_failed: bool,
}

/// Runs the plan and prints its report; true if nothing failed.
pub fn run(root: &Path, plan: &Plan) -> Result<bool> {
    let skips = fresh_skip_file(root)?;
    let mut run = Run {
        root,
        plan,
        has_product: workspace::has_members(root)?,
        env: vec![("TIDEGATE_TEST_SKIPS".into(), skips.display().to_string())],
        started: Vec::new(),
        build_failed: false,
    };
    let mut total = Tally::default();
    let mut rows = Vec::new();
    for stage in Stage::ALL.into_iter().filter(|stage| plan.includes(*stage)) {
        println!("\n== {}", stage.name());
        let begin = Instant::now();
        let tally = run.stage(stage).unwrap_or_else(|error| {
            println!("{}: {error:#}", stage.name());
            Tally::of_check(false)
        });
        rows.push((stage, begin.elapsed(), tally.failed));
        total.add(named(stage, tally));
    }
    let stopped = services::stop_these(&services::Depot::at(root), &run.started);
    let counted = report::announced(&mut total, &skips);
    let written = plan.junit.as_deref().map_or(Ok(()), |file| write_junit(file, &total));
    // None of these may cost the run its last line.
    for error in [stopped, counted, written].into_iter().filter_map(Result::err) {
        println!("{error:#}");
        total.add(Tally::of_check(false));
    }
    print_end(&rows, &total);
    Ok(total.failed == 0)
}

/// A stage that is one check is also one case; one that runs tests has a case for each of them.
fn named(stage: Stage, mut tally: Tally) -> Tally {
    if tally.cases.is_empty() && tally.passed + tally.failed == 1 {
        let verdict = match tally.failed {
            0 => report::Verdict::Passed,
            _ => report::Verdict::Failed("see the log".to_owned()),
        };
        tally.cases.push(Case { suite: "stages".into(), name: stage.name().into(), verdict });
    }
    tally
}

fn write_junit(file: &Path, total: &Tally) -> Result<()> {
    if let Some(folder) = file.parent() {
        std::fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    }
    std::fs::write(file, junit::write(total)).with_context(|| format!("cannot write {}", file.display()))
}

fn fresh_skip_file(root: &Path) -> Result<PathBuf> {
    let folder = root.join("target");
    std::fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    let file = folder.join("test-skips.txt");
    std::fs::write(&file, "").with_context(|| format!("cannot write {}", file.display()))?;
    Ok(file)
}

fn print_end(rows: &[(Stage, Duration, u64)], total: &Tally) {
    println!("\n== times");
    for (stage, time, failed) in rows {
        let verdict = if *failed == 0 { "ok".to_owned() } else { format!("FAILED ({failed})") };
        println!("{:<10}{:>8.1} s  {verdict}", stage.name(), time.as_secs_f64());
    }
    let all: Duration = rows.iter().map(|(_, time, _)| *time).sum();
    println!("{:<10}{:>8.1} s\n", "all", all.as_secs_f64());
    for skip in &total.skips {
        println!("SKIP {}: {}", skip.name, skip.reason);
    }
    println!("{}", total.line());
}

impl Run<'_> {
    fn stage(&mut self, stage: Stage) -> Result<Tally> {
        match stage {
            Stage::Fmt => self.twice(&["fmt", "--all"], &["--", "--check"]),
            Stage::Clippy => self.twice(
                &["clippy", "--workspace", "--all-targets", "--all-features"],
                &["--", "-D", "warnings"],
            ),
            Stage::Tidy => findings_stage(self.root, tidy::check),
            Stage::Pkgcheck => findings_stage(self.root, pkgcheck::check),
            Stage::Xtask => self.xtask_tests(),
            Stage::Race => self.race(),
            Stage::Services => self.services(),
            Stage::Build => self.build(),
            Stage::Test => self.test(),
        }
    }

    /// One check on xtask and on the product; one that fails keeps the other from nothing.
    fn twice(&self, verb: &[&str], rest: &[&str]) -> Result<Tally> {
        let own = process::succeeds(self.cargo_on_xtask(verb).args(rest))?;
        let product =
            !self.has_product || process::succeeds(process::cargo(self.root).args(verb).args(rest))?;
        Ok(Tally::of_check(own && product))
    }

    fn cargo_on_xtask(&self, verb: &[&str]) -> Command {
        let mut command = process::cargo(self.root);
        command.args(verb).args(["--manifest-path", XTASK_MANIFEST]);
        command.env("CARGO_TARGET_DIR", self.root.join(XTASK_TARGET));
        command
    }

    fn xtask_tests(&self) -> Result<Tally> {
        let mut command = self.cargo_on_xtask(&["test"]);
        command.args(["--no-fail-fast", "--color", "never"]);
        self.count(&mut command)
    }

    /// In the short form, without a webhook: `cargo xtask race` is the whole.
    fn race(&self) -> Result<Tally> {
        if !self.root.join(race::MODELS).exists() {
            println!("the workspace has no models");
            return Ok(Tally::default());
        }
        let report = race::look(self.root, true)?;
        println!("{}", report.line());
        Ok(report.tally())
    }

    /// What cannot be had on this machine is named here and skipped by the tests that need it; it is no failure.
    fn services(&mut self) -> Result<Tally> {
        let outcome = services::start(&services::Depot::at(self.root), COUNTERPARTS, false)?;
        outcome.print();
        self.env.extend(outcome.env);
        self.started.extend(outcome.started);
        Ok(Tally::default())
    }

    /// Builds as the tests will be built, with one set of features, and notes where the node's binary lies.
    fn build(&mut self) -> Result<Tally> {
        if !self.has_product {
            println!("the workspace has no crate yet");
            return Ok(Tally::default());
        }
        let tests = self.executables(&["test", "--no-run"])?;
        let mut node = tests.as_deref().and_then(node_binary);
        self.build_failed = tests.is_none();
        if node.is_none() && !self.build_failed && self.root.join("node").exists() {
            // Cargo builds a binary beside the tests only for a crate with integration tests.
            let binaries = self.executables(&["build", "--bins"])?;
            node = binaries.as_deref().and_then(node_binary);
            self.build_failed = node.is_none();
        }
        self.env.extend(node.map(|path| ("TIDEGATE_TEST_NODE".into(), path)));
        Ok(Tally { passed: 0, ..Tally::of_check(!self.build_failed) })
    }

    /// Runs a building `cargo` verb and gives back its messages, one JSON object a line; `None` if it failed.
    fn executables(&self, verb: &[&str]) -> Result<Option<String>> {
        let output = process::cargo(self.root)
            .args(verb)
            .args(["--workspace", "--all-features", "--message-format", "json-render-diagnostics"])
            .envs(self.plan.env.iter().map(|(name, value)| (name, value)))
            .stderr(Stdio::inherit())
            .output()
            .context("cannot run cargo")?;
        Ok(output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned()))
    }

    fn test(&self) -> Result<Tally> {
        if !self.has_product {
            println!("the workspace has no crate yet");
            return Ok(Tally::default());
        }
        if self.build_failed {
            println!("not run: the build failed");
            return Ok(Tally::default());
        }
        let mut command = process::cargo(self.root);
        command.args(["test", "--workspace", "--all-features", "--no-fail-fast", "--color", "never"]);
        command.args(&self.plan.pass_through);
        command.envs(self.plan.env.iter().map(|(name, value)| (name, value)));
        self.count(&mut command)
    }

    fn count(&self, command: &mut Command) -> Result<Tally> {
        command.envs(self.env.iter().map(|(name, value)| (name, value)));
        let mut reader = Reader::default();
        let succeeded = process::lines(command, |line| reader.line(line))?;
        Ok(reader.finish(succeeded))
    }
}

/// Where the binary `tidegate` lies, by cargo's messages.
pub fn node_binary(messages: &str) -> Option<String> {
    messages.lines().find_map(executable)
}

fn executable(line: &str) -> Option<String> {
    let message: serde_json::Value = serde_json::from_str(line).ok()?;
    let is_node = message["target"]["name"] == "tidegate" && message["target"]["kind"][0] == "bin";
    let is_test = message["profile"]["test"] == true;
    if is_node && !is_test { message["executable"].as_str().map(str::to_owned) } else { None }
}

fn findings_stage(root: &Path, check: fn(&tidy::Context) -> Result<Vec<tidy::Finding>>) -> Result<Tally> {
    let findings = check(&tidy::Context::open(root)?)?;
    for finding in &findings {
        println!("{finding}");
    }
    println!("{} findings", findings.len());
    Ok(Tally::of_check(findings.is_empty()))
}
