//! Simulated PLCs: asked by a node as the configuration that they print says, dead, closing each connection, and written by clients
//! that other people wrote.

use crate::counterpart::counterpart;
use crate::process::{Node, PATIENCE, binary, command, pass};
use rustix::process::{Pid, Signal, kill_process};
use std::collections::BTreeSet;
use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, Command, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// PLCs that are served. Dropping it kills them.
struct Plcs {
    child: Child,
    words: BufReader<ChildStderr>,
    file: PathBuf,
}

impl Plcs {
    /// They listen once this comes back.
    fn start(dir: &Path, arguments: &[&str]) -> Plcs {
        let file = dir.join("tidegate.toml");
        let mut command = Command::new(binary());
        command.args(["sim", "plant", "--config"]).arg(&file).args(arguments);
        let mut child = command.stdin(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let (mut words, mut line) = (BufReader::new(child.stderr.take().unwrap()), String::new());
        words.read_line(&mut line).unwrap();
        assert!(line.contains("are served"), "{line}");
        Plcs { child, words, file }
    }

    /// A node that asks them and sets a device aside at once.
    fn node(&self, dir: &Path) -> Node {
        let text =
            fs::read_to_string(&self.file).unwrap() + "[plant]\nfailures_max = 1\noff_scan_max = \"5 s\"\n";
        fs::write(&self.file, text).unwrap();
        let mut command = command(dir);
        command.arg("--config").arg(&self.file);
        Node::start_with(command, dir)
    }

    /// The port of the first one.
    fn port(&self) -> String {
        let text = fs::read_to_string(&self.file).unwrap();
        let (_, rest) = text.split_once("tcp://127.0.0.1:").unwrap();
        rest.split(['/', '?']).next().unwrap().to_owned()
    }

    /// What it says last.
    fn end(mut self) -> String {
        kill_process(Pid::from_child(&self.child), Signal::TERM).unwrap();
        let mut said = String::new();
        self.words.read_to_string(&mut said).unwrap();
        assert_eq!(self.child.wait().unwrap().code(), Some(0), "{said}");
        said
    }
}

impl Drop for Plcs {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

const PROTOCOLS: [&str; 3] = ["modbus", "s7", "opcua"];
const TAGS: [&str; 6] = ["count", "enabled", "power", "running", "setpoint", "temperature"];

fn cycles(driver: &str, outcome: &str) -> String {
    format!("tidegate_plant_cycles_total{{driver=\"{driver}\",outcome=\"{outcome}\"}}")
}

fn state(driver: &str, state: &str) -> String {
    format!("tidegate_plant_asked_devices{{driver=\"{driver}\",state=\"{state}\"}}")
}

/// The tags of a device that were told, all of them as good.
fn told(node: &Node, device: &str) -> BTreeSet<String> {
    let rows = node.rows();
    let of_it = rows.iter().filter(|row| row["device"] == device);
    let points = of_it.flat_map(|row| row["points"].as_object().unwrap());
    points
        .inspect(|(tag, point)| assert_eq!(point["quality"], "good", "{device} {tag}"))
        .map(|(tag, _)| tag.clone())
        .collect()
}

#[test]
fn a_node_asks_every_simulated_plc_for_every_value_and_all_are_good() {
    let dir = TempDir::new().unwrap();
    let plcs = Plcs::start(dir.path(), &["--devices", "6"]);
    let node = plcs.node(dir.path());
    for driver in PROTOCOLS {
        // Each of two devices has two groups, of which one is read four times as often.
        node.metric_when(&cycles(driver, "good"), |good| good >= 14);
        node.metric_when(&state(driver, "answers"), |devices| devices == 2);
        for outcome in ["partial", "failed"] {
            assert_eq!(node.metric(&cycles(driver, outcome)).unwrap_or_default(), 0, "{driver} {outcome}");
        }
    }
    let began = Instant::now();
    for device in ["modbus-01", "modbus-02", "s7-01", "s7-02", "opcua-01", "opcua-02"] {
        while told(&node, device) != BTreeSet::from(TAGS.map(str::to_owned)) {
            assert!(began.elapsed() < PATIENCE, "{device}: {:?}", told(&node, device));
            pass(Duration::from_millis(100));
        }
    }
    assert_eq!(node.terminate().status, Some(0));
    let said = plcs.end();
    assert!(said.starts_with("asked ") && said.contains(" times over 4 connections"), "{said}");
}

#[test]
fn those_that_are_dead_are_off_scan_and_the_others_answer() {
    for dead in [&["--dead-percent", "20"][..], &["--dead-percent", "20", "--absent"]] {
        let dir = TempDir::new().unwrap();
        let plcs = Plcs::start(dir.path(), &[&["--devices", "10", "--protocol", "s7"], dead].concat());
        let node = plcs.node(dir.path());
        node.metric_when(&state("s7", "answers"), |devices| devices == 8);
        node.metric_when(&state("s7", "off_scan"), |devices| devices == 2);
    }
}

#[test]
fn plcs_that_close_after_each_answer_are_read_all_the_same() {
    let dir = TempDir::new().unwrap();
    let both = ["--protocol", "modbus", "--protocol", "s7"];
    let plcs = Plcs::start(dir.path(), &[&["--devices", "2", "--close-each"], &both[..]].concat());
    let node = plcs.node(dir.path());
    for driver in ["modbus", "s7"] {
        node.metric_when(&cycles(driver, "good"), |good| good >= 10);
        assert_eq!(node.metric(&cycles(driver, "failed")).unwrap_or_default(), 0, "{driver}");
        assert!(
            node.metric(&format!("tidegate_plant_connections_total{{driver=\"{driver}\"}}")).unwrap() >= 10
        );
    }
}

#[test]
fn a_file_that_somebody_else_wrote_is_not_written_over() {
    let dir = TempDir::new().unwrap();
    let file = dir.path().join("mine.toml");
    fs::write(&file, "[ingest]\n").unwrap();
    let output = crate::process::run(&["sim", "plant", "--devices", "1", "--config", file.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("error[TG-ND-008]"));
    assert_eq!(fs::read_to_string(&file).unwrap(), "[ingest]\n");
}

/// Runs a program of a client, which fails where anything is not as it expects.
fn agrees(python: &Path, program: &str, port: &str) {
    let output = Command::new(python).args(["-c", program, port]).stdin(Stdio::null()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

const PYMODBUS: &str = "\
import sys
from pymodbus.client import ModbusTcpClient
client = ModbusTcpClient('127.0.0.1', port=int(sys.argv[1]))
assert client.connect()
assert not client.write_registers(7, [0x42a0, 0x8000]).isError()
assert client.read_holding_registers(7, count=2).registers == [0x42a0, 0x8000]
assert client.read_input_registers(7, count=2).registers == [0x42a0, 0x8000]
assert not client.write_register(8, 1).isError()
assert client.read_holding_registers(7, count=2).registers == [0x42a0, 1]
assert client.read_coils(0, count=1).bits[0]
assert not client.write_coil(0, False).isError()
assert not client.read_coils(0, count=1).bits[0]
assert not client.read_discrete_inputs(8, count=1).bits[0], 'it runs and may not'
assert client.read_holding_registers(9, count=1).exception_code == 2
assert client.write_register(9, 1).exception_code == 2
assert client.read_coils(144, count=1).exception_code == 2
";

#[test]
fn what_a_client_of_modbus_writes_is_there_when_it_reads() {
    let test = "sim::what_a_client_of_modbus_writes_is_there_when_it_reads";
    let Some(python) = counterpart("TIDEGATE_TEST_PYMODBUS_PYTHON", test, "pymodbus") else { return };
    let dir = TempDir::new().unwrap();
    let plcs = Plcs::start(dir.path(), &["--devices", "1", "--protocol", "modbus"]);
    agrees(&python, PYMODBUS, &plcs.port());
}

const SNAP7: &str = "\
import sys
import snap7
client = snap7.client.Client()
client.connect('127.0.0.1', 0, 1, int(sys.argv[1]))
client.db_write(1, 14, bytearray(b'\\x42\\xa0\\x80\\x00'))
assert client.db_read(1, 14, 4) == bytearray(b'\\x42\\xa0\\x80\\x00')
assert client.db_read(1, 0, 1)[0] == 1
client.db_write(1, 0, bytearray(b'\\x00'))
assert client.db_read(1, 0, 2) == bytearray(b'\\x00\\x00'), 'it runs and may not'
for block, at in [(1, 16), (2, 0)]:
    try:
        client.db_read(block, at, 4)
    except Exception:
        continue
    raise AssertionError('there is more than there should be')
";

#[test]
fn what_a_client_of_s7_writes_is_there_when_it_reads() {
    let test = "sim::what_a_client_of_s7_writes_is_there_when_it_reads";
    let Some(python) = counterpart("TIDEGATE_TEST_SNAP7_PYTHON", test, "python-snap7") else { return };
    let dir = TempDir::new().unwrap();
    let plcs = Plcs::start(dir.path(), &["--devices", "1", "--protocol", "s7"]);
    agrees(&python, SNAP7, &plcs.port());
}

const ASYNCUA: &str = "\
import sys, time
from asyncua import ua
from asyncua.sync import Client
with Client('opc.tcp://127.0.0.1:' + sys.argv[1]) as client:
    node = lambda name: client.get_node('ns=2;s=' + name)
    setpoint = ua.DataValue(ua.Variant(80.25, ua.VariantType.Float))
    node('setpoint').write_value(setpoint)
    assert node('setpoint').read_value() == 80.25
    node('enabled').write_value(ua.DataValue(ua.Variant(False, ua.VariantType.Boolean)))
    until = time.monotonic() + 60
    while node('running').read_value() or node('power').read_value() > 1:
        assert time.monotonic() < until, 'it runs and may not'
    assert node('setpoint').read_value() == 80.25
    try:
        node('temperature').write_value(setpoint)
    except ua.UaStatusCodeError:
        pass
    else:
        raise AssertionError('what is measured can be written')
";

#[test]
fn what_a_client_of_opc_ua_writes_is_there_when_it_reads() {
    let test = "sim::what_a_client_of_opc_ua_writes_is_there_when_it_reads";
    let Some(python) = counterpart("TIDEGATE_TEST_ASYNCUA_PYTHON", test, "asyncua") else { return };
    let dir = TempDir::new().unwrap();
    let plcs = Plcs::start(dir.path(), &["--devices", "1", "--protocol", "opcua"]);
    agrees(&python, ASYNCUA, &plcs.port());
}
