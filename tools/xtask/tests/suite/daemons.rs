//! Starting and stopping counterparts, with rows made for these tests.

use std::fs;
use std::net::TcpStream;
use std::process::Command;

use xtask::services::state::{Entry, State};
use xtask::services::table::{Counterpart, Probe, Program, Role, Source, Spec};
use xtask::services::{self, Depot, Outcome};

use crate::fixture::Fixture;

/// A server in the interpreter that most systems have; `ROW` finds it on the search path, so nothing is installed.
const SERVER: &str = "\
import socket, time
listener = socket.create_server(('127.0.0.1', {port}))
while True: time.sleep(60)
";

const fn daemon(name: &'static str, args: &'static [&'static str]) -> Counterpart {
    let spec =
        Spec { program: "python3", args, files: &[("server.py", SERVER)], probe: Probe::Connect, unit: None };
    Counterpart {
        name,
        source: Source::Apt,
        packages: &["python3"],
        heavy: false,
        role: Role::Daemon { spec, env: "TIDEGATE_TEST_SERVER_ADDR" },
    }
}

const ROW: Counterpart = daemon("server", &["{data}/server.py"]);

/// Says in the report that a test could not run here; `false` where it can.
fn skipped_without_python(name: &str) -> bool {
    if Command::new("python3").arg("--version").output().is_ok() {
        return false;
    }
    use std::io::Write as _;
    let file =
        std::env::var("TIDEGATE_TEST_SKIPS").expect("without python3 these tests run under cargo xtask test");
    let mut file = fs::OpenOptions::new().append(true).open(file).expect("the skip file is there");
    writeln!(file, "SKIP {name}: no python3 on this machine").expect("the skip file is writable");
    true
}

fn start(depot: &Depot, row: &Counterpart) -> Outcome {
    services::start(depot, std::slice::from_ref(row), false).expect("the depot is writable")
}

#[test]
fn a_daemon_starts_once_serves_and_stops() {
    if skipped_without_python("daemons::a_daemon_starts_once_serves_and_stops") {
        return;
    }
    let tree = Fixture::empty();
    let depot = Depot::at(&tree.root);
    let first = start(&depot, &ROW);
    assert_eq!((first.started.as_slice(), first.unavailable.len()), (["server".to_owned()].as_slice(), 0));
    let (_, address) = &first.env[0];
    TcpStream::connect(address).expect("a started daemon serves");

    let second = start(&depot, &ROW);
    assert_eq!((second.started.len(), &second.env), (0, &first.env));

    services::stop(&depot).expect("it stops");
    assert!(TcpStream::connect(address).is_err());
    assert_eq!(State::load(&depot).expect("the state can be read").names(), Vec::<String>::new());
}

#[test]
fn a_daemon_that_ends_at_once_is_unavailable_with_the_end_of_its_log() {
    if skipped_without_python("daemons::a_daemon_that_ends_at_once_is_unavailable_with_the_end_of_its_log") {
        return;
    }
    let tree = Fixture::empty();
    let outcome =
        start(&Depot::at(&tree.root), &daemon("broken", &["-c", "raise SystemExit('no such level')"]));
    assert_eq!(outcome.env, []);
    assert!(outcome.unavailable[0].1.contains("no such level"), "{outcome:?}");
}

#[test]
fn a_process_that_only_has_the_recorded_pid_is_left_alone() {
    let tree = Fixture::empty();
    let depot = Depot::at(&tree.root);
    fs::create_dir_all(&depot.folder).expect("the fixture is writable");
    let own = Entry::of(std::process::id(), 1).expect("this test runs");
    let stranger = Entry { start_ticks: own.start_ticks + 1, ..own };
    State::load(&depot)
        .and_then(|mut state| state.record("server", stranger))
        .expect("the state is writable");
    // Stopping this very process would be noticed.
    assert!(services::stop(&depot).expect("there is nothing to stop"));
    assert_eq!(State::load(&depot).expect("the state can be read").names(), Vec::<String>::new());
}

#[test]
fn what_cannot_be_installed_is_named_and_stops_nothing_else() {
    let tree = Fixture::empty();
    let missing = Counterpart {
        name: "missing",
        source: Source::Npm,
        packages: &["file:./no-such-folder"],
        heavy: false,
        role: Role::Tool { programs: &[Program { name: "missing", env: "TIDEGATE_TEST_MISSING" }] },
    };
    let shell = Counterpart {
        name: "shell",
        source: Source::Apt,
        packages: &["dash"],
        heavy: false,
        role: Role::Tool { programs: &[Program { name: "sh", env: "TIDEGATE_TEST_SH" }] },
    };
    let outcome =
        services::start(&Depot::at(&tree.root), &[missing, shell], false).expect("the depot is writable");
    assert_eq!(outcome.unavailable[0].0, "missing");
    assert_eq!(outcome.env[0].0, "TIDEGATE_TEST_SH");
}

#[test]
fn heavy_counterparts_are_left_out_unless_asked_for() {
    let tree = Fixture::empty();
    let row = || Counterpart { heavy: true, ..daemon("heavy", &["-c", "raise SystemExit(1)"]) };
    let outcome = services::start(&Depot::at(&tree.root), &[row()], false).expect("the depot is writable");
    assert!(outcome.unavailable.is_empty() && outcome.env.is_empty());
    let outcome = services::start(&Depot::at(&tree.root), &[row()], true).expect("the depot is writable");
    assert_eq!(outcome.unavailable.len(), 1);
}

#[test]
fn a_heavy_counterpart_that_was_fetched_once_is_used_from_then_on() {
    let tree = Fixture::empty();
    let row = || Counterpart {
        name: "shell",
        source: Source::Npm,
        packages: &["shell@1"],
        heavy: true,
        role: Role::Tool { programs: &[Program { name: "sh", env: "TIDEGATE_TEST_SH" }] },
    };
    let depot = Depot::at(&tree.root);
    for (file, text) in [("npm/node_modules/.bin/sh", ""), ("stamps/shell", "shell@1")] {
        let path = depot.path(file);
        std::fs::create_dir_all(path.parent().expect("it is in the depot")).expect("the depot is writable");
        std::fs::write(path, text).expect("the depot is writable");
    }
    let outcome = services::start(&depot, &[row()], false).expect("the depot is writable");
    assert_eq!(outcome.env[0].0, "TIDEGATE_TEST_SH");
    let other = Counterpart { packages: &["shell@2"], ..row() };
    let outcome = services::start(&depot, &[other], false).expect("the depot is writable");
    assert!(outcome.env.is_empty() && outcome.unavailable.is_empty());
}
