//! Checkpoints that leave a node: to a file, to another node as a witness; what happens when they cannot, and when history was written over.

use crate::audit::{Site, get};
use crate::process::{Node, PATIENCE, Ports, command_with, pass};
use std::fs;
use std::time::{Duration, Instant};
use tempfile::TempDir;
use tidegate_kernel_audit::{Checkpoint, Verifier, consistency_holds};

/// A log, and a witness whose HTTP listener keeps its port.
struct Pair {
    log: Site,
    witness: Site,
    ports: Ports,
    keys: Vec<Verifier>,
}

impl Pair {
    /// Each has to know the other's keys, which are made at a first start.
    fn new() -> Pair {
        let (log, witness, ports) = (Site::new(), Site::new(), Ports::to_keep());
        let (keys, cosigner) = (log.keys(&log.start()), witness.lines(&witness.start()).pop().unwrap());
        let logs = keys.iter().map(|key| format!("[audit.logs.{}]\nkey = \"{key}\"\n", key.profile().name()));
        witness.add(&logs.collect::<String>());
        let url = format!("http://127.0.0.1:{}/api/v1/audit/witness", ports.http);
        log.add(&format!("[audit.witnesses.w1]\nurl = \"{url}\"\nkey = \"{cosigner}\"\n"));
        log.set("left_within = \"1 s\"");
        Pair { log, witness, ports, keys }
    }

    fn start_witness(&self) -> Node {
        Node::start_with(command_with(self.witness.dir.path(), self.ports), self.witness.dir.path())
    }

    /// What the witness has of a tree.
    fn seen(&self, key: &Verifier) -> Option<Checkpoint> {
        let folder = self.witness.dir.path().join("audit/witnessed");
        let notes = fs::read_dir(folder)
            .into_iter()
            .flatten()
            .filter_map(|entry| fs::read_to_string(entry.ok()?.path().join("checkpoint")).ok());
        notes.filter_map(|note| Checkpoint::open(&note, key).ok()).next()
    }

    fn seen_when(&self, key: &Verifier, size: u64) -> Checkpoint {
        let began = Instant::now();
        loop {
            if let Some(seen) = self.seen(key).filter(|seen| seen.size >= size) {
                return seen;
            }
            assert!(began.elapsed() < PATIENCE, "the witness has not seen {size} entries");
            pass(Duration::from_millis(20));
        }
    }
}

fn left_when(pair: &Pair, log: &Node, tree: &str) {
    let (began, wanted) = (Instant::now(), left_line(tree));
    while !get(log, "/metrics", &pair.log.operator).body.contains(&wanted) {
        assert!(began.elapsed() < PATIENCE, "there is no {wanted}");
        pass(Duration::from_millis(20));
    }
}

fn left_line(tree: &str) -> String {
    format!("tidegate_audit_left_entries{{destination=\"w1\",tree=\"{tree}\"}} 2\n")
}

fn readiness_when(node: &Node, wanted: impl Fn(&str) -> bool) -> String {
    let began = Instant::now();
    loop {
        let said = node.admin_get("/readyz").body;
        if wanted(&said) {
            return said;
        }
        assert!(began.elapsed() < PATIENCE, "{said}");
        pass(Duration::from_millis(20));
    }
}

#[test]
fn another_node_signs_what_grew_and_an_alarm_is_raised_while_it_is_away() {
    let pair = Pair::new();
    let (log, witness) = (pair.log.start(), pair.start_witness());
    pair.log.act(&log);
    let before: Vec<_> = pair.keys.iter().map(|key| pair.seen_when(key, 2)).collect();
    // The log has its answer as well.
    ["sha256", "sm3"].iter().for_each(|tree| left_when(&pair, &log, tree));
    drop(witness);
    pair.log.act(&log);
    readiness_when(&log, |said| said.contains("TG-AU-009") && said.contains("TG-AU-010"));
    let metrics = get(&log, "/metrics", &pair.log.operator).body;
    assert!(metrics.contains(&left_line("sm3")), "{metrics}");
    let _witness = pair.start_witness();
    for (key, old) in pair.keys.iter().zip(before) {
        let new = pair.seen_when(key, 4);
        let path = pair.log.tree(key).prove_growth(old.size, new.size).unwrap();
        assert!(consistency_holds(key.profile(), (old.size, old.root), (new.size, new.root), &path));
    }
    readiness_when(&log, |said| !said.contains("TG-AU-009"));
}

#[test]
fn a_witness_does_not_sign_a_history_that_was_written_over_and_the_log_says_so() {
    let pair = Pair::new();
    let (log, _witness) = (pair.log.start(), pair.start_witness());
    pair.log.act(&log);
    pair.log.act(&log);
    let seen: Vec<_> = pair.keys.iter().map(|key| pair.seen_when(key, 4)).collect();
    drop(log);
    // Whoever has the keys begins anew.
    let forged = pair.log.begun_anew();
    let log = forged.start();
    (0..3).for_each(|_| forged.act(&log));
    forged.signed(&pair.keys[0], 6);
    let said = readiness_when(&log, |said| said.contains("TG-AU-011"));
    assert!(said.contains("TG-AU-009"), "{said}");
    assert_eq!(pair.keys.iter().map(|key| pair.seen(key).unwrap()).collect::<Vec<_>>(), seen);
}

#[test]
fn every_checkpoint_is_appended_to_a_file_and_a_folder_that_is_away_raises_the_alarm() {
    let (site, elsewhere) = (Site::new(), TempDir::new().unwrap());
    let share = elsewhere.path().join("share");
    site.set(&format!("copy_to = \"{}\"", share.join("checkpoints").display()));
    site.set("left_within = \"1 s\"");
    // A file stands where the folder should be: a share that is not there.
    fs::write(&share, "").unwrap();
    let node = site.start();
    site.act(&node);
    readiness_when(&node, |said| said.contains("TG-AU-009") && said.contains("TG-AU-010"));
    fs::remove_file(&share).unwrap();
    readiness_when(&node, |said| !said.contains("TG-AU-009"));
    let keys = site.keys(&node);
    let text = fs::read_to_string(share.join("checkpoints")).unwrap();
    for key in &keys {
        let signed = site.signed(key, 2);
        let notes = text.split_inclusive("\n\n— ").count();
        assert!(notes >= 2 && text.contains(&signed.to_string()), "{text}");
    }
}

#[test]
fn a_key_that_is_none_is_a_fault_of_the_file_at_its_line() {
    let site = Site::new();
    site.add("[audit.witnesses.w1]\nurl = \"http://127.0.0.1:1/w\"\nkey = \"nobody+00000000+BA==\"\n");
    let file = site.dir.path().join("tidegate.toml");
    let checked = crate::process::run(&["config", "check", file.to_str().unwrap()]);
    let said =
        String::from_utf8_lossy(&checked.stderr).into_owned() + &String::from_utf8_lossy(&checked.stdout);
    assert!(
        !checked.status.success() && said.contains("key") && said.contains("tidegate audit keys"),
        "{said}"
    );
}
