//! Trees over the books of a node: they grow beside orders, leave the node, prove transfers to somebody without one, and never stop a book.

use crate::audit::{Site, get};
use crate::http::ask;
use crate::journal::{json_of, refused};
use crate::process::{Node, PATIENCE, pass, run};
use serde_json::{Value, json};
use signed_note::{Note, StandardVerifier, VerifierList};
use std::fs;
use std::path::PathBuf;
use std::time::Instant;
use tempfile::TempDir;
use tidegate_kernel_audit::{Checkpoint, Profile, Tree, Verifier, consistency_holds};
use tidegate_kernel_journal::{Clock, Id, SystemClock};
use tlog_tiles::{
    Error as TlogError, Tile, TileHashReader, TileReader, check_record, prove_record, record_hash,
};

/// A node with the book `main` and two accounts.
pub(crate) struct Bank {
    pub(crate) site: Site,
    pub(crate) copies: TempDir,
}

impl Bank {
    pub(crate) fn new() -> Bank {
        let (site, copies) = (Site::new(), TempDir::new().unwrap());
        site.add("[ledger.books.main]\n");
        site.set(&format!("copy_to = {:?}", copies.path().join("checkpoints")));
        Bank { site, copies }
    }

    /// With accounts, also where they are there already.
    pub(crate) fn start(&self) -> Node {
        let node = self.site.start();
        for (name, min) in [("source", i64::MIN), ("till", 0)] {
            let body = json!({"name": name, "currency": "CNY", "min": min}).to_string();
            assert_eq!(self.post(&node, "accounts", &body)["error"], Value::Null);
        }
        node
    }

    fn post(&self, node: &Node, what: &str, body: &str) -> Value {
        let head = format!("authorization: Bearer {}\r\n", self.site.operator);
        ask(node.http(), &format!("POST /v1/ledger/main/{what}"), &head, body).json()
    }

    /// The order's id.
    pub(crate) fn transfer(&self, node: &Node, amount: i64) -> String {
        self.transfer_for(node, amount, "")
    }

    pub(crate) fn transfer_for(&self, node: &Node, amount: i64, memo: &str) -> String {
        let id = Id::v7(SystemClock.wall_ms()).to_string();
        let order = json!({
            "id": id, "kind": "transfer", "debit": "source", "credit": "till", "amount": amount, "memo": memo,
        });
        let answer = self.post(node, "transfers", &json!({"orders": [order]}).to_string());
        assert_eq!(answer["accepted"], 1, "{answer}");
        id
    }

    /// Of the trees over the book.
    pub(crate) fn keys(&self, node: &Node) -> Vec<Verifier> {
        let keys = self.site.keys(node);
        keys.into_iter().filter(|key| key.name().contains("/ledger/main/")).collect()
    }

    fn folder(&self, key: &Verifier) -> PathBuf {
        self.site.dir.path().join("ledger/main").join(key.profile().name())
    }

    /// Waits for a checkpoint over so many facts.
    pub(crate) fn signed(&self, key: &Verifier, size: u64) -> Checkpoint {
        let (tree, began) = (Tree::new(&self.folder(key), key.clone()), Instant::now());
        loop {
            assert!(began.elapsed() < PATIENCE, "no checkpoint over {size} facts");
            if let Some(signed) = tree.signed().unwrap().filter(|signed| signed.size >= size) {
                return signed;
            }
            pass(std::time::Duration::from_millis(20));
        }
    }

    /// Waits until a checkpoint over so many facts has left the node, and gives the file of them.
    fn copied(&self, key: &Verifier, size: u64) -> std::path::PathBuf {
        let (file, head) = (self.copies.path().join("checkpoints"), format!("{}\n{size}\n", key.name()));
        let began = Instant::now();
        while !fs::read_to_string(&file).is_ok_and(|text| text.contains(&head)) {
            assert!(began.elapsed() < PATIENCE, "no copy of a checkpoint over {size} facts");
            pass(std::time::Duration::from_millis(20));
        }
        file
    }

    pub(crate) fn command(&self, node: &Node, words: &[&str]) -> std::process::Output {
        let mut command = std::process::Command::new(crate::process::binary());
        let admin = node.admin().to_string();
        command.args(words).args(["--admin", &admin]).env("TIDEGATE_TOKEN", self.site.auditor());
        command.output().unwrap()
    }
}

#[test]
fn a_transfer_is_proven_in_both_trees_to_somebody_without_a_node() {
    let bank = Bank::new();
    let node = bank.start();
    let ids: Vec<_> = (1..=5).map(|amount| bank.transfer(&node, amount)).collect();
    let keys = bank.keys(&node);
    assert_eq!(keys.iter().map(Verifier::profile).collect::<Vec<_>>(), Profile::ALL);
    let mut proofs = Vec::new();
    for key in &keys {
        bank.signed(key, 7);
        let tree = key.profile().name();
        let proof = bank.command(&node, &["ledger", "proof", &ids[2], "--tree", tree]);
        assert!(proof.status.success(), "{}", String::from_utf8_lossy(&proof.stderr));
        let file = bank.copies.path().join(format!("{tree}.tlog-proof"));
        fs::write(&file, &proof.stdout).unwrap();
        proofs.push((key.to_string(), file));
    }
    let opening = bank.command(&node, &["ledger", "proof", &opening_of(&node, &bank, "till")]);
    fs::write(bank.copies.path().join("opening"), &opening.stdout).unwrap();
    refused(&bank.command(&node, &["ledger", "proof", "0199a0f0-0000-7000-8000-000000000000"]), "TG-AU-007");
    refused(&bank.command(&node, &["ledger", "proof", "../keys"]), "TG-AU-004");
    drop(node);
    for (key, file) in &proofs {
        let told = json_of(&run(&["audit", "check-proof", file.to_str().unwrap(), "--key", key, "--json"]));
        let fact = &told["fact"];
        let said = [&fact["id"], &fact["kind"], &fact["amount"], &fact["credit"]];
        assert_eq!(said, [&json!(ids[2]), &json!("transfer"), &json!(3), &json!("1")], "{told}");
    }
    let opening = bank.copies.path().join("opening");
    let told = run(&["audit", "check-proof", opening.to_str().unwrap(), "--key", &proofs[0].0, "--json"]);
    assert_eq!(json_of(&told)["fact"]["account"], "till");
}

/// The number of the record that opened an account.
fn opening_of(node: &Node, bank: &Bank, account: &str) -> String {
    let head = format!("authorization: Bearer {}\r\n", bank.site.auditor());
    let page = ask(node.http(), "GET /v1/ledger/main/postings", &head, "").json();
    let facts = page["facts"].as_array().unwrap();
    let opened = facts.iter().find(|fact| fact["kind"] == "opened" && fact["account"] == account);
    opened.unwrap()["seq"].to_string()
}

/// The files of a tree as `tlog_tiles` reads them.
struct Files(PathBuf);

impl TileReader for Files {
    fn height(&self) -> u8 {
        8
    }

    fn read_tiles(&self, tiles: &[Tile]) -> Result<Vec<Vec<u8>>, TlogError> {
        // Its paths have the height in front, which tlog-tiles left out.
        let path = |tile: &Tile| tile.path().replacen("tile/8/", "tile/", 1);
        Ok(tiles.iter().map(|tile| fs::read(self.0.join(path(tile))).unwrap()).collect())
    }

    fn save_tiles(&self, _: &[Tile], _: &[Vec<u8>]) {}
}

#[test]
fn an_independent_verifier_opens_the_tree_over_a_book() {
    let bank = Bank::new();
    let node = bank.start();
    (1..=9).for_each(|amount| drop(bank.transfer(&node, amount)));
    let key = bank.keys(&node).remove(0);
    bank.signed(&key, 11);
    drop(node);
    let verifier = StandardVerifier::new(&key.to_string()).unwrap();
    let text = fs::read(bank.folder(&key).join("checkpoint")).unwrap();
    let note = Note::from_bytes(&text).unwrap();
    note.verify(&VerifierList::new(vec![Box::new(verifier)])).unwrap();
    let checkpoint = tlog_tiles::Checkpoint::from_bytes(note.text()).unwrap();
    let (files, tree) = (Files(bank.folder(&key)), Tree::new(&bank.folder(&key), key));
    let reader = TileHashReader::new(checkpoint.size(), *checkpoint.hash(), &files);
    for index in 0..checkpoint.size() {
        let entry = tree.entry(index, checkpoint.size()).unwrap().to_bytes();
        let proof = prove_record(checkpoint.size(), index, &reader).unwrap();
        check_record(&proof, checkpoint.size(), *checkpoint.hash(), index, record_hash(&entry)).unwrap();
    }
}

#[test]
fn trees_over_a_book_grow_over_kills_are_told_of_and_leave_the_node() {
    let bank = Bank::new();
    let (mut node, mut facts, mut before) = (bank.start(), 2, Vec::new());
    let keys = bank.keys(&node);
    for _ in 0..3 {
        (1..=4).for_each(|amount| drop(bank.transfer(&node, amount)));
        facts += 4;
        let after: Vec<_> = keys.iter().map(|key| bank.signed(key, facts)).collect();
        for (key, (old, new)) in keys.iter().zip(before.iter().zip(&after)) {
            let (old, new): (&Checkpoint, &Checkpoint) = (old, new);
            let tree = Tree::new(&bank.folder(key), key.clone());
            let path = tree.prove_growth(old.size, new.size).unwrap();
            assert!(consistency_holds(key.profile(), (old.size, old.root), (new.size, new.root), &path));
        }
        before = after;
        node.kill();
        node = bank.start();
    }
    node_says(&bank, &node, "tidegate_audit_entries{log=\"ledger/main\"} 14\n");
    node_says(
        &bank,
        &node,
        "tidegate_audit_left_entries{destination=\"file\",tree=\"ledger/main/sm3\"} 14\n",
    );
    let standing = get(&node, "/api/v1/audit/trees", &bank.site.operator).json();
    let book = standing["logs"].as_array().unwrap().iter().find(|log| log["log"] == "ledger/main").unwrap();
    assert_eq!((&book["signed"], &book["fault"]), (&json!([14, 14]), &Value::Null), "{standing}");
    let copied = fs::read_to_string(bank.copies.path().join("checkpoints")).unwrap();
    for key in &keys {
        let prefix = format!("/api/v1/ledger/main/{}", key.profile().name());
        let served = get(&node, &format!("{prefix}/checkpoint"), &bank.site.operator).body;
        assert_eq!(Checkpoint::open(&served, key).unwrap().size, 14);
        assert!(copied.contains(&served), "{copied}");
        assert_eq!(get(&node, &format!("{prefix}/tile/0/000.p/14"), &bank.site.operator).status, 200);
    }
    assert_eq!(get(&node, "/api/v1/ledger/other/sm3/checkpoint", &bank.site.operator).status, 404);
    let operator = get(&node, "/api/v1/ledger/main/sm3/proof/1", &bank.site.operator);
    assert_eq!(operator.status, 403, "an operator does not audit");
}

fn node_says(bank: &Bank, node: &Node, line: &str) {
    let (page, began) = (|| get(node, "/metrics", &bank.site.operator).body, Instant::now());
    while !page().contains(line) {
        assert!(began.elapsed() < PATIENCE, "no {line} in {}", page());
        pass(std::time::Duration::from_millis(20));
    }
}

#[test]
fn trees_that_stand_still_are_said_on_readyz_and_the_book_takes_orders() {
    let bank = Bank::new();
    let node = bank.start();
    bank.transfer(&node, 1);
    let key = bank.keys(&node).remove(0);
    bank.signed(&key, 3);
    drop(node);
    let file = bank.folder(&key).join("checkpoint");
    let forged = fs::read_to_string(&file).unwrap().replace("\n3\n", "\n2\n");
    fs::write(&file, &forged).unwrap();
    let (node, began) = (bank.start(), Instant::now());
    while !node.admin_get("/readyz").body.contains("ledger/main stand still: TG-AU-001") {
        assert!(began.elapsed() < PATIENCE, "{}", node.admin_get("/readyz").body);
        pass(std::time::Duration::from_millis(20));
    }
    bank.transfer(&node, 2);
    // Those over acts go on.
    node_says(&bank, &node, "tidegate_audit_failures_total{log=\"acts\"} 0\n");
    drop(node);
    assert_eq!(fs::read_to_string(&file).unwrap(), forged, "nothing is signed over it");
}

#[test]
fn a_copy_of_a_killed_nodes_folder_is_verified_with_no_node_and_one_byte_is_named() {
    let bank = Bank::new();
    let node = bank.start();
    (1..=40).for_each(|amount| drop(bank.transfer(&node, amount)));
    let keys = bank.keys(&node);
    keys.iter().for_each(|key| drop(bank.signed(key, 42)));
    let copied = bank.copied(keys.last().unwrap(), 42);
    node.kill();
    let data = bank.site.dir.path().to_str().unwrap().to_owned();
    let keys: Vec<_> = keys.iter().flat_map(|key| ["--key".to_owned(), key.to_string()]).collect();
    let verified = |more: &[&str]| {
        let keys = keys.iter().map(String::as_str);
        let words: Vec<_> =
            ["ledger", "verify", &data].into_iter().chain(keys).chain(more.iter().copied()).collect();
        run(&words)
    };
    let sound = verified(&["--checkpoints", copied.to_str().unwrap(), "--accounts"]);
    let told = String::from_utf8(sound.stdout).unwrap();
    assert_eq!(sound.status.code(), Some(0), "{told}{}", String::from_utf8_lossy(&sound.stderr));
    for line in ["book main: 42 facts", "CNY", "even", "  till  CNY  posted 820", "sound: "] {
        assert!(told.contains(line), "no {line:?} in {told}");
    }
    let told = json_of(&verified(&["--json"]));
    assert_eq!(
        (&told["verdict"], &told["books"][0]["trial"][0]["credits"]),
        (&json!("sound"), &json!("820"))
    );
    let file = bank.site.dir.path().join("books/0000000001.seg");
    let mut bytes = fs::read(&file).unwrap();
    bytes[4000] ^= 1;
    fs::write(&file, &bytes).unwrap();
    let said = refused(&verified(&[]), "TG-JR-013");
    assert!(said.contains("books/0000000001.seg is damaged at byte"), "{said}");
    let told = json_of(&verified(&["--json"]));
    let offset = told["faults"][0]["offset"].as_u64().unwrap();
    assert!((3000..=4000).contains(&offset), "{told}");
    refused(&run(&["ledger", "verify", bank.copies.path().to_str().unwrap()]), "TG-JR-012");
    refused(&verified(&["--key", "no key"]), "TG-AU-004");
    refused(&verified(&["--checkpoints", file.to_str().unwrap()]), "TG-AU-004");
}
