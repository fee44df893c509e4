//! The five minutes of the README, made of nothing but the commands that it prints.

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
    let output = shell(&second, home.path()).env("TIDEGATE_ADMIN", admin).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
    for step in ["the cable is out", "restarts: 1", "what waited has gone out", "plant: 38 devices"] {
        assert!(said.contains(step), "{step} is not in {said}");
    }
    assert_eq!(said.matches("accounts that do not close: 0").count(), 3, "{said}");
    rustix::process::kill_process(
        rustix::process::Pid::from_child(&terminal.0),
        rustix::process::Signal::INT,
    )
    .unwrap();
    let mut last = String::new();
    terminal.1.read_to_string(&mut last).unwrap();
    assert_eq!(terminal.0.wait().unwrap().code(), Some(0), "{last}");
}
