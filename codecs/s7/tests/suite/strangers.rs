//! Implementations that are not ours: python-snap7's station and client, and rust7's client.
#![expect(clippy::disallowed_types, reason = "a skip is announced in a file")]

use crate::memory::Blocks;
use crate::socket::{Connection, serve};
use bytes::Bytes;
use rust7::{S7_AREA_MK, S7Client, S7Error};
use std::env;
use std::fs::OpenOptions;
use std::io::{BufRead, BufReader, Write as _};
use std::process::{Child, Command, Stdio};
use tidegate_codec_s7::{Area, Event, Extent, Item, ItemFault, Limits, Plan, Tag, Value, ValueError};

/// python-snap7 with a script of ours; without it the test announces that it is skipped, and returns.
fn snap7(test: &str, script: &str, port: u16) -> Option<Child> {
    let Some(python) = env::var_os("TIDEGATE_TEST_SNAP7_PYTHON") else {
        let reason = "python-snap7 cannot be had here, TIDEGATE_TEST_SNAP7_PYTHON is not set";
        let file = env::var_os("TIDEGATE_TEST_SKIPS").unwrap_or_else(|| {
            panic!("{reason}; `cargo xtask test` installs it, or skips this test by name")
        });
        let mut file = OpenOptions::new().append(true).open(file).unwrap();
        file.write_all(format!("SKIP strangers::{test}: {reason}\n").as_bytes()).unwrap();
        return None;
    };
    let mut command = Command::new(python);
    command.arg(format!("{}/tests/{script}", env!("CARGO_MANIFEST_DIR"))).arg(port.to_string());
    Some(command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap())
}

/// A station that ends with the test.
struct Station {
    process: Child,
    port: u16,
}

impl Station {
    fn start(test: &str) -> Option<Station> {
        let mut process = snap7(test, "snap7_server.py", 0)?;
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
        Some(Station { process, port: line.trim().parse().unwrap() })
    }
}

impl Drop for Station {
    fn drop(&mut self) {
        drop(self.process.stdin.take());
        let _ = self.process.wait();
    }
}

fn tags(addresses: &[&str]) -> Vec<Tag> {
    addresses.iter().map(|text| Tag::parse(text).unwrap()).collect()
}

/// By a plan, in the order of the tags.
fn read(connection: &mut Connection, tags: &[Tag]) -> Vec<Result<Value, ValueError>> {
    let plan = Plan::new(tags, Limits::of(connection.negotiated), |_| false);
    let mut values = vec![Err(ValueError::Read); tags.len()];
    for one in &plan.reads {
        let outcomes = connection.read(&one.items);
        one.values(tags, &outcomes).for_each(|(tag, value)| values[tag] = value);
    }
    values
}

#[test]
fn tags_of_every_area_are_read_from_a_station_of_snap7() {
    let Some(station) = Station::start("tags_of_every_area_are_read_from_a_station_of_snap7") else { return };
    let mut connection = Connection::open(station.port);
    assert_eq!(connection.negotiated.pdu_bytes, 480);
    let expected = [
        ("DB1.DBD4:REAL", Value::Real(21.5)),
        ("DB1.DBX0.3", Value::Bool(true)),
        ("DB1.DBX0.4", Value::Bool(false)),
        ("DB1.DBW8:INT", Value::Signed(-7)),
        ("DB1.DBB20:STRING[10]", Value::Text("pump".to_owned())),
        ("DB2.DBB69", Value::Unsigned(0x55)),
        ("MW10", Value::Unsigned(0x0a0b)),
        ("M1.0", Value::Bool(true)),
        ("I0.7", Value::Bool(true)),
        ("A0.0", Value::Bool(true)),
    ];
    let tags = tags(&expected.each_ref().map(|(address, _)| *address));
    let values: Vec<Value> = read(&mut connection, &tags).into_iter().map(|value| value.unwrap()).collect();
    assert_eq!(values, expected.map(|(_, value)| value));
}

#[test]
fn scattered_and_contiguous_tags_of_snap7_are_read_by_plans_of_several_pdus() {
    let test = "scattered_and_contiguous_tags_of_snap7_are_read_by_plans_of_several_pdus";
    let Some(station) = Station::start(test) else { return };
    let mut connection = Connection::open(station.port);
    let reals: Vec<Tag> =
        (0..50).map(|index| tags(&[&format!("DB1.DBD{}:REAL", 100 + index * 4)])[0]).collect();
    let halves: Vec<_> = (0..50).map(|index| Ok(Value::Real(f64::from(index) / 2.0))).collect();
    assert_eq!(read(&mut connection, &reals), halves);
    let bytes: Vec<Tag> = (0..64).step_by(2).map(|at| tags(&[&format!("MB{at}")])[0]).collect();
    let limits = Limits { gap_bytes_max: 0, ..Limits::of(connection.negotiated) };
    let plan = Plan::new(&bytes, limits, |_| false);
    assert_eq!(plan.reads.iter().map(|read| read.items.len()).collect::<Vec<_>>(), [20, 12]);
    for one in &plan.reads {
        let outcomes = connection.read(&one.items);
        for (tag, value) in one.values(&bytes, &outcomes) {
            assert_eq!(value, Ok(Value::Unsigned(tag as u64 * 2)));
        }
    }
}

#[test]
fn a_block_snap7_does_not_have_and_a_place_behind_its_end_are_faults_of_their_items() {
    let test = "a_block_snap7_does_not_have_and_a_place_behind_its_end_are_faults_of_their_items";
    let Some(station) = Station::start(test) else { return };
    let mut connection = Connection::open(station.port);
    let tags = tags(&["DB1.DBD4:REAL", "DB9.DBD4:REAL", "DB2.DBD68:DINT", "MB3"]);
    let missing = Err(ValueError::Item(ItemFault::Missing));
    let outside = Err(ValueError::Item(ItemFault::Address));
    let expected = [Ok(Value::Real(21.5)), missing, outside, Ok(Value::Unsigned(3))];
    assert_eq!(read(&mut connection, &tags), expected);
    assert_eq!(read(&mut connection, &tags[1..2]), expected[1..2], "alone as well");
}

#[test]
fn what_is_written_to_snap7_is_read_from_it_and_a_missing_block_is_refused() {
    let test = "what_is_written_to_snap7_is_read_from_it_and_a_missing_block_is_refused";
    let Some(station) = Station::start(test) else { return };
    let mut connection = Connection::open(station.port);
    let values = [
        ("DB1.DBD12:REAL", Value::Real(-0.25)),
        ("DB1.DBW16:INT", Value::Signed(-300)),
        ("DB1.DBB20:STRING[10]", Value::Text("valve 12".to_owned())),
        ("DB1.DBB40:LREAL", Value::Real(1e200)),
        ("DB1.DBX50.0", Value::Bool(true)),
    ];
    for (address, value) in &values {
        let event = connection.write(tags(&[address])[0].write(value).unwrap());
        assert!(
            matches!(&event, Event::Written { outcome: Ok(outcomes), .. } if outcomes[..] == [Ok(())]),
            "{event:?}"
        );
    }
    let read = read(&mut connection, &tags(&values.each_ref().map(|(address, _)| *address)));
    assert_eq!(read, values.map(|(_, value)| Ok(value)));
    let event = connection.write(tags(&["DB9.DBW0"])[0].write(&Value::Unsigned(1)).unwrap());
    let Event::Written { outcome: Err(refusal), .. } = event else { panic!("{event:?}") };
    assert_eq!((refusal.class, refusal.code), (0x84, 0x04));
}

/// Two blocks and some flags.
fn memory() -> Blocks {
    let mut memory = Blocks::with(Area::Block(1), vec![9, 0, 0, 0, 0x41, 0xac, 0, 0]);
    memory.0.insert(Area::Block(2), (0..1000u32).map(|at| at as u8).collect());
    memory.0.insert(Area::Flags, (1..9).collect());
    memory
}

#[test]
fn a_client_of_snap7_reads_and_writes_at_our_end() {
    let (port, serving) = serve(memory(), 480);
    let Some(client) = snap7("a_client_of_snap7_reads_and_writes_at_our_end", "snap7_client.py", port) else {
        return;
    };
    let output = client.wait_with_output().unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    let lines: Vec<&str> = said.lines().collect();
    let found = ["480", "0900000041ac0000", "0900cafe41ac0000", "0405", "1000", "0900ca 08 bcbdbebf"];
    assert_eq!(lines[..6], found, "{said}");
    assert!(lines.len() == 9 && lines[6..].iter().all(|line| line.starts_with("S7ProtocolError")), "{said}");
    assert_eq!(serving.join().unwrap().0[&Area::Block(1)][..4], [9, 0, 0xca, 0xfe]);
}

#[test]
fn a_client_of_rust7_reads_and_writes_at_our_end() {
    let (port, serving) = serve(memory(), 240);
    let mut client = S7Client::new();
    client.set_timeout(60_000, 60_000, 60_000).unwrap();
    client.set_connection_port(port).unwrap();
    client.connect_s71200_1500("127.0.0.1").unwrap();
    assert_eq!(client.pdu_length, 240);
    let mut bytes = [0; 1000];
    client.read_db(2, 0, &mut bytes).unwrap();
    assert!(bytes.iter().enumerate().all(|(at, byte)| *byte == at as u8) && client.chunks == 5);
    assert!(client.read_bit(S7_AREA_MK, 0, 0, 0).unwrap() && !client.read_bit(S7_AREA_MK, 0, 0, 1).unwrap());
    client.write_bit(S7_AREA_MK, 0, 0, 1, true).unwrap();
    client.write_bit(S7_AREA_MK, 0, 2, 0, false).unwrap();
    client.write_db(1, 1, &[7, 8]).unwrap();
    assert!(matches!(client.read_db(9, 0, &mut [0]), Err(S7Error::S7NotFound)));
    assert!(matches!(client.read_db(1, 7, &mut [0; 2]), Err(S7Error::S7InvalidAddress)));
    client.disconnect();
    let memory = serving.join().unwrap();
    assert_eq!(
        (&memory.0[&Area::Flags][..3], &memory.0[&Area::Block(1)][..3]),
        (&[3, 2, 2][..], &[9, 7, 8][..])
    );
}

#[test]
fn our_ends_understand_each_other_over_a_socket() {
    let (port, serving) = serve(memory(), 960);
    let mut connection = Connection::open(port);
    let item = Item { area: Area::Block(2), at: 2, extent: Extent::Bytes(2) };
    assert_eq!(connection.read(&[item]), [Ok(Bytes::from_static(&[2, 3]))]);
    drop(connection);
    serving.join().unwrap();
}
