//! The five minutes of the README, made of nothing but the commands that it prints: each step is seen to have done what the page says, to
//! the story of an alarm, which is the last.

use crate::process::binary;
use std::io::{BufRead, BufReader, Read};
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use tempfile::TempDir;

/// The shell blocks of a section: how the binary is installed, what the first terminal runs, what the second one runs.
fn blocks(readme: &str, heading: &str) -> [String; 3] {
    let (_, rest) = readme.split_once(&format!("\n## {heading}\n")).unwrap();
    let section = rest.split("\n## ").next().unwrap();
    let blocks: Vec<String> =
        section.split("```sh\n").skip(1).map(|block| block.split("```").next().unwrap().to_owned()).collect();
    blocks.try_into().unwrap_or_else(|blocks| panic!("three blocks of commands, and not {blocks:?}"))
}

/// Commands without what they say about themselves.
fn commands(block: &str) -> Vec<&str> {
    block.lines().map(|line| line.split('#').next().unwrap().trim()).collect()
}

/// A shell as a person has one, with the binary installed.
fn shell(script: &str, home: &Path) -> Command {
    let path = format!("{}:{}", home.join("bin").display(), std::env::var("PATH").unwrap());
    let mut command = Command::new("sh");
    command.args(["-ec", script]).current_dir(home).env("PATH", path).stdin(Stdio::null());
    command
}

/// Ends the first terminal's command as closing the terminal would.
struct Terminal(Child, BufReader<ChildStdout>);

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// What a command of the second terminal says, once it has ended well.
fn told(command: &str, home: &Path, admin: &str) -> String {
    let output = shell(command, home).env("TIDEGATE_ADMIN", admin).output().unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{command}: {said}{}", String::from_utf8_lossy(&output.stderr));
    said
}

/// Each sink of the table with what waits for it and its breaker.
fn sinks(table: &str) -> Vec<(&str, u64, &str)> {
    let rows = table.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
    let sinks = rows.filter_map(|row| Some((*row.first()?, row.get(4)?.parse().ok()?, *row.get(5)?)));
    sinks.collect()
}

/// Readings wait for the sinks behind the cable, which are red; the file before it goes on.
fn pulled(said: &str) {
    assert!(said.starts_with("the cable is out\n"), "{said}");
    let sinks = sinks(said);
    let (behind, before): (Vec<_>, Vec<_>) =
        sinks.iter().partition(|(name, ..)| ["centre", "mes"].contains(name));
    assert!(
        behind.len() == 2
            && behind.iter().all(|(_, waiting, breaker)| *waiting >= 100 && *breaker != "closed"),
        "{said}"
    );
    assert!(!before.is_empty() && before.iter().all(|(.., breaker)| *breaker == "closed"), "{said}");
    assert!(said.ends_with("accounts that do not close: 0\n"), "{said}");
}

/// What waited is out, nothing is red, and every account has the difference 0.
fn plugged(said: &str) {
    assert!(said.starts_with("the cable is in, and what waited has gone out\n"), "{said}");
    let sinks = sinks(said);
    assert!(sinks.len() >= 3 && sinks.iter().all(|(.., breaker)| *breaker == "closed"), "{said}");
    let behind = sinks.iter().filter(|(name, ..)| ["centre", "mes"].contains(name));
    assert!(behind.clone().count() == 2 && { behind }.all(|(_, waiting, _)| *waiting <= 40), "{said}");
    assert!(said.ends_with("accounts that do not close: 0\n"), "{said}");
}

/// An alarm, the reading that raised it, and that every sink has it, those behind the cable too.
fn reads_as_a_story(said: &str) {
    let lines: Vec<&str> = said.lines().collect();
    assert!(lines[0].starts_with("alarm ") && lines[1] == "raised by this reading:", "{said}");
    assert!(lines[3].contains("taken in") && lines[3].contains("by mqtt"), "{said}");
    for sink in ["centre", "file", "mes"] {
        let has_it = |line: &&str| line.trim_start().starts_with(sink) && line.contains("settled");
        assert!(lines[4..].iter().any(has_it), "{sink} in {said}");
    }
}

#[test]
fn the_commands_that_both_readmes_print_reach_the_last_step() {
    let [english, chinese] =
        [("README.md", "Five minutes"), ("README.zh-CN.md", "五分钟")].map(|(file, heading)| {
            let path = format!("{}/../{file}", env!("CARGO_MANIFEST_DIR"));
            blocks(&std::fs::read_to_string(path).unwrap(), heading)
        });
    assert_eq!(
        english.each_ref().map(|block| commands(block)),
        chinese.each_ref().map(|block| commands(block))
    );
    let [install, first, second] = chinese;
    // The tests were built with this binary; building another one would prove cargo.
    assert_eq!(commands(&install), ["cargo install --locked --path node"]);
    let home = TempDir::new().unwrap();
    std::fs::create_dir(home.path().join("bin")).unwrap();
    symlink(binary(), home.path().join("bin/tidegate")).unwrap();

    let mut child =
        shell(&format!("exec {}", commands(&first)[0]), home.path()).stdout(Stdio::piped()).spawn().unwrap();
    let out = BufReader::new(child.stdout.take().unwrap());
    let mut terminal = Terminal(child, out);
    let mut banner = String::new();
    while !banner.contains("stop it with Ctrl-C") && terminal.1.read_line(&mut banner).unwrap() > 0 {}
    // Where the usual port is taken, the banner says what to add; this is the same.
    let admin = banner.split("console http://").nth(1).and_then(|rest| rest.split('/').next()).unwrap();
    let steps = commands(&second);
    let said: Vec<String> = steps.iter().map(|step| told(step, home.path(), admin)).collect();
    let [pull, kill, plug, show, story] = &said[..] else { panic!("five steps, and not {steps:?}") };
    pulled(pull);
    assert!(
        kill.starts_with("killed with SIGKILL, and back after ") && kill.ends_with("; restarts: 1\n"),
        "{kill}"
    );
    plugged(plug);
    assert!(show.contains("the cable is in; restarts: 1\n") && show.contains("plant: 38 devices"), "{show}");
    assert!(show.ends_with("accounts that do not close: 0\n"), "{show}");
    reads_as_a_story(story);
    rustix::process::kill_process(
        rustix::process::Pid::from_child(&terminal.0),
        rustix::process::Signal::INT,
    )
    .unwrap();
    let mut last = String::new();
    terminal.1.read_to_string(&mut last).unwrap();
    assert_eq!(terminal.0.wait().unwrap().code(), Some(0), "{last}");
}
