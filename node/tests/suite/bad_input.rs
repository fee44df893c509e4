//! Clients that send what MQTT forbids, that stop half-way, that never read, that come in numbers: the node counts each, keeps
//! serving the others, and ends in order.

use crate::mqtt::{Client, publish};
use crate::process::{Node, PATIENCE};
use serde_json::json;
use std::time::Instant;
use tempfile::TempDir;
use tidegate_codec_mqtt::{Connect, Delivery, Packet, PacketId, Text};

/// A node that is under trial, and a well-behaved client that it has all the time.
struct Trial {
    node: Node,
    well: Client,
    _dir: TempDir,
}

impl Trial {
    fn start() -> Trial {
        let dir = TempDir::new().unwrap();
        let node = Node::start(dir.path());
        let well = Client::connect(node.mqtt(), "press-7");
        Trial { node, well, _dir: dir }
    }

    fn dial(&self) -> Client {
        Client::dial(self.node.mqtt()).unwrap()
    }

    fn connect(&self, id: &str) -> Client {
        Client::connect(self.node.mqtt(), id)
    }

    /// Waits until so many connections have ended for a reason, given as `reason CODE`.
    fn closed(&self, reason: &str, many: u64) {
        let (name, code) = reason.split_once(' ').unwrap();
        let sample = format!("tidegate_broker_closed_connections_total{{reason=\"{name}\",code=\"{code}\"}}");
        assert_eq!(self.node.metric_when(&sample, |count| count >= many), many, "{reason}");
    }

    fn serves(&mut self) {
        self.well.publish("line/7/temp", b"21.5");
    }

    /// The node still serves the client it had and a new one, its accounts close, and it ends in order.
    fn stands(mut self) {
        self.serves();
        self.connect("press-9").publish("line/9/temp", b"21.5");
        assert_eq!(self.node.admin_get("/readyz").status, 200);
        let accounts = self.node.accounts();
        assert_eq!(
            (&accounts["admission"]["difference"], &accounts["routing"]["difference"]),
            (&json!(0), &json!(0))
        );
        let faults = "tidegate_broker_closed_connections_total{reason=\"fault\",code=\"TG-MQ-114\"}";
        assert_eq!(self.node.metric(faults), Some(0));
        let report = self.node.terminate();
        assert_eq!(report.status, Some(0), "{report:?}");
        assert!(!report.log.contains("panic") && !report.log.contains("ERROR"), "{}", report.log);
    }
}

/// Reads until the node has closed the connection; the number of packets it sent before.
fn farewell(client: &mut Client) -> usize {
    std::iter::from_fn(|| client.receive().ok().flatten()).count()
}

#[test]
fn bytes_that_begin_no_connect_close_the_connection_and_are_counted() {
    let trial = Trial::start();
    let beginnings: [&[u8]; 7] = [
        b"GET / HTTP/1.1\r\nHost: tidegate\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"\x00\x00\x00\x00",
        b"\xff\xff\xff\xff",
        b"\x30\x05\x00\x01aaa",
        b"\x10\x0c\x00\x04MQTX\x04\x02\x00\x00\x00\x00",
        b"\x10\xff\xff\xff\xff\x01",
    ];
    for beginning in beginnings {
        let mut client = trial.dial();
        client.send_raw(beginning);
        assert_eq!(farewell(&mut client), 0, "{beginning:?} is not answered");
    }
    trial.closed("malformed TG-MQ-110", beginnings.len() as u64);
    assert_eq!(trial.node.accounts()["admission"]["received"], 0, "nobody published");
    trial.stands();
}

#[test]
fn packets_that_mqtt_forbids_close_the_connection_for_a_counted_reason() {
    let mut trial = Trial::start();
    let cases: [(&[u8], &str); 8] = [
        (b"\x36\x05\x00\x01a\x00\x01", "malformed TG-MQ-110"),
        (b"\x30\x05\x00\x03a/#", "malformed TG-MQ-110"),
        (b"\x32\x05\x00\x01a\x00\x00", "malformed TG-MQ-110"),
        (b"\x30\xff\xff\xff\x7f", "malformed TG-MQ-110"),
        (b"\xf0\x00", "malformed TG-MQ-110"),
        (b"\x10\x0c\x00\x04MQTT\x04\x02\x00\x00\x00\x00", "malformed TG-MQ-110"),
        (b"\x20\x02\x00\x00", "malformed TG-MQ-110"),
        (b"\x40\x02\x00\x01", "unexpected TG-MQ-113"),
    ];
    for (bytes, _) in cases {
        let mut client = trial.connect("press-8");
        client.send_raw(bytes);
        assert_eq!(farewell(&mut client), 0, "{bytes:?} is not answered");
        trial.serves();
    }
    for reason in ["malformed TG-MQ-110", "unexpected TG-MQ-113"] {
        trial.closed(reason, cases.iter().filter(|(_, expected)| *expected == reason).count() as u64);
    }
    let accounts = trial.node.accounts();
    let admission = &accounts["admission"];
    // Of those the first four were publications that could not be read.
    assert_eq!((&admission["malformed"], &admission["refused"]), (&json!(4), &json!(0)));
    assert_eq!(admission["accepted"], cases.len());
    trial.stands();
}

/// Bytes that say nothing, from a seed of their own (xorshift64).
fn noise(seed: u64, bytes: usize) -> Vec<u8> {
    let mut state = seed;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 24) as u8
    };
    (0..bytes).map(|_| next()).collect()
}

#[test]
fn every_connection_that_sends_noise_ends_and_is_counted() {
    const MANY: u64 = 300;
    let trial = Trial::start();
    for seed in 1..=MANY {
        // Every other one introduces itself first, and then begins with what may be a publication.
        let (mut client, first) = match seed % 2 {
            0 => (trial.dial(), 0x10),
            _ => (trial.connect(&format!("noise-{seed}")), 0x30),
        };
        let mut bytes = noise(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15), 64);
        bytes[0] = if seed % 3 == 0 { first | bytes[0] & 0x0f } else { bytes[0] };
        client.send_raw(&bytes);
    }
    trial.node.metric_when("tidegate_broker_connections_total", |many| many == MANY + 1);
    trial.node.metric_when("tidegate_broker_open_connections", |open| open == 1);
    assert_eq!(closed_in_all(&trial.node), MANY);
    trial.stands();
}

fn closed_in_all(node: &Node) -> u64 {
    let page = node.admin_get("/metrics").body;
    let samples = page.lines().filter(|line| line.starts_with("tidegate_broker_closed_connections_total{"));
    samples.map(|line| line.rsplit(' ').next().unwrap().parse::<u64>().unwrap()).sum()
}

#[test]
fn a_second_client_with_the_same_identifier_takes_over_and_the_first_is_counted() {
    let mut trial = Trial::start();
    let mut first = trial.connect("press-8");
    first.publish("line/8/temp", b"1");
    let mut second = trial.connect("press-8");
    assert_eq!(farewell(&mut first), 0);
    trial.closed("taken_over TG-MQ-106", 1);
    second.publish("line/8/temp", b"2");
    let mut many: Vec<_> = (0..20).map(|_| trial.connect("press-8")).collect();
    trial.closed("taken_over TG-MQ-106", 21);
    many.last_mut().unwrap().publish("line/8/temp", b"3");
    trial.serves();
    assert_eq!(trial.node.accounts()["admission"]["accepted"], 4);
    trial.stands();
}

#[test]
fn half_a_connect_is_closed_when_its_time_is_up_or_its_client_goes() {
    let trial = Trial::start();
    let connect = b"\x10\x13\x00\x04MQTT\x04\x02\x00\x00\x00\x07press-8";
    let waiting: Vec<_> = [0, 1, 2, 9, connect.len() - 1].map(|bytes| (trial.dial(), bytes)).into();
    let mut waiting: Vec<_> =
        waiting.into_iter().map(|(client, bytes)| half(client, &connect[..bytes])).collect();
    (1..connect.len()).for_each(|bytes| drop(half(trial.dial(), &connect[..bytes])));
    trial.closed("lost TG-MQ-101", connect.len() as u64 - 1);
    assert!(waiting.iter_mut().all(|client| farewell(client) == 0));
    trial.closed("connect_timeout TG-MQ-102", waiting.len() as u64);
    trial.stands();
}

fn half(mut client: Client, bytes: &[u8]) -> Client {
    client.send_raw(bytes);
    client
}

#[test]
fn a_client_that_never_reads_is_closed_as_a_slow_reader_and_what_it_published_is_kept() {
    let mut trial = Trial::start();
    let mut deaf = trial.connect("press-8");
    let id = PacketId::MIN;
    let mut packets = vec![publish("line/8/temp", b"1", Delivery::AtLeastOnce { id, dup: false })];
    packets.resize(4096, Packet::Pingreq);
    let began = Instant::now();
    // Until the node closes it: the answers fill the socket, and from then on the node waits.
    while deaf.send_all(&packets).is_ok() {
        assert!(began.elapsed() < PATIENCE, "the node reads on and on");
    }
    trial.closed("slow_reader TG-MQ-105", 1);
    let published = trial.node.metric("tidegate_broker_publications_total{qos=\"1\",dup=\"false\"}").unwrap();
    let answered = ["acks_total", "unanswered_publications_total"];
    let answered = answered.map(|sample| trial.node.metric(&format!("tidegate_broker_{sample}")).unwrap());
    let accounts = trial.node.accounts();
    let admission = &accounts["admission"];
    assert_eq!((&admission["received"], &admission["accepted"]), (&json!(published), &json!(published)));
    assert_eq!(answered.iter().sum::<u64>(), published);
    trial.serves();
    trial.stands();
}

#[test]
fn two_hundred_idle_connections_keep_nobody_from_publishing() {
    const MANY: u64 = 200;
    let mut trial = Trial::start();
    let idle: Vec<_> = (0..MANY).map(|at| trial.connect(&format!("idle-{at}"))).collect();
    let silent: Vec<_> = (0..MANY).map(|_| trial.dial()).collect();
    let open = "tidegate_broker_open_connections";
    trial.node.metric_when(open, |open| open == 2 * MANY + 1);
    (0..50).for_each(|_| trial.serves());
    drop((idle, silent));
    trial.closed("lost TG-MQ-101", 2 * MANY);
    trial.node.metric_when(open, |open| open == 1);
    trial.stands();
}

#[test]
fn a_client_that_breaks_its_keep_alive_is_closed_and_counted() {
    let trial = Trial::start();
    let mut connect = Connect::new(Text::new("press-8").unwrap());
    connect.keep_alive_s = 1;
    let mut client = Client::introduce(trial.node.mqtt(), connect).unwrap();
    assert_eq!(farewell(&mut client), 0);
    trial.closed("keep_alive TG-MQ-103", 1);
    trial.stands();
}
