//! Sinks that behave badly in ways that are theirs: InfluxDB refuses a row for its type, a webhook says 200 and hangs up. What became
//! of each reading is in the account, which closes.

use crate::counterpart::counterpart;
use crate::mqtt::Client;
use crate::process::{Node, command, run};
use crate::servers::Influxd;
use serde_json::Value;
use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use tempfile::TempDir;

fn start(dir: &TempDir, sink: &str) -> Node {
    let (file, data) = (dir.path().join("site.toml"), dir.path().join("data"));
    fs::write(&file, sink).unwrap();
    let mut command = command(&data);
    command.arg("--config").arg(&file);
    Node::start_with(command, &data)
}

fn of<'a>(accounts: &'a Value, sink: &str) -> &'a Value {
    let sinks = accounts["sinks"].as_array().unwrap();
    sinks.iter().find(|account| account["sink"] == sink && account["class"] == "process").unwrap()
}

#[test]
fn a_row_whose_type_influxdb_refuses_is_a_dead_letter_and_its_neighbours_are_points() {
    let test = "poison::a_row_whose_type_influxdb_refuses_is_a_dead_letter_and_its_neighbours_are_points";
    let Some(program) = counterpart("TIDEGATE_TEST_INFLUXD", test, "influxd") else { return };
    let Some(curl) = counterpart("TIDEGATE_TEST_CURL", test, "curl") else { return };
    let dir = TempDir::new().unwrap();
    let influxd = Influxd::start(&program, &curl, &dir.path().join("influx"));
    let node = start(
        &dir,
        &format!(
            "[ingest.influx.plant]\nurl = \"http://127.0.0.1:{}\"\ndatabase = \"plant\"\nmeasurement = \"readings\"\n",
            influxd.server.port
        ),
    );
    let mut client = Client::connect(node.mqtt(), "press-7");
    client.publish("line/7/temp", b"20.5");
    node.accounts_when(|accounts| of(accounts, "plant")["delivered"] == 1);
    for payload in [&b"21.5"[..], b"on fire", b"22.5", b"out", b"23.5"] {
        client.publish("line/7/temp", payload);
    }
    let accounts = node.accounts_when(|accounts| of(accounts, "plant")["dead_lettered"] == 2);
    let plant = of(&accounts, "plant");
    assert_eq!(
        (&plant["routed"], &plant["delivered"], &plant["difference"]),
        (&6.into(), &4.into(), &0.into())
    );
    assert_eq!(influxd.count("payload"), 4);
    let admin = node.admin().to_string();
    let list = run(&["ingest", "dead-letters", "list", "--reason", "TG-IX-003", "--json", "--admin", &admin]);
    let list: Value = serde_json::from_slice(&list.stdout).unwrap();
    let letters = list["letters"].as_array().unwrap();
    assert!(letters.len() == 2 && letters.iter().all(|letter| letter["sink"] == "plant"), "{list}");
    assert_eq!(node.terminate().status, Some(0));
}

/// Says 200, a half of the body it promised, and hangs up.
#[derive(Clone, Default)]
struct Hook {
    connections: Arc<AtomicU64>,
    taken: Arc<Mutex<Vec<Value>>>,
}

impl Hook {
    fn start(&self) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let (address, hook) = (listener.local_addr().unwrap(), self.clone());
        std::thread::spawn(move || listener.incoming().for_each(|stream| hook.serve(stream.unwrap())));
        address
    }

    fn serve(&self, mut stream: TcpStream) {
        let (mut read, mut buffer) = (Vec::new(), [0; 4096]);
        self.connections.fetch_add(1, Ordering::SeqCst);
        let rows: Vec<Value> = loop {
            let many = stream.read(&mut buffer).unwrap();
            assert!(many > 0, "the request broke off");
            read.extend_from_slice(&buffer[..many]);
            let body = read.windows(4).position(|four| four == b"\r\n\r\n").map(|at| &read[at + 4..]);
            // The body is whole once it is JSON.
            if let Some(Ok(rows)) = body.map(serde_json::from_slice) {
                break rows;
            }
        };
        self.taken.lock().unwrap().extend(rows);
        // The node may not wait for the end, which is as good.
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf");
    }
}

#[test]
fn a_hook_that_says_200_and_hangs_up_has_each_reading_once() {
    let (dir, hook) = (TempDir::new().unwrap(), Hook::default());
    let sink = format!("[ingest.webhook.mes]\nurl = \"http://{}/in\"\n", hook.start());
    let node = start(&dir, &sink);
    let mut client = Client::connect(node.mqtt(), "press-7");
    for number in 0..5_u64 {
        client.publish("line/7/temp", number.to_string().as_bytes());
        node.accounts_when(|accounts| of(accounts, "mes")["delivered"] == number + 1);
    }
    let accounts = node.accounts();
    let mes = of(&accounts, "mes");
    assert_eq!((&mes["routed"], &mes["replayed"], &mes["difference"]), (&5.into(), &0.into(), &0.into()));
    let taken = hook.taken.lock().unwrap().clone();
    assert!(taken.iter().map(|row| row["payload"].as_u64().unwrap()).eq(0..5), "{taken:?}");
    assert_eq!(hook.connections.load(Ordering::SeqCst), 5, "a connection that broke off is not used again");
    assert_eq!(node.terminate().status, Some(0));
}
