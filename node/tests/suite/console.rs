//! What the console asks of a node, asked without a browser: files, routes, and the stream of events.

use crate::mqtt::Client;
use crate::press::{PRESS, start};
use crate::process::{Node, PATIENCE};
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpStream};
use tempfile::TempDir;

const PLANT: &str = r#"
[ingest.webhook.plant]
url = "https://plant.invalid/x"
secret = "not for anybody"
"#;

struct Site {
    node: Node,
    device: Client,
    _dir: TempDir,
}

fn site() -> Site {
    let dir = TempDir::new().unwrap();
    let node = start(&dir, &format!("{PRESS}{PLANT}"));
    let device = Client::connect(node.mqtt(), "gateway-1");
    Site { node, device, _dir: dir }
}

impl Site {
    fn publish(&mut self, celsius: u32) {
        self.device.publish("line/press-7/data", json!({ "temp": celsius }).to_string().as_bytes());
    }
}

/// An open stream of events.
struct Stream(BufReader<TcpStream>);

#[derive(Debug, Default, PartialEq)]
struct Event {
    name: String,
    id: Option<u64>,
    data: Value,
}

impl Stream {
    fn open(address: SocketAddr, query: &str, last: Option<u64>) -> Stream {
        let mut stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let last = last.map(|id| format!("last-event-id: {id}\r\n")).unwrap_or_default();
        write!(stream, "GET /api/v1/events{query} HTTP/1.1\r\nhost: here\r\n{last}\r\n").unwrap();
        Stream(BufReader::new(stream))
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        assert!(self.0.read_line(&mut line).unwrap() > 0, "the stream ended");
        line.trim_end().to_owned()
    }

    fn head(&mut self) -> String {
        let mut head = String::new();
        loop {
            match self.line() {
                line if line.is_empty() => return head,
                line => head = head + &line + "\n",
            }
        }
    }

    /// The next event of this name. Lengths of chunks and comments are passed over.
    fn next(&mut self, name: &str) -> Event {
        loop {
            let mut event = Event::default();
            loop {
                let line = self.line();
                match line.split_once(": ") {
                    Some(("event", name)) => event.name = name.to_owned(),
                    Some(("id", id)) => event.id = id.parse().ok(),
                    Some(("data", data)) => {
                        event.data = serde_json::from_str(data).unwrap();
                        break;
                    }
                    _ => {}
                }
            }
            if event.name == name {
                return event;
            }
        }
    }
}

#[test]
fn the_console_is_served_with_its_kind_a_policy_and_a_tag_and_lists_what_the_node_answers_to() {
    let node = site().node;
    let page = node.admin_get("/");
    assert!(page.status == 200 && page.body.starts_with("<!doctype html>"));
    for field in ["text/html", "content-security-policy: default-src 'self'", "etag: \"", "x-request-id"] {
        assert!(page.head.contains(field), "{field} in {}", page.head);
    }
    let script = node.admin_get("/console/main.js");
    assert!(script.head.contains("text/javascript") && script.status == 200);
    assert_eq!(node.admin_get("/console/nothing.js").status, 404);
    let told = node.admin_get("/api/v1/routes").json();
    let paths: Vec<_> = told["routes"].as_array().unwrap().iter().map(|route| &route["path"]).collect();
    for path in ["/api/v1/routes", "/api/v1/events", "/api/v1/devices", "/metrics"] {
        assert!(paths.contains(&&json!(path)), "{path} in {paths:?}");
    }
}

#[test]
fn every_route_is_on_the_page_about_them() {
    let node = site().node;
    let page = include_str!("../../../docs/reference/api.md");
    for route in node.admin_get("/api/v1/routes").json()["routes"].as_array().unwrap() {
        let name = format!("`{} {}`", route["method"].as_str().unwrap(), route["path"].as_str().unwrap());
        assert!(page.contains(&name), "docs/reference/api.md does not say {name}");
    }
}

#[test]
fn a_stream_tells_beats_alarms_and_the_values_of_a_device_as_they_come() {
    let mut site = site();
    site.publish(20);
    let mut stream = Stream::open(site.node.admin(), "?device=press-7", None);
    let mut other = Stream::open(site.node.admin(), "", None);
    assert!(stream.head().contains("text/event-stream"));
    assert!(stream.next("hello").data["started_ms"].as_u64().unwrap() > 0);
    other.next("hello");
    site.publish(99);
    let values = loop {
        let values = stream.next("values").data;
        if values["tags"]["temp"]["value"] == 99.0 {
            break values;
        }
    };
    assert_eq!(values["tags"]["temp"]["unit"], "°C");
    let alarm = other.next("alarm");
    assert_eq!((&alarm.data["key"], &alarm.data["change"]), (&json!("hot"), &json!("raised")));
    assert_eq!(alarm.id, alarm.data["offset"].as_u64());
    let beat = loop {
        let beat = other.next("pulse").data;
        if beat["received"] == 2 {
            break beat;
        }
    };
    assert_eq!((&beat["ready"], &beat["difference"]), (&json!(true), &json!(0)));
    assert_eq!((&beat["taken"]["process"], &beat["alarms"]["unacknowledged"]), (&json!(2), &json!(1)));
}

#[test]
fn a_stream_goes_on_behind_the_alarm_that_the_client_names() {
    let mut site = site();
    let mut first = Stream::open(site.node.admin(), "", None);
    first.next("hello");
    site.publish(99);
    let raised = first.next("alarm");
    drop(first);
    site.publish(20);
    site.node
        .metric_when("tidegate_ingest_rules_outcomes_total{outcome=\"alarm_cleared\"}", |many| many == 1);
    let mut again = Stream::open(site.node.admin(), "", raised.id);
    let cleared = again.next("alarm");
    assert_eq!(cleared.data["change"], "cleared");
    assert!(cleared.id > raised.id);
    let mut all = Stream::open(site.node.admin(), "", Some(0));
    assert_eq!(
        [all.next("alarm").data["change"].clone(), all.next("alarm").data["change"].clone()],
        ["raised", "cleared"]
    );
}

#[test]
fn there_are_so_many_streams_and_one_that_ends_makes_room() {
    let site = site();
    let open = "tidegate_events_open_streams";
    let mut streams: Vec<_> = (0..32).map(|_| Stream::open(site.node.admin(), "", None)).collect();
    streams.iter_mut().for_each(|stream| assert!(stream.head().contains(" 200 ")));
    let refused = Stream::open(site.node.admin(), "", None).head();
    assert!(refused.contains(" 503 "), "{refused}");
    streams.clear();
    site.node.metric_when(open, |many| many == 0);
    assert!(Stream::open(site.node.admin(), "", None).head().contains(" 200 "));
}

#[test]
fn an_alarm_tells_the_reading_it_came_from_and_a_stranger_is_unknown() {
    let mut site = site();
    site.publish(20);
    site.publish(99);
    site.node.metric_when("tidegate_ingest_rules_outcomes_total{outcome=\"alarm_raised\"}", |many| many == 1);
    let told = site.node.admin_get("/api/v1/alarms/hot/story").json();
    assert_eq!((&told["cause"], &told["story"]["topic"]), (&json!("reading"), &json!("line/press-7/data")));
    let (id, row) = (&told["story"]["id"], || {
        site.node.rows().into_iter().find(|row| row["points"]["temp"]["value"] == 99.0)
    });
    site.node.delivered(4);
    assert_eq!(row().map(|row| row["id"].clone()).as_ref(), Some(id), "{:?}", site.node.rows());
    assert_eq!(site.node.admin_get("/api/v1/alarms/nobody/story").status, 404);
}

#[test]
fn what_is_told_of_the_configuration_has_origins_and_no_secret() {
    let node = site().node;
    let told = node.admin_get("/api/v1/config");
    assert!(!told.body.contains("not for anybody"), "{}", told.body);
    let settings = told.json();
    let find = |key: &str| {
        let mut each = settings["settings"].as_array().unwrap().iter();
        each.find(|setting| setting["key"] == key).unwrap_or_else(|| panic!("no {key}")).clone()
    };
    assert_eq!(find("ingest.devices.presses.topic")["line"], 5);
    assert_eq!(find("management.listen")["option"], "--admin");
    assert_eq!(find("ingest.critical")["origin"], "default");
}

#[test]
fn devices_journals_and_the_process_are_told_with_their_units() {
    let mut site = site();
    site.publish(21);
    site.node.delivered(2);
    let devices = site.node.admin_get("/api/v1/devices?match=press&many=1").json();
    assert_eq!((&devices["total"], &devices["devices"][0]["device"]), (&json!(1), &json!("press-7")));
    assert_eq!(site.node.admin_get("/api/v1/devices/press-7").json()["temp"]["unit"], "°C");
    let journals = site.node.admin_get("/api/v1/journals").json();
    let queues = &journals["journals"][1];
    assert_eq!((&queues["journal"], &queues["bytes_max"]), (&json!("queues"), &json!(2_147_483_648_u64)));
    assert!(queues["sync_us"]["count"].as_u64().unwrap() > 0);
    let process = site.node.admin_get("/api/v1/node").json();
    assert!(
        process["threads"].as_u64().unwrap() > 1 && process["resident_bytes"].as_u64().unwrap() > 1 << 20
    );
    let known = site.node.admin_get("/api/v1/identity/principals").json();
    assert_eq!((&known["anonymous"], &known["principals"]), (&json!("loopback"), &json!([])));
    let lines = site.node.admin_get("/api/v1/log").json();
    assert!(lines["lines"].is_array());
}
