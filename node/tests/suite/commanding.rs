//! Values written to devices by messages and by rules: paho asks and is answered, pymodbus has the value, and each command is counted once.

use crate::counterpart::{Running, counterpart};
use crate::mqtt::Client;
use crate::plant::{Devices, python};
use crate::process::{PATIENCE, port_to_keep, run};
use crate::writing::{Mute, Site, device, new_id, register};
use serde_json::{Value, json};
use std::path::Path;
use std::process::Command;
use tempfile::TempDir;

/// Asks as it is told on standard input, a line each: topic and payload. Prints what it hears, and what becomes of what it sends.
const ASKER: &str = "
import sys, paho.mqtt.client as mqtt
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
port, name, secret, way = int(sys.argv[1]), sys.argv[2], sys.argv[3], sys.argv[4]
is_v5 = way != 'none'
client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, client_id=name, protocol=mqtt.MQTTv5 if is_v5 else mqtt.MQTTv311)
client.username_pw_set(name, secret)
def heard(client, userdata, message):
    data = getattr(message.properties, 'CorrelationData', b'').decode() if is_v5 else ''
    print(message.topic, data, message.payload.decode(), sep='|', flush=True)
def ready(client, userdata, mid, codes, properties):
    print('ready', flush=True)
def sent(client, userdata, mid, code, properties):
    if code.is_failure: print('denied', flush=True)
client.on_message, client.on_subscribe, client.on_publish = heard, ready, sent
client.connect('127.0.0.1', port)
client.loop_start()
client.subscribe(way if is_v5 else 'tidegate/write/+/+/result', 1)
for line in sys.stdin:
    topic, payload = line.strip().split(' ', 1)
    properties = None
    if is_v5:
        properties = Properties(PacketTypes.PUBLISH)
        properties.ResponseTopic, properties.CorrelationData = way, b'c-7'
    client.publish(topic, payload, 1, properties=properties)
";

/// The lines that let a client in by name, with these scopes, and its secret.
fn client(name: &str, scopes: &str) -> (String, String) {
    let said = String::from_utf8(run(&["identity", "secret", name]).stdout).unwrap();
    let secret = said.lines().nth(1).unwrap().trim_start_matches(['#', ' ']).to_owned();
    let lines = said.lines().filter(|line| !line.trim_start().starts_with("scopes"));
    let lines: String = lines.map(|line| format!("{line}\n")).collect();
    (format!("{lines}scopes = {scopes}\n"), secret)
}

fn ask(python: &Path, site: &Site, name: &str, secret: &str, way: &str) -> Running {
    let port = site.node.mqtt().port().to_string();
    let mut asker = Running::start(Command::new(python).args(["-c", ASKER, &port, name, secret, way]));
    assert_eq!(asker.line(), "ready");
    asker
}

/// The topic, the correlation data and the answer.
fn heard(asker: &mut Running) -> (String, String, Value) {
    let line = asker.line();
    let mut parts = line.splitn(3, '|').map(str::to_owned);
    let (topic, data) = (parts.next().unwrap(), parts.next().unwrap());
    (topic, data, serde_json::from_str(&parts.next().unwrap()).unwrap())
}

#[test]
fn a_message_writes_and_is_answered_where_it_asks_for_it_and_nobody_else_may() {
    let test = "a_message_writes_and_is_answered_where_it_asks_for_it_and_nobody_else_may";
    let Some(pymodbus) = python("commanding", test) else { return };
    let named = format!("commanding::{test}");
    let Some(paho) = counterpart("TIDEGATE_TEST_PAHO_PYTHON", &named, "paho-mqtt") else { return };
    let (dir, port) = (TempDir::new().unwrap(), port_to_keep());
    let _devices = Devices::start(&pymodbus, port);
    let scopes =
        "[\"command:tidegate/write/drive-1/+\", \"subscribe:panel/#\", \"subscribe:tidegate/write/#\"]";
    let (hmi, hmi_secret) = client("hmi", scopes);
    let (meter, meter_secret) = client("meter", "[\"publish:#\", \"subscribe:#\"]");
    let site = Site::start(dir.path(), &format!("{}{hmi}{meter}", device("drive-1", port)));
    site.stands("answers", 1);
    let mut panel = ask(&paho, &site, "hmi", &hmi_secret, "panel/answers");
    let id = new_id(1);
    panel.tell(&format!("tidegate/write/drive-1/speed {}\n", json!({"value": 20, "id": id})));
    let (topic, data, answer) = heard(&mut panel);
    assert_eq!((topic.as_str(), data.as_str()), ("panel/answers", "c-7"));
    assert_eq!(
        (&answer["outcome"], &answer["id"], register(port)),
        (&json!("confirmed"), &json!(id), 200),
        "{answer}"
    );
    panel.tell(&format!("tidegate/write/drive-1/speed {}\n", json!({"value": 20, "id": id})));
    assert_eq!(heard(&mut panel).2["known"], json!(true));
    for (line, code) in [
        ("tidegate/write/drive-1/speed 1000", "TG-TA-033"),
        ("tidegate/write/drive-1/temp 1", "TG-TA-031"),
        ("tidegate/write/drive-1/speed null", "TG-PL-052"),
    ] {
        panel.tell(&format!("{line}\n"));
        assert_eq!(heard(&mut panel).2["code"], json!(code), "{line}");
    }
    panel.tell("tidegate/write/drive-2/speed 1\n");
    assert_eq!(panel.line(), "denied");
    let mut other = ask(&paho, &site, "meter", &meter_secret, "meter/answers");
    other.tell("tidegate/write/drive-1/speed 30\n");
    assert_eq!(other.line(), "denied");
    let mut old = ask(&paho, &site, "hmi", &hmi_secret, "none");
    old.tell("tidegate/write/drive-1/run true\n");
    let (topic, _, answer) = heard(&mut old);
    assert_eq!((topic.as_str(), &answer["read_back"]), ("tidegate/write/drive-1/run/result", &json!(true)));
    assert_eq!(register(port), 200);
    let counts = ["confirmed", "known", "refused"].map(|outcome| site.ended_of("mqtt", outcome));
    assert_eq!(counts, [2, 1, 2]);
    let accounts = site.get(&site.operator, "/api/v1/ingest/accounts").json();
    assert_eq!(accounts["admission"]["difference"], 0, "commands are no readings");
}

const RULE: &str = "[ingest.rules.fast]\nwhen = \"`line/7/temp` > 90\"\ncommand = \"tidegate/write/drive-1/speed\"\n\
    command_came = \"5\"\ncommand_went = \"50\"\n";

/// A tag whose place the device does not have, and a rule that writes it.
const LOST: &str = "[ingest.templates.drive.tags.lost]\ntype = \"integer\"\naddress = \"40104\"\nwritable = true\n\
    [ingest.rules.lost]\nwhen = \"`line/7/temp` > 90\"\ncommand = \"tidegate/write/drive-1/lost\"\ncommand_came = \"1\"\n";

fn sensor(site: &Site, name: &str, secret: &str) -> Client {
    use tidegate_codec_mqtt::{Connect, Login, ProtocolLevel, Text};
    let mut connect = Connect::new(Text::new(name).unwrap());
    connect.level = ProtocolLevel::V311;
    connect.login = Some(Login::new(Text::new(name).unwrap(), Some(secret.to_owned().into_bytes().into())));
    Client::introduce(site.node.mqtt(), connect).unwrap()
}

fn wait(what: &str, holds: impl Fn() -> bool) {
    let began = std::time::Instant::now();
    while !holds() {
        assert!(began.elapsed() < PATIENCE, "{what}");
        crate::process::pass(std::time::Duration::from_millis(20));
    }
}

fn commands(site: &Site, wanted: impl Fn(&Value) -> bool) -> Value {
    let began = std::time::Instant::now();
    loop {
        let account = site.get(&site.operator, "/api/v1/ingest/accounts").json()["commands"].clone();
        if wanted(&account) {
            assert_eq!(account["difference"], 0);
            return account;
        }
        assert!(began.elapsed() < PATIENCE, "{account}");
        crate::process::pass(std::time::Duration::from_millis(20));
    }
}

#[test]
fn a_rule_writes_to_a_device_and_what_the_device_does_not_take_is_refused_and_counted() {
    let test = "a_rule_writes_to_a_device_and_what_the_device_does_not_take_is_refused_and_counted";
    let Some(python) = python("commanding", test) else { return };
    let (dir, port) = (TempDir::new().unwrap(), port_to_keep());
    let _devices = Devices::start(&python, port);
    let (lines, secret) = client("sensor", "[\"publish:line/#\"]");
    let site = Site::start(dir.path(), &format!("{}{LOST}{RULE}{lines}", device("drive-1", port)));
    site.stands("answers", 1);
    let mut sensor = sensor(&site, "sensor", &secret);
    sensor.publish("line/7/temp", b"95");
    commands(&site, |account| account["published"] == 1 && account["refused"] == 1);
    assert_eq!(register(port), 50);
    let mut written = site.audited();
    written.sort_by(|one, other| one.0.cmp(&other.0));
    let [lost, speed] = &written[..] else { panic!("{written:?}") };
    assert_eq!((lost.0.as_str(), &lost.1), ("drive-1/lost = 1", &json!(502)), "{lost:?}");
    assert_eq!(*speed, ("drive-1/speed = 5".to_owned(), json!(200), "15.0 -> 5.0".to_owned()));
    sensor.publish("line/7/temp", b"20");
    commands(&site, |account| account["published"] == 2);
    assert_eq!((site.ended_of("rule", "confirmed"), site.ended_of("rule", "failed")), (2, 1));
    assert_eq!(register(port), 500);
}

#[test]
fn a_rules_write_to_one_device_does_not_wait_for_another_device() {
    let test = "a_rules_write_to_one_device_does_not_wait_for_another_device";
    let Some(python) = python("commanding", test) else { return };
    let (dir, port, mute) = (TempDir::new().unwrap(), port_to_keep(), Mute::start());
    let _devices = Devices::start(&python, port);
    let (lines, secret) = client("sensor", "[\"publish:line/#\"]");
    let slow = "[ingest.rules.slow]\nwhen = \"`line/7/temp` > 50\"\ncommand = \"tidegate/write/drive-2/speed\"\ncommand_came = \"7\"\n";
    let (near, far) = (device("drive-1", port), device("drive-2", mute.port));
    let site = Site::start(dir.path(), &format!("{near}{far}timeout = \"10 s\"\n{slow}{RULE}{lines}"));
    site.stands("answers", 2);
    let mut sensor = sensor(&site, "sensor", &secret);
    sensor.publish("line/7/temp", b"60");
    wait("the slow one has it", || mute.written() == 1);
    sensor.publish("line/7/temp", b"95");
    wait("the other one has its value", || register(port) == 50);
    let account = commands(&site, |account| account["decided"] == 2);
    assert_eq!(
        (&account["waiting"], &account["refused"]),
        (&json!(2), &json!(0)),
        "the slow one is waited for"
    );
    let account = commands(&site, |account| account["waiting"] == 0);
    assert_eq!((&account["published"], &account["refused"]), (&json!(1), &json!(1)), "{account}");
    assert_eq!((mute.written(), register(port)), (1, 50));
}

#[test]
fn a_rule_whose_write_is_not_answered_is_refused_once_and_not_carried_out_again() {
    let dir = TempDir::new().unwrap();
    let mute = Mute::start();
    let (lines, secret) = client("sensor", "[\"publish:line/#\"]");
    let site = Site::start(dir.path(), &format!("{}{RULE}{lines}", device("drive-1", mute.port)));
    site.stands("answers", 1);
    sensor(&site, "sensor", &secret).publish("line/7/temp", b"95");
    commands(&site, |account| account["refused"] == 1);
    assert_eq!((mute.written(), site.ended_of("rule", "unknown")), (1, 1));
    let site = site.again(dir.path());
    let account = commands(&site, |account| account["waiting"] == 0);
    assert_eq!((&account["decided"], mute.written()), (&json!(1), 1), "{account}");
}
