//! Commands as a person meets them: the whole of what they print, on both streams, and their exit status.
//!
//! They run in an empty folder with an empty environment, so what they print is the same everywhere. What cannot be, is said by a
//! mark: `#` for a number, `[secret]` for a random word.

use crate::process::{Node, binary};
use crate::snapshot::compare;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use tempfile::TempDir;

/// Nobody listens there: it takes a privilege, and nothing is assigned to it.
const NOBODY: &str = "127.0.0.1:4";

fn ran(folder: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(binary());
    command.args(arguments).current_dir(folder).env_clear().stdin(Stdio::null());
    command.output().unwrap()
}

/// One command with all that came of it.
fn told(folder: &Path, arguments: &[&str]) -> String {
    let output = ran(folder, arguments);
    let shown: Vec<String> = arguments
        .iter()
        .map(|word| if word.contains([' ', '#']) { format!("'{word}'") } else { (*word).to_owned() })
        .collect();
    let mut text = format!("$ tidegate {}\n", shown.join(" "));
    text += &String::from_utf8_lossy(&output.stdout);
    for line in String::from_utf8_lossy(&output.stderr).lines() {
        writeln!(text, "! {line}").unwrap();
    }
    writeln!(text, "= {}\n", output.status.code().unwrap()).unwrap();
    text.replace(env!("CARGO_PKG_VERSION"), "[version]")
}

fn all(folder: &Path, commands: &[&[&str]]) -> String {
    commands.iter().map(|arguments| told(folder, arguments)).collect()
}

/// Numbers and the room they take differ from run to run; not those of errors, and not the status.
fn without_numbers(text: &str) -> String {
    let is_kept = |line: &str| line.starts_with(['!', '=', '$']);
    let shown = |line| if is_kept(line) { line.to_owned() } else { marked(line) };
    text.lines().map(|line| shown(line) + "\n").collect()
}

fn marked(line: &str) -> String {
    let mut out = String::new();
    for letter in line.chars().map(|letter| if letter.is_ascii_digit() { '#' } else { letter }) {
        if !(matches!(letter, '#' | ' ') && out.ends_with(letter)) {
            out.push(letter);
        }
    }
    out
}

/// Random words are long, and nothing else is.
fn without_secrets(text: &str) -> String {
    let is_secret = |word: &&str| {
        word.len() >= 40 && word.chars().all(|letter| letter.is_ascii_alphanumeric() || "-_".contains(letter))
    };
    let parts = |letter: char| !letter.is_ascii_alphanumeric() && !"-_".contains(letter);
    let secrets: Vec<&str> = text.split(parts).filter(is_secret).collect();
    secrets.iter().fold(text.to_owned(), |text, secret| text.replace(secret, "[secret]"))
}

/// The commands that a help text names.
fn named_in(help: &str) -> Vec<String> {
    let commands = help.lines().skip_while(|line| *line != "Commands:").skip(1);
    let names =
        commands.take_while(|line| !line.is_empty()).filter_map(|line| line.split_whitespace().next());
    names.filter(|name| *name != "help").map(str::to_owned).collect()
}

fn help(folder: &Path, path: &[String], text: &mut String) {
    let arguments: Vec<&str> = path.iter().map(String::as_str).chain(["--help"]).collect();
    let one = told(folder, &arguments);
    text.push_str(&one);
    for name in named_in(&one) {
        help(folder, &[path, &[name]].concat(), text);
    }
}

#[test]
fn every_command_says_what_it_is_for() {
    let folder = TempDir::new().unwrap();
    let mut text = String::new();
    help(folder.path(), &[], &mut text);
    compare("help.txt", &text);
}

#[test]
fn a_command_line_that_is_not_understood_is_told_what_would_be() {
    let folder = TempDir::new().unwrap();
    let commands: &[&[&str]] = &[
        &[],
        &["--version"],
        &["upp"],
        &["up", "--mqtt", "1883"],
        &["up", "--log", "xml"],
        &["up", "--critical", "alarm/#/x"],
        &["config", "check"],
        &["restore", "--to", "data"],
        &["restore", "a", "--to", "data", "--until-record", "tail:7"],
        &["explain", "TG-XX-999"],
        &["explain", "tg-nd-003"],
    ];
    compare("usage.txt", &all(folder.path(), commands));
}

#[test]
fn the_configuration_is_written_checked_and_shown() {
    let folder = TempDir::new().unwrap();
    let path = folder.path();
    fs::write(path.join("sound.toml"), "[log]\nformat = \"json\"\n[mqtt]\nconnections_max = 500\n").unwrap();
    let faults = "[mqtt]\nlisen = 1\nconnections_max = \"10\"\n[node]\ndrain_timeout = \"5\"\n[ingest]\ncritical = [\"a/#/b\"]\n";
    fs::write(path.join("faults.toml"), faults).unwrap();
    fs::write(path.join("one.toml"), "[queues]\nkeep_bytes = \"3 GiB\"\n").unwrap();
    fs::write(path.join("torn.toml"), "[mqtt\n").unwrap();
    let commands: &[&[&str]] = &[
        &["config", "init", "--section", "log"],
        &["config", "init", "--section", "log"],
        &["config", "init", "--section", "log", "--out", "-"],
        &["config", "init", "--section", "nowhere", "--out", "-"],
        &["config", "check", "sound.toml"],
        &["config", "check", "faults.toml"],
        &["config", "check", "torn.toml"],
        &["config", "check", "missing.toml"],
        &["config", "show", "--config", "sound.toml", "--mqtt", "127.0.0.1:1", "--origin"],
        &["config", "show", "--config", "one.toml"],
        &["up", "--config", "faults.toml"],
        &["up", "--config", "one.toml"],
        &["up", "--mqtt", "0.0.0.0:1883"],
    ];
    compare("config.txt", &all(path, commands));
    let json = told(path, &["config", "show", "--config", "sound.toml", "--json"]);
    let log: String =
        json.lines().filter(|line| line.contains("\"log.")).map(|line| format!("{line}\n")).collect();
    compare("config-json.txt", &log);
}

#[test]
fn a_node_that_is_not_there_is_told_of_by_every_command_that_asks_one() {
    let folder = TempDir::new().unwrap();
    let asked: &[&[&str]] = &[
        &["config", "reload"],
        &["ingest", "dead-letters", "list"],
        &["ingest", "dead-letters", "show", "019aa9c4-5e5b-7c10-8000-000000000000"],
        &["ingest", "dead-letters", "replay", "--dry-run"],
        &["notice", "list", "--json"],
        &["notice", "test", "ops"],
        &["story", "019aa9c4-5e5b-7c10-8000-000000000000"],
        &["audit", "list"],
        &["top", "--once"],
        &["demo", "show"],
    ];
    let text: String =
        asked.iter().map(|words| told(folder.path(), &[*words, &["--admin", NOBODY]].concat())).collect();
    compare("nobody.txt", &text);
}

#[test]
fn a_folder_that_is_none_is_told_of_by_every_command_that_takes_one() {
    let folder = TempDir::new().unwrap();
    fs::create_dir(folder.path().join("empty")).unwrap();
    let commands: &[&[&str]] = &[
        &["journal", "inspect", "missing"],
        &["journal", "verify", "empty"],
        &["journal", "verify", "empty", "--json"],
        &["backup", "empty", "--to", "copy"],
        &["restore", "empty", "--to", "data"],
        &["upgrade", "missing"],
        &["upgrade", "empty"],
    ];
    compare("folders.txt", &all(folder.path(), commands));
}

#[test]
fn a_data_folder_is_looked_into_copied_and_made_again() {
    let folder = TempDir::new().unwrap();
    let node = Node::start(&folder.path().join("data"));
    node.accounts_when(|accounts| accounts["admission"]["difference"] == 0);
    assert_eq!(node.terminate().status, Some(0));
    let commands: &[&[&str]] = &[
        &["journal", "inspect", "data"],
        &["journal", "verify", "data"],
        &["backup", "data", "--to", "full"],
        &["backup", "data", "--to", "more", "--since", "full", "--json"],
        &["backup", "data", "--to", "full"],
        &["restore", "full", "more", "--to", "again"],
        &["restore", "more", "--to", "other"],
        &["upgrade", "data"],
    ];
    compare("data.txt", &without_numbers(&all(folder.path(), commands)));
}

#[test]
fn secrets_are_shown_once_with_the_lines_that_let_their_bearer_in() {
    let folder = TempDir::new().unwrap();
    let commands: &[&[&str]] = &[
        &["identity", "secret", "press-7"],
        &["identity", "token", "ada"],
        &["identity", "token", "a b"],
        &["identity", "person", "lin"],
    ];
    compare("identity.txt", &without_secrets(&all(folder.path(), commands)));
}
