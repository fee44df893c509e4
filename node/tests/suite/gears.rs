//! Books that move into a database and back at a node: the command, a start with the wrong gear, and a database that is gone while the node runs.

use crate::audit::{get, token};
use crate::http::ask;
use crate::journal::{json_of, refused, succeeded};
use crate::postgres::{PASSWORD, Server};
use crate::process::{Node, PATIENCE, Ports, binary, command_with, pass, run};
use serde_json::{Value, json};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::{Duration, Instant};
use tempfile::TempDir;
use tidegate_kernel_audit::{Checkpoint, Tree, Verifier, consistency_holds};
use tidegate_kernel_journal::{Clock, Id, SystemClock};

fn config(gear: &str, port: u16) -> String {
    format!(
        "[ledger]\ngear = \"{gear}\"\nscrub = \"200 ms\"\n[ledger.books.main]\n[ledger.postgres]\n\
         url = \"postgres://127.0.0.1:{port}/postgres\"\npassword = \"{PASSWORD}\"\nlease = \"3 s\"\n"
    )
}

fn start(data: &Path, file: &Path) -> Node {
    let mut command = command_with(data, Ports::default());
    command.arg("--config").arg(file);
    Node::start_with(command, data)
}

fn moved(data: &Path, file: &Path, to: &str) -> Output {
    let (data, file) = (data.to_str().unwrap(), file.to_str().unwrap());
    run(&["gear", "move", "ledger", "--to", to, "--data", data, "--config", file])
}

fn words(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn order() -> String {
    let id = Id::v7(SystemClock.wall_ms()).to_string();
    let order = json!({"id": id, "kind": "transfer", "debit": "source", "credit": "till", "amount": 7, "memo": "rent", "subject": "c-17"});
    json!({"orders": [order]}).to_string()
}

/// Of the newest order.
fn memo(node: &Node) -> Value {
    let page = ask(node.http(), "GET /v1/ledger/main/accounts/till/statement?many=1", "", "").json();
    page["facts"][0]["memo"].clone()
}

/// The status, and the code where it is refused.
fn send(node: &Node, body: &str) -> (u16, Value) {
    let answer = ask(node.http(), "POST /v1/ledger/main/transfers", "", body);
    (answer.status, answer.json()["error"]["code"].clone())
}

fn posted(node: &Node) -> Value {
    ask(node.http(), "GET /v1/ledger/main/accounts/till", "", "").json()["posted"].clone()
}

fn guarantees(node: &Node) -> Value {
    ask(node.http(), "GET /v1/ledger", "", "").json()["books"][0]["guarantees"].clone()
}

/// Books are opened behind the start.
fn when_open(node: &Node) {
    node.metric_when("tidegate_ledger_away_state{book=\"main\"}", |state| state == 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn books_move_into_a_database_serve_from_it_outlive_its_outage_and_move_back() {
    let test = "gears::books_move_into_a_database_serve_from_it_outlive_its_outage_and_move_back";
    let Some(mut server) = Server::start(test).await else { return };
    let dir = TempDir::new().unwrap();
    let (file, data) = (dir.path().join("tidegate.toml"), dir.path().join("data"));
    fs::write(&file, config("embedded", server.port)).unwrap();
    let node = start(&data, &file);
    for (name, min) in [("source", i64::MIN), ("till", 0)] {
        let body = json!({"name": name, "currency": "CNY", "min": min}).to_string();
        assert_eq!(ask(node.http(), "POST /v1/ledger/main/accounts", "", &body).status, 200);
    }
    let first = order();
    assert_eq!(send(&node, &first).0, 200);
    assert_eq!(guarantees(&node)["gear"], "embedded");
    let refused = moved(&data, &file, "postgres");
    assert!(words(&refused.stderr).contains("TG-JR-010"), "{refused:?}");
    assert_eq!(node.terminate().status, Some(0));

    let done = moved(&data, &file, "postgres");
    assert!(done.status.success() && words(&done.stdout).contains("the same on both sides"), "{done:?}");
    let mut wrong = command_with(&data, Ports::default());
    wrong.arg("--config").arg(&file);
    let report = Node::attempt(wrong, &data).err().expect("the gear is another one");
    assert!(report.log.contains("TG-LE-050") && report.log.contains("gear move"), "{}", report.log);

    fs::write(&file, config("postgres", server.port)).unwrap();
    let node = start(&data, &file);
    when_open(&node);
    let promised = guarantees(&node);
    assert_eq!((&promised["gear"], &promised["one_writer"]), (&json!("postgres"), &json!("epoch")));
    assert_eq!((send(&node, &first).0, posted(&node)), (200, json!(7)));
    assert_eq!(memo(&node), "rent");
    server.crash();
    node.metric_when("tidegate_ledger_away_state{book=\"main\"}", |state| state == 1);
    let second = order();
    assert_eq!(send(&node, &second), (503, json!("TG-LE-037")));
    assert!(node.unready().to_string().contains("main"), "{}", node.unready());
    server.again().await;
    when_open(&node);
    assert_eq!((send(&node, &second).0, posted(&node)), (200, json!(14)));
    node.metric_when("tidegate_ledger_sound_seq{book=\"main\"}", |seq| seq > 3);
    assert_eq!(node.metric("tidegate_ledger_differences_total{book=\"main\"}"), Some(0));
    assert_eq!(node.terminate().status, Some(0));

    let back = moved(&data, &file, "embedded");
    assert!(back.status.success(), "{back:?}");
    fs::write(&file, config("embedded", server.port)).unwrap();
    let node = start(&data, &file);
    assert_eq!((send(&node, &second).0, posted(&node)), (200, json!(14)));
    assert_eq!(memo(&node), "rent");
    assert_eq!(node.terminate().status, Some(0));
    // What is there for an auditor is the book that came back, with trees that begin anew.
    let verified = run(&["ledger", "verify", data.to_str().unwrap()]);
    assert!(verified.status.success(), "{verified:?}");
    assert!(data.join("ledger/main").exists() && data.join("ledger/main.2").exists());
}

/// A folder with a book whose trees are signed, and a database.
struct Audited {
    server: Server,
    dir: TempDir,
    /// Lines of the file that let the auditor in, and the token.
    auditor: (String, String),
}

impl Audited {
    fn file(&self) -> PathBuf {
        self.dir.path().join("tidegate.toml")
    }

    fn data(&self) -> PathBuf {
        self.dir.path().join("data")
    }

    fn start(&self, gear: &str) -> Node {
        let (copies, eye) = (self.dir.path().join("checkpoints"), &self.auditor.0);
        let more = format!("[audit]\ncopy_to = {copies:?}\n{eye}roles = [\"auditor\"]\n");
        fs::write(self.file(), config(gear, self.server.port) + &more).unwrap();
        start(&self.data(), &self.file())
    }

    fn moved(&self, to: &str) {
        let moved = moved(&self.data(), &self.file(), to);
        assert!(moved.status.success(), "{moved:?}");
    }

    fn verified(&self, more: &[&str]) -> Output {
        let data = self.data();
        run(&[&["ledger", "verify", data.to_str().unwrap()], more].concat())
    }

    /// With what is in the database.
    fn verified_whole(&self) -> Output {
        self.verified(&["--config", self.file().to_str().unwrap()])
    }

    /// Proves what an id was accepted for, in both trees, to somebody who has the keys and nothing else.
    fn proves(&self, node: &Node, id: &str) {
        for key in keys(node).iter().filter(|key| key.name().contains("/ledger/main")) {
            let (tree, admin) = (key.profile().name(), node.admin().to_string());
            let words = ["ledger", "proof", id, "--tree", tree, "--admin", &admin];
            let proof = Command::new(binary()).args(words).env("TIDEGATE_TOKEN", &self.auditor.1).output();
            let proof = proof.unwrap();
            let file = self.dir.path().join("proof");
            fs::write(&file, succeeded(&proof)).unwrap();
            let words = ["audit", "check-proof", file.to_str().unwrap(), "--key", &key.to_string(), "--json"];
            assert_eq!(json_of(&run(&words))["fact"]["id"], id);
        }
    }

    /// Waits for checkpoints over so many facts, and gives them.
    fn signed(&self, node: &Node, log: &str, size: u64) -> Vec<(Tree, Checkpoint)> {
        let keys = keys(node).into_iter().filter(|key| key.name().contains(&format!("/ledger/{log}/")));
        let tree =
            |key: Verifier| Tree::new(&self.data().join("ledger").join(log).join(key.profile().name()), key);
        let (trees, began): (Vec<_>, _) = (keys.map(tree).collect(), Instant::now());
        assert_eq!(trees.len(), 2, "no keys of {log}");
        let signed = |tree: &Tree| tree.signed().unwrap().filter(|signed| signed.size >= size);
        while !trees.iter().all(|tree| signed(tree).is_some()) {
            assert!(began.elapsed() < PATIENCE, "no checkpoints over {size} facts of {log}");
            pass(Duration::from_millis(20));
        }
        trees.into_iter().map(|tree| (tree.clone(), signed(&tree).unwrap())).collect()
    }
}

fn keys(node: &Node) -> Vec<Verifier> {
    let keys = node.admin_get("/api/v1/audit/keys").json();
    let keys = keys["keys"].as_array().unwrap().iter();
    keys.filter_map(|key| key["key"].as_str().unwrap().parse().ok()).collect()
}

/// Sends an order that is accepted; its id.
fn transferred(node: &Node) -> String {
    let body = order();
    assert_eq!(send(node, &body).0, 200);
    serde_json::from_str::<Value>(&body).unwrap()["orders"][0]["id"].as_str().unwrap().to_owned()
}

async fn audited(test: &str) -> Option<Audited> {
    let server = Server::start(&format!("gears::{test}")).await?;
    let site = Audited { server, dir: TempDir::new().unwrap(), auditor: token("eye") };
    let node = site.start("embedded");
    for (name, min) in [("source", i64::MIN), ("till", 0)] {
        let body = json!({"name": name, "currency": "CNY", "min": min}).to_string();
        assert_eq!(ask(node.http(), "POST /v1/ledger/main/accounts", "", &body).status, 200);
    }
    assert_eq!(node.terminate().status, Some(0));
    Some(site)
}

#[tokio::test(flavor = "multi_thread")]
async fn one_log_of_a_book_goes_on_into_the_database_and_another_one_begins_on_the_way_back() {
    let test = "one_log_of_a_book_goes_on_into_the_database_and_another_one_begins_on_the_way_back";
    let Some(site) = audited(test).await else { return };
    let node = site.start("embedded");
    let first = transferred(&node);
    let before = site.signed(&node, "main", 3);
    assert_eq!(node.terminate().status, Some(0));
    site.moved("postgres");
    let node = site.start("postgres");
    when_open(&node);
    let second = transferred(&node);
    let after = site.signed(&node, "main", 4);
    for ((_, old), (tree, new)) in before.iter().zip(&after) {
        let path = tree.prove_growth(old.size, new.size).unwrap();
        let (from, to) = ((old.size, old.root), (new.size, new.root));
        assert!(consistency_holds(tree.profile(), from, to, &path), "{old:?} {new:?}");
    }
    site.proves(&node, &first);
    site.proves(&node, &second);
    node.metric_when("tidegate_audit_left_entries{destination=\"file\",tree=\"ledger/main/sm3\"}", |left| {
        left == 4
    });
    assert_eq!(node.metric("tidegate_audit_entries{log=\"ledger/main\"}"), Some(4));
    node.metric_when("tidegate_audit_lag_records{log=\"ledger/main\"}", |lag| lag == 0);
    node.metric_when("tidegate_audit_compared_entries_total{log=\"ledger/main\"}", |many| many > 4);
    // What is not signed when the process is killed comes again.
    let third = transferred(&node);
    node.kill();
    let node = site.start("postgres");
    site.signed(&node, "main", 5);
    site.proves(&node, &third);
    assert_eq!(node.metric("tidegate_audit_entries{log=\"ledger/main\"}"), Some(5));
    assert_eq!(node.terminate().status, Some(0));
    site.moved("embedded");
    let node = site.start("embedded");
    transferred(&node);
    site.signed(&node, "main.2", 6);
    site.proves(&node, &first);
    // How the log before ended is an administrative act.
    let acts = get(&node, "/api/v1/audit", &site.auditor.1).json();
    let act =
        acts["events"].as_array().unwrap().iter().rfind(|act| act["what"] == "gear move ledger").unwrap();
    assert!(act["detail"].as_str().unwrap().contains("/ledger/main/sm3 5 "), "{act}");
    assert_eq!(node.terminate().status, Some(0));
    let verified = succeeded(&site.verified(&[]));
    assert!(verified.contains("sound:") && verified.contains("book main: 6 facts"), "{verified}");
}

#[tokio::test(flavor = "multi_thread")]
async fn books_in_a_database_are_verified_from_the_folder_and_the_database_together() {
    let test = "books_in_a_database_are_verified_from_the_folder_and_the_database_together";
    let Some(site) = audited(test).await else { return };
    site.moved("postgres");
    let node = site.start("postgres");
    when_open(&node);
    transferred(&node);
    site.signed(&node, "main", 3);
    // Beside a node that runs.
    let told = succeeded(&site.verified_whole());
    for line in ["book main: 3 facts", "even", "the checkpoint over 3 holds", "sound:"] {
        assert!(told.contains(line), "no {line:?} in {told}");
    }
    let unread = site.verified(&[]);
    refused(&unread, "TG-LE-065");
    let told = words(&unread.stdout);
    assert!(told.contains("unread:") && told.contains("the checkpoint over 3 holds"), "{told}");
    assert_eq!(json_of(&site.verified(&["--json"]))["verdict"], "unread");
    let (server, sound) = (&site.server, "sound:");
    let balance = "UPDATE tidegate.accounts SET posted = posted + 1 WHERE name = 'till'";
    assert_eq!(node.terminate().status, Some(0));
    server.sql(balance).await;
    refused(&site.verified_whole(), "TG-LE-066");
    server.sql("UPDATE tidegate.accounts SET posted = posted - 1 WHERE name = 'till'").await;
    // The name of an account, so that nothing but the tree can tell.
    let renamed = "UPDATE tidegate.facts SET fact = set_byte(fact, length(fact) - 1, get_byte(fact, length(fact) - 1) # 1) WHERE leaf = 1";
    server.sql(renamed).await;
    let said = refused(&site.verified_whole(), "TG-LE-061");
    let seq = server.number("SELECT seq FROM tidegate.facts WHERE leaf = 1").await;
    assert!(said.contains(&format!("record {seq} is the first that differs")), "{said}");
    let node = site.start("postgres");
    let began = Instant::now();
    while !node
        .admin_get("/readyz")
        .body
        .contains(&format!("leaf 1 of the sha256 tree, which is record {seq}"))
    {
        assert!(began.elapsed() < PATIENCE, "{}", node.admin_get("/readyz").body);
        pass(Duration::from_millis(20));
    }
    assert_eq!(node.terminate().status, Some(0));
    server.sql(renamed).await;
    assert!(succeeded(&site.verified_whole()).contains(sound));
    server.sql("DELETE FROM tidegate.facts WHERE leaf = 2").await;
    assert!(words(&site.verified_whole().stderr).contains("TG-LE-062"));
    let elsewhere = run(&["ledger", "verify", site.data().to_str().unwrap(), "--config", "/dev/null"]);
    refused(&elsewhere, "TG-LE-052");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_book_with_pruned_facts_stays_in_its_gear_and_goes_on_there() {
    let Some(site) = audited("a_book_with_pruned_facts_stays_in_its_gear_and_goes_on_there").await else {
        return;
    };
    let node = site.start("embedded");
    (0..3).for_each(|_| drop(transferred(&node)));
    site.signed(&node, "main", 5);
    assert_eq!(node.terminate().status, Some(0));
    let (data, file) = (site.data(), site.file());
    let words = ["--before", "2100-01-01T00:00:00Z", "--config", file.to_str().unwrap()];
    succeeded(&run(&[&["ledger", "prune", data.to_str().unwrap()], &words[..]].concat()));
    let said = refused(&moved(&data, &file, "postgres"), "TG-LE-080");
    assert!(said.contains("nothing was changed"), "{said}");
    let node = site.start("embedded");
    transferred(&node);
    assert_eq!(posted(&node), 28);
    assert_eq!(node.terminate().status, Some(0));
}

#[test]
fn a_move_without_a_folder_or_a_database_is_refused_with_a_code() {
    let dir = TempDir::new().unwrap();
    let (file, data) = (dir.path().join("tidegate.toml"), dir.path().join("data"));
    fs::write(&file, "[ledger.books.main]\n").unwrap();
    assert!(words(&moved(&data, &file, "postgres").stderr).contains("TG-JR-012"));
    assert!(!data.exists());
    assert_eq!(start(&data, &file).terminate().status, Some(0));
    let refused = moved(&data, &file, "postgres");
    assert!(words(&refused.stderr).contains("TG-LE-052"), "{refused:?}");
    fs::write(&file, "[ledger]\ngear = \"postgres\"\n[ledger.books.main]\n").unwrap();
    assert!(words(&moved(&data, &file, "postgres").stderr).contains("where its database is"));
    // Nobody listens there.
    fs::write(&file, config("embedded", 9)).unwrap();
    assert!(words(&moved(&data, &file, "postgres").stderr).contains("TG-PG-001"));
    assert_eq!(start(&data, &file).terminate().status, Some(0));
}
