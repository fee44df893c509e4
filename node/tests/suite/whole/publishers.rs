//! Those who put readings in, each a program of its own that goes on while the node is gone for a moment.

use super::books::{Repeats, Told};
use crate::counterpart::Running;
use crate::process::{PATIENCE, binary, pass};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread::JoinHandle;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// The bench's load: 2,000 connections.
pub(super) struct Devices(Running);

impl Devices {
    const PER_SECOND: u64 = 1000;
    const SECONDS: u64 = 20;

    pub(super) fn start(port: u16, scratch: &Path) -> Devices {
        let mut command = Command::new(binary());
        command.args(["bench", "load", "--json", "--broker", &format!("127.0.0.1:{port}")]);
        command.args([
            "--rate",
            &Devices::PER_SECOND.to_string(),
            "--seconds",
            &Devices::SECONDS.to_string(),
        ]);
        command.arg("--data").arg(scratch);
        Devices(Running::start(&mut command))
    }

    pub(super) fn ends(mut self) -> Told {
        let row: Value = serde_json::from_str(&self.0.line()).unwrap();
        let many = Devices::PER_SECOND * Devices::SECONDS;
        assert_eq!((&row["value"], &row["lost"]), (&json!(many as f64), &json!(0)), "{row}");
        // JSON has no leading zeros, so the load's numbers have a one in front of their twelve digits.
        let acked = (0..many).map(|number| 100_000_000_000 + number).collect();
        let sent = many + row["resent"].as_u64().unwrap();
        assert_eq!(self.0.ended().status, Some(0));
        Told { name: "f", acked, sent, repeats: Repeats::Unmarked }
    }
}

/// mosquitto_pub, again and again, with lines on its standard input.
pub(super) struct Mosquitto(JoinHandle<Told>);

impl Mosquitto {
    const WAVES: u64 = 60;
    const LINES: u64 = 20;

    pub(super) fn start(program: &Path, port: u16) -> Mosquitto {
        let program = program.to_owned();
        Mosquitto(std::thread::spawn(move || Mosquitto::publish(&program, port)))
    }

    fn publish(program: &PathBuf, port: u16) -> Told {
        let (mut acked, mut lines_sent, mut waves, began) = (BTreeSet::new(), 0, 0, Instant::now());
        while waves < Mosquitto::WAVES {
            assert!(began.elapsed() < 2 * PATIENCE, "mosquitto_pub was heard in {waves} waves only");
            let mut command = Command::new(program);
            command.args(["-h", "127.0.0.1", "-p", &port.to_string(), "-q", "1", "-t", "mosquitto/1", "-l"]);
            let mut child = command.stdin(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
            let numbers = lines_sent..lines_sent + Mosquitto::LINES;
            let lines: String = numbers.clone().map(|number| format!("{number}\n")).collect();
            // It may have ended already where nobody listens.
            let _ = child.stdin.take().unwrap().write_all(lines.as_bytes());
            lines_sent += Mosquitto::LINES;
            // With QoS 1 it ends well when everything is acknowledged; if not, these numbers may be there all the same.
            if child.wait().unwrap().success() {
                acked.extend(numbers);
                waves += 1;
            }
            pass(Duration::from_millis(200));
        }
        // When the node is killed, which is once, it connects again and sends what was not acknowledged a second time.
        Told { name: "mosquitto", acked, sent: 2 * lines_sent, repeats: Repeats::Unmarked }
    }

    pub(super) fn ends(self) -> Told {
        self.0.join().unwrap()
    }
}

/// curl: a batch in each call, again under the same keys until the node has said that it has all of it.
pub(super) struct Curl(JoinHandle<Told>);

impl Curl {
    const CALLS: u64 = 100;
    const READINGS: u64 = 5;

    pub(super) fn start(program: &Path, port: u16) -> Curl {
        let program = program.to_owned();
        Curl(std::thread::spawn(move || {
            (0..Curl::CALLS).for_each(|call| Curl::post(&program, port, call));
            let acked: BTreeSet<u64> = (0..Curl::CALLS * Curl::READINGS).collect();
            Told { name: "curl", sent: acked.len() as u64, acked, repeats: Repeats::Never }
        }))
    }

    fn post(program: &PathBuf, port: u16, call: u64) {
        let now_ms = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis() as u64;
        let reading = |number: u64| {
            let id = format!("{:08x}-{:04x}-7000-8000-{number:012x}", now_ms >> 16, now_ms & 0xffff);
            json!({"topic": format!("curl/{}", number % Curl::READINGS), "payload": number, "id": id})
        };
        let numbers = call * Curl::READINGS..(call + 1) * Curl::READINGS;
        let body = json!({"readings": numbers.map(reading).collect::<Vec<_>>()}).to_string();
        let began = Instant::now();
        while !Curl::is_taken(program, port, &body) {
            assert!(began.elapsed() < PATIENCE, "curl is not heard");
            pass(Duration::from_millis(100));
        }
        pass(Duration::from_millis(50));
    }

    fn is_taken(program: &PathBuf, port: u16, body: &str) -> bool {
        let mut command = Command::new(program);
        command.args(["-sS", "-f", "--max-time", "10", "-H", "content-type: application/json"]);
        command.args(["--data-binary", body]).arg(format!("http://127.0.0.1:{port}/v1/readings"));
        let output = command.stderr(Stdio::null()).output().unwrap();
        if !output.status.success() {
            return false;
        }
        let answer: Value = serde_json::from_slice(&output.stdout).unwrap();
        let results = answer["results"].as_array().unwrap();
        assert!(
            results.iter().all(|result| result["status"] == "accepted" || result["status"] == "known"),
            "{answer}"
        );
        results.len() as u64 == Curl::READINGS
    }

    pub(super) fn ends(self) -> Told {
        self.0.join().unwrap()
    }
}

const PAHO: &str = include_str!("../paho_publisher.py");

/// paho-mqtt with a session that it keeps: told to publish now and then, it reconnects by itself.
pub(super) struct Paho {
    running: Running,
    published: u64,
}

impl Paho {
    const PART: u64 = 300;
    /// Publications it has out at once, which it sends again after a reconnect.
    const OUT_MAX: u64 = 20;

    pub(super) fn start(python: &Path, port: u16) -> Paho {
        let mut command = Command::new(python);
        command.args(["-c", PAHO, &port.to_string(), "5", "paho/1"]);
        Paho { running: Running::start(&mut command), published: 0 }
    }

    pub(super) fn publish(&mut self) {
        self.published += Paho::PART;
        self.running.tell(&format!("publish {}\n", Paho::PART));
        assert_eq!(self.running.line(), format!("published {}", self.published));
    }

    pub(super) fn ends(mut self) -> Told {
        self.running.tell("acknowledged\n");
        assert_eq!(self.running.line(), format!("acknowledged {}", self.published));
        let ended = self.running.ended();
        assert_eq!((ended.status, ended.errors.as_str()), (Some(0), ""));
        let sent = self.published + 2 * Paho::OUT_MAX;
        Told { name: "paho", acked: (0..self.published).collect(), sent, repeats: Repeats::Marked }
    }
}

const SENDER: &str = include_str!("../grpc_sender.py");

/// The gRPC client in Python, which resumes where the node says.
pub(super) struct Grpc(Running);

impl Grpc {
    const READINGS: u64 = 6000;

    pub(super) fn start(python: &Path, port: u16) -> Grpc {
        let proto = concat!(env!("CARGO_MANIFEST_DIR"), "/../services/grpc/proto");
        let mut command = Command::new(python);
        command.args(["-c", SENDER, &port.to_string(), proto, &Grpc::READINGS.to_string(), "0", "grpc"]);
        Grpc(Running::start(&mut command))
    }

    /// Reads on until something is acknowledged, and much is not.
    pub(super) fn is_on_its_way(&mut self) {
        while !self.0.line().starts_with("acked ") {}
    }

    pub(super) fn ends(mut self) -> Told {
        let sent = loop {
            if let ["sent", sent, "duplicates", "0"] = self.0.line().split(' ').collect::<Vec<_>>()[..] {
                break sent.parse().unwrap();
            }
        };
        assert_eq!(self.0.ended().status, Some(0));
        Told { name: "grpc", acked: (1..=Grpc::READINGS).collect(), sent, repeats: Repeats::Never }
    }
}
