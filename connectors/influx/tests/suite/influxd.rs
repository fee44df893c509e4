//! A real influxd on a free loopback port, in a folder that outlives it; or a word in the report that there is none here.

use crate::rows::{PATIENCE, client};
use serde_json::Value;
use std::env;
use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use tidegate_kernel_outbound::{Request, query};
use tokio::time::{sleep, timeout};

const VARIABLE: &str = "TIDEGATE_TEST_INFLUXD";

pub(crate) struct Influxd {
    child: Child,
    pub(crate) address: SocketAddr,
}

/// The program; without it the test announces that it is skipped, and returns.
pub(crate) fn program(test: &str) -> Option<PathBuf> {
    let found = env::var_os(VARIABLE).map(PathBuf::from);
    if found.is_none() {
        let reason = format!("influxd cannot be had here, {VARIABLE} is not set");
        let file = env::var_os("TIDEGATE_TEST_SKIPS").unwrap_or_else(|| {
            panic!("{reason}; `cargo xtask test` installs it, or skips this test by name")
        });
        let mut file = OpenOptions::new().append(true).open(file).unwrap();
        file.write_all(format!("SKIP influx::{test}: {reason}\n").as_bytes()).unwrap();
    }
    found
}

/// An address that nobody listens on now.
pub(crate) fn free_address() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

impl Influxd {
    /// Starts it and waits until it serves.
    pub(crate) async fn start(program: &Path, folder: &Path, address: SocketAddr) -> Influxd {
        let config = folder.join("influxdb.conf");
        let at = |part: &str| folder.join(part).display().to_string();
        let text = format!(
            "reporting-enabled = false\nbind-address = \"127.0.0.1:0\"\n[meta]\ndir = \"{}\"\n[data]\ndir = \"{}\"\nwal-dir = \"{}\"\n\
             [http]\nbind-address = \"{address}\"\nlog-enabled = false\n",
            at("meta"),
            at("data"),
            at("wal"),
        );
        fs::write(&config, text).unwrap();
        let log = File::create(folder.join("log")).unwrap();
        let mut command = Command::new(program);
        command.arg("run").arg("-config").arg(&config).env("HOME", folder);
        let child =
            command.stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log).spawn().unwrap();
        let influxd = Influxd { child, address };
        timeout(PATIENCE, influxd.ready()).await.expect("influxd serves");
        influxd.query("CREATE DATABASE plant").await;
        influxd
    }

    async fn ready(&self) {
        let client = client(self.address);
        while client.send(Request::post("/ping", "")).await.is_err() {
            // Another program's readiness can only be asked for again.
            sleep(Duration::from_millis(20)).await;
        }
    }

    pub(crate) async fn query(&self, text: &str) -> Value {
        let target = format!("/query{}", query(&[("db", "plant"), ("q", text)]));
        let answer = client(self.address).send(Request::post(target, "")).await.unwrap();
        assert_eq!(answer.status, 200, "{}", answer.excerpt());
        serde_json::from_slice(&answer.body).unwrap()
    }

    /// How many points have this field.
    pub(crate) async fn count(&self, field: &str) -> u64 {
        let found = self.query(&format!("SELECT COUNT({field}) FROM readings")).await;
        found["results"][0]["series"][0]["values"][0][1].as_u64().unwrap_or(0)
    }

    /// SIGKILL.
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Influxd {
    fn drop(&mut self) {
        // Both fail when it has ended, which is as good.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
