//! A node that asks devices: pymodbus behind Modbus TCP, killed like the node beside it, and what the accounts say of it.

use crate::counterpart::{Running, counterpart};
use crate::process::{Node, PATIENCE, command, pass, port_to_keep, run};
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// The same server that the driver's own tests have: two units.
const SERVER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../drivers/modbus/tests/suite/server.py");

/// Nothing where there is no pymodbus; then the test has announced that.
pub(crate) fn python(part: &str, test: &str) -> Option<PathBuf> {
    counterpart("TIDEGATE_TEST_PYMODBUS_PYTHON", &format!("{part}::{test}"), "pymodbus")
}

/// Two units behind a port. Dropping it kills them.
pub(crate) struct Devices(#[expect(dead_code, reason = "what ends when it is dropped")] Running);

impl Devices {
    pub(crate) fn start(python: &Path, port: u16) -> Devices {
        let mut devices = Running::start(Command::new(python).arg(SERVER).arg(port.to_string()));
        assert_eq!(devices.line(), "ready");
        Devices(devices)
    }
}

const TEMPLATE: &str = "\
[plant]
off_scan = \"200 ms\"
off_scan_max = \"400 ms\"
[ingest.templates.meter.groups.fast]
every = \"100 ms\"
[ingest.templates.meter.tags.temp]
address = \"40021:FLOAT\"
group = \"fast\"
scale = 2.0
[ingest.templates.meter.tags.running]
type = \"boolean\"
address = \"00004\"
";

fn device(unit: u8, port: u16) -> String {
    format!(
        "[ingest.devices.unit-{unit}]\ntopic = \"plant/unit-{unit}\"\ntemplate = \"meter\"\ndriver = \"modbus\"\n\
         address = \"tcp://127.0.0.1:{port}/{unit}\"\n"
    )
}

fn start(dir: &Path, units: &[u8], port: u16) -> Node {
    settings(dir, units, port);
    let mut command = command(dir);
    command.arg("--config").arg(dir.join("tidegate.toml"));
    Node::start_with(command, dir)
}

fn settings(dir: &Path, units: &[u8], port: u16) {
    let devices: String = units.iter().map(|unit| device(*unit, port)).collect();
    fs::write(dir.join("tidegate.toml"), format!("{TEMPLATE}{devices}")).unwrap();
}

const GOOD: &str = "tidegate_plant_cycles_total{driver=\"modbus\",outcome=\"good\"}";

fn devices(node: &Node, state: &str, many: u64) {
    let series = format!("tidegate_plant_asked_devices{{driver=\"modbus\",state=\"{state}\"}}");
    node.metric_when(&series, |found| found == many);
}

/// The rows with this tag, each with what they say of it.
fn told<'a>(rows: &'a [Value], device: &str, tag: &str) -> Vec<(&'a Value, &'a str)> {
    let of = rows.iter().filter(|row| row["device"] == device).map(|row| &row["points"][tag]);
    of.filter(|point| !point.is_null())
        .map(|point| (&point["value"], point["quality"].as_str().unwrap()))
        .collect()
}

/// Of one device alone, and once each group has been read twice.
fn groups_are_told(node: &Node) {
    let began = Instant::now();
    let groups = loop {
        let told = node.admin_get("/api/v1/ingest/devices?device=unit-1").json();
        assert_eq!((told.as_array().unwrap().len(), &told[0]["device"]), (1, &"unit-1".into()), "{told}");
        let groups = told[0]["groups"].as_array().unwrap().clone();
        if groups.iter().all(|group| group["interval_mean_ms"].is_number()) {
            break groups;
        }
        assert!(began.elapsed() < PATIENCE, "{told}");
        pass(Duration::from_millis(20));
    };
    let of = |key: &str| groups.iter().map(|group| group[key].clone()).collect::<Vec<_>>();
    assert_eq!(
        (of("group"), of("every_ms")),
        (vec!["fast".into(), "tags".into()], vec![100.0.into(), 1000.0.into()])
    );
    assert_eq!(of("tags"), [serde_json::json!(["temp"]), serde_json::json!(["running"])]);
    for group in &groups {
        let number = |key: &str| group[key].as_f64().unwrap_or_else(|| panic!("no {key} in {group}"));
        assert!(number("interval_p99_ms") > 0.0 && number("jitter_p99_ms") >= 0.0, "{group}");
        assert!(
            number("cycles") > number("failed_cycles") + number("partial_cycles") + number("missed_cycles"),
            "{group}"
        );
    }
    let short = node.admin_get("/api/v1/ingest/devices?groups=false").json();
    assert_eq!((short.as_array().unwrap().len(), &short[1]["groups"]), (2, &Value::Null));
}

#[test]
fn kills_of_devices_and_of_the_node_end_in_values_again_and_in_accounts_that_close() {
    let test = "kills_of_devices_and_of_the_node_end_in_values_again_and_in_accounts_that_close";
    let Some(python) = python("plant", test) else { return };
    let (dir, port) = (TempDir::new().unwrap(), port_to_keep());
    let servers = Devices::start(&python, port);
    let node = start(dir.path(), &[1, 2], port);
    node.metric_when(GOOD, |reads| reads >= 20);
    groups_are_told(&node);
    drop(servers);
    devices(&node, "off_scan", 2);
    assert_eq!(node.admin_get("/readyz").status, 200, "a device that is away makes no node unready");
    let stands = node.admin_get("/api/v1/ingest/devices").json();
    assert_eq!(
        (&stands[0]["device"], &stands[0]["driver"]),
        (&"unit-1".into(), &"modbus".into()),
        "{stands}"
    );
    assert_eq!(
        (&stands[1]["state"], &stands[1]["code"]),
        (&"off_scan".into(), &"TG-PL-010".into()),
        "{stands}"
    );
    let number = |key: &str| stands[1][key].as_u64().unwrap_or_else(|| panic!("no {key} in {stands}"));
    assert!(number("next_probe_ms") >= number("since_ms"), "{stands}");
    let servers = Devices::start(&python, port);
    devices(&node, "answers", 2);
    node.kill();
    let node = start(dir.path(), &[1, 2], port);
    node.metric_when(GOOD, |reads| reads >= 20);
    let accounts = node.accounts();
    assert_eq!(accounts["admission"]["difference"], 0);
    let report = node.terminate();
    assert_eq!(report.status, Some(0), "{}{}", report.said, report.log);
    drop(servers);
    let rows = crate::process::rows(&dir.path().join("ingest/readings.ndjson"));
    for unit in ["unit-1", "unit-2"] {
        let temps = told(&rows, unit, "temp");
        assert!(temps.iter().all(|(value, _)| **value == 43.0), "scaled by the model");
        assert_eq!(temps.iter().filter(|(_, quality)| *quality == "bad").count(), 1, "{unit}");
        assert!(told(&rows, unit, "running").iter().all(|(value, _)| **value == true));
    }
    assert!(rows.iter().all(|row| row["source"] == "driver" && row["time"].is_string()));
}

#[test]
fn a_reload_begins_to_ask_a_device_and_leaves_the_others_alone() {
    let test = "a_reload_begins_to_ask_a_device_and_leaves_the_others_alone";
    let Some(python) = python("plant", test) else { return };
    let (dir, ports) = (TempDir::new().unwrap(), [port_to_keep(), port_to_keep()]);
    let _servers = ports.map(|port| Devices::start(&python, port));
    let node = start(dir.path(), &[1], ports[0]);
    devices(&node, "answers", 1);
    let text = fs::read_to_string(dir.path().join("tidegate.toml")).unwrap();
    fs::write(dir.path().join("tidegate.toml"), text + &device(2, ports[1])).unwrap();
    let reload = || run(&["config", "reload", "--admin", &node.admin().to_string()]);
    assert!(reload().status.success());
    devices(&node, "answers", 2);
    assert_eq!(node.metric("tidegate_plant_connections_total{driver=\"modbus\"}"), Some(2));
    // All or nothing: an address that is none.
    settings(dir.path(), &[1], ports[0]);
    let text = fs::read_to_string(dir.path().join("tidegate.toml")).unwrap();
    fs::write(dir.path().join("tidegate.toml"), text.replace("40021:FLOAT", "40021:REAL")).unwrap();
    let refused = reload();
    assert!(!refused.status.success());
    assert!(String::from_utf8_lossy(&refused.stderr).contains("[TG-MB-002]"));
    devices(&node, "answers", 2);
    assert_eq!(node.terminate().status, Some(0));
}

/// What is told of a file with these devices.
fn check(dir: &Path, text: &str) -> String {
    let file = dir.join("tidegate.toml");
    fs::write(&file, text).unwrap();
    let output = run(&["config", "check", file.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(1));
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn what_is_wrong_with_devices_is_told_before_anything_starts() {
    let (dir, one) = (TempDir::new().unwrap(), device(1, 502));
    let odd = check(
        dir.path(),
        &format!("{TEMPLATE}{one}").replace("00004", "00004:INT16").replace("tcp:", "tpc:"),
    );
    for expected in ["tidegate.toml:12:11: ", "[TG-MB-002]", "tidegate.toml:17:11: ", "[TG-MB-001]"] {
        assert!(odd.contains(expected), "{expected} in {odd}");
    }
    let twice = "[ingest.templates.meter.tags.temp]\naddress = \"40023\"\n";
    let twice = check(dir.path(), &format!("{TEMPLATE}{twice}{one}"));
    assert!(twice.contains("tidegate.toml:13:30: duplicate key [TG-CF-005]"), "{twice}");
}
