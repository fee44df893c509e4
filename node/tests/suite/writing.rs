//! Values written to devices through the node: pymodbus and python-snap7 have them afterwards, also a device that goes in the middle.

use crate::audit::token;
use crate::counterpart::{Running, counterpart};
use crate::people::ask;
use crate::plant::{Devices, python};
use crate::process::{Answer, Node, PATIENCE, command, pass, port_to_keep};
use serde_json::{Value, json};
use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use tempfile::TempDir;

pub(crate) const TEMPLATE: &str = "\
[plant]
off_scan = \"200 ms\"
off_scan_max = \"400 ms\"
[ingest.templates.drive.groups.fast]
every = \"100 ms\"
[ingest.templates.drive.tags.speed]
address = \"40051:INT16\"
group = \"fast\"
scale = 0.1
writable = true
write_min = 0.0
write_max = 100.0
[ingest.templates.drive.tags.run]
type = \"boolean\"
address = \"00005\"
writable = true
[ingest.templates.drive.tags.temp]
address = \"40021:FLOAT\"
";

pub(crate) fn device(name: &str, port: u16) -> String {
    format!(
        "[ingest.devices.{name}]\ntopic = \"plant/{name}\"\ntemplate = \"drive\"\ndriver = \"modbus\"\n\
         address = \"tcp://127.0.0.1:{port}/1\"\n"
    )
}

/// A node, with the tokens of an operator and of an auditor.
pub(crate) struct Site {
    pub(crate) node: Node,
    pub(crate) operator: String,
    auditor: String,
}

impl Site {
    pub(crate) fn start(dir: &Path, devices: &str) -> Site {
        let ((panel, operator), (eye, auditor)) = (token("panel"), token("eye"));
        let text = format!(
            "[identity]\nanonymous = \"never\"\n{panel}roles = [\"operator\"]\n{eye}roles = [\"auditor\"]\n{TEMPLATE}{devices}"
        );
        fs::write(dir.join("tidegate.toml"), text).unwrap();
        Site { node: Site::node(dir), operator, auditor }
    }

    fn node(dir: &Path) -> Node {
        let mut command = command(dir);
        command.arg("--config").arg(dir.join("tidegate.toml"));
        Node::start_with(command, dir)
    }

    /// The same folder and file under a new process.
    pub(crate) fn again(self, dir: &Path) -> Site {
        let Site { node, operator, auditor } = self;
        node.kill();
        Site { node: Site::node(dir), operator, auditor }
    }

    fn write_as(&self, token: &str, target: &str, body: &Value) -> Answer {
        let (device, tag) = target.split_once('/').unwrap();
        let request = format!("POST /api/v1/ingest/devices/{device}/tags/{tag}");
        let fields = format!("authorization: Bearer {token}\r\ncontent-type: application/json\r\n");
        ask(&self.node, &request, &fields, &body.to_string())
    }

    fn write(&self, target: &str, body: &Value) -> Answer {
        self.write_as(&self.operator, target, body)
    }

    pub(crate) fn get(&self, token: &str, path: &str) -> Answer {
        ask(&self.node, &format!("GET {path}"), &format!("authorization: Bearer {token}\r\n"), "")
    }

    /// Devices that stand like this, as often as asked until there are so many.
    pub(crate) fn stands(&self, state: &str, many: usize) {
        let began = Instant::now();
        loop {
            let devices = self.get(&self.operator, "/api/v1/ingest/devices").json();
            let found = devices.as_array().unwrap().iter().filter(|device| device["state"] == state).count();
            if found == many {
                return;
            }
            assert!(began.elapsed() < PATIENCE, "{devices}");
            pass(Duration::from_millis(20));
        }
    }

    /// Every write in the audit: target, status, detail.
    pub(crate) fn audited(&self) -> Vec<(String, Value, String)> {
        let page = self.get(&self.auditor, "/api/v1/audit").json();
        let writes = page["events"].as_array().unwrap().iter().filter(|event| event["what"] == "write");
        let text = |event: &Value, key: &str| event[key].as_str().unwrap().to_owned();
        writes.map(|event| (text(event, "target"), event["status"].clone(), text(event, "detail"))).collect()
    }

    /// Commands that came over HTTP and ended like this.
    fn ended(&self, outcome: &str) -> u64 {
        self.ended_of("http", outcome)
    }

    pub(crate) fn ended_of(&self, origin: &str, outcome: &str) -> u64 {
        let series = format!("tidegate_writes_commands_total{{origin=\"{origin}\",outcome=\"{outcome}\"}} ");
        let page = self.get(&self.operator, "/metrics").body;
        page.lines().find_map(|line| line.strip_prefix(&series)).unwrap().parse().unwrap()
    }
}

fn code(answer: &Answer) -> (u16, Value) {
    (answer.status, answer.json()["error"]["code"].clone())
}

/// A UUIDv7 of now.
pub(crate) fn new_id(number: u16) -> String {
    let ms = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis() as u64;
    format!("{:08x}-{:04x}-7000-8000-{number:012x}", ms >> 16, ms & 0xffff)
}

/// One request and its answer, as any client of Modbus would.
fn modbus(port: u16, body: &[u8]) -> Vec<u8> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let length = (body.len() as u16).to_be_bytes();
    stream.write_all(&[&[0, 9, 0, 0], &length[..], body].concat()).unwrap();
    let mut head = [0; 6];
    stream.read_exact(&mut head).unwrap();
    let mut answer = vec![0; usize::from(u16::from_be_bytes([head[4], head[5]]))];
    stream.read_exact(&mut answer).unwrap();
    answer
}

/// The register 40051 of unit 1, as the device has it.
pub(crate) fn register(port: u16) -> i16 {
    let answer = modbus(port, &[1, 3, 0, 50, 0, 1]);
    i16::from_be_bytes([answer[3], answer[4]])
}

#[test]
fn an_operator_writes_the_device_has_it_and_the_auditor_reads_who_what_before_and_after() {
    let test = "an_operator_writes_the_device_has_it_and_the_auditor_reads_who_what_before_and_after";
    let Some(python) = python("writing", test) else { return };
    let (dir, port) = (TempDir::new().unwrap(), port_to_keep());
    let _devices = Devices::start(&python, port);
    let site = Site::start(dir.path(), &device("drive-1", port));
    site.stands("answers", 1);
    let answer = site.write("drive-1/speed", &json!({"value": 23.44}));
    let told = answer.json();
    assert_eq!(
        (answer.status, &told["outcome"], &told["confirmed"]),
        (200, &json!("confirmed"), &json!(true))
    );
    assert_eq!((&told["before"], &told["written"]), (&json!(15.0), &json!(23.400000000000002)), "{told}");
    assert_eq!((told["read_back"].as_f64(), register(port)), (told["written"].as_f64(), 234));
    let run = site.write("drive-1/run", &json!({"value": true})).json();
    assert_eq!((&run["before"], &run["read_back"]), (&json!(false), &json!(true)));
    assert_eq!(modbus(port, &[1, 1, 0, 4, 0, 1])[3] & 1, 1, "the coil is set");
    let who = |token: &str| code(&site.write_as(token, "drive-1/speed", &json!({"value": 1})));
    assert_eq!(who(&site.auditor), (403, json!("TG-ID-004")));
    assert_eq!(who("nobody"), (401, json!("TG-ID-002")));
    for (target, body, expected) in [
        ("drive-1/speed", json!({"value": 100.1}), (422, "TG-TA-033")),
        ("drive-1/speed", json!({"value": "fast"}), (422, "TG-TA-032")),
        ("drive-1/temp", json!({"value": 1}), (403, "TG-TA-031")),
        ("drive-1/sped", json!({"value": 1}), (404, "TG-TA-030")),
        ("drive-2/speed", json!({"value": 1}), (404, "TG-PL-040")),
        ("drive-1/speed", json!({"valu": 1}), (400, "TG-PL-052")),
    ] {
        let found = code(&site.write(target, &body));
        assert_eq!(found, (expected.0, json!(expected.1)), "{target} {body}");
    }
    assert_eq!(register(port), 234);
    let events = site.audited();
    assert_eq!(events.len(), 2, "what is not to be done is none: {events:?}");
    assert_eq!(
        events[0],
        ("drive-1/speed = 23.44".to_owned(), json!(200), "15.0 -> 23.400000000000002".to_owned())
    );
    let page = site.get(&site.auditor, "/api/v1/audit").json();
    let event = &page["events"][0];
    assert_eq!((&event["who"], &event["id"]), (&json!("panel"), &told["id"]), "{page}");
    assert!(event["from"].as_str().unwrap().starts_with("127.0.0.1:"));
    assert_eq!((site.ended("confirmed"), site.ended("refused")), (2, 5), "one was no command at all");
    assert_eq!(site.node.terminate().status, Some(0));
}

#[test]
fn the_same_id_is_carried_out_once_also_over_a_kill_of_the_node() {
    let Some(python) = python("writing", "the_same_id_is_carried_out_once_also_over_a_kill_of_the_node")
    else {
        return;
    };
    let (dir, port) = (TempDir::new().unwrap(), port_to_keep());
    let _devices = Devices::start(&python, port);
    let site = Site::start(dir.path(), &device("drive-1", port));
    site.stands("answers", 1);
    let body = json!({"value": 20, "id": new_id(1)});
    let first = site.write("drive-1/speed", &body).json();
    assert_eq!((&first["id"], &first["known"], register(port)), (&body["id"], &json!(false), 200));
    // Somebody else at the device.
    modbus(port, &[1, 6, 0, 50, 0, 77]);
    let second = site.write("drive-1/speed", &body).json();
    let without = |mut answer: Value| {
        answer.as_object_mut().unwrap().remove("known");
        answer
    };
    assert_eq!((without(second.clone()), &second["known"]), (without(first.clone()), &json!(true)));
    let other = json!({"value": 21, "id": body["id"]});
    assert_eq!(code(&site.write("drive-1/speed", &other)), (409, json!("TG-PL-050")));
    let site = site.again(dir.path());
    site.stands("answers", 1);
    let third = site.write("drive-1/speed", &body).json();
    assert_eq!((without(third.clone()), &third["known"]), (without(first), &json!(true)));
    assert_eq!((register(port), site.audited().len()), (77, 1), "nothing was written again");
    let ahead = json!({"value": 20, "id": "ffffffff-ffff-7000-8000-000000000001"});
    assert_eq!(code(&site.write("drive-1/speed", &ahead)), (409, json!("TG-JR-008")));
}

/// A line to a port that is watched: at the first request to write it calls, and breaks.
fn watched(port: u16, on_write: impl FnOnce() + Send + 'static) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let own = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        let mut on_write = Some(on_write);
        for near in listener.incoming() {
            let (Ok(near), Ok(far)) = (near, TcpStream::connect(("127.0.0.1", port))) else { continue };
            let (mut answers, mut back) = (far.try_clone().unwrap(), near.try_clone().unwrap());
            thread::spawn(move || std::io::copy(&mut answers, &mut back));
            if pumped(near, far, on_write.is_some())
                && let Some(on_write) = on_write.take()
            {
                on_write();
            }
        }
    });
    own
}

/// Until the connection ends, or, where that is watched for, a request to write comes; whether it was that.
fn pumped(mut near: TcpStream, mut far: TcpStream, watches: bool) -> bool {
    let mut bytes = [0; 512];
    loop {
        let Ok(many @ 1..) = near.read(&mut bytes) else { return false };
        let is_write = watches && many > 7 && matches!(bytes[7], 5 | 6 | 15 | 16);
        if is_write {
            return true;
        }
        if far.write_all(&bytes[..many]).is_err() {
            return false;
        }
    }
}

#[test]
fn a_device_that_is_killed_in_the_middle_of_a_write_is_answered_as_unknown_and_the_accounts_close() {
    let test =
        "a_device_that_is_killed_in_the_middle_of_a_write_is_answered_as_unknown_and_the_accounts_close";
    let Some(python) = python("writing", test) else { return };
    let (dir, port) = (TempDir::new().unwrap(), port_to_keep());
    let devices = Arc::new(Mutex::new(Some(Devices::start(&python, port))));
    let killed = devices.clone();
    let line = watched(port, move || drop(killed.lock().unwrap().take()));
    let site = Site::start(dir.path(), &device("drive-1", line));
    site.stands("answers", 1);
    let body = json!({"value": 20, "id": new_id(1)});
    assert_eq!(code(&site.write("drive-1/speed", &body)), (504, json!("TG-PL-045")));
    assert_eq!(code(&site.write("drive-1/speed", &body)), (504, json!("TG-PL-045")), "and stays so");
    site.stands("off_scan", 1);
    let later = json!({"value": 20, "id": new_id(2)});
    assert_eq!(code(&site.write("drive-1/speed", &later)), (503, json!("TG-PL-041")));
    *devices.lock().unwrap() = Some(Devices::start(&python, port));
    site.stands("answers", 1);
    // What was never sent may be asked for again under its id.
    assert_eq!(site.write("drive-1/speed", &later).json()["outcome"], "confirmed");
    assert_eq!(register(port), 200);
    let outcomes = ["confirmed", "unknown", "refused", "known"].map(|outcome| site.ended(outcome));
    assert_eq!(outcomes, [1, 1, 1, 1]);
    let statuses: Vec<Value> = site.audited().into_iter().map(|(_, status, _)| status).collect();
    assert_eq!(statuses, [json!(504), json!(503), json!(200)]);
    let accounts = site.get(&site.operator, "/api/v1/ingest/accounts").json();
    assert_eq!(accounts["admission"]["difference"], 0);
    assert_eq!(site.node.terminate().status, Some(0));
}

/// A device that gives every register as 150, and takes writes without a word.
pub(crate) struct Mute {
    pub(crate) port: u16,
    writes: Arc<AtomicUsize>,
    heard: mpsc::Receiver<()>,
}

impl Mute {
    pub(crate) fn start() -> Mute {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let (port, writes) = (listener.local_addr().unwrap().port(), Arc::new(AtomicUsize::new(0)));
        let (sender, heard) = mpsc::channel();
        let counted = writes.clone();
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let (counted, sender) = (counted.clone(), sender.clone());
                thread::spawn(move || Mute::serve(stream, &counted, &sender));
            }
        });
        Mute { port, writes, heard }
    }

    pub(crate) fn written(&self) -> usize {
        self.writes.load(Ordering::SeqCst)
    }

    fn serve(mut stream: TcpStream, writes: &AtomicUsize, heard: &mpsc::Sender<()>) -> Option<()> {
        loop {
            let mut head = [0; 8];
            stream.read_exact(&mut head).ok()?;
            let mut rest = vec![0; usize::from(u16::from_be_bytes([head[4], head[5]])) - 2];
            stream.read_exact(&mut rest).ok()?;
            let many = rest[3];
            let body = match head[7] {
                3 => [vec![2 * many], [0, 150].repeat(many.into())].concat(),
                1 => vec![1, 0],
                _ => {
                    writes.fetch_add(1, Ordering::SeqCst);
                    heard.send(()).ok()?;
                    continue;
                }
            };
            let length = (body.len() as u16 + 2).to_be_bytes();
            let head = [head[0], head[1], 0, 0, length[0], length[1], head[6], head[7]];
            stream.write_all(&[&head[..], &body].concat()).ok()?;
        }
    }
}

#[test]
fn a_node_that_is_killed_in_the_middle_of_a_write_says_that_it_does_not_know_and_does_not_write_again() {
    let dir = TempDir::new().unwrap();
    let mute = Mute::start();
    let slow = format!("{}timeout = \"30 s\"\n", device("drive-1", mute.port));
    let site = Site::start(dir.path(), &slow);
    site.stands("answers", 1);
    let body = json!({"value": 20, "id": new_id(1)});
    let (admin, operator) = (site.node.admin(), site.operator.clone());
    let text = body.to_string();
    let asking = thread::spawn(move || {
        let mut stream = TcpStream::connect(admin).unwrap();
        let request = format!(
            "POST /api/v1/ingest/devices/drive-1/tags/speed HTTP/1.1\r\nhost: {admin}\r\nconnection: close\r\n\
             authorization: Bearer {operator}\r\ncontent-length: {}\r\n\r\n{text}",
            text.len()
        );
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        // Broken off by the kill.
        let _ = stream.read_to_string(&mut answer);
        answer
    });
    mute.heard.recv_timeout(PATIENCE).expect("the device is sent the value");
    assert_eq!(code(&site.write("drive-1/speed", &body)), (409, json!("TG-PL-051")), "it is under way");
    let site = site.again(dir.path());
    assert_eq!(asking.join().unwrap(), "");
    site.stands("answers", 1);
    assert_eq!(code(&site.write("drive-1/speed", &body)), (504, json!("TG-PL-045")));
    assert_eq!(mute.written(), 1);
    assert_eq!(site.audited(), [("drive-1/speed = 20".to_owned(), Value::Null, String::new())]);
}

#[test]
fn a_node_that_is_told_to_stop_answers_a_write_under_way_and_writes_down_what_came_of_it() {
    let dir = TempDir::new().unwrap();
    let mute = Mute::start();
    let site = Site::start(dir.path(), &device("drive-1", mute.port));
    site.stands("answers", 1);
    let (Site { node, operator, auditor }, dir_path) = (site, dir.path());
    let (admin, bearer) = (node.admin(), operator.clone());
    let asking = thread::spawn(move || {
        let mut stream = TcpStream::connect(admin).unwrap();
        let text = "{\"value\": 20}";
        let request = format!(
            "POST /api/v1/ingest/devices/drive-1/tags/speed HTTP/1.1\r\nhost: {admin}\r\nconnection: close\r\n\
             authorization: Bearer {bearer}\r\ncontent-length: {}\r\n\r\n{text}",
            text.len()
        );
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    });
    mute.heard.recv_timeout(PATIENCE).expect("the device is sent the value");
    let report = node.terminate();
    assert_eq!(report.status, Some(0), "{}{}", report.said, report.log);
    let answer = asking.join().unwrap();
    assert!(answer.contains("TG-PL-045"), "{answer}");
    let site = Site { node: Site::node(dir_path), operator, auditor };
    let events = site.audited();
    assert_eq!((events.len(), &events[0].1), (1, &json!(504)), "{events:?}");
    // It was told to end, so it connects to nobody any more to look.
    assert!(events[0].2.contains("15.0 -> ?, and 20.0"), "{events:?}");
}

const READER: &str = "import snap7,struct,sys
client = snap7.client.Client()
client.connect('127.0.0.1', 0, 1, int(sys.argv[1]))
print(struct.unpack('>f', client.db_read(1, 12, 4))[0], client.db_read(1, 20, 8)[2:7].decode(), flush=True)";

#[test]
fn a_station_has_what_was_written_to_it() {
    let test = "writing::a_station_has_what_was_written_to_it";
    let Some(python) = counterpart("TIDEGATE_TEST_SNAP7_PYTHON", test, "python-snap7") else { return };
    let server = concat!(env!("CARGO_MANIFEST_DIR"), "/../codecs/s7/tests/snap7_server.py");
    let mut station = Running::start(Command::new(&python).args([server, "0"]));
    let port: u16 = station.line().parse().unwrap();
    let dir = TempDir::new().unwrap();
    let press = format!(
        "[ingest.templates.press.tags.force]\naddress = \"DB1.DBD12:REAL\"\nscale = 2.0\nwritable = true\n\
         [ingest.templates.press.tags.recipe]\ntype = \"text\"\naddress = \"DB1.DBB20:STRING[10]\"\nwritable = true\n\
         [ingest.templates.press.tags.away]\ntype = \"integer\"\naddress = \"DB9.DBW0:INT\"\nwritable = true\n\
         [ingest.devices.press-9]\ntopic = \"plant/press-9\"\ntemplate = \"press\"\ndriver = \"s7\"\n\
         address = \"tcp://127.0.0.1:{port}/0/1\"\n"
    );
    let site = Site::start(dir.path(), &press);
    site.stands("answers", 1);
    let force = site.write("press-9/force", &json!({"value": 47.4})).json();
    assert_eq!((&force["outcome"], &force["before"]), (&json!("confirmed"), &json!(0.0)), "{force}");
    let recipe = site.write("press-9/recipe", &json!({"value": "valve"})).json();
    assert_eq!((&recipe["before"], &recipe["read_back"]), (&json!("pump"), &json!("valve")), "{recipe}");
    let read = Command::new(&python).args(["-c", READER, &port.to_string()]).output().unwrap();
    let found = String::from_utf8(read.stdout).unwrap();
    let (force, recipe) = found.trim().split_once(' ').unwrap();
    assert_eq!((force.parse::<f32>().unwrap(), recipe), (23.7, "valve"));
    assert_eq!(code(&site.write("press-9/away", &json!({"value": 1}))), (502, json!("TG-SI-024")));
    assert_eq!((site.ended("confirmed"), site.ended("failed")), (2, 1));
}
