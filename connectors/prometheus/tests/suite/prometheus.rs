//! A real Prometheus that takes remote writes, on a free loopback port; or a word in the report that there is none here.

use serde_json::Value;
use std::env;
use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tidegate_kernel_outbound::{Client, Dialer, HttpLimits, Request, Resolver, query};
use tokio::time::{sleep, timeout};

const VARIABLE: &str = "TIDEGATE_TEST_PROMETHEUS";
/// Longer than it takes; what is waited for that long has failed.
const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) struct Prometheus {
    child: Child,
    address: SocketAddr,
}

/// The program; without it the test announces that it is skipped, and returns.
pub(crate) fn program(test: &str) -> Option<PathBuf> {
    let found = env::var_os(VARIABLE).map(PathBuf::from);
    if found.is_none() {
        let reason = format!("prometheus cannot be had here, {VARIABLE} is not set");
        let file = env::var_os("TIDEGATE_TEST_SKIPS").unwrap_or_else(|| {
            panic!("{reason}; `cargo xtask test` installs it, or skips this test by name")
        });
        let mut file = OpenOptions::new().append(true).open(file).unwrap();
        file.write_all(format!("SKIP prometheus::{test}: {reason}\n").as_bytes()).unwrap();
    }
    found
}

/// It takes no sample that is far from its own clock.
pub(crate) fn now_ms() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis() as u64
}

impl Prometheus {
    pub(crate) async fn start(program: &Path, folder: &Path) -> Prometheus {
        let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let config = folder.join("prometheus.yml");
        fs::write(&config, "global: {}\n").unwrap();
        let log = File::create(folder.join("log")).unwrap();
        let mut command = Command::new(program);
        command
            .arg(format!("--config.file={}", config.display()))
            .arg(format!("--storage.tsdb.path={}", folder.join("data").display()))
            .arg(format!("--web.listen-address={address}"))
            .arg("--web.enable-remote-write-receiver");
        let child =
            command.stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log).spawn().unwrap();
        let prometheus = Prometheus { child, address };
        timeout(PATIENCE, prometheus.ready()).await.expect("prometheus serves");
        prometheus
    }

    pub(crate) fn client(&self, path: &str) -> Client {
        let dialer = Dialer::new(Resolver::system(), None).unwrap();
        Client::new(dialer, format!("http://{}{path}", self.address).parse().unwrap(), HttpLimits::default())
    }

    async fn ready(&self) {
        let client = self.client("");
        while !client
            .send(Request::post(format!("/api/v1/query{}", query(&[("query", "1")])), ""))
            .await
            .is_ok_and(|answer| answer.is_success())
        {
            // Another program's readiness can only be asked for again.
            sleep(Duration::from_millis(50)).await;
        }
    }

    /// The values of an instant query.
    pub(crate) async fn query(&self, text: &str) -> Vec<String> {
        let target = format!("/api/v1/query{}", query(&[("query", text)]));
        let answer = self.client("").send(Request::post(target, "")).await.unwrap();
        assert_eq!(answer.status, 200, "{}", answer.excerpt());
        let found: Value = serde_json::from_slice(&answer.body).unwrap();
        let results = found["data"]["result"].as_array().unwrap().clone();
        results.iter().map(|result| result["value"][1].as_str().unwrap().to_owned()).collect()
    }
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        // Both fail when it has ended, which is as good.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
