//! People at a node: they log in, a session is theirs and no other site's, and what they do is written down for the auditor.

use crate::process::{Answer, Node, PATIENCE, binary, run};
use serde_json::{Value, json};
use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Stdio};
use tempfile::TempDir;

const PASSWORD: &str = "correct horse battery";

/// The lines of a person, as the command makes them of standard input.
pub(crate) fn person(name: &str, password: &str) -> Result<String, String> {
    let mut command = Command::new(binary());
    command
        .args(["identity", "person", name])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    writeln!(child.stdin.take().unwrap(), "{password}").unwrap();
    let output = child.wait_with_output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    if output.status.success() { Ok(text(output.stdout)) } else { Err(text(output.stderr)) }
}

pub(crate) fn ask(node: &Node, request: &str, fields: &str, body: &str) -> Answer {
    let mut stream = TcpStream::connect(node.admin()).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let (host, length) = (node.admin(), body.len());
    let head = format!(
        "{request} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n{fields}content-length: {length}\r\n\r\n"
    );
    stream.write_all(format!("{head}{body}").as_bytes()).unwrap();
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).unwrap();
    let text = String::from_utf8_lossy(&bytes);
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    Answer { status, head: head.to_owned(), body: body.to_owned() }
}

fn log_in(node: &Node, name: &str, password: &str) -> Answer {
    let body = json!({"name": name, "password": password}).to_string();
    ask(node, "POST /api/v1/session", "content-type: application/json\r\n", &body)
}

/// The cookie of an answer, as a header of the next request.
fn cookie(answer: &Answer) -> String {
    let line =
        answer.head.lines().find(|line| line.to_ascii_lowercase().starts_with("set-cookie: ")).unwrap();
    format!("cookie: {}\r\n", line["set-cookie: ".len()..].split(';').next().unwrap())
}

fn code(answer: &Answer) -> (u16, Value) {
    (answer.status, answer.json()["error"]["code"].clone())
}

/// A node with an operator and an auditor who are people, and an auditor's token.
fn start(dir: &TempDir) -> (Node, String) {
    let said = String::from_utf8(run(&["identity", "token", "eye"]).stdout).unwrap();
    let token = said.lines().nth(1).unwrap().trim_start_matches(['#', ' ']).to_owned();
    let auditor = person("mo", PASSWORD).unwrap().replace("operator", "auditor");
    let lines = format!(
        "[identity]\nanonymous = \"never\"\n{}{auditor}{said}roles = [\"auditor\"]\n[ingest]\ncritical = []\n",
        person("lin", PASSWORD).unwrap()
    );
    fs::write(dir.path().join("tidegate.toml"), lines).unwrap();
    (Node::start(dir.path()), token)
}

#[test]
fn a_person_logs_in_acts_and_logs_out_and_the_auditor_reads_what_was_done() {
    let dir = TempDir::new().unwrap();
    let (node, token) = start(&dir);
    assert_eq!(code(&log_in(&node, "lin", "wrong")), (401, json!("TG-ID-002")));
    let answer = log_in(&node, "lin", PASSWORD);
    let attributes = ["HttpOnly", "SameSite=Strict", "Path=/", "Max-Age=43200"];
    assert!(answer.status == 200 && attributes.iter().all(|one| answer.head.contains(one)), "{answer:?}");
    let (session, origin) = (cookie(&answer), format!("origin: http://{}\r\n", node.admin()));
    let who = ask(&node, "GET /api/v1/whoami", &session, "").json();
    assert_eq!(
        (&who["name"], &who["roles"], &who["kind"]),
        (&json!("lin"), &json!(["operator"]), &json!("person"))
    );
    let file = dir.path().join("tidegate.toml");
    let text = fs::read_to_string(&file).unwrap();
    fs::write(&file, text.replace("critical = []", "critical = [\"alarm/#\"]")).unwrap();
    let elsewhere = format!("{session}origin: http://example.org\r\n");
    for foreign in [&session, &elsewhere] {
        assert_eq!(code(&ask(&node, "POST /-/reload", foreign, "")), (403, json!("TG-ID-006")));
    }
    let fields = format!("{session}{origin}x-request-id: shift-7\r\n");
    assert_eq!(ask(&node, "POST /-/reload", &fields, "").status, 200);
    assert_eq!(ask(&node, "GET /api/v1/audit", &session, "").status, 403, "an operator does not audit");
    let out = ask(&node, "DELETE /api/v1/session", &format!("{session}{origin}"), "");
    assert!(out.status == 204 && out.head.contains("Max-Age=0"), "{out:?}");
    assert_eq!(code(&ask(&node, "GET /api/v1/whoami", &session, "")), (401, json!("TG-ID-002")));
    let admin = node.admin().to_string();
    let mut list = Command::new(binary());
    let listed = list
        .args(["audit", "list", "--json", "--admin", &admin])
        .env("TIDEGATE_TOKEN", &token)
        .output()
        .unwrap();
    let page: Value = serde_json::from_slice(&listed.stdout).unwrap();
    let events = page["events"].as_array().unwrap();
    let told = |event: &Value| (event["who"].clone(), event["what"].clone(), event["status"].clone());
    assert_eq!(told(&events[0]), (json!("lin"), json!("POST /api/v1/session"), json!(200)));
    let reload = &events[1];
    assert_eq!(told(reload), (json!("lin"), json!("POST /-/reload"), json!(200)));
    assert_eq!(reload["request_id"], "shift-7");
    assert_eq!(reload["detail"], "ingest.critical: [] -> [\"alarm/#\"]");
    assert!(reload["from"].as_str().unwrap().starts_with("127.0.0.1:") && events.len() == 2, "{page}");
    node.kill();
    let node = Node::start(dir.path());
    let mo = cookie(&log_in(&node, "mo", PASSWORD));
    let page = ask(&node, "GET /api/v1/audit", &mo, "").json();
    assert_eq!(page["events"].as_array().unwrap().len(), 3, "what was done outlives a kill");
}

#[test]
fn a_page_of_another_site_changes_nothing_where_nobody_in_particular_may() {
    let dir = TempDir::new().unwrap();
    fs::write(dir.path().join("tidegate.toml"), "").unwrap();
    let node = Node::start(dir.path());
    let here = format!("origin: http://{}\r\n", node.admin());
    for program in ["", &here, "sec-fetch-site: same-origin\r\n"] {
        assert_eq!(ask(&node, "POST /-/reload", program, "").status, 200, "{program}");
    }
    for page in ["origin: http://example.org\r\n", "origin: null\r\n", "sec-fetch-site: cross-site\r\n"] {
        assert_eq!(code(&ask(&node, "POST /-/reload", page, "")), (403, json!("TG-ID-006")), "{page}");
        assert_eq!(
            ask(&node, "GET /api/v1/whoami", page, "").status,
            200,
            "what only reads is shown to nobody else"
        );
    }
}

#[test]
fn a_name_is_locked_after_wrong_passwords_and_says_for_how_long() {
    let dir = TempDir::new().unwrap();
    let (node, _) = start(&dir);
    (0..5).for_each(|_| assert_eq!(log_in(&node, "lin", "wrong password").status, 401));
    let locked = log_in(&node, "lin", PASSWORD);
    assert_eq!(code(&locked), (429, json!("TG-ID-005")));
    assert!(locked.head.to_ascii_lowercase().contains("retry-after: "), "{}", locked.head);
    assert_eq!(log_in(&node, "mo", PASSWORD).status, 200);
    for broken in ["", "{}", "[1]", "{\"name\":1,\"password\":2}"] {
        assert_eq!(
            code(&ask(&node, "POST /api/v1/session", "", broken)),
            (400, json!("TG-HT-007")),
            "{broken}"
        );
    }
    assert_eq!(log_in(&node, "x", &"y".repeat(4000)).status, 413);
}

#[test]
fn the_lines_of_a_person_hold_no_password_and_a_short_one_is_refused() {
    let lines = person("lin.7", PASSWORD).unwrap();
    assert!(
        lines.contains("[identity.people.\"lin.7\"]\nargon2id = \"$argon2id$") && !lines.contains(PASSWORD)
    );
    assert!(person("lin", "short").unwrap_err().contains("error[TG-ID-016]"));
}

#[test]
fn the_node_has_a_key_that_stays_and_that_nobody_else_reads() {
    let dir = TempDir::new().unwrap();
    let fingerprint = |node: &Node| node.admin_get("/api/v1/whoami").json()["node"].clone();
    let node = Node::start(dir.path());
    let (first, key) = (fingerprint(&node), dir.path().join("node.key"));
    assert_eq!(fs::metadata(&key).unwrap().permissions().mode() & 0o777, 0o600);
    node.kill();
    assert_eq!(fingerprint(&Node::start(dir.path())), first);
    fs::set_permissions(&key, fs::Permissions::from_mode(0o644)).unwrap();
    let refused = Node::attempt(crate::process::command(dir.path()), dir.path()).err().unwrap();
    assert!(refused.log.contains("TG-ID-020"), "{refused:?}");
}
