//! Payloads that say what cannot be, or too much of it, and rules that cannot be computed: each has a code, is counted under it, and
//! nothing else is lost by it.

use crate::http::ask;
use crate::mqtt::Client;
use crate::process::{Node, command, run};
use serde_json::{Value, json};
use std::fs;
use std::path::PathBuf;
use tempfile::TempDir;

const TOPIC: &str = "line/press-7/data";

const MODEL: &str = "[ingest.templates.press]\ntime = \"t\"\n[ingest.templates.press.tags]\n\
    temp = {}\nbig = { scale = 10 }\ncount = { type = \"integer\" }\non = { type = \"boolean\" }\n\
    mode = { type = \"text\" }\nvib = { type = \"reals\" }\n\
    [ingest.devices.presses]\ntopic = \"line/+/data\"\ntemplate = \"press\"\n";

fn written(conf: &TempDir, rules: &str) -> PathBuf {
    let file = conf.path().join("site.toml");
    fs::write(&file, format!("{MODEL}{rules}")).unwrap();
    file
}

fn start(data: &TempDir, conf: &TempDir, rules: &str) -> Node {
    let mut up = command(data.path());
    up.arg("--config").arg(written(conf, rules));
    Node::start_with(up, data.path())
}

/// Each is malformed as a whole, under this code.
fn malformed() -> Vec<(Vec<u8>, &'static str)> {
    let deep = |bytes: &str| bytes.repeat(20_000);
    let keys: Vec<String> = (0..8000).map(|at| format!("\"key-{at}\":{at}")).collect();
    let payloads = [
        ("{\"temp\":NaN}".to_owned(), "TG-TA-010"),
        ("{\"temp\":Infinity}".to_owned(), "TG-TA-010"),
        ("{\"temp\":61.2".to_owned(), "TG-TA-010"),
        ("{\"temp\":061.2}".to_owned(), "TG-TA-010"),
        (deep("["), "TG-TA-010"),
        (deep("{\"temp\":"), "TG-TA-010"),
        ("{\"temp\":1e999}".to_owned(), "TG-TA-012"),
        (format!("{{\"temp\":{}}}", "9".repeat(5000)), "TG-TA-012"),
        ("{\"temp\":1,\"temp\":2}".to_owned(), "TG-TA-013"),
        (format!("{{{}}}", keys.join(",")), "TG-TA-014"),
        ("{}".to_owned(), "TG-TA-014"),
        ("[61.2]".to_owned(), "TG-TA-014"),
        ("{\"temp\":\"hot\"}".to_owned(), "TG-TA-020"),
        (format!("{{\"temp\":{}1{}}}", "[".repeat(100), "]".repeat(100)), "TG-TA-020"),
        ("{\"on\":2}".to_owned(), "TG-TA-020"),
        ("{\"count\":1.5}".to_owned(), "TG-TA-020"),
        ("{\"vib\":[1,null]}".to_owned(), "TG-TA-020"),
        ("{\"count\":1e300}".to_owned(), "TG-TA-021"),
        ("{\"big\":1.5e308}".to_owned(), "TG-TA-021"),
        (format!("{{\"vib\":[{}1]}}", "1,".repeat(9000)), "TG-TA-022"),
        (format!("{{\"mode\":\"{}\"}}", "x".repeat(5000)), "TG-TA-022"),
    ];
    let mut payloads: Vec<_> = payloads.map(|(text, code)| (text.into_bytes(), code)).into();
    payloads.push((b"{\"mode\":\"\xff\"}".to_vec(), "TG-TA-010"));
    payloads
}

/// The accounts once so many readings were taken and every sink has them.
fn settled(node: &Node, accepted: u64) -> Value {
    node.accounts_when(|accounts| {
        let mut sinks = accounts["sinks"].as_array().unwrap().iter();
        let is_taken = accounts["admission"]["accepted"] == json!(accepted);
        is_taken && sinks.all(|sink| sink["lag"] == json!(0) && sink["in_flight"] == json!(0))
    })
}

fn differences(accounts: &Value) -> Vec<&Value> {
    let sinks = accounts["sinks"].as_array().unwrap().iter();
    let sums = [&accounts["admission"], &accounts["routing"]];
    sums.into_iter().chain(sinks).map(|sum| &sum["difference"]).collect()
}

#[test]
fn a_payload_that_cannot_be_is_counted_under_its_code_and_the_next_one_is_taken() {
    let (data, conf) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let node = start(&data, &conf, "");
    let mut device = Client::connect(node.mqtt(), "press-7");
    let mut expected = serde_json::Map::new();
    for (payload, code) in malformed() {
        device.publish(TOPIC, &payload);
        let count = expected.get(code).and_then(Value::as_u64).unwrap_or(0) + 1;
        expected.insert(code.to_owned(), json!(count));
        let found = node.accounts()["admission"]["malformed_by_code"].clone();
        assert_eq!(
            found,
            Value::Object(expected.clone()),
            "{}",
            String::from_utf8_lossy(&payload[..payload.len().min(60)])
        );
    }
    device.publish(TOPIC, b"{\"temp\":61.2,\"mode\":3}");
    let accounts = settled(&node, 1);
    assert_eq!(accounts["admission"]["received"], json!(malformed().len() + 1));
    assert!(differences(&accounts).iter().all(|difference| **difference == json!(0)), "{accounts}");
    assert_eq!(node.metric("tidegate_ingest_point_faults_total{code=\"TG-TA-020\"}"), Some(1));
}

#[test]
fn a_payload_that_is_too_large_is_refused_over_http_with_its_code() {
    let (data, conf) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let node = start(&data, &conf, "");
    let payload = json!({"temp": 1, "note": "x".repeat(300_000)}).to_string();
    let body = json!({"readings": [
        {"topic": TOPIC, "payload": payload},
        {"topic": TOPIC, "payload": "{\"temp\":1e999}"},
        {"topic": TOPIC, "payload": {"temp": 61.2}},
    ]});
    let answer = ask(node.http(), "POST /v1/readings", "", &body.to_string());
    let codes: Vec<_> =
        answer.json()["results"].as_array().unwrap().iter().map(|line| line["code"].clone()).collect();
    assert_eq!((answer.status, codes), (207, vec![json!("TG-TA-011"), json!("TG-TA-012"), Value::Null]));
    let admission = &settled(&node, 1)["admission"];
    assert_eq!(
        [&admission["received"], &admission["malformed"], &admission["difference"]],
        [&json!(3), &json!(2), &json!(0)]
    );
}

#[test]
fn a_time_far_off_is_replaced_and_said_to_be_uncertain() {
    let (data, conf) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let node = start(&data, &conf, "");
    let mut device = Client::connect(node.mqtt(), "press-7");
    for time in ["1", "99999999999999", "-5", "1e300", "\"noon\""] {
        device.publish(TOPIC, format!("{{\"temp\":61.2,\"t\":{time}}}").as_bytes());
    }
    settled(&node, 5);
    let qualities: Vec<_> = node.rows().iter().map(|row| row["points"]["temp"]["quality"].clone()).collect();
    assert_eq!(qualities, vec![json!("uncertain"); 5], "{:?}", node.rows());
    assert_eq!(node.metric("tidegate_ingest_point_faults_total{code=\"TG-TA-024\"}"), Some(5));
}

#[test]
fn a_rule_that_divides_by_what_is_zero_is_unknown_and_counted_and_goes_on() {
    let (data, conf) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let rule = "[ingest.rules.ratio]\nwhen = \"press-7.temp / press-7.count > 10\"\nalarm = \"too much\"\n";
    let node = start(&data, &conf, rule);
    let mut device = Client::connect(node.mqtt(), "press-7");
    device.publish(TOPIC, b"{\"count\":0,\"temp\":61.2}");
    let unknown = |reason: &str| format!("tidegate_ingest_rules_unknown_total{{reason=\"{reason}\"}}");
    node.metric_when(&unknown("divide_by_zero"), |count| count == 1);
    device.publish(TOPIC, b"{\"count\":2}");
    node.metric_when("tidegate_ingest_rules_outcomes_total{outcome=\"alarm_raised\"}", |count| count == 1);
}

#[test]
fn a_rule_that_can_never_be_computed_or_costs_too_much_is_refused_with_its_code() {
    let conf = TempDir::new().unwrap();
    let dear = ["avg(press-7.temp, 1 s)"; 30].join(" + ");
    let deep = format!("{}press-7.temp{} > 1", "(".repeat(60), ")".repeat(60));
    for (when, code) in [
        ("press-7.temp / 0 > 1", "TG-RU-004"),
        ("press-7.temp > 1e999", "TG-RU-004"),
        (&format!("{dear} > 1"), "TG-RU-005"),
        (&deep, "TG-RU-001"),
        ("press-7.mode > 1", "TG-RU-003"),
        ("press-7.vib > 1", "TG-RU-002"),
    ] {
        let file = written(&conf, &format!("[ingest.rules.bad]\nwhen = {when:?}\nalarm = \"x\"\n"));
        let checked = run(&["config", "check", file.to_str().unwrap()]);
        let said =
            String::from_utf8_lossy(&checked.stderr).into_owned() + &String::from_utf8_lossy(&checked.stdout);
        assert!(!checked.status.success() && said.contains(code), "{when}: {said}");
    }
}
