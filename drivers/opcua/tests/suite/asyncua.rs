//! A server of asyncua on a loopback port, which a test drives, kills and starts again; or a word in the report that there is none.

use crate::shared::counterpart::{Counterpart, found};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::process::Command;

const SERVER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/suite/server.py");

pub(crate) struct Server {
    counterpart: Counterpart,
    pub(crate) port: u16,
}

/// The interpreter; without it the test announces that it is skipped, and returns.
pub(crate) fn python(test: &str) -> Option<PathBuf> {
    found("TIDEGATE_TEST_ASYNCUA_PYTHON", "asyncua", test)
}

/// One that serves.
pub(crate) fn server(python: &Path, port: u16, options: &Value) -> Counterpart {
    let mut command = Command::new(python);
    Counterpart::start(command.arg(SERVER).arg(port.to_string()).arg(options.to_string())).0
}

/// Makes `NAME.der`, `NAME.crt` and the key `NAME.pem` in the folder, valid for so many days around now.
pub(crate) fn certificate(python: &Path, folder: &Path, name: &str, days: [i32; 2]) {
    let mut command = Command::new(python);
    command.args([SERVER, "certificate"]).arg(folder).arg(name).args(days.map(|days| days.to_string()));
    assert!(command.status().unwrap().success());
}

impl Server {
    pub(crate) fn start(python: &Path, port: u16, options: &Value) -> Server {
        Server { counterpart: server(python, port, options), port }
    }

    fn order(&mut self, order: &Value) -> Value {
        serde_json::from_str(&self.counterpart.order(&order.to_string())).unwrap()
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
        self.counterpart.end();
    }
}
