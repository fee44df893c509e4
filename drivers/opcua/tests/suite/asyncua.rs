//! A server of asyncua on a loopback port, which a test drives, kills and starts again; or a word in the report that there is none.

use serde_json::{Value, json};
use std::env;
use std::fs::OpenOptions;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

const VARIABLE: &str = "TIDEGATE_TEST_ASYNCUA_PYTHON";
const SERVER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/suite/server.py");

pub(crate) struct Server {
    child: Child,
    orders: ChildStdin,
    answers: BufReader<ChildStdout>,
    pub(crate) port: u16,
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

/// A port that nobody listens on now.
pub(crate) fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// Makes `NAME.der`, `NAME.crt` and the key `NAME.pem` in the folder, valid for so many days around now.
pub(crate) fn certificate(python: &Path, folder: &Path, name: &str, days: [i32; 2]) {
    let mut command = Command::new(python);
    command.args([SERVER, "certificate"]).arg(folder).arg(name).args(days.map(|days| days.to_string()));
    assert!(command.status().unwrap().success());
}

impl Server {
    /// Starts it and waits until it serves.
    pub(crate) fn start(python: &Path, port: u16, options: &Value) -> Server {
        let mut command = Command::new(python);
        command.arg(SERVER).arg(port.to_string()).arg(options.to_string());
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn().unwrap();
        let (orders, answers) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        let mut server = Server { child, orders, answers: BufReader::new(answers), port };
        assert_eq!(server.line(), "ready\n");
        server
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.answers.read_line(&mut line).unwrap();
        line
    }

    fn order(&mut self, order: &Value) -> Value {
        writeln!(self.orders, "{order}").unwrap();
        serde_json::from_str(&self.line()).unwrap()
    }

    pub(crate) fn set(&mut self, node: &str, value: impl Into<Value>) {
        self.order(&json!({ "do": "set", "node": node, "value": value.into() }));
    }

    /// With a status and the time of its source.
    pub(crate) fn set_as(&mut self, node: &str, value: impl Into<Value>, status: u32, source_ms: u64) {
        let (value, of) = (value.into(), "set");
        self.order(
            &json!({ "do": of, "node": node, "value": value, "status": status, "source_ms": source_ms }),
        );
    }

    pub(crate) fn get(&mut self, node: &str) -> Value {
        self.order(&json!({ "do": "get", "node": node }))
    }

    /// From now on it publishes nothing, and answers everything else.
    pub(crate) fn mute(&mut self) {
        self.order(&json!({ "do": "mute" }));
    }

    /// Sessions that were opened, that were closed by their clients, and subscriptions there are.
    pub(crate) fn sessions(&mut self) -> [u64; 3] {
        serde_json::from_value(self.order(&json!({ "do": "sessions" }))).unwrap()
    }

    pub(crate) fn url(&self) -> String {
        format!("opc.tcp://127.0.0.1:{}/test", self.port)
    }

    /// SIGKILL.
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Both fail when it has ended, which is as good.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
