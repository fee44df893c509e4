//! The audit trees of a node: proofs that open without it, growth over kills, damage that is mended or refused.

use crate::people::ask;
use crate::process::{Answer, Node, PATIENCE, binary, pass, run};
use serde_json::Value;
use std::fs;
use std::path::Path;
use std::process::{Command, Output};
use std::time::{Duration, Instant};
use tempfile::TempDir;
use tidegate_kernel_audit::{Checkpoint, Profile, Tree, Verifier, consistency_holds};

pub(crate) struct Site {
    pub(crate) dir: TempDir,
    pub(crate) operator: String,
    auditor: String,
}

/// The lines that let its bearer in but for roles, and the token.
pub(crate) fn token(name: &str) -> (String, String) {
    let lines = String::from_utf8(run(&["identity", "token", name]).stdout).unwrap();
    let token = lines.lines().nth(1).unwrap().trim_start_matches(['#', ' ']).to_owned();
    (lines, token)
}

impl Site {
    pub(crate) fn new() -> Site {
        let ((ada, operator), (eye, auditor)) = (token("ada"), token("eye"));
        let text = format!(
            "[identity]\nanonymous = \"never\"\n{ada}roles = [\"operator\"]\n{eye}roles = [\"auditor\"]\n\
             [audit]\norigin = \"example.com/gate-7\"\ncheckpoint_every = \"100 ms\"\n[ingest]\ncritical = []\n"
        );
        let dir = TempDir::new().unwrap();
        fs::write(dir.path().join("tidegate.toml"), text).unwrap();
        Site { dir, operator, auditor }
    }

    pub(crate) fn start(&self) -> Node {
        Node::start(self.dir.path())
    }

    pub(crate) fn auditor(&self) -> &str {
        &self.auditor
    }

    /// A command beside the node, as the auditor.
    fn audit(&self, node: &Node, arguments: &[&str]) -> Output {
        let admin = node.admin().to_string();
        let mut command = Command::new(binary());
        command.arg("audit").args(arguments).args(["--admin", &admin]).env("TIDEGATE_TOKEN", &self.auditor);
        command.output().unwrap()
    }

    /// An administrative act and its outcome.
    pub(crate) fn act(&self, node: &Node) {
        let command = ["config", "reload", "--admin", &node.admin().to_string()].map(str::to_owned);
        let done =
            Command::new(binary()).args(command).env("TIDEGATE_TOKEN", &self.operator).output().unwrap();
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    }

    /// Of the trees, and the one that this node signs for others with.
    pub(crate) fn lines(&self, node: &Node) -> Vec<String> {
        let said = String::from_utf8(self.audit(node, &["keys"]).stdout).unwrap();
        said.lines().map(str::to_owned).collect()
    }

    pub(crate) fn keys(&self, node: &Node) -> Vec<Verifier> {
        self.lines(node).iter().filter_map(|line| line.parse().ok()).collect()
    }

    /// Another folder with the same file and keys, and nothing of what was done.
    pub(crate) fn begun_anew(&self) -> Site {
        let dir = TempDir::new().unwrap();
        let anew = Site { dir, operator: self.operator.clone(), auditor: self.auditor.clone() };
        let copy = |name: &str| fs::copy(self.dir.path().join(name), anew.dir.path().join(name)).unwrap();
        copy("tidegate.toml");
        drop(anew.start());
        copy("node.key");
        copy("audit/sm2.key");
        anew
    }

    /// More tables at the end of the file.
    pub(crate) fn add(&self, text: &str) {
        let file = self.dir.path().join("tidegate.toml");
        let before = fs::read_to_string(&file).unwrap();
        fs::write(file, format!("{before}{text}")).unwrap();
    }

    /// One more setting of `[audit]`.
    pub(crate) fn set(&self, line: &str) {
        let file = self.dir.path().join("tidegate.toml");
        let text = fs::read_to_string(&file).unwrap();
        fs::write(file, text.replacen("[audit]\n", &format!("[audit]\n{line}\n"), 1)).unwrap();
    }

    pub(crate) fn tree(&self, key: &Verifier) -> Tree {
        Tree::new(&self.dir.path().join("audit").join(key.profile().name()), key.clone())
    }

    /// Waits for a checkpoint over so many entries.
    pub(crate) fn signed(&self, key: &Verifier, size: u64) -> Checkpoint {
        let (tree, began) = (self.tree(key), Instant::now());
        loop {
            assert!(began.elapsed() < PATIENCE, "no checkpoint over {size} entries");
            if let Some(signed) = tree.signed().unwrap().filter(|signed| signed.size >= size) {
                return signed;
            }
            pass(Duration::from_millis(20));
        }
    }

    /// Ids of acts, oldest first.
    fn ids(&self, node: &Node) -> Vec<String> {
        let page: Value = serde_json::from_slice(&self.audit(node, &["list", "--json"]).stdout).unwrap();
        page["events"]
            .as_array()
            .unwrap()
            .iter()
            .map(|event| event["id"].as_str().unwrap().to_owned())
            .collect()
    }
}

pub(crate) fn get(node: &Node, path: &str, token: &str) -> Answer {
    ask(node, &format!("GET {path}"), &format!("authorization: Bearer {token}\r\n"), "")
}

fn check(file: &Path, key: &str) -> Result<Value, String> {
    let checked = run(&["audit", "check-proof", file.to_str().unwrap(), "--key", key, "--json"]);
    match checked.status.success() {
        true => Ok(serde_json::from_slice(&checked.stdout).unwrap()),
        false => Err(String::from_utf8(checked.stderr).unwrap()),
    }
}

#[test]
fn an_act_is_proven_in_both_trees_to_somebody_without_a_node() {
    let site = Site::new();
    let node = site.start();
    site.act(&node);
    let (keys, ids) = (site.keys(&node), site.ids(&node));
    assert_eq!(keys.iter().map(Verifier::profile).collect::<Vec<_>>(), Profile::ALL);
    let mut proofs = Vec::new();
    for key in &keys {
        site.signed(key, 2);
        let tree = key.profile().name();
        let proof = site.audit(&node, &["proof", "--tree", tree, &ids[0]]);
        assert!(proof.status.success(), "{}", String::from_utf8_lossy(&proof.stderr));
        let file = site.dir.path().join(format!("{tree}.tlog-proof"));
        fs::write(&file, &proof.stdout).unwrap();
        proofs.push((key.to_string(), file));
    }
    drop(node);
    for (key, file) in &proofs {
        let told = check(file, key).unwrap();
        assert_eq!(
            (told["act"]["who"].as_str(), told["act"]["what"].as_str()),
            (Some("ada"), Some("POST /-/reload"))
        );
        assert_eq!(told["id"].as_str(), Some(ids[0].as_str()));
    }
    let [(first, file), (other, _)] = &proofs[..] else { panic!("there are two trees") };
    assert!(check(file, other).unwrap_err().contains("error[TG-AU-006]"));
    assert!(check(file, "no key").unwrap_err().contains("error[TG-AU-004]"));
    let text = fs::read_to_string(file).unwrap();
    let lines: Vec<_> = text.lines().collect();
    let (extra, path) = (lines[1], lines[3]);
    for (changed, code) in [
        (text.replacen("index 0", "index 1", 1), "TG-AU-005"),
        (text.replacen(path, &path.chars().rev().collect::<String>(), 1), "TG-AU-004"),
        (text.replacen(extra, &extra[..extra.len() - 8], 1), "TG-AU-005"),
        (text[..100].to_owned(), "TG-AU-004"),
    ] {
        fs::write(file, changed).unwrap();
        let said = check(file, first).unwrap_err();
        assert!(said.contains(&format!("error[{code}]")) && said.contains("hint: "), "{said}");
    }
}

#[test]
fn trees_go_on_where_they_were_after_kills_and_each_checkpoint_grows_out_of_the_last() {
    let site = Site::new();
    let (mut before, mut node) = (Vec::new(), site.start());
    let keys = site.keys(&node);
    for round in 1..=3 {
        site.act(&node);
        let after: Vec<_> = keys.iter().map(|key| site.signed(key, 2 * round)).collect();
        for (key, (old, new)) in keys.iter().zip(before.iter().zip(&after)) {
            let (old, new): (&Checkpoint, &Checkpoint) = (old, new);
            let path = site.tree(key).prove_growth(old.size, new.size).unwrap();
            assert!(consistency_holds(key.profile(), (old.size, old.root), (new.size, new.root), &path));
        }
        before = after;
        drop(node);
        node = site.start();
    }
    let metrics = || get(&node, "/metrics", &site.operator).body;
    let began = Instant::now();
    while !metrics().contains("tidegate_audit_entries{log=\"acts\"} 6\n") {
        assert!(began.elapsed() < PATIENCE, "{}", metrics());
        pass(Duration::from_millis(20));
    }
    assert!(metrics().contains("tidegate_audit_rebuilt_trees_total{log=\"acts\"} 0\n"), "{}", metrics());
}

#[test]
fn checkpoint_and_tiles_are_served_as_a_log_has_them() {
    let site = Site::new();
    let node = site.start();
    site.act(&node);
    for key in site.keys(&node) {
        let (signed, prefix) = (site.signed(&key, 2), format!("/api/v1/audit/{}", key.profile().name()));
        let served = |path: &str| get(&node, &format!("{prefix}/{path}"), &site.auditor);
        assert_eq!(Checkpoint::open(&served("checkpoint").body, &key).unwrap(), signed);
        assert_eq!(served(&format!("tile/0/000.p/{}", signed.size)).status, 200);
        assert_eq!(served(&format!("tile/entries/000.p/{}", signed.size)).status, 200);
        for nowhere in
            ["tile/0/001", "tile/0/0", "tile/0/..%2F..%2Fcheckpoint", "tile/9/000", "proof/nothing"]
        {
            assert!([400, 404].contains(&served(nowhere).status), "{nowhere}");
        }
        let unknown = served("proof/0199a0f0-0000-7000-8000-000000000000");
        assert_eq!((unknown.status, unknown.json()["error"]["code"].as_str()), (404, Some("TG-AU-007")));
        let operator = get(&node, &format!("{prefix}/proof/{}", site.ids(&node)[0]), &site.operator);
        assert_eq!(operator.status, 403, "an operator does not audit");
    }
    assert_eq!(get(&node, "/api/v1/audit/md5/checkpoint", &site.auditor).status, 404);
}

#[test]
fn damaged_tiles_are_made_again_and_a_forged_checkpoint_is_said_on_readyz() {
    let site = Site::new();
    let node = site.start();
    site.act(&node);
    let keys = site.keys(&node);
    let signed = site.signed(&keys[1], 2);
    site.signed(&keys[0], 2);
    drop(node);
    let audit = site.dir.path().join("audit");
    fs::remove_dir_all(audit.join("sm3/tile")).unwrap();
    let node = site.start();
    site.act(&node);
    let grown = site.signed(&keys[1], 4);
    let path = site.tree(&keys[1]).prove_growth(signed.size, grown.size).unwrap();
    assert!(consistency_holds(Profile::Sm3, (signed.size, signed.root), (grown.size, grown.root), &path));
    drop(node);
    let forged = fs::read_to_string(audit.join("sha256/checkpoint")).unwrap().replace("\n4\n", "\n3\n");
    fs::write(audit.join("sha256/checkpoint"), &forged).unwrap();
    let node = site.start();
    let began = Instant::now();
    while !node.admin_get("/readyz").body.contains("TG-AU-001") {
        assert!(began.elapsed() < PATIENCE, "{}", node.admin_get("/readyz").body);
        pass(Duration::from_millis(20));
    }
    site.act(&node);
    drop(node);
    assert_eq!(
        fs::read_to_string(audit.join("sha256/checkpoint")).unwrap(),
        forged,
        "nothing is signed over it"
    );
}
