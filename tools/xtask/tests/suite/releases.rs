//! The checks of `cargo xtask dist`, on a planted node that passes and on ones with a fault each.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::Result;
use xtask::checks::{Checks, Outcome};
use xtask::dist::elf::Facts;
use xtask::dist::start::{Node, READY_WITHIN, management_address, up_args};
use xtask::dist::{Scratch, Subject, build, check};
use xtask::services::{Depot, demand, install};

use crate::fixture::Fixture;
use crate::skips;

/// Compiles `node.c` with the linker that Rust links with; `flags` plant faults.
fn planted(tree: &Fixture, flags: &[&str]) -> PathBuf {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/node.c");
    let program = tree.root.join("node");
    let status = Command::new("cc").arg("-O1").args(flags).arg(source).arg("-o").arg(&program).status();
    assert!(status.expect("Rust links with cc").success());
    program
}

fn examined(tree: &Fixture, flags: &[&str]) -> Checks {
    let binary = planted(tree, flags);
    let scratch = Scratch::create(&tree.root.join("scratch")).expect("the fixture is writable");
    let installed = install::find(&Depot::at(&repository()), &demand::QEMU);
    let emulator = installed
        .and_then(|installed| installed.program("qemu-x86_64-static").ok())
        .ok_or_else(|| "qemu-user-static is not installed".to_owned());
    let own = Path::new(env!("CARGO_BIN_EXE_xtask"));
    let subject = Subject { binary: &binary, root: &tree.root, own, scratch: &scratch, emulator };
    check(&subject).expect("the planted node can be examined")
}

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// Asserts that of all checks exactly `wanted` fails, with `words`; those that cannot be made here are announced.
fn only_fails(test: &str, flags: &[&str], wanted: &str, words: &str) {
    let tree = Fixture::empty();
    let checks = examined(&tree, flags);
    let tally = checks.tally();
    match checks.outcome(wanted) {
        Some(Outcome::Skipped(reason)) => skips::announce(test, reason),
        Some(Outcome::Fails(seen)) if seen.contains(words) => assert_eq!(tally.failed, 1, "{checks:#?}"),
        other => panic!("{wanted} gives {other:?}"),
    }
}

#[test]
fn a_static_node_that_starts_answers_and_ends_passes_every_check() {
    let tally = examined(&Fixture::empty(), &["-static-pie"]).tally();
    assert_eq!(tally.failed, 0);
    if let Some(skip) = tally.skips.first() {
        let test = "releases::a_static_node_that_starts_answers_and_ends_passes_every_check";
        skips::announce(test, &format!("{}: {}", skip.name, skip.reason));
    }
}

#[test]
fn a_node_that_needs_a_dynamic_linker_is_refused() {
    let tree = Fixture::empty();
    let checks = examined(&tree, &[]);
    let Some(Outcome::Fails(faults)) = checks.outcome("static") else { panic!("{checks:#?}") };
    assert!(faults.contains("PT_INTERP") && faults.contains("DT_NEEDED"), "{faults}");
    // It finds no linker in an empty root, unless the machine permits no such root.
    assert!(!matches!(checks.outcome("empty-root"), Some(Outcome::Holds(_))), "{checks:#?}");
}

#[test]
fn a_node_at_a_fixed_address_is_refused() {
    let name = "releases::a_node_at_a_fixed_address_is_refused";
    only_fails(name, &["-static", "-no-pie"], "static", "position independent");
}

#[test]
fn a_node_that_insists_on_a_newer_system_call_is_refused() {
    let tree = Fixture::empty();
    let checks = examined(&tree, &["-static-pie", "-DNEWER_CALL"]);
    match checks.outcome("empty-root") {
        Some(Outcome::Skipped(reason)) => {
            skips::announce("releases::a_node_that_insists_on_a_newer_system_call_is_refused", reason);
        }
        Some(Outcome::Fails(seen)) => assert!(seen.contains("Function not implemented"), "{seen}"),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_node_that_insists_on_a_newer_processor_is_refused() {
    let tree = Fixture::empty();
    let checks = examined(&tree, &["-static-pie", "-DNEWER_CODE"]);
    match checks.outcome("old-processor") {
        Some(Outcome::Skipped(reason)) => {
            skips::announce("releases::a_node_that_insists_on_a_newer_processor_is_refused", reason);
        }
        Some(Outcome::Fails(seen)) => assert!(seen.contains("Illegal instruction"), "{seen}"),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_node_that_names_the_folder_it_was_built_in_is_refused() {
    let tree = Fixture::empty();
    let note = format!("-DNOTE=\"{}\"", tree.root.display());
    let checks = examined(&tree, &["-static-pie", &note]);
    let Some(Outcome::Fails(seen)) = checks.outcome("no-build-paths") else { panic!("{checks:#?}") };
    assert!(seen.contains("it names"), "{seen}");
}

#[test]
fn a_kernel_note_newer_than_4_19_is_refused() {
    let tree = Fixture::empty();
    let mut bytes = fs::read(planted(&tree, &["-static-pie"])).expect("it was just compiled");
    // Name "GNU", type 1, system 0, then the version's three words.
    let start = [b"GNU\0".as_slice(), &[0; 4]].concat();
    let at = bytes.windows(start.len()).position(|window| window == start).expect("the C library notes it");
    bytes[at + 8..at + 20].copy_from_slice(&[5, 0, 0, 0, 4, 0, 0, 0, 0, 0, 0, 0]);
    let facts = Facts::read(&bytes).expect("still an ELF file");
    assert_eq!(facts.faults_of_kernel(), ["it asks for Linux 5.4.0 or newer"]);
    bytes[at + 8] = 4;
    bytes[at + 12] = 19;
    assert_eq!(Facts::read(&bytes).expect("still an ELF file").faults_of_kernel(), [""; 0]);
}

#[test]
fn what_is_no_elf_file_is_an_error_and_no_panic() {
    let tree = Fixture::empty();
    let bytes = fs::read(planted(&tree, &["-static-pie"])).expect("it was just compiled");
    for len in [0, 4, 63, 64, 100, 600] {
        assert!(Facts::read(&bytes[..len]).is_err(), "{len} bytes");
    }
}

fn start(flags: &[&str], within: Duration) -> Result<Node> {
    let tree = Fixture::empty();
    Node::start(Command::new(planted(&tree, flags)).args(up_args("data")), within)
}

fn start_error(flags: &[&str], within: Duration) -> String {
    start(flags, within).err().map(|error| format!("{error:#}")).expect("it never gets ready")
}

#[test]
fn a_node_that_sigterm_kills_has_not_ended_well() {
    let node = start(&["-DNO_END"], READY_WITHIN).expect("it serves");
    assert!(!node.stop().expect("it ends").success());
}

#[test]
fn a_node_that_never_gets_ready_is_told_by_its_last_answer() {
    let error = start_error(&["-DNEVER_READY"], Duration::from_millis(300));
    assert!(error.contains("last: HTTP/1.1 503"), "{error}");
}

#[test]
fn a_node_that_ends_at_once_is_told_by_what_it_said() {
    let error = start_error(&["-DNO_START"], READY_WITHIN);
    assert!(error.contains("no room left on the quay"), "{error}");
}

#[test]
fn the_address_is_taken_from_what_the_node_prints() {
    let address = |line| management_address(line).map(|address| address.to_string());
    assert_eq!(address("  admin  http://127.0.0.1:7300   /metrics"), Some("127.0.0.1:7300".into()));
    assert_eq!(address("see http://[::1]:7300/readyz"), Some("[::1]:7300".into()));
    assert_eq!(address("  mqtt   mqtt://127.0.0.1:1883"), None);
    assert_eq!(address("see http://example.org/"), None);
}

#[test]
fn the_flags_of_every_build_are_also_those_of_the_release() {
    let text = fs::read_to_string(repository().join(".cargo/config.toml")).expect("the repository has it");
    let config: toml::Table = text.parse().expect("it is TOML");
    let flags = config["target"][build::TARGET]["rustflags"].as_array().expect("a list of flags");
    for flag in flags {
        assert!(build::FLAGS.contains(&flag.as_str().expect("flags are text")), "{flag:?} is missing");
    }
}
