//! QoS 2 from a client that keeps its session, while the node is killed under it: every publication is one reading, and reaches a
//! subscriber that keeps its session once.

use crate::mqtt::{Client, publish};
use crate::process::{Node, command_at, pass, port_to_keep};
use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;
use tempfile::TempDir;
use tidegate_codec_mqtt::{Ack, Connect, Delivery, Packet, PacketId, Text};

const KILLS: u64 = 5;

/// How far the handshake of one publication is, as its client remembers it.
#[derive(PartialEq)]
enum Stage {
    New,
    Sent,
    Released,
}

/// A client that comes back for as long as it takes.
fn back(broker: SocketAddr) -> Client {
    loop {
        let mut connect = Connect::new(Text::new("press-7").unwrap());
        connect.clean_session = false;
        if let Ok(client) = Client::introduce(broker, connect) {
            return client;
        }
        thread::yield_now();
    }
}

fn goes_on(client: &mut Client, number: u64, stage: &mut Stage) -> io::Result<()> {
    let id = PacketId::new((number % 60_000) as u16 + 1).unwrap();
    let ended = || io::Error::from(io::ErrorKind::UnexpectedEof);
    if *stage != Stage::Released {
        let dup = *stage == Stage::Sent;
        *stage = Stage::Sent;
        client.send(&publish(
            "line/7/count",
            number.to_string().as_bytes(),
            Delivery::ExactlyOnce { id, dup },
        ))?;
        let Packet::Pubrec(_) = client.receive()?.ok_or_else(ended)? else { panic!("a PUBREC") };
        *stage = Stage::Released;
    }
    client.send(&Packet::Pubrel(Ack::new(id)))?;
    let Packet::Pubcomp(_) = client.receive()?.ok_or_else(ended)? else { panic!("a PUBCOMP") };
    Ok(())
}

/// Publishes numbers until it is told to stop; how many.
fn publishes(broker: SocketAddr, stop: &AtomicBool) -> u64 {
    let (mut client, mut number) = (back(broker), 0);
    while !stop.load(Ordering::SeqCst) {
        let mut stage = Stage::New;
        while goes_on(&mut client, number, &mut stage).is_err() {
            client = back(broker);
        }
        number += 1;
    }
    number
}

#[test]
fn each_publication_is_one_reading_and_one_message_however_often_the_node_is_killed() {
    let (dir, port) = (TempDir::new().unwrap(), port_to_keep());
    let start = || Node::start_with(command_at(dir.path(), port), dir.path());
    let node = start();
    let broker = node.mqtt();
    let mut screen = Client::keep(broker, "screen");
    screen.subscribe("line/7/count");
    screen.disconnect();
    let stop = AtomicBool::new(false);
    let (node, many) = thread::scope(|scope| {
        let publishing = scope.spawn(|| publishes(broker, &stop));
        let mut node = node;
        for kill in 1..=KILLS {
            pass(Duration::from_millis(60 + 37 * kill));
            node.kill();
            node = start();
        }
        pass(Duration::from_millis(50));
        stop.store(true, Ordering::SeqCst);
        (node, publishing.join().unwrap())
    });
    let accounts =
        node.accounts_when(|accounts| accounts["sinks"][0]["lag"] == 0 && accounts["sinks"][1]["lag"] == 0);
    assert_eq!(accounts["admission"]["accepted"], many, "{many} were published");
    let mut screen = Client::keep(broker, "screen");
    let heard: Vec<u64> = (0..many).map(|_| number(&screen.hears().payload)).collect();
    assert!(heard.into_iter().eq(0..many));
    screen.hears_nothing();
}

fn number(payload: &[u8]) -> u64 {
    std::str::from_utf8(payload).unwrap().parse().unwrap()
}
