//! A node that asks an OPC UA server: its certificate is accepted by a command, which is written down, and its variables are listed.

use crate::audit::token;
use crate::counterpart::{Running, counterpart};
use crate::process::{Node, PATIENCE, binary, command, pass, port_to_keep, run};
use serde_json::Value;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// The same server that the driver's own tests have.
const SERVER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../drivers/opcua/tests/suite/server.py");

fn start(dir: &Path, port: u16, auditor: &str) -> Node {
    let text = format!(
        "[plant]\noff_scan = \"200 ms\"\noff_scan_max = \"400 ms\"\nconnect_timeout = \"20 s\"\n\
         [ingest.templates.line.groups.fast]\nevery = \"100 ms\"\n\
         [ingest.templates.line.tags.temp]\naddress = \"ns=2;s=Line.Temp\"\ngroup = \"fast\"\n\
         [ingest.devices.line-1]\ntopic = \"plant/line-1\"\ntemplate = \"line\"\ndriver = \"opcua\"\ntimeout = \"20 s\"\n\
         address = \"opc.tcp://127.0.0.1:{port}/test?read=subscribe\"\nuser = \"gateway\"\npassword = \"open sesame\"\n\
         {auditor}roles = [\"auditor\"]\n"
    );
    fs::write(dir.join("tidegate.toml"), text).unwrap();
    let mut command = command(dir);
    command.arg("--config").arg(dir.join("tidegate.toml"));
    Node::start_with(command, dir)
}

fn stands_when(node: &Node, wanted: impl Fn(&Value) -> bool) -> Value {
    let began = Instant::now();
    loop {
        let stands = node.admin_get("/api/v1/ingest/devices").json();
        if wanted(&stands[0]) {
            return stands[0].clone();
        }
        assert!(began.elapsed() < PATIENCE, "{stands}");
        pass(Duration::from_millis(20));
    }
}

/// What a command of the running node says, and whether it succeeded.
fn told(node: &Node, words: &[&str]) -> (bool, String) {
    let output = run(&[words, &["--admin", &node.admin().to_string()]].concat());
    let said = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8_lossy(&said).into_owned())
}

#[test]
fn a_certificate_is_accepted_by_a_command_that_is_written_down_and_values_flow_until_it_is_rejected() {
    let test = "opcua::a_certificate_is_accepted_by_a_command_that_is_written_down_and_values_flow_until_it_is_rejected";
    let Some(python) = counterpart("TIDEGATE_TEST_ASYNCUA_PYTHON", test, "asyncua") else { return };
    let (dir, port) = (TempDir::new().unwrap(), port_to_keep());
    let certificates = TempDir::new().unwrap();
    let options = serde_json::json!({
        "policies": ["Basic256Sha256_SignAndEncrypt"], "certificate": [certificates.path(), "server", -1, 30],
        "tokens": ["password"], "users": { "gateway": "open sesame" },
    });
    let mut server =
        Running::start(Command::new(python).arg(SERVER).arg(port.to_string()).arg(options.to_string()));
    assert_eq!(server.line().trim(), "ready");
    let (auditor, token) = token("eye");
    let node = start(dir.path(), port, &auditor);
    let refused = stands_when(&node, |stand| stand["code"] == "TG-UA-011");
    let (_, list) = told(&node, &["ingest", "opcua", "trust", "list", "--json"]);
    let list: Value = serde_json::from_str(&list).unwrap();
    let thumbprint = list["certificates"][0]["thumbprint"].as_str().unwrap();
    assert!(refused["reason"].as_str().unwrap().contains(thumbprint), "{refused}");
    let (was_set, said) = told(&node, &["ingest", "opcua", "trust", "accept", "00ff"]);
    assert!(!was_set && said.contains("[TG-UA-018]"), "{said}");
    let (was_set, said) = told(&node, &["ingest", "opcua", "trust", "accept", thumbprint]);
    assert!(was_set && said.contains("trusted"), "{said}");
    stands_when(&node, |stand| stand["state"] == "answers");
    node.metric_when("tidegate_plant_values_total{driver=\"opcua\"}", |values| values >= 1);
    let list = ["audit", "list", "--admin", &node.admin().to_string()].map(str::to_owned);
    let acts = Command::new(binary()).args(list).env("TIDEGATE_TOKEN", &token).output().unwrap();
    let acts = String::from_utf8_lossy(&acts.stdout).into_owned();
    assert!(acts.contains(&format!("trust/{thumbprint}/accept")), "{acts}");
    let (_, tags) =
        told(&node, &["ingest", "opcua", "browse", "line-1", "--glob", "Objects/Line/T*", "--toml"]);
    assert!(tags.contains("[ingest.templates.opcua.tags.temp]\naddress = \"ns=2;s=Line.Temp\"\n"), "{tags}");
    let (was_found, said) = told(&node, &["ingest", "opcua", "browse", "line-7"]);
    assert!(!was_found && said.contains("[TG-UA-040]"), "{said}");
    let (was_set, said) = told(&node, &["ingest", "opcua", "trust", "reject", thumbprint]);
    assert!(was_set && said.contains("rejected"), "{said}");
    let (was_found, said) = told(&node, &["ingest", "opcua", "browse", "line-1"]);
    assert!(!was_found && said.contains("[TG-UA-011]"), "{said}");
    let report = node.terminate();
    assert_eq!(report.status, Some(0), "{}{}", report.said, report.log);
    assert!(!report.log.contains("sesame") && !report.said.contains("sesame"));
    server.tell("{\"do\": \"sessions\"}\n");
    let sessions: [u64; 3] = serde_json::from_str(&server.line()).unwrap();
    assert_eq!((sessions[0], sessions[2]), (sessions[1], 0), "every session was closed: {sessions:?}");
}
