//! Chromium as a person's browser, driven through ChromeDriver (W3C WebDriver): HTTP with JSON on a socket, nothing more.
//!
//! One at a time: a browser takes a whole small machine. What is waited for is watched inside the page.

use crate::counterpart::counterpart;
use crate::process::PATIENCE;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use tempfile::TempDir;

/// What a browser does by itself on the network is switched off, so that what is left is the page's doing.
const FLAGS: [&str; 9] = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--force-prefers-reduced-motion",
];

/// Drivers that are tried one after the other.
const TRIES: usize = 3;

static ONE: Mutex<()> = Mutex::new(());

/// How it looks and what it speaks.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Look {
    pub(crate) width: u32,
    pub(crate) dark: bool,
    pub(crate) language: &'static str,
}

impl Look {
    pub(crate) const DESK: Look = Look { width: 1280, dark: false, language: "en" };
    /// The narrowest phone there is, at night.
    pub(crate) const PHONE: Look = Look { width: 360, dark: true, language: "zh-CN" };
}

/// A browser with one page. Dropping it ends both programs.
pub(crate) struct Browser {
    driver: Child,
    address: SocketAddr,
    session: String,
    _profile: TempDir,
    _turn: MutexGuard<'static, ()>,
}

/// The two programs; nothing where they cannot be had, which has then been announced.
pub(crate) fn programs(test: &str) -> Option<(PathBuf, PathBuf)> {
    let chromium = counterpart("TIDEGATE_TEST_CHROMIUM", test, "chromium")?;
    Some((chromium, counterpart("TIDEGATE_TEST_CHROMEDRIVER", test, "chromedriver")?))
}

impl Browser {
    pub(crate) fn start((chromium, driver): &(PathBuf, PathBuf), look: Look) -> Browser {
        let turn = ONE.lock().unwrap_or_else(PoisonError::into_inner);
        let profile = TempDir::new().unwrap();
        let (driver, port) =
            (0..TRIES).find_map(|_| listening(drive(driver))).expect("chromedriver never listens");
        let address = SocketAddr::from(([127, 0, 0, 1], port));
        let mut browser = Browser { driver, address, session: String::new(), _profile: profile, _turn: turn };
        let options = browser.options(chromium, look);
        let session = browser.ask("POST", "/session", &json!({"capabilities": {"alwaysMatch": options}}));
        browser.session = session["sessionId"].as_str().unwrap().to_owned();
        browser.command("timeouts", &json!({"script": PATIENCE.as_millis() as u64}));
        browser.set_dark(look.dark);
        browser
    }

    fn options(&self, chromium: &PathBuf, look: Look) -> Value {
        let own = [
            format!("--user-data-dir={}", self._profile.path().display()),
            format!("--window-size={},900", look.width.max(500)),
            format!("--lang={}", look.language),
        ];
        let args: Vec<_> = FLAGS.iter().map(|flag| (*flag).to_owned()).chain(own).collect();
        let mut chrome =
            json!({"binary": chromium, "args": args, "prefs": {"intl.accept_languages": look.language}});
        if look.width < 500 {
            let metrics = json!({"width": look.width, "height": 740, "pixelRatio": 1, "touch": true});
            chrome["mobileEmulation"] = json!({"deviceMetrics": metrics});
        }
        json!({"goog:chromeOptions": chrome, "goog:loggingPrefs": {"browser": "ALL"}})
    }

    pub(crate) fn set_dark(&self, dark: bool) {
        let scheme = if dark { "dark" } else { "light" };
        let features = json!([{"name": "prefers-color-scheme", "value": scheme}]);
        self.devtools("Emulation.setEmulatedMedia", &json!({"features": features}));
    }

    pub(crate) fn open(&self, url: &str) {
        self.command("url", &json!({ "url": url }));
    }

    /// The value of a JavaScript expression.
    pub(crate) fn value(&self, expression: &str) -> Value {
        self.command("execute/sync", &json!({"script": format!("return ({expression});"), "args": []}))
    }

    /// The value of an expression once it is true of something; what cannot be evaluated yet is not.
    pub(crate) fn when(&self, expression: &str) -> Value {
        let script = format!(
            "const done = arguments[0], began = performance.now();
            const look = async () => {{
                let value = null;
                try {{ value = await ({expression}); }} catch {{}}
                if (value) done(value);
                else if (performance.now() - began > {limit}) done(null);
                else setTimeout(look, 30);
            }};
            look();",
            limit = PATIENCE.as_millis() / 2,
        );
        let value = self.command("execute/async", &json!({"script": script, "args": []}));
        assert!(!value.is_null(), "never true: {expression}\non the page: {}", self.text());
        value
    }

    /// All words on the page.
    pub(crate) fn text(&self) -> String {
        self.value("document.body.innerText").as_str().unwrap_or_default().to_owned()
    }

    /// Presses keys, one after the other: letters, or names of WebDriver's own keys by their code point.
    pub(crate) fn press(&self, keys: &[&str]) {
        let each = keys.iter().flat_map(|key| {
            [json!({"type": "keyDown", "value": key}), json!({"type": "keyUp", "value": key})]
        });
        let actions: Vec<_> = each.collect();
        let source = json!([{"type": "key", "id": "keyboard", "actions": actions}]);
        self.command("actions", &json!({ "actions": source }));
    }

    /// Clicks in the middle of what a selector names.
    pub(crate) fn click(&self, selector: &str) {
        let found = self.command("element", &json!({"using": "css selector", "value": selector}));
        let element = found.as_object().and_then(|found| found.values().next()?.as_str());
        self.command(&format!("element/{}/click", element.expect("an element has an id")), &json!({}));
    }

    /// What is in the window, as PNG.
    pub(crate) fn screenshot(&self) -> Vec<u8> {
        let picture = self.devtools("Page.captureScreenshot", &json!({"format": "png"}));
        STANDARD.decode(picture["data"].as_str().unwrap()).unwrap()
    }

    /// What the console of the browser holds since it was last asked, all but what is only said.
    pub(crate) fn complaints(&self) -> Vec<String> {
        let entries = self.command("se/log", &json!({"type": "browser"}));
        let entries = entries.as_array().unwrap().iter();
        let bad = entries.filter(|entry| entry["level"] == "SEVERE" || entry["level"] == "WARNING");
        bad.map(|entry| entry["message"].as_str().unwrap_or_default().to_owned()).collect()
    }

    fn devtools(&self, command: &str, params: &Value) -> Value {
        self.command("goog/cdp/execute", &json!({"cmd": command, "params": params}))
    }

    fn command(&self, path: &str, body: &Value) -> Value {
        self.ask("POST", &format!("/session/{}/{path}", self.session), body)
    }

    fn ask(&self, method: &str, path: &str, body: &Value) -> Value {
        let answer = exchange(self.address, method, path, &body.to_string());
        let value: Value =
            serde_json::from_str(&answer).unwrap_or_else(|error| panic!("{error} in {answer}"));
        let value = value["value"].clone();
        assert!(value["error"].is_null(), "{method} {path} {body}: {value}");
        value
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        if !self.session.is_empty() {
            exchange(self.address, "DELETE", &format!("/session/{}", self.session), "");
        }
        // Both fail when it has ended, which is as good.
        let _ = self.driver.kill();
        let _ = self.driver.wait();
    }
}

fn drive(program: &PathBuf) -> Child {
    let mut command = Command::new(program);
    command.arg("--port=0").stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
    command.spawn().unwrap()
}

/// The driver, and where it listens, as it says itself. Nothing where it ended first: it takes a port that is free over IPv4, and gives up
/// when somebody has the same one over IPv6.
fn listening(mut driver: Child) -> Option<(Child, u16)> {
    let mut out = BufReader::new(driver.stdout.take().unwrap());
    let mut line = String::new();
    loop {
        line.clear();
        if out.read_line(&mut line).unwrap() == 0 {
            driver.wait().unwrap();
            return None;
        }
        let said = line.trim_end().trim_end_matches('.').rsplit_once("on port ");
        // What it was asked for, any port, it says first.
        if let Some(port) = said.and_then(|(_, port)| port.parse().ok()).filter(|port| *port != 0) {
            // Its later words go nowhere, and must not meet a closed pipe.
            std::thread::spawn(move || std::io::copy(&mut out, &mut std::io::sink()));
            return Some((driver, port));
        }
    }
}

fn exchange(address: SocketAddr, method: &str, path: &str, body: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let length = body.len();
    let head = format!(
        "{method} {path} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n"
    );
    stream.write_all(format!("{head}{body}").as_bytes()).unwrap();
    let mut answer = BufReader::new(stream);
    let (mut line, mut length) = (String::new(), 0);
    while line != "\r\n" {
        line.clear();
        assert!(answer.read_line(&mut line).unwrap() > 0, "chromedriver gave no answer");
        if let Some(said) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = said.trim().parse().unwrap();
        }
    }
    let mut body = vec![0; length];
    answer.read_exact(&mut body).unwrap();
    String::from_utf8(body).unwrap()
}
