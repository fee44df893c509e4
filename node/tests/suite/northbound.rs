//! Systems that read a node over OPC UA, as asyncua does: what devices sent is read and told, after a kill as well, and accounts close.

use crate::counterpart::{Running, counterpart};
use crate::demo::closes;
use crate::mqtt::Client;
use crate::process::{Node, Report, command, port_to_keep, run};
use serde_json::{Value, json};
use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{SystemTime, UNIX_EPOCH};
use tempfile::TempDir;

/// The same client that the connector's own tests have, and what makes certificates.
const CLIENT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../connectors/opcua/tests/suite/client.py");
const SERVER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../drivers/opcua/tests/suite/server.py");
const OPEN: &str = "security = \"optional\"\n";

fn python(test: &str) -> Option<PathBuf> {
    counterpart("TIDEGATE_TEST_ASYNCUA_PYTHON", &format!("northbound::{test}"), "asyncua")
}

fn attempt(dir: &Path, port: u16, opcua: &str) -> Result<Node, Report> {
    let text = format!(
        "[opcua]\nenabled = true\nlisten = \"127.0.0.1:{port}\"\n{opcua}\
         [ingest.templates.press]\ntime = \"t\"\n[ingest.templates.press.tags.temp]\nunit = \"°C\"\n\
         [ingest.devices.press-7]\ntopic = \"line/7\"\ntemplate = \"press\"\n"
    );
    fs::write(dir.join("tidegate.toml"), text).unwrap();
    let mut command = command(dir);
    command.arg("--config").arg(dir.join("tidegate.toml"));
    Node::attempt(command, dir)
}

fn start(dir: &Path, port: u16, opcua: &str) -> Node {
    attempt(dir, port, opcua)
        .unwrap_or_else(|end| panic!("the node ended with {:?}: {}{}", end.status, end.said, end.log))
}

/// A client that has said whether it was let in.
fn client(python: &Path, port: u16, options: &Value) -> (Running, Value) {
    let mut command = Command::new(python);
    command.arg(CLIENT).arg(format!("opc.tcp://127.0.0.1:{port}")).arg(options.to_string());
    let mut client = Running::start(&mut command);
    let said = serde_json::from_str(&client.line()).unwrap();
    (client, said)
}

fn connected(python: &Path, port: u16) -> Running {
    let (client, said) = client(python, port, &json!({}));
    assert_eq!(said, json!({ "connected": true }));
    client
}

fn order(client: &mut Running, what: &str) -> Value {
    client.tell(&format!("{}\n", json!({ "do": what, "node": "press-7/temp", "value": null })));
    serde_json::from_str(&client.line()).unwrap()
}

/// Sends it with the time of now, and says that time.
fn publish(mqtt: &mut Client, value: f64) -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis();
    mqtt.publish("line/7", json!({ "temp": value, "t": now }).to_string().as_bytes());
    u64::try_from(now).unwrap()
}

/// Once every sink has so many readings for good: the file, the history and OPC UA.
fn settled(node: &Node, many: u64) -> Value {
    let accounts = node.delivered(3 * many);
    closes(&accounts);
    accounts
}

fn told(value: f64, source_ms: u64) -> Value {
    json!({ "value": value, "status": "Good", "source_ms": source_ms })
}

#[test]
fn what_a_device_sends_is_read_and_told_in_its_order_and_accounts_close() {
    let Some(python) = python("what_a_device_sends_is_read_and_told_in_its_order_and_accounts_close") else {
        return;
    };
    let (dir, port) = (TempDir::new().unwrap(), port_to_keep());
    let node = start(dir.path(), port, OPEN);
    assert!(node.banner().contains(&format!("opc.tcp://127.0.0.1:{port} ")), "{}", node.banner());
    let mut press = Client::connect(node.mqtt(), "press-7");
    let at = publish(&mut press, 21.5);
    settled(&node, 1);
    let mut client = connected(&python, port);
    let found = json!({ "found": { "press-7": { "temp": ["Double", "°C"] } } });
    assert_eq!(order(&mut client, "browse"), found);
    assert_eq!(order(&mut client, "read"), json!({ "read": told(21.5, at) }));
    client.tell("{\"do\": \"watch\", \"node\": \"press-7/temp\", \"value\": 0}\n");
    let mut lines: Vec<Value> = (0..2).map(|_| serde_json::from_str(&client.line()).unwrap()).collect();
    lines.retain(|line| line["watched"] != true);
    assert_eq!(lines[0]["change"]["value"], 21.5, "{lines:?}");
    for value in [1.0, 2.0, 3.0, 4.0] {
        let at = publish(&mut press, value);
        let line: Value = serde_json::from_str(&client.line()).unwrap();
        let mut wanted = told(value, at);
        wanted["node"] = json!("press-7/temp");
        assert_eq!(line["change"], wanted);
    }
    let accounts = settled(&node, 5);
    assert_eq!(accounts["admission"]["accepted"], 5);
    assert_eq!(node.metric("tidegate_opcua_sessions"), Some(1));
    let report = node.terminate();
    assert_eq!(report.status, Some(0), "{}{}", report.said, report.log);
    assert!(report.said.contains("nothing is left"), "{}", report.said);
}

#[test]
fn a_node_that_was_killed_or_stopped_shows_what_it_showed() {
    let Some(python) = python("a_node_that_was_killed_or_stopped_shows_what_it_showed") else { return };
    let (dir, port) = (TempDir::new().unwrap(), port_to_keep());
    let node = start(dir.path(), port, OPEN);
    let mut press = Client::connect(node.mqtt(), "press-7");
    publish(&mut press, 1.0);
    let at = publish(&mut press, 2.0);
    settled(&node, 2);
    let shown = json!({ "read": told(2.0, at) });
    assert_eq!(order(&mut connected(&python, port), "read"), shown);
    // The history has written nothing down yet, and the sink is given nothing twice.
    node.kill();
    let node = start(dir.path(), port, OPEN);
    assert_eq!(order(&mut connected(&python, port), "read"), shown);
    assert_eq!(node.terminate().status, Some(0));
    let node = start(dir.path(), port, OPEN);
    assert_eq!(order(&mut connected(&python, port), "read"), shown);
    assert_eq!(node.terminate().status, Some(0));
}

#[test]
fn a_client_is_let_in_once_a_command_accepted_its_certificate_and_not_with_a_wrong_secret() {
    let test = "a_client_is_let_in_once_a_command_accepted_its_certificate_and_not_with_a_wrong_secret";
    let Some(python) = python(test) else { return };
    let (dir, port) = (TempDir::new().unwrap(), port_to_keep());
    let lines = String::from_utf8(run(&["identity", "secret", "scada"]).stdout).unwrap();
    let secret = lines.lines().nth(1).unwrap().trim_start_matches(['#', ' ']);
    let node = start(dir.path(), port, &lines);
    let mut command = Command::new(&python);
    command.args([SERVER, "certificate"]).arg(dir.path()).args(["scada", "-1", "30"]);
    assert!(command.status().unwrap().success());
    let file = |suffix: &str| dir.path().join(format!("scada.{suffix}"));
    let options = |secret: &str| {
        json!({
            "certificate": [file("der"), file("pem")], "policy": "Basic256Sha256", "mode": "SignAndEncrypt",
            "user": "scada", "password": secret,
        })
    };
    assert_eq!(client(&python, port, &options(secret)).1["refused"], "BadCertificateUntrusted");
    let trust = |words: &[&str]| {
        let admin = node.admin().to_string();
        let output = run(&[&["ingest", "opcua", "trust"], words, &["--json", "--admin", &admin]].concat());
        serde_json::from_slice::<Value>(&output.stdout).unwrap()
    };
    let list = trust(&["list"]);
    let thumbprint = list["certificates"][0]["thumbprint"].as_str().unwrap();
    assert_eq!(trust(&["accept", thumbprint])["standing"], "trusted");
    assert_eq!(client(&python, port, &options(secret)).1, json!({ "connected": true }));
    assert_eq!(client(&python, port, &options("open barley")).1["refused"], "BadUserAccessDenied");
    assert_eq!(node.metric("tidegate_identity_failed_authentications_total{code=\"TG-ID-002\"}"), Some(1));
    let report = node.terminate();
    assert_eq!(report.status, Some(0), "{}{}", report.said, report.log);
    assert!(!report.log.contains(secret) && !report.said.contains(secret));
}

#[test]
fn an_address_that_is_taken_ends_the_start_with_its_code() {
    let (dir, taken) = (TempDir::new().unwrap(), TcpListener::bind("127.0.0.1:0").unwrap());
    let port = taken.local_addr().unwrap().port();
    let Err(report) = attempt(dir.path(), port, OPEN) else { panic!("it started") };
    assert!(report.status == Some(1) && report.log.contains("TG-UA-060"), "{report:?}");
}
