//! `cargo xtask conformance mqtt` on suites and a node written for these tests, with planted failures.
//!
//! The node is a script that says where it listens and answers `/readyz`; the suites ask only whether its port answers.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use xtask::conformance::{Order, Outcome, SUITES, Verdict, judge};

use crate::fixture::Fixture;
use crate::skips;

/// Begins a file of tests; the body of each is one line.
const HEAD: &str = "\
import socket, sys, time, unittest

class Test(unittest.TestCase):
";

/// As in the suite of 3.1.1: a default that no option reaches.
const FOOT_V311: &str = "
if __name__ == '__main__':
  port = 1883
  unittest.main()
";

const FOOT_V5: &str = "
if __name__ == '__main__':
  port = int(sys.argv[sys.argv.index('-p') + 1])
  del sys.argv[1:3]
  unittest.main()
";

const NODE: &str = "\
#!/usr/bin/env python3
import http.server, os, socket, socketserver, sys, threading

class Ready(http.server.BaseHTTPRequestHandler):
  protocol_version = 'HTTP/1.1'
  def do_GET(self):
    self.send_response(200)
    self.send_header('Content-Length', '0')
    self.end_headers()
  def log_message(self, *args): pass

def option(name): return sys.argv[sys.argv.index(name) + 1]
assert sys.argv[1] == 'up' and 'withheld' in open(option('--config')).read()
host, port = option('--mqtt').split(':')
listener = socket.create_server((host, int(port)))
if ENDS: threading.Thread(target=lambda: (listener.accept(), os._exit(1)), daemon=True).start()
admin = socketserver.TCPServer(('127.0.0.1', 0), Ready)
print(f'  admin  http://127.0.0.1:{admin.server_address[1]}', flush=True)
admin.serve_forever()
";

const CONNECTS: &str = "socket.create_connection(('127.0.0.1', port), 5).close()";
const FAILS: &str = "self.assertEqual(1, 2, 'planted')";
const HANGS: &str = "time.sleep(60)";

struct Bench {
    tree: Fixture,
    node: PathBuf,
}

impl Bench {
    fn new(v311: &[(&str, &str)], v5: &[(&str, &str)]) -> Self {
        let tree = Fixture::empty()
            .with("paho/interoperability/client_test.py", &file(v311, FOOT_V311))
            .with("paho/interoperability/client_test5.py", &file(v5, FOOT_V5))
            .with("paho/interoperability/mqtt/__init__.py", "")
            .with("paho/interoperability/notes.ods", "no source");
        let node = tree.root.join("node.py");
        let bench = Self { tree, node };
        bench.write_node("False");
        bench
    }

    fn write_node(&self, ends: &str) {
        fs::write(&self.node, NODE.replace("ENDS", ends)).expect("the fixture is writable");
        let executable = fs::Permissions::from_mode(0o755);
        fs::set_permissions(&self.node, executable).expect("the fixture is ours");
    }

    fn judge(&self) -> Outcome {
        let order = Order {
            suite: Some(self.tree.root.join("paho")),
            binary: Some(self.node.clone()),
            limit: Duration::from_secs(20),
            ..Order::default()
        };
        judge(&self.tree.root, &order).expect("suites and node are there")
    }
}

fn file(tests: &[(&str, &str)], foot: &str) -> String {
    let methods = tests.iter().map(|(name, body)| format!("  def test{name}(self):\n    {body}\n"));
    format!("{HEAD}{}{foot}", methods.collect::<String>())
}

fn verdicts(outcome: &Outcome) -> Vec<(&str, &str, &Verdict)> {
    outcome.rows.iter().map(|row| (row.suite, row.test.as_str(), &row.verdict)).collect()
}

/// Says in the report that a test could not run here; `false` where it can.
fn skipped_without_python(name: &str) -> bool {
    if Command::new("python3").arg("--version").output().is_ok() {
        return false;
    }
    skips::announce(&format!("conformance::{name}"), "no python3 on this machine");
    true
}

#[test]
fn suites_that_pass_are_enough_and_each_is_told_its_port() {
    if skipped_without_python("suites_that_pass_are_enough_and_each_is_told_its_port") {
        return;
    }
    let bench = Bench::new(&[("_b", CONNECTS), ("A", CONNECTS)], &[("_c", CONNECTS)]);
    let outcome = bench.judge();
    let passed = Verdict::Passed;
    let expected = [
        ("mqtt-3.1.1", "test_b", &passed),
        ("mqtt-3.1.1", "testA", &passed),
        ("mqtt-5.0", "test_c", &passed),
    ];
    assert_eq!(verdicts(&outcome), expected);
    assert_eq!(outcome.shortfalls, Vec::<String>::new());
    assert_eq!(outcome.tally.line(), "3 passed, 0 failed, 0 skipped");
    let source = fs::read_to_string(bench.tree.root.join("paho/interoperability/client_test.py"));
    assert!(source.expect("it is still there").contains("port = 1883"), "nothing is written to the checkout");
}

#[test]
fn one_planted_failure_is_too_many_in_3_1_1_and_said_with_its_reason() {
    if skipped_without_python("one_planted_failure_is_too_many_in_3_1_1_and_said_with_its_reason") {
        return;
    }
    let outcome = Bench::new(&[("_a", FAILS), ("_b", CONNECTS)], &[("_c", CONNECTS)]).judge();
    let Verdict::Failed(why) = &outcome.rows[0].verdict else { panic!("{outcome:?}") };
    assert_eq!(why, "AssertionError: 1 != 2 : planted");
    assert_eq!(outcome.shortfalls, ["mqtt-3.1.1: 1 of 2 passed, 0 may fail"]);
    assert_eq!(outcome.tally.line(), "2 passed, 1 failed, 0 skipped");
}

#[test]
fn three_misses_are_let_through_in_5_0_and_four_are_not() {
    if skipped_without_python("three_misses_are_let_through_in_5_0_and_four_are_not") {
        return;
    }
    let misses = |count: usize| -> Vec<(&str, &str)> {
        let failing = [("_a", FAILS), ("_b", FAILS), ("_c", FAILS), ("_d", FAILS)];
        [("_e", CONNECTS)].into_iter().chain(failing.into_iter().take(count)).collect()
    };
    let judge = |count| Bench::new(&[("_a", CONNECTS)], &misses(count)).judge().shortfalls;
    assert_eq!(judge(3), Vec::<String>::new());
    assert_eq!(judge(4), ["mqtt-5.0: 1 of 5 passed, 3 may fail"]);
}

#[test]
fn a_test_that_hangs_is_ended_and_the_next_one_runs() {
    if skipped_without_python("a_test_that_hangs_is_ended_and_the_next_one_runs") {
        return;
    }
    let bench = Bench::new(&[("_a", HANGS), ("_b", CONNECTS)], &[("_c", CONNECTS)]);
    let order = Order {
        suite: Some(bench.tree.root.join("paho")),
        binary: Some(bench.node.clone()),
        limit: Duration::from_secs(3),
        ..Order::default()
    };
    let outcome = judge(&bench.tree.root, &order).expect("suites and node are there");
    assert_eq!(outcome.rows[0].verdict, Verdict::TimedOut);
    assert_eq!(outcome.rows[1].verdict, Verdict::Passed);
}

#[test]
fn a_node_that_ends_fails_the_tests_behind_it() {
    if skipped_without_python("a_node_that_ends_fails_the_tests_behind_it") {
        return;
    }
    let waits = "s = socket.create_connection(('127.0.0.1', port), 5); s.recv(1); time.sleep(0.5)";
    let bench = Bench::new(&[("_a", waits), ("_b", CONNECTS)], &[("_c", CONNECTS)]);
    bench.write_node("True");
    let outcome = bench.judge();
    assert_eq!(outcome.rows[1].verdict, Verdict::Failed("the node has ended".to_owned()));
}

#[test]
fn a_suite_without_a_test_proves_nothing() {
    for suite in SUITES {
        assert!(suite.shortfall(0, 0).is_some());
        assert!(suite.shortfall(27, suite.misses_max).is_none());
        assert!(suite.shortfall(27, suite.misses_max + 1).is_some());
    }
}

#[test]
fn without_a_folder_both_suites_are_skipped_by_name() {
    let tree = Fixture::empty();
    let outcome = judge(&tree.root, &Order::default()).expect("there is nothing to do");
    let names: Vec<&str> = outcome.tally.skips.iter().map(|skip| skip.name.as_str()).collect();
    assert_eq!(names, ["conformance::mqtt-3.1.1", "conformance::mqtt-5.0"]);
    assert_eq!(outcome.tally.line(), "0 passed, 0 failed, 2 skipped");
    assert!(outcome.shortfalls.is_empty());
}

#[test]
fn a_folder_that_is_no_checkout_is_an_error() {
    let tree = Fixture::empty();
    let order = Order { suite: Some(tree.root.clone()), binary: Some("node".into()), ..Order::default() };
    assert!(judge(&tree.root, &order).is_err());
}
