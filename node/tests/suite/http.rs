//! Devices over HTTP at a node: who may send what, what becomes of it, and principals taken up while it runs.

use crate::process::{Answer, Node, PATIENCE, command, run};
use rustix::process::Signal;
use serde_json::json;
use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::time::Instant;
use tempfile::TempDir;

const BATCH: &str = r#"{"readings":[{"topic":"line/7/temp","payload":21.5}]}"#;
const APPLIED: &str = "tidegate_config_reloads_total{outcome=\"applied\"}";

pub(crate) fn ask(address: SocketAddr, request: &str, fields: &str, body: &str) -> Answer {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let length = body.len();
    let head = format!(
        "{request} HTTP/1.1\r\nhost: here\r\nconnection: close\r\n{fields}content-length: {length}\r\n\r\n"
    );
    stream.write_all(format!("{head}{body}").as_bytes()).unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    Answer { status, head: head.to_owned(), body: body.to_owned() }
}

fn send(node: &Node, token: Option<&str>, body: &str) -> Answer {
    let fields = token.map(|token| format!("authorization: Bearer {token}\r\n")).unwrap_or_default();
    ask(node.http(), "POST /v1/readings", &fields, body)
}

fn code(answer: &Answer) -> (u16, String) {
    (answer.status, answer.json()["error"]["code"].as_str().unwrap().to_owned())
}

/// A secret and its lines, as the command prints them.
fn secret(what: &str, name: &str) -> (String, String) {
    let said = String::from_utf8(run(&["identity", what, name]).stdout).unwrap();
    let secret = said.lines().nth(1).unwrap().trim_start_matches(['#', ' ']).to_owned();
    (secret, said.replace("publish:#", "publish:line/7/#"))
}

fn start(data: &Path, file: &Path) -> Node {
    let mut command = command(data);
    command.arg("--config").arg(file);
    Node::start_with(command, data)
}

#[test]
fn a_batch_and_lines_are_rows_in_the_file_and_the_sums_close() {
    let dir = TempDir::new().unwrap();
    let node = Node::start(dir.path());
    assert_eq!(send(&node, None, BATCH).status, 200);
    let lines = ask(
        node.http(),
        "POST /write?precision=ms",
        "",
        "press,line=7 temp=21.5 1700000000000\npress broken",
    );
    assert_eq!(code(&lines), (400, "TG-IN-044".to_owned()));
    node.delivered(2);
    let rows = node.rows();
    assert_eq!((&rows[0]["topic"], &rows[0]["payload"]), (&json!("line/7/temp"), &json!(21.5)));
    assert_eq!(rows[1]["topic"], "press/7");
    let admission = &node.accounts()["admission"];
    assert_eq!(
        (&admission["received"], &admission["malformed"], &admission["difference"]),
        (&json!(3), &json!(1), &json!(0))
    );
    assert_eq!(node.metric("tidegate_http_refusals_total{listener=\"http\",code=\"TG-IN-044\"}"), Some(1));
    assert_eq!(node.terminate().status, Some(0));
}

#[test]
fn who_is_named_in_the_file_is_let_in_for_what_it_may_and_nobody_else_is() {
    let dir = TempDir::new().unwrap();
    let (token, token_lines) = secret("token", "gateway");
    let (device, device_lines) = secret("secret", "press-7");
    let file = dir.path().join("site.toml");
    fs::write(&file, format!("[identity]\nanonymous = \"never\"\n{token_lines}{device_lines}")).unwrap();
    let node = start(&dir.path().join("data"), &file);
    assert_eq!(code(&send(&node, None, BATCH)), (401, "TG-ID-001".to_owned()));
    assert_eq!(code(&send(&node, Some("nobody"), BATCH)), (401, "TG-ID-002".to_owned()));
    assert_eq!(send(&node, Some(&token), BATCH).status, 200);
    let elsewhere = BATCH.replace("line/7", "line/8");
    assert_eq!(code(&send(&node, Some(&token), &elsewhere)), (403, "TG-ID-004".to_owned()));
    assert_eq!(code(&send(&node, Some(&device), BATCH)), (401, "TG-ID-002".to_owned()));
    // Management asks as well, but for what tells nothing.
    assert_eq!((node.admin_get("/metrics").status, node.admin_get("/readyz").status), (401, 200));
    let operate = format!("authorization: Bearer {token}\r\n");
    assert_eq!(code(&ask(node.admin(), "POST /-/reload", &operate, "")), (403, "TG-ID-004".to_owned()));
}

#[test]
fn principals_are_taken_up_at_a_reload_and_a_faulty_file_changes_nothing() {
    let dir = TempDir::new().unwrap();
    let (old, old_lines) = secret("token", "gateway");
    let (new, new_lines) = secret("token", "gateway");
    let file = dir.path().join("site.toml");
    fs::write(&file, &old_lines).unwrap();
    let node = start(&dir.path().join("data"), &file);
    assert_eq!(send(&node, Some(&old), BATCH).status, 200);
    fs::write(&file, new_lines.replace("publish:", "write:")).unwrap();
    let refused = run(&["config", "reload", "--admin", &node.admin().to_string()]);
    assert!(!refused.status.success());
    assert!(String::from_utf8_lossy(&[refused.stdout, refused.stderr].concat()).contains("TG-ID-012"));
    assert_eq!(send(&node, Some(&old), BATCH).status, 200);
    fs::write(&file, &new_lines).unwrap();
    node.signal(Signal::HUP);
    node.metric_when(APPLIED, |count| count == 1);
    assert_eq!(send(&node, Some(&old), BATCH).status, 401);
    assert_eq!(send(&node, Some(&new), BATCH).status, 200);
}

#[test]
fn all_that_is_wrong_with_principals_and_certificates_is_told_at_its_place() {
    let dir = TempDir::new().unwrap();
    let file = dir.path().join("site.toml");
    let text = "[identity.devices.a]\nsha256 = \"abc\"\n[tls]\ncert = \"nothing.pem\"\nkey = \"nothing.key\"\n\
        [http]\nline_topic = \"{nothing}\"\n";
    fs::write(&file, text).unwrap();
    let errors = String::from_utf8(run(&["config", "check", file.to_str().unwrap()]).stderr).unwrap();
    for (line, code) in [(1, "TG-ID-011"), (4, "TG-TL-001"), (7, "TG-IN-046")] {
        let told =
            errors.lines().any(|told| told.contains(&format!("site.toml:{line}:")) && told.contains(code));
        assert!(told, "{code} in {errors}");
    }
}

#[test]
fn http_is_open_to_others_only_once_somebody_is_named() {
    let dir = TempDir::new().unwrap();
    let file = dir.path().join("site.toml");
    let wide = "[http]\nlisten = \"0.0.0.0:7301\"\n";
    let check = |text: &str| {
        fs::write(&file, text).unwrap();
        String::from_utf8(run(&["config", "check", file.to_str().unwrap()]).stderr).unwrap()
    };
    assert!(check(wide).contains("TG-ND-002"));
    assert_eq!(check(&format!("{wide}{}", secret("secret", "press-7").1)), "");
}

#[test]
fn a_principal_has_no_more_connections_than_it_may_and_a_closed_one_makes_room() {
    let dir = TempDir::new().unwrap();
    let (token, lines) = secret("token", "press-7");
    fs::write(dir.path().join("tidegate.toml"), format!("{lines}connections_max = 1\n")).unwrap();
    let node = Node::start(dir.path());
    let mut kept = TcpStream::connect(node.http()).unwrap();
    let head = format!("POST /v1/readings HTTP/1.1\r\nHost: x\r\nauthorization: Bearer {token}\r\n");
    write!(kept, "{head}content-type: application/json\r\ncontent-length: {}\r\n\r\n{BATCH}", BATCH.len())
        .unwrap();
    let mut answered = [0; 12];
    kept.read_exact(&mut answered).unwrap();
    let refused = send(&node, Some(&token), BATCH);
    assert_eq!(code(&refused), (429, "TG-HT-010".to_owned()));
    drop(kept);
    let refusals = "tidegate_http_refusals_total{listener=\"http\",code=\"TG-HT-010\"}";
    assert_eq!(node.metric(refusals), Some(1));
    let began = Instant::now();
    while send(&node, Some(&token), BATCH).status == 429 {
        assert!(began.elapsed() < PATIENCE, "the place is never given back");
    }
}
