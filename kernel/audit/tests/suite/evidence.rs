//! Reports of the race gate, kept by the example `evidence`: added one after another, and read by somebody who has the public key alone.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use tempfile::TempDir;

/// RFC 8410 §10.3.
const PEM: &str = "-----BEGIN PRIVATE KEY-----
MC4CAQAwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC
-----END PRIVATE KEY-----
";

struct Desk {
    dir: TempDir,
}

impl Desk {
    fn run(&self, words: &[&Path]) -> Output {
        Command::new(example()).args(words).output().unwrap()
    }

    fn evidence(&self) -> PathBuf {
        self.dir.path().join("evidence")
    }

    fn add(&self, ended_ms: u64) -> Output {
        let (key, report) = (self.dir.path().join("key.pem"), self.dir.path().join("report.json"));
        fs::write(&key, PEM).unwrap();
        fs::write(&report, format!("{{\"verdict\":\"passed\",\"ended_ms\":{ended_ms}}}\n")).unwrap();
        self.run(&["add".as_ref(), &self.evidence(), &key, &report])
    }

    fn check(&self) -> Output {
        self.run(&["check".as_ref(), &self.evidence()])
    }

    fn log(&self) -> PathBuf {
        fs::read_dir(self.evidence()).unwrap().next().unwrap().unwrap().path()
    }
}

/// Cargo builds examples with the tests, two folders above them.
fn example() -> PathBuf {
    let own = std::env::current_exe().unwrap();
    own.ancestors().nth(2).unwrap().join("examples/evidence")
}

#[test]
fn reports_are_added_one_after_another_and_whoever_changes_one_is_found_out() {
    let desk = Desk { dir: TempDir::new().unwrap() };
    for ended_ms in [1000, 3000, 2000] {
        let added = desk.add(ended_ms);
        assert!(added.status.success(), "{added:?}");
    }
    let checked = desk.check();
    assert!(String::from_utf8_lossy(&checked.stdout).contains("3 reports, as signed"), "{checked:?}");
    let kept = fs::read_to_string(desk.log().join("key")).unwrap();
    assert!(!kept.contains("1O5y2/kTWErVttjx92n4rTr+fCjL8dT74Jeoj0R1WEI"), "{kept}");
    let second = desk.log().join("reports/000002.json");
    let report = fs::read_to_string(&second).unwrap();
    fs::write(&second, report.replace("passed", "found!")).unwrap();
    let (checked, added) = (desk.check(), desk.add(4000));
    assert!(!checked.status.success() && !added.status.success(), "{checked:?} {added:?}");
}

#[test]
fn a_report_that_was_taken_away_is_missed() {
    let desk = Desk { dir: TempDir::new().unwrap() };
    (0..2).for_each(|ended_ms| assert!(desk.add(ended_ms).status.success()));
    fs::remove_file(desk.log().join("reports/000002.json")).unwrap();
    assert!(!desk.check().status.success());
}

#[test]
fn the_evidence_of_this_repository_is_as_it_was_signed() {
    let desk = Desk { dir: TempDir::new().unwrap() };
    let evidence = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/evidence");
    let checked = desk.run(&["check".as_ref(), &evidence]);
    assert!(checked.status.success(), "{checked:?}");
}
