//! Real counterparts for the tests: installed by package name, run on free loopback ports, stopped by recorded pid.
//!
//! Everything lies under `target/services/`; only apt as root installs beyond it. A daemon that this tool did not start
//! is never touched. What cannot be had is reported with its reason and breaks nothing else.

pub mod daemon;
pub mod demand;
pub mod install;
pub mod state;
pub mod table;

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

use state::State;
use table::{Counterpart, Role};

/// The folder everything is kept in.
#[derive(Debug, Clone)]
pub struct Depot {
    pub folder: PathBuf,
}

impl Depot {
    /// The depot of a source tree; not in cargo's target folder, which several trees may share.
    pub fn at(root: &Path) -> Self {
        Self { folder: root.join("target/services") }
    }

    pub fn path(&self, part: &str) -> PathBuf {
        self.folder.join(part)
    }
}

/// What a start came to.
#[derive(Debug, Default)]
pub struct Outcome {
    /// Addresses and paths for the tests.
    pub env: Vec<(String, String)>,
    /// Daemons that this start began, not those it found running.
    pub started: Vec<String>,
    pub unavailable: Vec<(String, String)>,
}

impl Outcome {
    pub fn print(&self) {
        for (name, value) in &self.env {
            println!("{name}={value}");
        }
        for (name, reason) in &self.unavailable {
            println!("{name} is not available here: {reason}");
        }
    }
}

/// Installs what is missing and starts what is not running. What is heavy is installed only if that is asked for, and used from then on.
pub fn start(depot: &Depot, rows: &[Counterpart], heavy: bool) -> Result<Outcome> {
    std::fs::create_dir_all(&depot.folder)
        .with_context(|| format!("cannot make {}", depot.folder.display()))?;
    let mut state = State::load(depot)?;
    let mut outcome = Outcome::default();
    for row in rows.iter().filter(|row| heavy || !row.heavy || install::stamp_matches(depot, row)) {
        if let Err(error) = bring_up(depot, row, &mut state, &mut outcome) {
            outcome.unavailable.push((row.name.into(), format!("{error:#}")));
        }
    }
    Ok(outcome)
}

fn bring_up(depot: &Depot, row: &Counterpart, state: &mut State, outcome: &mut Outcome) -> Result<()> {
    let installed = install::ensure(depot, row)?;
    match &row.role {
        Role::Tool { programs } => {
            for program in *programs {
                let path = installed.program(program.name)?;
                outcome.env.push((program.env.into(), path.display().to_string()));
            }
        }
        Role::Daemon { spec, env } => {
            let port = match state.live(row.name) {
                Some(entry) => entry.port,
                None => {
                    let entry = daemon::start(depot, row.name, spec, &installed)?;
                    let port = entry.port;
                    state.record(row.name, entry)?;
                    outcome.started.push(row.name.into());
                    port
                }
            };
            outcome.env.push(((*env).into(), format!("127.0.0.1:{port}")));
        }
    }
    Ok(())
}

/// Stops every daemon that this tool started; true, for nothing can be left over but a process that is not ours.
pub fn stop(depot: &Depot) -> Result<bool> {
    let names = State::load(depot)?.names();
    stop_these(depot, &names)?;
    Ok(true)
}

pub fn stop_these(depot: &Depot, names: &[String]) -> Result<()> {
    if names.is_empty() {
        return Ok(());
    }
    let mut state = State::load(depot)?;
    for name in names {
        match state.live(name) {
            Some(entry) => {
                daemon::stop(&entry).with_context(|| format!("{name} does not stop"))?;
                println!("{name} stopped");
            }
            None => println!("{name} was not running"),
        }
        state.forget(name)?;
    }
    Ok(())
}

/// Prints a line for each counterpart; true if all of them could be used now.
pub fn status(depot: &Depot, rows: &[Counterpart]) -> Result<bool> {
    let state = State::load(depot)?;
    let mut complete = true;
    for row in rows {
        let words = match (install::find(depot, row), &row.role) {
            (None, _) => "not installed".into(),
            (Some(_), Role::Tool { .. }) => "installed".into(),
            (Some(_), Role::Daemon { .. }) => match state.live(row.name) {
                Some(entry) => format!("running on 127.0.0.1:{} as process {}", entry.port, entry.pid),
                None => "installed, not running".to_owned(),
            },
        };
        complete &=
            words.starts_with("installed") && !words.ends_with("running") || words.starts_with("running");
        println!("{:<20}{words}", row.name);
    }
    Ok(complete)
}
