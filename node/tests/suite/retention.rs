//! What old facts of a book say goes from the folder of a node that is stopped, and everything else stays: balances, proofs, who did it.

use crate::http::ask;
use crate::journal::{json_of, refused, succeeded};
use crate::process::{Node, run};
use crate::proofs::Bank;
use serde_json::{Value, json};
use std::fs;
use std::path::{Path, PathBuf};

const MEMO: &str = "for the surgery of 3 May";

fn prune(data: &str, more: &[&str]) -> std::process::Output {
    run(&[&["ledger", "prune", data], more].concat())
}

/// Whether the journal has a memo, as it was written or sealed.
fn has_memo(data: &Path) -> bool {
    [MEMO, "sm4g:v"].iter().any(|text| is_anywhere(&data.join("books"), text))
}

/// Whether any file of the folder has these bytes.
fn is_anywhere(folder: &Path, text: &str) -> bool {
    fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).any(|path| match path.is_dir() {
        true => is_anywhere(&path, text),
        false => fs::read(&path).unwrap().windows(text.len()).any(|bytes| bytes == text.as_bytes()),
    })
}

fn get(bank: &Bank, node: &Node, path: &str) -> Value {
    let head = format!("authorization: Bearer {}\r\n", bank.site.auditor());
    ask(node.http(), &format!("GET /v1/ledger/main/{path}"), &head, "").json()
}

/// The signed snapshot with a byte of its first signature changed and its checksum made right, until it is dropped.
struct Forged(PathBuf, Vec<u8>);

impl Forged {
    fn of(data: &Path) -> Forged {
        let names = fs::read_dir(data.join("books")).unwrap().map(|entry| entry.unwrap().path());
        let path = names.into_iter().find(|path| path.to_str().unwrap().contains("/pruned-")).unwrap();
        let sound = fs::read(&path).unwrap();
        let mut forged = sound.clone();
        let length = u32::from_le_bytes(forged[32..36].try_into().unwrap()) as usize;
        // Of Base64, before the end of the line.
        let at = 36 + length - 10;
        forged[at] = if forged[at] == b'A' { b'B' } else { b'A' };
        let crc = crc32c::crc32c(&forged[32..]);
        forged[24..28].copy_from_slice(&crc.to_le_bytes());
        fs::write(&path, forged).unwrap();
        Forged(path, sound)
    }
}

impl Drop for Forged {
    fn drop(&mut self) {
        fs::write(&self.0, &self.1).unwrap();
    }
}

#[test]
fn a_memo_goes_from_the_folder_and_balances_proofs_and_who_did_it_stay() {
    let bank = Bank::new();
    let node = bank.start();
    let id = bank.transfer_for(&node, 7, MEMO);
    (1..=20).for_each(|amount| drop(bank.transfer(&node, amount)));
    let keys = bank.keys(&node);
    keys.iter().for_each(|key| drop(bank.signed(key, 23)));
    let proof = bank.command(&node, &["ledger", "proof", &id]);
    let old = bank.copies.path().join("old");
    fs::write(&old, &proof.stdout).unwrap();
    let last = bank.transfer(&node, 30);
    let before = get(&bank, &node, &format!("transfers/{last}"))["seq"].to_string();
    node.terminate();
    let dir = bank.site.dir.path().to_owned();
    let data = dir.to_str().unwrap();
    let dry = json_of(&prune(data, &["--before", &before, "--dry-run", "--json"]));
    assert_eq!((&dry["facts"], &dry["pruned"]), (&json!(23), &json!(0)), "{dry}");
    assert!(has_memo(&dir));
    refused(&prune(data, &["--before", &before, "--book", "other"]), "TG-LE-035");
    assert_eq!(prune(data, &["--before", "soon"]).status.code(), Some(2));
    let told = succeeded(&prune(data, &["--before", &before]));
    assert!(told.contains("the content of 23 facts is gone"), "{told}");
    assert!(!has_memo(&dir));
    let told = succeeded(&prune(data, &["--before", &before]));
    assert!(told.contains("no fact before that has its content any more"), "{told}");

    let words: Vec<String> = keys.iter().flat_map(|key| ["--key".to_owned(), key.to_string()]).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let verified = json_of(&run(&[&["ledger", "verify", data, "--json"], &words[..]].concat()));
    let book = &verified["books"][0];
    assert_eq!(
        (&verified["verdict"], &book["facts"], &book["pruned"]["facts"]),
        (&json!("sound"), &json!(24), &json!(23))
    );
    assert_eq!(book["trial"][0]["credits"], "247", "{verified}");
    assert!(verified["acts"][1]["signed_entries"].as_u64() > Some(2), "{verified}");
    assert!(succeeded(&run(&["journal", "inspect", data])).contains("(23 of them pruned)"));

    // One whose signature is another one is not this node's word.
    let snapshot = Forged::of(&dir);
    let refused = Node::attempt(crate::process::command(&dir), &dir).err().unwrap();
    let told = format!("{}{}", refused.said, refused.log);
    assert!(told.contains("TG-LE-081"), "{told}");
    drop(snapshot);
    let node = bank.start();
    assert_eq!(get(&bank, &node, "accounts/till")["posted"], 247);
    assert_eq!(get(&bank, &node, "accounts/till/statement")["facts"].as_array().unwrap().len(), 1);
    let gone = get(&bank, &node, &format!("transfers/{id}"));
    assert_eq!(gone["error"]["code"], "TG-LE-080", "{gone}");
    let gone = get(&bank, &node, "accounts/till?as_of_seq=1");
    assert!(gone["error"]["message"].as_str().unwrap().contains("posted 217"), "{gone}");
    let acts = succeeded(&bank.command(&node, &["audit", "list"]));
    let act = acts.lines().find(|line| line.contains("tidegate ledger prune book main")).unwrap();
    assert!(act.contains("  200  ") && act.contains(" user "), "{act}");
    assert!(acts.contains("tidegate snapshot v1"), "{acts}");
    let new = bank.copies.path().join("new");
    fs::write(&new, bank.command(&node, &["ledger", "proof", &id]).stdout).unwrap();
    drop(node);
    let key = keys[0].to_string();
    let check = |file: &Path| {
        json_of(&run(&["audit", "check-proof", file.to_str().unwrap(), "--key", &key, "--json"]))
    };
    let (old, new) = (check(&old), check(&new));
    assert_eq!((&old["fact"]["amount"], &old["seq"]), (&json!(7), &new["seq"]));
    assert_eq!((&new["id"], &new["fact"]), (&json!(id), &Value::Null));
}

#[test]
fn nothing_goes_without_keys_beside_a_node_or_from_books_that_are_wrong() {
    let bank = Bank::new();
    let node = bank.start();
    (1..=20).for_each(|amount| drop(bank.transfer_for(&node, amount, MEMO)));
    let dir = bank.site.dir.path().to_owned();
    let data = dir.to_str().unwrap();
    refused(&prune(data, &["--before", "99999"]), "TG-JR-010");
    node.terminate();
    let key = dir.join("node.key");
    let (aside, file) = (bank.copies.path().join("node.key"), dir.join("books/0000000001.seg"));
    fs::rename(&key, &aside).unwrap();
    refused(&prune(data, &["--before", "99999"]), "TG-LE-083");
    fs::rename(&aside, &key).unwrap();
    let sound = fs::read(&file).unwrap();
    let mut wrong = sound.clone();
    wrong[4000] ^= 1;
    fs::write(&file, &wrong).unwrap();
    let said = refused(&prune(data, &["--before", "99999"]), "TG-JR-013");
    assert!(said.contains("nothing was pruned"), "{said}");
    fs::write(&file, &sound).unwrap();
    assert!(has_memo(&dir));
    refused(&prune(bank.copies.path().to_str().unwrap(), &["--before", "1"]), "TG-JR-012");
}
