//! `tidegate completions`: a script for a shell, made of the command line's own table.

use crate::banner::say;
use crate::cli::Cli;
use crate::failure::Failure;
use clap::CommandFactory;
use clap_complete::{Shell, generate};
use std::process::ExitCode;

pub(crate) fn print(shell: Shell) -> Result<ExitCode, Failure> {
    let mut script = Vec::new();
    generate(shell, &mut Cli::command(), "tidegate", &mut script);
    say(&String::from_utf8_lossy(&script));
    Ok(ExitCode::SUCCESS)
}
