#![doc = include_str!("../README.md")]

//! The binary: reads argv and the environment, wires capabilities to each other, and says what happened.
//!
//! The only place that knows all of them. Threads: one runtime for the data plane, a small one for sinks, the journal's own.

mod accounts;
mod admin;
mod alarms;
mod asking;
mod audit;
mod backup;
mod banner;
#[cfg(feature = "lab")]
mod bench;
mod books;
mod broker;
mod browse;
mod budget;
mod bundle;
mod cli;
mod commands;
mod completions;
mod config;
mod console;
#[cfg(feature = "lab")]
mod demo;
mod devices;
mod docs;
mod doctor;
mod events;
mod explain;
mod failure;
mod gear;
mod grpc;
mod history;
mod http;
mod identity;
mod inspection;
mod intake;
mod lan;
mod letters;
mod login;
mod logs;
mod mqtts;
mod node;
mod notices;
mod only;
mod opcua;
mod open_files;
mod page;
mod parent;
mod plant;
mod probe;
mod progress;
mod pulse;
mod reload;
mod rules;
mod settings;
mod signals;
#[cfg(feature = "lab")]
mod sim;
mod sinks;
mod storage;
mod story;
mod supervisor;
mod tls;
mod top;
mod traces;
mod trust;
mod upgrade;
mod vitals;
mod writing;

use crate::cli::{Cli, Command, Ingest};
use crate::failure::Failure;
use clap::Parser;
use std::process::ExitCode;

fn main() -> ExitCode {
    let cli = Cli::parse();
    let outcome = match cli.command {
        #[cfg(feature = "lab")]
        Command::Up(up) if up.demo => demo::up(&up),
        Command::Up(up) => node::up(&up),
        Command::Config(command) => config::run(&command),
        Command::Ingest(Ingest::DeadLetters(command)) => letters::run(&command),
        Command::Ingest(Ingest::Devices(command)) => devices::run(&command),
        Command::Ingest(Ingest::Opcua(command)) => trust::run(&command),
        Command::Notice(command) => notices::run(&command),
        Command::Journal(command) => inspection::run(&command),
        Command::Story(story) => story::tell(&story),
        Command::Backup(options) => backup::back_up(&options),
        Command::Restore(options) => backup::restore(&options),
        Command::Gear(command) => gear::run(&command),
        Command::Bundle(command) => bundle::run(&command),
        Command::Upgrade(options) => upgrade::run(&options),
        #[cfg(feature = "lab")]
        Command::Demo(command) => demo::run(&command),
        #[cfg(feature = "lab")]
        Command::Sim(command) => sim::run(&command),
        #[cfg(feature = "lab")]
        Command::Bench(bench) => bench::run(&bench),
        Command::Identity(command) => identity::print(&command),
        Command::Audit(command) => audit::tell(&command),
        Command::Ledger(command) => books::run(&command),
        Command::Top(options) => top::run(&options),
        Command::Completions { shell } => completions::print(shell),
        Command::Doctor(options) => doctor::run(&options),
        Command::SupportBundle(options) => doctor::bundle(&options),
        Command::Explain { code } => explain::print(code.as_deref()),
    };
    outcome.unwrap_or_else(|failure: Failure| failure.report())
}
