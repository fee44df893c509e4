//! Memos at a node: over kills, a shredding that is written down, proofs and copies that hold, and keys that a backup does not have.

use crate::audit::{Site, get, token};
use crate::http::ask;
use crate::journal::{json_of, refused};
use crate::process::{Node, PATIENCE, binary, pass, run};
use serde_json::{Value, json};
use std::fs;
use std::path::Path;
use std::process::{Command, Output};
use std::time::{Duration, Instant};
use tempfile::TempDir;
use tidegate_kernel_audit::{Profile, Tree, Verifier};
use tidegate_kernel_journal::{Clock, Id, SystemClock};

const TEXT: &str = "房租 for Li, 13800138000";

struct Branch {
    site: Site,
    admin: String,
}

impl Branch {
    fn new() -> Branch {
        let (site, (lines, admin)) = (Site::new(), token("root"));
        site.add(&format!("{lines}roles = [\"admin\"]\n[ledger.books.main]\n"));
        Branch { site, admin }
    }

    /// With accounts, also where they are there already.
    fn start(&self) -> Node {
        let node = self.site.start();
        for (name, min) in [("source", i64::MIN), ("till", 0)] {
            let body = json!({"name": name, "currency": "CNY", "min": min});
            assert_eq!(self.post(&node, "accounts", &body)["error"], Value::Null);
        }
        node
    }

    fn post(&self, node: &Node, what: &str, body: &Value) -> Value {
        let head = format!("authorization: Bearer {}\r\n", self.site.operator);
        ask(node.http(), &format!("POST /v1/ledger/main/{what}"), &head, &body.to_string()).json()
    }

    /// What became of an order.
    fn sent(&self, node: &Node, order: &Value) -> Value {
        let answer = self.post(node, "transfers", &json!({"orders": [order]}));
        if answer["error"].is_null() {
            answer["results"][0]["status"].clone()
        } else {
            answer["error"]["code"].clone()
        }
    }

    fn fact(&self, node: &Node, order: &Value) -> Value {
        let path = format!("/v1/ledger/main/transfers/{}", order["id"].as_str().unwrap());
        get(node, &path, self.site.auditor()).json()
    }

    fn command(&self, node: &Node, token: &str, words: &[&str]) -> Output {
        let mut command = Command::new(binary());
        let admin = node.admin().to_string();
        command.args(words).args(["--admin", &admin]).env("TIDEGATE_TOKEN", token);
        command.output().unwrap()
    }

    /// The keys of the trees over the book, once both have so many facts.
    fn signed(&self, node: &Node, size: u64) -> Vec<Verifier> {
        let keys = self.site.keys(node);
        let keys: Vec<_> = keys.into_iter().filter(|key| key.name().contains("/ledger/main/")).collect();
        assert_eq!(keys.len(), Profile::ALL.len());
        for key in &keys {
            let folder = self.site.dir.path().join("ledger/main").join(key.profile().name());
            let (tree, began) = (Tree::new(&folder, key.clone()), Instant::now());
            while tree.signed().unwrap().is_none_or(|signed| signed.size < size) {
                assert!(began.elapsed() < PATIENCE, "no checkpoint over {size} facts");
                pass(Duration::from_millis(20));
            }
        }
        keys
    }
}

fn order(subject: &str) -> Value {
    let id = Id::v7(SystemClock.wall_ms()).to_string();
    json!({"id": id, "kind": "transfer", "debit": "source", "credit": "till", "amount": 1, "memo": TEXT, "subject": subject})
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap().map(Result::unwrap) {
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

#[test]
fn a_shredding_outlives_kills_and_is_written_down_while_proofs_and_copies_hold() {
    let branch = Branch::new();
    let mut node = branch.start();
    let [gone, kept] = [order("c-17"), order("c-18")];
    for order in [&gone, &kept] {
        assert_eq!(branch.sent(&node, order), "accepted");
    }
    node.kill();
    node = branch.start();
    assert_eq!(
        (branch.sent(&node, &gone), branch.fact(&node, &gone)["memo"].clone()),
        (json!("known"), json!(TEXT))
    );
    let keys = branch.signed(&node, 4);
    let proofs = keys.iter().map(|key| {
        let words = ["ledger", "proof", gone["id"].as_str().unwrap(), "--tree", key.profile().name()];
        let file = branch.site.dir.path().join(format!("{}.tlog-proof", key.profile().name()));
        fs::write(&file, branch.command(&node, branch.site.auditor(), &words).stdout).unwrap();
        (key.to_string(), file)
    });
    let proofs: Vec<_> = proofs.collect();
    let shred = ["ledger", "shred", "c-17"];
    refused(&branch.command(&node, &branch.site.operator, &shred), "TG-ID-004");
    refused(&branch.command(&node, &branch.admin, &["ledger", "shred", "c-99"]), "TG-SM-002");
    refused(&branch.command(&node, &branch.admin, &["ledger", "shred", "../c-17"]), "TG-SM-008");
    assert!(branch.command(&node, &branch.admin, &shred).status.success());
    node.kill();
    node = branch.start();
    let again = branch.command(&node, &branch.admin, &shred);
    assert!(String::from_utf8_lossy(&again.stdout).contains("before"), "{again:?}");
    let read = branch.fact(&node, &gone);
    assert_eq!(
        [&read["memo"], &read["memo_state"], &read["amount"]],
        [&Value::Null, &json!("shredded"), &json!(1)]
    );
    assert_eq!(branch.fact(&node, &kept)["memo"], TEXT);
    assert_eq!((branch.sent(&node, &gone), branch.sent(&node, &kept)), (json!("TG-SM-004"), json!("known")));
    let rotated = branch.command(&node, &branch.admin, &["ledger", "rotate-key"]);
    assert!(String::from_utf8_lossy(&rotated.stdout).contains("version 2"), "{rotated:?}");
    assert_eq!(branch.sent(&node, &kept), "known");
    let acts = get(&node, "/api/v1/audit", branch.site.auditor()).body;
    for words in [
        "/v1/ledger/subjects/c-17/shred",
        "memos of c-17: readable -> shredded",
        "outer key of memos: 1 -> 2",
    ] {
        assert!(acts.contains(words), "{words} is not in {acts}");
    }
    assert_eq!(node.terminate().status, Some(0));
    for (key, file) in &proofs {
        let told = json_of(&run(&["audit", "check-proof", file.to_str().unwrap(), "--key", key, "--json"]));
        assert_eq!(
            (&told["fact"]["id"], &told["fact"]["memo_state"]),
            (&gone["id"], &json!("sealed")),
            "{told}"
        );
    }
    let copied = TempDir::new().unwrap();
    copy(branch.site.dir.path(), copied.path());
    fs::remove_dir_all(copied.path().join("memos")).unwrap();
    let mut words = vec!["ledger", "verify", copied.path().to_str().unwrap()];
    proofs.iter().for_each(|(key, _)| words.extend(["--key", key]));
    let verified = run(&words);
    assert!(verified.status.success(), "{verified:?}");
}

#[test]
fn a_restored_node_reads_memos_once_their_keys_are_put_back() {
    let branch = Branch::new();
    let (data, dir) = (branch.site.dir.path(), TempDir::new().unwrap());
    let at = |name: &str| dir.path().join(name).to_str().unwrap().to_owned();
    let node = branch.start();
    let order = order("c-17");
    assert_eq!(branch.sent(&node, &order), "accepted");
    let saved = run(&["backup", data.to_str().unwrap(), "--to", &at("backup.tar")]);
    assert!(saved.status.success(), "{saved:?}");
    copy(&data.join("memos"), &dir.path().join("keys"));
    node.kill();
    let bytes = fs::read(at("backup.tar")).unwrap();
    let holds = |text: &str| bytes.windows(text.len()).any(|part| part == text.as_bytes());
    assert!(holds("sm4g:v1:c-17:") && !holds("13800138000") && !holds("key c-17"));
    let restored = run(&["restore", &at("backup.tar"), "--to", &at("data")]);
    assert!(restored.status.success(), "{restored:?}");
    fs::copy(data.join("tidegate.toml"), dir.path().join("data/tidegate.toml")).unwrap();
    let start = || Node::start(&dir.path().join("data"));
    let node = start();
    let read = branch.fact(&node, &order);
    assert_eq!((&read["memo_state"], &read["memo_code"]), (&json!("unreadable"), &json!("TG-SM-002")));
    assert_eq!(node.terminate().status, Some(0));
    copy(&dir.path().join("keys"), &dir.path().join("data/memos"));
    let node = start();
    assert_eq!(branch.fact(&node, &order)["memo"], TEXT);
    assert_eq!(branch.sent(&node, &order), "known");
}
