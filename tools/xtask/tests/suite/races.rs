//! The race gate: its verdicts, its hand-over, and that a stage without its tool is named and never passed.

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::process::Command;
use std::thread;
use std::time::Duration;

use xtask::process::{TIMED_OUT, bounded};
use xtask::race::delivery::deliver;
use xtask::race::report::{Report, Row, Verdict};
use xtask::race::tool::Tool;

use crate::fixture::Fixture;

fn row(tool: Tool, verdict: Verdict) -> Row {
    Row { tool, version: "1".into(), tests: 2, iterations: 9, planted_found: 2, verdict, seconds: 0.14 }
}

fn report(rows: Vec<Row>) -> Report {
    Report { commit: "c0ffee".into(), changed: false, quick: true, ended_ms: 7, rows }
}

#[test]
fn a_report_passes_only_when_every_stage_ran() {
    let passed = row(Tool::Loom, Verdict::Passed);
    let left_out = row(Tool::Miri, Verdict::NotRun("there is no nightly toolchain".into()));
    let found = row(Tool::Shuttle, Verdict::Found("panicked at".into()));
    let verdict = |rows: &[&Row]| report(rows.iter().map(|row| (*row).clone()).collect()).verdict();
    assert_eq!(verdict(&[&passed]), "passed");
    assert_eq!(verdict(&[&passed, &left_out]), "incomplete");
    assert_eq!(verdict(&[&passed, &left_out, &found]), "found");
    let all = report(vec![passed, left_out, found]);
    assert_eq!(all.line(), "race: found; 2 of 3 stages ran, 1 NOT RUN");
    let tally = all.tally();
    assert_eq!((tally.passed, tally.failed), (1, 1));
    assert_eq!(tally.skips[0].name, "race miri");
    let json = all.json();
    assert_eq!((&json["commit"], &json["quick"]), (&"c0ffee".into(), &true.into()));
    assert_eq!(json["stages"][0]["executions"], 9);
    assert_eq!(json["stages"][1]["verdict"], "not run");
    assert_eq!(json["stages"][1]["words"], "there is no nightly toolchain");
}

/// Takes one request after another and answers with these; what came as bodies.
fn webhook(answers: &'static [&'static str]) -> (String, thread::JoinHandle<Vec<String>>) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
    let url = format!("http://{}/hook?key=secret", listener.local_addr().expect("it listens"));
    let served = thread::spawn(move || {
        answers.iter().map(|answer| serve(&listener.accept().expect("a client").0, answer)).collect()
    });
    (url, served)
}

fn serve(mut stream: &TcpStream, answer: &str) -> String {
    let (mut read, mut buffer) = (String::new(), [0; 4096]);
    loop {
        let many = stream.read(&mut buffer).expect("the client writes");
        read.push_str(&String::from_utf8_lossy(&buffer[..many]));
        let Some((head, body)) = read.split_once("\r\n\r\n") else { continue };
        let length =
            head.lines().find_map(|line| line.to_lowercase().strip_prefix("content-length: ")?.parse().ok());
        if body.len() >= length.unwrap_or(0) {
            write!(stream, "HTTP/1.1 {answer}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
                .expect("it reads");
            return body.to_owned();
        }
    }
}

#[test]
fn a_webhook_that_is_busy_is_asked_again_and_gets_the_report_whole() {
    let tree = Fixture::empty().with("report.json", "{\"verdict\":\"passed\"}\n");
    let (url, served) = webhook(&["503 Busy", "200 OK"]);
    deliver(&url, &tree.root.join("report.json")).expect("the second answer takes it");
    assert_eq!(served.join().expect("it served"), ["{\"verdict\":\"passed\"}\n"; 2]);
}

#[test]
fn a_webhook_that_cannot_be_named_is_refused_without_repeating_its_secret() {
    let tree = Fixture::empty().with("report.json", "{}");
    for url in ["ftp://example.com/key-7", "http://example.com/\nkey-7"] {
        let error = format!("{:#}", deliver(url, &tree.root.join("report.json")).expect_err("it is refused"));
        assert!(!error.contains("key-7"), "{error}");
    }
}

/// The pipe ends only with the last process that holds it: the one that the first one started is ended as well.
#[test]
fn a_stage_that_never_ends_is_ended_with_what_it_started() {
    let mut endless = Command::new("sh");
    endless.args(["-c", "echo began; sleep 1000 & sleep 1000"]);
    let output = bounded(&endless, Duration::from_secs(1)).output().unwrap();
    assert_eq!((output.status.code(), &*output.stdout), (Some(TIMED_OUT), &b"began\n"[..]));
}
