//! A client of asyncua, which a test drives; or a word in the report that there is none.

use serde_json::{Value, json};
use std::collections::VecDeque;
use std::env;
use std::fs::OpenOptions;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use tokio::task::spawn_blocking;

const VARIABLE: &str = "TIDEGATE_TEST_ASYNCUA_PYTHON";
const CLIENT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/suite/client.py");
/// It makes certificates as well.
const SERVER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../drivers/opcua/tests/suite/server.py");

pub(crate) struct Client {
    child: Child,
    orders: ChildStdin,
    answers: Option<BufReader<ChildStdout>>,
    /// That came before answers.
    changes: VecDeque<Value>,
}

/// The interpreter; without it the test announces that it is skipped, and returns.
pub(crate) fn python(test: &str) -> Option<PathBuf> {
    let found = env::var_os(VARIABLE).map(PathBuf::from);
    if found.is_none() {
        let reason = format!("asyncua cannot be had here, {VARIABLE} is not set");
        let file = env::var_os("TIDEGATE_TEST_SKIPS").unwrap_or_else(|| {
            panic!("{reason}; `cargo xtask test` installs it, or skips this test by name")
        });
        let mut file = OpenOptions::new().append(true).open(file).unwrap();
        file.write_all(format!("SKIP {test}: {reason}\n").as_bytes()).unwrap();
    }
    found
}

/// Makes `NAME.der` and the key `NAME.pem` in the folder, valid for so many days around now.
pub(crate) fn certificate(python: &Path, folder: &Path, name: &str, days: [i32; 2]) {
    let mut command = Command::new(python);
    command.args([SERVER, "certificate"]).arg(folder).arg(name).args(days.map(|days| days.to_string()));
    assert!(command.status().unwrap().success());
}

impl Client {
    pub(crate) fn start(python: &Path, url: &str, options: &Value) -> Client {
        let mut command = Command::new(python);
        command.arg(CLIENT).arg(url).arg(options.to_string());
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn().unwrap();
        let (orders, answers) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        Client { child, orders, answers: Some(BufReader::new(answers)), changes: VecDeque::new() }
    }

    /// The same, and let in.
    pub(crate) async fn connect(python: &Path, url: &str, options: &Value) -> Client {
        let mut client = Client::start(python, url, options);
        assert_eq!(client.line().await, json!({ "connected": true }));
        client
    }

    /// Why it is not let in.
    pub(crate) async fn refused(python: &Path, url: &str, options: &Value) -> String {
        let said = Client::start(python, url, options).line().await;
        said["refused"].as_str().unwrap_or_else(|| panic!("{said}")).to_owned()
    }

    /// The next line; the server runs on meanwhile.
    pub(crate) async fn line(&mut self) -> Value {
        let mut answers = self.answers.take().unwrap();
        let (answers, line) = spawn_blocking(move || {
            let mut line = String::new();
            answers.read_line(&mut line).unwrap();
            (answers, line)
        })
        .await
        .unwrap();
        self.answers = Some(answers);
        serde_json::from_str(&line).unwrap_or(Value::Null)
    }

    /// The answer to an order. What changed meanwhile may come before it.
    pub(crate) async fn order(&mut self, what: &str, node: &str, value: impl Into<Value>) -> Value {
        writeln!(self.orders, "{}", json!({ "do": what, "node": node, "value": value.into() })).unwrap();
        loop {
            let line = self.line().await;
            if line["change"].is_null() {
                return line;
            }
            self.changes.push_back(line);
        }
    }

    pub(crate) async fn read(&mut self, node: &str) -> Value {
        self.order("read", node, Value::Null).await["read"].take()
    }

    /// The next change of a tag that is watched.
    pub(crate) async fn change(&mut self) -> Value {
        let mut line = match self.changes.pop_front() {
            Some(line) => line,
            None => self.line().await,
        };
        assert!(line["change"].is_object(), "{line}");
        line["change"].take()
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        // Both fail when it has ended, which is as good.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
