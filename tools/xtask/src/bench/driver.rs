//! ChromeDriver as far as a benchmark needs it: one session, a page, an expression. HTTP with JSON on a socket.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use serde_json::{Value, json};

use crate::services::daemon;

/// What a browser does by itself on the network is switched off.
const FLAGS: [&str; 8] = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
];
const PATIENCE: Duration = Duration::from_secs(60);

/// A driver that runs. Dropping it ends it.
pub(super) struct Driver {
    child: Child,
    address: SocketAddr,
}

/// A browser with one page. Ended by [`Session::end`].
pub(super) struct Session<'a> {
    driver: &'a Driver,
    id: String,
}

impl Driver {
    pub(super) fn start(program: &Path) -> Result<Driver> {
        let port = daemon::free_port()?;
        let mut command = Command::new(program);
        command
            .arg(format!("--port={port}"))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null());
        let mut child = command.spawn().context("cannot run chromedriver")?;
        let out = child.stdout.take().context("chromedriver has no standard output")?;
        let mut lines = BufReader::new(out).lines();
        let is_ready = |line: &std::io::Result<String>| {
            line.as_ref().is_ok_and(|line| line.contains("started successfully"))
        };
        if !lines.any(|line| is_ready(&line)) {
            bail!("chromedriver ended before it listened");
        }
        // Its later words go nowhere, and must not meet a closed pipe.
        std::thread::spawn(move || lines.for_each(drop));
        Ok(Driver { child, address: SocketAddr::from((Ipv4Addr::LOCALHOST, port)) })
    }

    /// A browser with an empty profile.
    pub(super) fn open(&self, chromium: &Path, profile: &Path) -> Result<Session<'_>> {
        let own = format!("--user-data-dir={}", profile.display());
        let args: Vec<_> = FLAGS.iter().map(|flag| (*flag).to_owned()).chain([own]).collect();
        let options = json!({"goog:chromeOptions": {"binary": chromium, "args": args}});
        let session = self.ask("POST", "/session", &json!({"capabilities": {"alwaysMatch": options}}))?;
        let id = session["sessionId"].as_str().context("chromedriver gives no session")?.to_owned();
        Ok(Session { driver: self, id })
    }

    fn ask(&self, method: &str, path: &str, body: &Value) -> Result<Value> {
        let answer: Value = serde_json::from_str(&self.exchange(method, path, &body.to_string())?)?;
        let value = answer["value"].clone();
        if !value["error"].is_null() {
            bail!("{method} {path}: {}", value["message"]);
        }
        Ok(value)
    }

    fn exchange(&self, method: &str, path: &str, body: &str) -> Result<String> {
        let mut stream = TcpStream::connect(self.address)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        let head = "host: localhost\r\ncontent-type: application/json\r\nconnection: close";
        write!(stream, "{method} {path} HTTP/1.1\r\n{head}\r\ncontent-length: {}\r\n\r\n{body}", body.len())?;
        let mut answer = BufReader::new(stream);
        let (mut line, mut length) = (String::new(), 0);
        while line != "\r\n" {
            line.clear();
            if answer.read_line(&mut line)? == 0 {
                bail!("chromedriver gave no answer");
            }
            if let Some(said) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                length = said.trim().parse()?;
            }
        }
        let mut body = vec![0; length];
        answer.read_exact(&mut body)?;
        Ok(String::from_utf8(body)?)
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        // Both fail when it has ended, which is as good.
        let _ended = self.child.kill();
        let _waited = self.child.wait();
    }
}

impl Session<'_> {
    /// Opens a page and waits until all it begins with is there.
    pub(super) fn go(&self, url: &str) -> Result<()> {
        self.command("url", &json!({ "url": url })).map(drop)
    }

    /// The value of a JavaScript expression, awaited.
    pub(super) fn value(&self, expression: &str) -> Result<Value> {
        let script = format!("return (async () => ({expression}))();");
        self.command("execute/sync", &json!({ "script": script, "args": [] }))
    }

    pub(super) fn end(self) -> Result<()> {
        self.driver.ask("DELETE", &format!("/session/{}", self.id), &json!({})).map(drop)
    }

    fn command(&self, path: &str, body: &Value) -> Result<Value> {
        self.driver.ask("POST", &format!("/session/{}/{path}", self.id), body)
    }
}
