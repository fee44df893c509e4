//! The configuration file: written, checked, shown, taken up while the node runs, refused whole.

use crate::mqtt::Client;
use crate::process::{Node, command, run};
use rustix::process::Signal;
use serde_json::{Value, json};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Output;
use std::sync::atomic::{AtomicBool, Ordering};
use tempfile::TempDir;

const APPLIED: &str = "tidegate_config_reloads_total{outcome=\"applied\"}";
const REFUSED: &str = "tidegate_config_reloads_total{outcome=\"refused\"}";

fn written(dir: &TempDir, text: &str) -> PathBuf {
    let file = dir.path().join("site.toml");
    fs::write(&file, text).unwrap();
    file
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

fn start(data: &Path, file: &Path) -> Node {
    let mut command = command(data);
    command.arg("--config").arg(file);
    Node::start_with(command, data)
}

fn reload(node: &Node) -> Output {
    run(&["config", "reload", "--admin", &node.admin().to_string()])
}

fn standing(node: &Node) -> Value {
    let answer = node.admin_get("/readyz");
    assert_eq!(answer.status, 200, "a reload never makes a node unready");
    answer.json()["config"].clone()
}

fn class_of(node: &Node, topic: &str) -> Value {
    let before = node.rows().len() as u64;
    Client::connect(node.mqtt(), "press-7").publish(topic, b"1");
    node.delivered(before + 1);
    node.rows().last().unwrap()["class"].clone()
}

#[test]
fn init_writes_a_sound_file_for_its_owner_and_never_over_another_one() {
    let dir = TempDir::new().unwrap();
    let file = dir.path().join("tidegate.toml");
    let out = file.to_str().unwrap();
    assert!(run(&["config", "init", "--out", out]).status.success());
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    let checked = run(&["config", "check", out]);
    assert_eq!(text(&checked.stdout), format!("{out}: no faults\n"));
    fs::write(&file, "# mine\n").unwrap();
    let again = run(&["config", "init", "--out", out]);
    assert!(text(&again.stderr).starts_with("error[TG-CF-018]: ") && again.status.code() == Some(1));
    assert_eq!(fs::read_to_string(&file).unwrap(), "# mine\n");
    let whole = run(&["config", "init", "--out", "-"]);
    assert!(text(&whole.stdout).contains("\n[mqtt]\n"));
}

#[test]
fn check_tells_every_fault_with_its_line_and_column() {
    let dir = TempDir::new().unwrap();
    let file = written(
        &dir,
        "[mqtt]\nlisen = 1\nconnections_max = \"10\"\nhold_max = \"0 s\"\n[ingest]\ncritical = [\"a/#/b\"]\n",
    );
    let name = file.to_str().unwrap();
    let output = run(&["config", "check", name]);
    let expected = format!(
        "{name}:2:1: [mqtt] has no key \"lisen\" [TG-CF-006]\n  hint: did you mean \"listen\"?\n\
         {name}:3:19: mqtt.connections_max: a quoted number: \"10\" [TG-CF-008]\n  hint: write 10 without the quotes\n\
         {name}:4:12: mqtt.hold_max: the duration is zero [TG-CF-010]\n  hint: \"1 ms\" to \"10 min\"\n\
         {name}:6:13: ingest.critical: \"a/#/b\" is no topic filter: '#' in topic filter is not the whole of the last level [MQTT-4.7.1-2] [TG-CF-016]\n  \
         hint: + stands for one level, # at the end for the rest\n\
         error[TG-CF-017]: {name} has 4 faults\nhint: mend them; each is named above; more: tidegate explain TG-CF-017\n"
    );
    assert_eq!((text(&output.stderr), output.status.code()), (expected, Some(1)));
    assert_eq!(text(&output.stdout), "");
}

#[test]
fn a_file_that_is_named_must_be_there() {
    let output = run(&["up", "--config", "/nowhere/tidegate.toml"]);
    assert!(text(&output.stderr).starts_with("error[TG-CF-001]: could not read /nowhere/tidegate.toml"));
    assert_eq!(run(&["config", "check", "/nowhere/tidegate.toml"]).status.code(), Some(1));
}

#[test]
fn show_says_where_each_setting_comes_from() {
    let dir = TempDir::new().unwrap();
    let file = written(&dir, "[mqtt]\nconnections_max = 7\n");
    let name = file.to_str().unwrap();
    let shown = text(&run(&["config", "show", "--origin", "--config", name, "--mqtt", "127.0.0.1:1"]).stdout);
    let line = |key: &str| {
        let line =
            shown.lines().find(|line| line.starts_with(key)).unwrap_or_else(|| panic!("{key} in {shown}"));
        line.split_whitespace().collect::<Vec<_>>().join(" ")
    };
    assert_eq!(line("mqtt.connections_max"), format!("mqtt.connections_max = 7 # {name}:2"));
    assert_eq!(line("mqtt.listen"), "mqtt.listen = \"127.0.0.1:1\" # command line --mqtt");
    assert_eq!(line("mqtt.hold_max"), "mqtt.hold_max = \"30 s\" # default");
    let objects = text(&run(&["config", "show", "--json", "--config", name]).stdout);
    let objects: Vec<Value> = objects.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let wanted =
        json!({"key": "mqtt.connections_max", "value": "7", "origin": "file", "line": 2, "column": 19});
    assert!(objects.contains(&wanted), "{objects:?}");
}

#[test]
fn a_file_in_the_data_folder_is_found_and_the_command_line_goes_before_it() {
    let dir = TempDir::new().unwrap();
    fs::write(
        dir.path().join("tidegate.toml"),
        "[mqtt]\nlisten = \"127.0.0.1:1\"\n[ingest]\ncritical = [\"alarm/#\"]\n",
    )
    .unwrap();
    let node = Node::start(dir.path());
    assert!(
        node.banner().contains(&format!("config {}/tidegate.toml", dir.path().display())),
        "{}",
        node.banner()
    );
    assert_ne!(node.mqtt().port(), 1);
    assert_eq!(
        (class_of(&node, "alarm/a"), class_of(&node, "line/a")),
        (json!("critical"), json!("process"))
    );
}

#[test]
fn a_reload_takes_up_what_is_live_and_says_so() {
    let (dir, conf) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let file = written(&conf, "[ingest]\ncritical = []\n");
    let node = start(dir.path(), &file);
    assert_eq!(class_of(&node, "alarm/a"), json!("process"));
    written(&conf, "[ingest]\ncritical = [\"alarm/#\"]\n");
    let output = reload(&node);
    assert_eq!(
        text(&output.stdout),
        "applied; generation 2\n  ingest.critical: [] -> [\"alarm/#\"]\n",
        "{}",
        text(&output.stderr)
    );
    assert_eq!(class_of(&node, "alarm/a"), json!("critical"));
    assert_eq!(text(&reload(&node).stdout), "unchanged; generation 2\n");
    let standing = standing(&node);
    assert_eq!(
        (&standing["generation"], &standing["last_reload"]["outcome"]),
        (&json!(2), &json!("unchanged"))
    );
    assert!(standing["last_reload"]["at_ms"].as_u64().unwrap() > 0);
    assert_eq!((node.metric("tidegate_config_generation"), node.metric(APPLIED)), (Some(2), Some(1)));
}

#[test]
fn a_refused_reload_changes_nothing_and_names_every_reason() {
    let (dir, conf) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let file = written(&conf, "[ingest]\ncritical = [\"alarm/#\"]\n");
    let node = start(dir.path(), &file);
    let name = file.to_str().unwrap();
    // What could be taken up alone stands beside what cannot.
    written(&conf, "[ingest]\ncritical = []\nretry_cap = \"9 s\"\n[mqtt]\nconnections_max = 7\n");
    let output = reload(&node);
    let errors = text(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{errors}");
    for line in [
        format!("{name}:3:13: ingest.retry_cap: \"5 s\" -> \"9 s\", which takes a restart [TG-CF-020]"),
        format!("{name}:5:19: mqtt.connections_max: 10000 -> 7, which takes a restart [TG-CF-020]"),
    ] {
        assert!(errors.contains(&line), "{line} in {errors}");
    }
    assert!(errors.contains("error[TG-CF-022]: ") && errors.contains("goes on with generation 1"));
    assert_eq!(class_of(&node, "alarm/a"), json!("critical"));
    written(&conf, "[ingest]\ncritical = [");
    assert_eq!(reload(&node).status.code(), Some(1));
    fs::remove_file(&file).unwrap();
    assert!(text(&reload(&node).stderr).contains("[TG-CF-001]"));
    let standing = standing(&node);
    assert_eq!(
        (&standing["generation"], &standing["last_reload"]["outcome"]),
        (&json!(1), &json!("refused"))
    );
    assert_eq!(standing["last_reload"]["faults"][0]["code"], "TG-CF-001");
    assert_eq!((node.metric(REFUSED), node.metric(APPLIED)), (Some(3), Some(0)));
    assert_eq!(class_of(&node, "alarm/b"), json!("critical"));
}

#[test]
fn without_a_file_there_is_nothing_to_reload_and_without_a_node_nobody_to_ask() {
    let dir = TempDir::new().unwrap();
    let node = Node::start(dir.path());
    assert!(node.banner().contains("config none"));
    assert!(text(&reload(&node).stderr).contains("[TG-CF-023]"));
    let admin = node.admin().to_string();
    drop(node);
    let output = run(&["config", "reload", "--admin", &admin]);
    assert!(text(&output.stderr).starts_with("error[TG-CF-021]: "));
}

#[test]
fn a_hangup_is_a_reload_and_a_new_drain_timeout_holds_at_the_end() {
    let (dir, conf) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let file = written(&conf, "");
    let node = start(dir.path(), &file);
    written(&conf, "[node]\ndrain_timeout = \"7 s\"\n");
    node.signal(Signal::HUP);
    node.metric_when(APPLIED, |applied| applied == 1);
    let report = node.terminate();
    assert_eq!(report.status, Some(0));
    assert!(report.log.contains("told to stop: draining timeout_s=7"), "{}", report.log);
}

#[test]
fn reloads_under_load_lose_nothing() {
    const RELOADS: u64 = 20;
    let (dir, conf) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let file = written(&conf, "");
    let node = start(dir.path(), &file);
    let (done, address) = (AtomicBool::new(false), node.mqtt());
    let sent = std::thread::scope(|scope| {
        let publisher = scope.spawn(|| {
            let mut client = Client::connect(address, "press-7");
            let mut sent = 0_u64;
            while !done.load(Ordering::Relaxed) || sent < 100 {
                client.publish("alarm/n", sent.to_string().as_bytes());
                sent += 1;
            }
            sent
        });
        for round in 1..=RELOADS {
            let critical = if round % 2 == 1 { "critical = [\"alarm/#\"]" } else { "" };
            written(&conf, &format!("[ingest]\n{critical}\n"));
            node.signal(Signal::HUP);
            node.metric_when(APPLIED, |applied| applied == round);
        }
        done.store(true, Ordering::Relaxed);
        publisher.join().unwrap()
    });
    let accounts = node.delivered(sent);
    assert_eq!(accounts["admission"]["accepted"], json!(sent));
    assert!(accounts["sinks"].as_array().unwrap().iter().all(|sink| sink["difference"] == 0));
    let payloads: Vec<u64> = node.rows().iter().map(|row| row["payload"].as_u64().unwrap()).collect();
    assert_eq!(payloads, (0..sent).collect::<Vec<_>>());
    let classes: Vec<_> = node.rows().iter().map(|row| row["class"].clone()).collect();
    assert!(classes.contains(&json!("critical")) && classes.contains(&json!("process")));
}

#[test]
fn without_a_file_a_node_takes_readings_and_leaves_none_beside_the_journal() {
    let dir = TempDir::new().unwrap();
    let file = written(&dir, "[ingest.file]\nenabled = false\n");
    let data = dir.path().join("data");
    let node = start(&data, &file);
    Client::connect(node.mqtt(), "press-7").publish("line/7/temp", b"1");
    let accounts = node.accounts();
    assert_eq!(accounts["admission"]["accepted"], 1);
    assert_eq!(accounts["sinks"], json!([]));
    assert!(!node.banner().contains("ndjson"), "{}", node.banner());
    assert!(!data.join("ingest").exists());
    assert_eq!(node.terminate().status, Some(0));
}
