//! A real InfluxDB and a real Prometheus, each on a port and in a folder that outlive it, asked with curl.

use crate::process::{PATIENCE, pass, port_to_keep};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// A program that can be stopped and started. Dropping it kills it.
pub(crate) struct Server {
    program: PathBuf,
    arguments: Vec<String>,
    folder: PathBuf,
    curl: PathBuf,
    pub(crate) port: u16,
    /// What answers once it serves.
    ready: &'static str,
    child: Child,
}

impl Server {
    fn run(program: &Path, arguments: Vec<String>, folder: &Path) -> Child {
        let log = File::options().create(true).append(true).open(folder.join("log")).unwrap();
        let mut command = Command::new(program);
        command.args(&arguments).env("HOME", folder);
        command.stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log).spawn().unwrap()
    }

    fn new(
        program: &Path,
        curl: &Path,
        folder: &Path,
        port: u16,
        ready: &'static str,
        arguments: Vec<String>,
    ) -> Server {
        let child = Server::run(program, arguments.clone(), folder);
        let (program, folder, curl) = (program.to_owned(), folder.to_owned(), curl.to_owned());
        let server = Server { program, arguments, folder, curl, port, ready, child };
        server.serves();
        server
    }

    pub(crate) fn start(&mut self) {
        self.child = Server::run(&self.program, self.arguments.clone(), &self.folder);
        self.serves();
    }

    /// SIGTERM, and waits for the end.
    pub(crate) fn stop(&mut self) {
        kill_process(Pid::from_child(&self.child), Signal::TERM).unwrap();
        self.child.wait().unwrap();
    }

    fn serves(&self) {
        let began = Instant::now();
        while self.get(self.ready, "").is_none() {
            assert!(began.elapsed() < PATIENCE, "{} does not serve", self.program.display());
            // Another program's readiness can only be asked for again.
            pass(Duration::from_millis(50));
        }
    }

    /// The body of the answer, if there is one and it is a success.
    fn get(&self, path: &str, form: &str) -> Option<String> {
        let mut command = Command::new(&self.curl);
        command.args(["-sS", "-f", "--max-time", "20"]);
        if !form.is_empty() {
            command.args(["--data-urlencode", form]);
        }
        let output = command.arg(format!("http://127.0.0.1:{}{path}", self.port)).output().unwrap();
        output.status.success().then(|| String::from_utf8(output.stdout).unwrap())
    }

    fn ask(&self, path: &str, form: &str) -> Value {
        let answer = self.get(path, form).unwrap_or_else(|| panic!("no answer to {form}"));
        serde_json::from_str(&answer).unwrap_or_else(|error| panic!("{error} in {answer}"))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Both fail when it has ended, which is as good.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub(crate) struct Influxd {
    pub(crate) server: Server,
}

impl Influxd {
    pub(crate) fn start(program: &Path, curl: &Path, folder: &Path) -> Influxd {
        fs::create_dir(folder).unwrap();
        let (port, at) = (port_to_keep(), |part: &str| folder.join(part).display().to_string());
        let text = format!(
            "reporting-enabled = false\nbind-address = \"127.0.0.1:0\"\n[meta]\ndir = \"{}\"\n[data]\ndir = \"{}\"\nwal-dir = \"{}\"\n\
             [http]\nbind-address = \"127.0.0.1:{port}\"\nlog-enabled = false\n",
            at("meta"),
            at("data"),
            at("wal"),
        );
        fs::write(folder.join("influxdb.conf"), text).unwrap();
        let arguments = ["run".to_owned(), "-config".to_owned(), at("influxdb.conf")].to_vec();
        let server = Server::new(program, curl, folder, port, "/ping", arguments);
        server.ask("/query", "q=CREATE DATABASE plant");
        Influxd { server }
    }

    /// How many points have this field.
    pub(crate) fn count(&self, field: &str) -> u64 {
        let found = self.server.ask("/query?db=plant", &format!("q=SELECT COUNT({field}) FROM readings"));
        found["results"][0]["series"][0]["values"][0][1].as_u64().unwrap_or(0)
    }
}

pub(crate) struct Prometheus {
    pub(crate) server: Server,
}

impl Prometheus {
    /// Takes remote writes, and scrapes the page of a node that is yet to come.
    pub(crate) fn start(program: &Path, curl: &Path, folder: &Path, page: u16) -> Prometheus {
        fs::create_dir(folder).unwrap();
        let (port, config) = (port_to_keep(), folder.join("prometheus.yml"));
        let text = format!(
            "scrape_configs:\n- job_name: page\n  scrape_interval: 1s\n  metrics_path: /metrics/readings\n\
             \x20 static_configs:\n  - targets: ['127.0.0.1:{page}']\n"
        );
        fs::write(&config, text).unwrap();
        let arguments = [
            format!("--config.file={}", config.display()),
            format!("--storage.tsdb.path={}", folder.join("data").display()),
            format!("--web.listen-address=127.0.0.1:{port}"),
            "--web.enable-remote-write-receiver".to_owned(),
        ];
        Prometheus { server: Server::new(program, curl, folder, port, "/-/ready", arguments.to_vec()) }
    }

    /// The first value of an instant query; 0 where there is none.
    pub(crate) fn number(&self, query: &str) -> u64 {
        let found = self.server.ask("/api/v1/query", &format!("query={query}"));
        let value = found["data"]["result"][0]["value"][1].as_str().unwrap_or("0");
        value.parse().unwrap()
    }
}
