//! `tidegate notice` against a running node and a robot of a few lines.

use crate::process::{Node, command, run};
use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::Output;
use tempfile::TempDir;

/// Says 200 to all, and in the body whether it likes the key.
fn robot() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || listener.incoming().for_each(|stream| answer(stream.unwrap())));
    address
}

fn answer(mut stream: TcpStream) {
    let mut read = Vec::new();
    let mut buffer = [0; 4096];
    while !String::from_utf8_lossy(&read).contains("}}") {
        match stream.read(&mut buffer) {
            Ok(0) | Err(_) => return,
            Ok(count) => read.extend_from_slice(&buffer[..count]),
        }
    }
    let is_known = String::from_utf8_lossy(&read).starts_with("POST /send?key=good ");
    let body = if is_known {
        "{\"errcode\":0,\"errmsg\":\"ok\"}"
    } else {
        "{\"errcode\":93000,\"errmsg\":\"invalid webhook url\"}"
    };
    let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", body.len());
    stream.write_all(format!("{head}{body}").as_bytes()).unwrap_or_default();
}

fn asked(node: &Node, arguments: &[&str]) -> Output {
    let admin = node.admin().to_string();
    run(&[&["notice"], arguments, &["--admin", &admin]].concat())
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[test]
fn a_channel_is_tried_through_the_running_node_and_the_vendors_answer_is_shown() {
    let dir = TempDir::new().unwrap();
    let (file, robot) = (dir.path().join("site.toml"), robot());
    let channel = |name, key| {
        format!("[notice.channels.{name}]\ntype = \"wecom\"\nurl = \"http://{robot}/send?key={key}\"\n")
    };
    fs::write(&file, channel("ops", "good") + &channel("lost", "bad")).unwrap();
    let data = dir.path().join("data");
    let mut command = command(&data);
    command.arg("--config").arg(&file);
    let node = Node::start_with(command, &data);
    let taken = asked(&node, &["test", "ops"]);
    assert_eq!(
        text(&taken.stdout),
        "ops: 200 {\"errcode\":0,\"errmsg\":\"ok\"}\n",
        "{}",
        text(&taken.stderr)
    );
    let refused = asked(&node, &["test", "lost"]);
    let said = text(&refused.stderr);
    assert!(
        said.starts_with("error[TG-NO-003]: wecom at 127.0.0.1 answered 200: ") && said.contains("93000"),
        "{said}"
    );
    assert!(refused.status.code() == Some(1) && !said.contains("key=bad"));
    let unknown = asked(&node, &["test", "nobody"]);
    assert!(text(&unknown.stderr).starts_with("error[TG-NO-011]: "));
    let list = text(&asked(&node, &["list"]).stdout);
    assert!(list.starts_with("ops (wecom): notices 0 sent 0 "), "{list}");
    assert!(list.contains("\nlost (wecom): ") && list.contains("\n  TG-NO-003: "), "{list}");
    let broken = "tidegate_notice_broken_state{channel=\"lost\"}";
    assert_eq!(node.metric(broken), Some(1));
    assert_eq!(node.terminate().status, Some(0));
}
