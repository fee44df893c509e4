//! A collector that decodes by the contract's own decoder: what it is told, and what a node does without one that answers.

use crate::counterpart::{Running, counterpart};
use crate::mqtt::Client;
use crate::process::{Answer, Node, PATIENCE, command, request};
use serde_json::Value;
use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::Command;
use std::time::Instant;
use tempfile::TempDir;

const SCRIPT: &str = include_str!("collector.py");
const ELSEWHERE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";

/// The collector, and the spans it has been told of so far.
struct Collector {
    running: Running,
    port: u16,
    spans: Vec<Value>,
    resource: Value,
    headers: Value,
}

impl Collector {
    /// Nothing where there is no decoder; then the test has announced that.
    fn start(test: &str) -> Option<Collector> {
        let test = format!("traces::{test}");
        let python = counterpart("TIDEGATE_TEST_OTLP_PYTHON", &test, "a Python with opentelemetry-proto")?;
        let mut running = Running::start(Command::new(python).args(["-c", SCRIPT]));
        let port = running.line().parse().unwrap();
        Some(Collector { running, port, spans: Vec::new(), resource: Value::Null, headers: Value::Null })
    }

    /// The node's settings.
    fn settings(&self, more: &str) -> String {
        format!("[traces]\nendpoint = \"http://127.0.0.1:{}\"\n{more}", self.port)
    }

    /// Reads on until a request has come.
    fn asked(&mut self) {
        while !self.read().is_string() {}
    }

    /// Reads on until there is a span as wanted.
    fn span(&mut self, wanted: impl Fn(&Value) -> bool) -> Value {
        loop {
            if let Some(span) = self.spans.iter().find(|span| wanted(span)) {
                return span.clone();
            }
            self.read();
        }
    }

    fn read(&mut self) -> Value {
        let mut line: Value = serde_json::from_str(&self.running.line()).unwrap();
        if let Some(spans) = line["spans"].as_array_mut() {
            self.spans.append(spans);
            (self.resource, self.headers) = (line["resource"].clone(), line["headers"].clone());
        }
        line["asked"].clone()
    }
}

fn start(data: &Path, settings: &str, more: &[&str]) -> Node {
    let file = data.with_extension("toml");
    fs::write(&file, settings).unwrap();
    let mut command = command(data);
    command.arg("--config").arg(&file).args(more);
    Node::start_with(command, data)
}

fn ask(address: SocketAddr, line: &str, headers: &str) -> Answer {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    write!(
        stream,
        "{line} HTTP/1.1\r\nHost: {address}\r\n{headers}Content-Length: 0\r\nConnection: close\r\n\r\n"
    )
    .unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    Answer { status, head: head.to_owned(), body: body.to_owned() }
}

fn named<'s>(name: &'s str) -> impl Fn(&Value) -> bool + 's {
    move |span| span["name"] == name
}

fn outcomes(node: &Node, outcome: &str) -> u64 {
    node.metric(&format!("tidegate_traces_spans_total{{outcome=\"{outcome}\"}}")).unwrap()
}

#[test]
fn an_id_in_the_log_leads_to_its_span_and_the_span_says_what_was_asked() {
    let test = "an_id_in_the_log_leads_to_its_span_and_the_span_says_what_was_asked";
    let Some(mut collector) = Collector::start(test) else { return };
    let dir = TempDir::new().unwrap();
    let data = dir.path().join("data");
    let settings = collector.settings("authorization = \"Bearer abc\"\n");
    let node = start(&data, &settings, &["--log", "json"]);
    let headers =
        format!("X-Request-ID: night-shift-7\r\ntraceparent: 00-{ELSEWHERE}-00f067aa0ba902b7-01\r\n");
    let answer = ask(node.admin(), "POST /-/reload", &headers);
    assert_eq!(answer.status, 200, "{}", answer.body);

    let span = collector.span(|span| span["attributes"]["request_id"] == "night-shift-7");
    assert_eq!((&span["name"], &span["kind"]), (&"POST /-/reload".into(), &"SPAN_KIND_SERVER".into()));
    assert_eq!((&span["traceId"], &span["parentSpanId"]), (&ELSEWHERE.into(), &"00f067aa0ba902b7".into()));
    assert_eq!(span["attributes"]["http.response.status_code"], "200");
    let time = |key: &str| span[key].as_str().unwrap().parse::<u64>().unwrap();
    assert!(time("endTimeUnixNano") > time("startTimeUnixNano"), "{span}");
    let startup = collector.span(named("startup"));
    let listen = collector.span(named("listen"));
    assert_eq!(listen["parentSpanId"], startup["spanId"]);
    assert_eq!(
        (&collector.resource["service.name"], &collector.headers["authorization"]),
        (&"tidegate".into(), &"Bearer abc".into())
    );

    let report = node.terminate();
    let lines: Vec<Value> = report.log.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let line = lines.iter().find(|line| line["request_id"] == "night-shift-7");
    let line = line.unwrap_or_else(|| panic!("{report:?}"));
    assert_eq!((&line["trace_id"], &line["span_id"]), (&span["traceId"], &span["spanId"]));
    assert!(report.said.ends_with("nothing is left\n"), "the last words are beside the lines: {report:?}");
}

#[test]
fn an_export_is_the_reason_for_no_other_one() {
    let Some(mut collector) = Collector::start("an_export_is_the_reason_for_no_other_one") else { return };
    let dir = TempDir::new().unwrap();
    let data = dir.path().join("data");
    let node = start(&data, &collector.settings(""), &[]);
    for at in 0..4 {
        // Each is exported before the next is asked, so there are at least as many exports.
        let (id, line) = (format!("r-{at}"), "GET /healthz");
        assert_eq!(ask(node.admin(), line, &format!("X-Request-ID: {id}\r\n")).status, 200);
        collector.span(|span| span["attributes"]["request_id"] == id.as_str());
    }
    let names: Vec<&str> = collector.spans.iter().map(|span| span["name"].as_str().unwrap()).collect();
    let known = ["startup", "open the data folder", "find out what waits", "listen", "GET /healthz"];
    assert!(names.iter().all(|name| known.contains(name)), "{names:?}");
    assert_eq!((names.len(), collector.headers["traceparent"].is_null()), (8, true), "{names:?}");
}

#[test]
fn deliveries_have_spans_and_a_failed_one_says_why() {
    let Some(mut collector) = Collector::start("deliveries_have_spans_and_a_failed_one_says_why") else {
        return;
    };
    let dir = TempDir::new().unwrap();
    let data = dir.path().join("data");
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let settings = collector.settings(&format!("[ingest.webhook.mes]\nurl = \"http://{closed}\"\n"));
    let node = start(&data, &settings, &[]);
    Client::connect(node.mqtt(), "press-7").publish("line/7/temp", b"21.5");
    let delivered = collector.span(|span| span["attributes"]["sink"] == "file");
    assert_eq!((&delivered["name"], &delivered["attributes"]["rows"]), (&"delivery".into(), &"1".into()));
    let failed = collector.span(|span| span["attributes"]["sink"] == "mes");
    assert_eq!(
        (&failed["attributes"]["code"], &failed["status"]["code"]),
        (&"TG-WH-001".into(), &"STATUS_CODE_ERROR".into())
    );
}

#[test]
fn without_its_collector_a_node_serves_counts_what_it_drops_and_ends_in_time() {
    let dir = TempDir::new().unwrap();
    let data = dir.path().join("data");
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let settings =
        format!("[traces]\nendpoint = \"http://{closed}\"\nspans_max = 64\ntraces_per_s = 100000\n");
    let node = start(&data, &settings, &[]);
    let ended = "tidegate_traces_ended_spans_total";
    while node.metric(ended).unwrap() < 400 {
        assert_eq!(request(node.admin(), "GET", "/healthz").unwrap().status, 200);
    }
    node.metric_when("tidegate_traces_failed_requests_total", |failed| failed > 0);
    let waiting = node.metric("tidegate_traces_waiting_spans").unwrap();
    assert!(waiting <= 64 && outcomes(&node, "dropped") >= 400 - 64 - 256, "{waiting}");
    assert_eq!(outcomes(&node, "exported"), 0);
    Client::connect(node.mqtt(), "press-7").publish("line/7/temp", b"21.5");
    node.delivered(1);
    let began = Instant::now();
    let report = node.terminate();
    assert_eq!(report.status, Some(0), "{report:?}");
    assert!(began.elapsed() < PATIENCE && report.log.contains("TG-TR-001"), "{}", report.log);
    assert_eq!(report.log.matches("TG-TR-001").count(), 1, "it is said once: {}", report.log);
}

#[test]
fn a_collector_that_hangs_or_is_busy_gets_the_same_spans_once_it_takes_them() {
    let test = "a_collector_that_hangs_or_is_busy_gets_the_same_spans_once_it_takes_them";
    let Some(mut collector) = Collector::start(test) else { return };
    collector.running.tell("refuse\n");
    let dir = TempDir::new().unwrap();
    let data = dir.path().join("data");
    let node = start(&data, &collector.settings(""), &[]);
    collector.asked();
    node.metric_when("tidegate_traces_failed_requests_total", |failed| failed > 0);
    assert_eq!(ask(node.admin(), "GET /healthz", "X-Request-ID: meanwhile\r\n").status, 200);
    collector.running.tell("take\n");
    collector.span(named("startup"));
    collector.span(|span| span["attributes"]["request_id"] == "meanwhile");
    collector.running.tell("hang\n");
    assert_eq!(ask(node.admin(), "GET /healthz", "X-Request-ID: last\r\n").status, 200);
    collector.asked();
    // It holds the request; the node ends all the same, as it may by then, and says what it could not send.
    let report = node.terminate();
    assert_eq!(report.status, Some(0), "{report:?}");
    assert!(report.said.contains("nothing is left"), "{report:?}");
}

#[test]
fn a_message_that_goes_out_for_a_request_carries_its_trace() {
    let dir = TempDir::new().unwrap();
    let data = dir.path().join("data");
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/send?key=k", listener.local_addr().unwrap());
    let settings = format!("[notice.channels.ops]\ntype = \"wecom\"\nurl = \"{url}\"\n");
    let node = start(&data, &settings, &[]);
    let robot = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let (mut read, mut buffer) = (Vec::new(), [0; 4096]);
        while !String::from_utf8_lossy(&read).contains("}}") {
            let count = stream.read(&mut buffer).unwrap();
            read.extend_from_slice(&buffer[..count]);
        }
        let body = "{\"errcode\":0,\"errmsg\":\"ok\"}";
        write!(stream, "HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}", body.len()).unwrap();
        String::from_utf8(read).unwrap()
    });
    let headers = format!("traceparent: 00-{ELSEWHERE}-00f067aa0ba902b7-01\r\n");
    let answer = ask(node.admin(), "POST /api/v1/notice/channels/ops/test", &headers);
    assert_eq!(answer.status, 200, "{}", answer.body);
    let sent = robot.join().unwrap().to_lowercase();
    assert!(
        sent.contains(&format!("traceparent: 00-{ELSEWHERE}-")) && !sent.contains("00f067aa0ba902b7"),
        "{sent}"
    );
}
