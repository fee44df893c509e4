//! A sink that refuses a reading: the dead letter, its commands, and its way back; and the page of latest numbers.

use crate::mqtt::Client;
use crate::process::{Node, PATIENCE, command, run};
use serde_json::Value;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::Output;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use tempfile::TempDir;

/// A webhook that refuses whatever has `bad` in it, as long as it is told to.
#[derive(Clone, Default)]
struct Hook {
    is_lenient: Arc<AtomicBool>,
    taken: Arc<Mutex<Vec<Value>>>,
}

impl Hook {
    fn start(&self) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let hook = self.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let hook = hook.clone();
                std::thread::spawn(move || hook.serve(stream.unwrap()));
            }
        });
        address
    }

    fn serve(&self, stream: TcpStream) {
        let mut reader = BufReader::new(stream);
        while let Some(body) = request(&mut reader) {
            let is_refused = body.contains("bad") && !self.is_lenient.load(Ordering::SeqCst);
            if !is_refused {
                self.taken.lock().unwrap().extend(serde_json::from_str::<Vec<Value>>(&body).unwrap());
            }
            let status = if is_refused { "422 Unprocessable Entity" } else { "200 OK" };
            let answer = format!("HTTP/1.1 {status}\r\nContent-Length: 7\r\n\r\nreason\n");
            if reader.get_mut().write_all(answer.as_bytes()).is_err() {
                return;
            }
        }
    }
}

/// The body of the next request; nothing at the end of the connection.
fn request(reader: &mut BufReader<TcpStream>) -> Option<String> {
    let mut length = 0;
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).ok()? == 0 {
            return None;
        }
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length: ") {
            length = value.trim().parse().unwrap();
        }
        if line == "\r\n" {
            let mut body = vec![0; length];
            reader.read_exact(&mut body).ok()?;
            return String::from_utf8(body).ok();
        }
    }
}

fn start(dir: &TempDir, hook: SocketAddr) -> Node {
    let file = dir.path().join("site.toml");
    let text = format!(
        "[ingest.webhook.mes]\nurl = \"http://{hook}/in\"\nsecret = \"a secret of some length\"\n\
         [ingest.page]\ntopics = [\"line/#\"]\n"
    );
    fs::write(&file, text).unwrap();
    let data = dir.path().join("data");
    let mut command = command(&data);
    command.arg("--config").arg(&file);
    Node::start_with(command, &data)
}

fn letters(node: &Node, words: &[&str]) -> Output {
    let admin = node.admin().to_string();
    run(&[&["ingest", "dead-letters"], words, &["--admin", &admin]].concat())
}

fn said(output: &Output) -> String {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn of<'a>(accounts: &'a Value, sink: &str) -> &'a Value {
    let sinks = accounts["sinks"].as_array().unwrap();
    sinks.iter().find(|account| account["sink"] == sink && account["class"] == "process").unwrap()
}

#[test]
fn a_refused_reading_is_listed_shown_and_replayed_to_its_sink_alone() {
    let (dir, hook) = (TempDir::new().unwrap(), Hook::default());
    let node = start(&dir, hook.start());
    let mut client = Client::connect(node.mqtt(), "press-7");
    for payload in [&b"1"[..], b"\"bad\"", b"3"] {
        client.publish("line/7/temp", payload);
    }
    node.accounts_when(|accounts| {
        of(accounts, "mes")["dead_lettered"] == 1 && of(accounts, "mes")["delivered"] == 2
    });
    let list: Value = serde_json::from_str(&said(&letters(&node, &["list", "--json"]))).unwrap();
    let letter = list["letters"][0]["letter"].as_str().unwrap().to_owned();
    assert_eq!(
        (&list["letters"][0]["sink"], &list["letters"][0]["code"]),
        (&"mes".into(), &"TG-WH-003".into())
    );
    assert!(said(&letters(&node, &["list", "--sink", "mes"])).ends_with("1 dead letters\n"));
    assert_eq!(said(&letters(&node, &["list", "--reason", "TG-IX-003"])), "0 dead letters\n");
    let shown = said(&letters(&node, &["show", &letter]));
    assert!(shown.contains("payload   \"bad\"\n") && shown.contains("answered 422: reason"), "{shown}");
    let would = said(&letters(&node, &["replay", "--dry-run"]));
    assert_eq!(would, "1 readings would be on their way to mes again\n");

    hook.is_lenient.store(true, Ordering::SeqCst);
    assert_eq!(
        said(&letters(&node, &["replay", "--sink", "mes"])),
        "1 readings are on their way to mes again\n"
    );
    let accounts = node.accounts_when(|accounts| of(accounts, "mes")["delivered"] == 3);
    assert_eq!(
        (&of(&accounts, "mes")["replayed"], &of(&accounts, "mes")["difference"]),
        (&1.into(), &0.into())
    );
    let accounts = node.accounts_when(|accounts| of(accounts, "file")["absorbed"] == 1);
    assert_eq!(
        (&accounts["admission"]["accepted"], &accounts["admission"]["difference"]),
        (&4.into(), &0.into())
    );
    let taken = hook.taken.lock().unwrap().clone();
    assert_eq!(
        (&taken.last().unwrap()["payload"], &taken.last().unwrap()["replay"]),
        (&"bad".into(), &true.into())
    );
    assert_eq!(node.rows().len(), 3);
    let gone = letters(&node, &["show", &letter]);
    assert!(String::from_utf8_lossy(&gone.stderr).starts_with("error[TG-IN-022]"));
    assert_eq!(node.terminate().status, Some(0));
}

#[test]
fn the_page_shows_the_latest_number_of_chosen_topics() {
    let (dir, hook) = (TempDir::new().unwrap(), Hook::default());
    let node = start(&dir, hook.start());
    let mut client = Client::connect(node.mqtt(), "press-7");
    client.publish("hall/1", b"7");
    client.publish("line/7/temp", b"21.5");
    node.accounts_when(|accounts| of(accounts, "page")["delivered"] == 2);
    let page = node.admin_get("/metrics/readings");
    assert!(page.head.contains("text/plain; version=0.0.4"), "{}", page.head);
    assert!(page.body.contains("tidegate_reading{topic=\"line/7/temp\"} 21.5 "), "{}", page.body);
    assert!(!page.body.contains("hall/1"));
}

#[test]
fn a_node_that_is_not_there_is_said_so() {
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    let began = std::time::Instant::now();
    let output = run(&["ingest", "dead-letters", "list", "--admin", &address]);
    assert!(began.elapsed() < PATIENCE);
    assert!(String::from_utf8_lossy(&output.stderr).starts_with("error[TG-CF-021]"));
}
