//! Tags and devices that a running node takes over: rows over HTTP, and what is picked in the console from an OPC UA server.

use crate::audit::token;
use crate::browser::{Browser, Look, programs};
use crate::counterpart::{Running, counterpart};
use crate::people::ask;
use crate::press::start;
use crate::process::{Answer, Node, PATIENCE, pass, port_to_keep};
use serde_json::{Value, json};
use std::fs;
use std::process::Command;
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// The same server that the driver's own tests have.
const SERVER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../drivers/opcua/tests/suite/server.py");
const METER: &str = "[ingest.templates.meter.tags.power]\naddress = \"40001:FLOAT\"\n";
const HEADER: &str = "name,template,topic,driver,address\n";

fn import(node: &Node, query: &str, fields: &str, sheet: &str) -> Answer {
    ask(node, &format!("POST /api/v1/ingest/devices/import{query}"), fields, sheet)
}

/// How many are asked, once it is so many.
fn asked_when(node: &Node, many: usize) {
    let began = Instant::now();
    while node.admin_get("/api/v1/ingest/devices").json().as_array().unwrap().len() != many {
        assert!(began.elapsed() < PATIENCE, "{many} devices are asked");
        pass(Duration::from_millis(20));
    }
}

#[test]
fn a_running_node_takes_rows_over_http_all_of_them_or_none() {
    let dir = TempDir::new().unwrap();
    let node = start(&dir, METER);
    let (beside, kind) = (dir.path().join("site.devices.toml"), "content-type: text/csv; charset=utf-8\r\n");
    let sheet = format!("{HEADER}m1,meter,plant/m1,modbus,tcp://127.0.0.1:9/1\n");
    let planned = import(&node, "?dry_run=true", kind, &sheet);
    let expected =
        json!({ "outcome": "planned", "generation": 1, "changes": ["+ ingest.devices.m1"], "faults": [] });
    assert_eq!((planned.status, planned.json()), (200, expected));
    assert!(!beside.exists() && node.admin_get("/api/v1/ingest/devices").json() == json!([]));
    let applied = import(&node, "", kind, &sheet).json();
    assert_eq!((&applied["outcome"], &applied["generation"]), (&json!("applied"), &json!(2)));
    asked_when(&node, 1);
    assert_eq!(import(&node, "", kind, &sheet).json()["outcome"], "unchanged");
    // One row of two is wrong, so neither comes in.
    let before = fs::read_to_string(&beside).unwrap();
    let faulty =
        format!("{HEADER}m2,meter,plant/m2,modbus,tcp://127.0.0.1:9/2\nm3,meter,plant/m3,modbus,10.0.0.1\n");
    let refused = import(&node, "", kind, &faulty);
    let fault = &refused.json()["faults"][0];
    assert_eq!(
        (refused.status, &fault["place"], &fault["code"]),
        (409, &json!("the spreadsheet: row 3, column E"), &json!("TG-MB-001"))
    );
    // What takes a restart is found before anything is written.
    let file = dir.path().join("site.toml");
    let text = fs::read_to_string(&file).unwrap();
    let more = format!("{HEADER}m2,meter,plant/m2,modbus,tcp://127.0.0.1:9/2\n");
    fs::write(&file, format!("[mqtt]\nconnections_max = 7\n{text}")).unwrap();
    assert_eq!(import(&node, "", kind, &more).json()["faults"][0]["code"], "TG-CF-020");
    fs::write(&file, text).unwrap();
    assert_eq!(fs::read_to_string(&beside).unwrap(), before);
    // A file of that name that cannot be written: the node says where else to go.
    fs::create_dir(dir.path().join("site.devices.toml.new")).unwrap();
    let unwritten = import(&node, "", kind, &more).json();
    assert_eq!(unwritten["faults"][0]["code"], "TG-DI-011", "{unwritten}");
    assert_eq!(import(&node, "", "content-type: text/plain\r\n", &more).status, 415);
    asked_when(&node, 1);
    assert_eq!(node.admin_get("/api/v1/config").json()["generation"], 2);
}

#[test]
fn only_an_operator_has_rows_taken_over_and_it_is_written_down() {
    let ((bob, operator), (eye, auditor)) = (token("bob"), token("eye"));
    let dir = TempDir::new().unwrap();
    let node = start(
        &dir,
        &format!(
            "[identity]\nanonymous = \"never\"\n{bob}roles = [\"operator\"]\n{eye}roles = [\"auditor\"]\n{METER}"
        ),
    );
    let sheet = format!("{HEADER}m1,meter,plant/m1,modbus,tcp://127.0.0.1:9/1\n");
    let as_one = |token: &str| format!("authorization: Bearer {token}\r\ncontent-type: text/csv\r\n");
    assert_eq!(import(&node, "", &as_one(&auditor), &sheet).status, 403);
    assert_eq!(import(&node, "", &as_one(&operator), &sheet).json()["outcome"], "applied");
    let acts = ask(&node, "GET /api/v1/audit", &as_one(&auditor), "").json();
    let found = |act: &&Value| {
        act["who"] == "bob" && act["detail"].as_str().is_some_and(|text| text.contains("+ ingest.devices.m1"))
    };
    assert!(acts["events"].as_array().unwrap().iter().any(|act| found(&act)), "{acts}");
}

/// A line that is asked for one of its variables.
fn line(port: u16) -> String {
    format!(
        "[plant]\noff_scan = \"200 ms\"\noff_scan_max = \"400 ms\"\nconnect_timeout = \"20 s\"\n\
         [ingest.templates.line.groups.fast]\nevery = \"100 ms\"\n\
         [ingest.templates.line.tags.temp]\naddress = \"ns=2;s=Line.Temp:REAL\"\ngroup = \"fast\"\n\
         [ingest.devices.line-1]\ntopic = \"plant/line-1\"\ntemplate = \"line\"\ndriver = \"opcua\"\ntimeout = \"20 s\"\n\
         address = \"opc.tcp://127.0.0.1:{port}/test?security=None\"\n"
    )
}

#[test]
fn what_is_picked_from_a_server_is_checked_taken_over_and_shown_with_its_values() {
    let test = "picking::what_is_picked_from_a_server_is_checked_taken_over_and_shown_with_its_values";
    let Some(programs) = programs(test) else { return };
    let Some(python) = counterpart("TIDEGATE_TEST_ASYNCUA_PYTHON", test, "asyncua") else { return };
    let (dir, port) = (TempDir::new().unwrap(), port_to_keep());
    let mut server = Running::start(Command::new(python).arg(SERVER).arg(port.to_string()).arg("{}"));
    assert_eq!(server.line().trim(), "ready");
    let node = start(&dir, &line(port));
    let browser = Browser::start(&programs, Look::DESK);
    let reads = |words: &str| browser.when(&format!("document.body.innerText.includes({})", json!(words)));
    browser.open(&format!("http://{}/#/devices/line-1", node.admin()));
    browser.when("document.querySelector('.tree tbody tr .badge.ok')");
    browser.value("document.querySelector('[data-act=browse]').click()");
    // A glob that matches nothing says so; a wrong one says its code.
    let look = |glob: &str| {
        browser.when("document.querySelector('dialog [data-act=find]:not(:disabled)')");
        let typed = "Object.assign(document.querySelector('dialog [name=glob]'), { value: VALUE }).dispatchEvent(new Event('input'))";
        browser.value(&typed.replace("VALUE", &json!(glob).to_string()));
        browser.value("document.querySelector('dialog form').requestSubmit()");
    };
    look("Objects/Nowhere/*");
    reads("Nothing is called so");
    look("**/a/**/b/**/c/**/d");
    browser.when("document.querySelector('dialog .login-error a.code').innerText === 'TG-UA-041'");
    look("Objects/Line/*");
    browser.when("document.querySelectorAll('dialog .found li').length === 8");
    reads("is the tag temp");
    reads("has no value that a tag can have");
    let boxes = "[...document.querySelectorAll('dialog .found input:not(:disabled)')]";
    assert_eq!(browser.value(&format!("{boxes}.length")), 6, "one is a tag, and one cannot be one");
    for name in ["Count", "Running"] {
        browser.value(&format!(
            "{boxes}.find((box) => box.parentElement.innerText.includes('/{name} ')).click()"
        ));
    }
    browser.when("document.querySelector('dialog [data-act=check]').innerText === 'Check 2'");
    let faults = browser.value(include_str!("readable.js").trim_end_matches('\n'));
    assert_eq!(faults, json!([]));
    // What would be saved as a file.
    browser.value("URL.createObjectURL = (blob) => { window.saved = blob; return '#'; }");
    browser.value("document.querySelector('dialog [data-act=save]').click()");
    let rows = "kind,name,template,address,group,type\ntag,count,line,\"ns=2;s=Line.Count:INTEGER\",fast,integer\n\
        tag,running,line,\"ns=2;s=Line.Running:BOOLEAN\",fast,boolean\n";
    assert_eq!(browser.when("window.saved.text()"), json!(rows));
    browser.value("document.querySelector('dialog [data-act=check]').click()");
    reads("+ ingest.templates.line.tags.count");
    reads("+ ingest.templates.line.tags.running");
    assert!(!dir.path().join("site.devices.toml").exists());
    browser.when("document.querySelector('dialog [data-act=take]:focus')");
    browser.value("document.activeElement.click()");
    browser.when("!document.querySelector('dialog')");
    browser.when("[...document.querySelectorAll('.tree tbody tr')].filter((row) => row.querySelector('.badge.ok')).length === 3");
    let complaints = browser.complaints();
    assert!(
        complaints.iter().all(|line| line.contains(" 400 ")),
        "but for the glob that was refused: {complaints:?}"
    );
    let devices = fs::read_to_string(dir.path().join("site.devices.toml")).unwrap();
    assert!(
        devices.contains(
            "[ingest.templates.line.tags.count]\naddress = \"ns=2;s=Line.Count:INTEGER\"\ngroup = \"fast\"\n"
        ),
        "{devices}"
    );
    server.tell("null\n");
}
