//! Memos over HTTP: sealed before they are kept, read by whoever may, the same order when they are sent again, and unreadable for good once
//! their subject was shredded, while every proof holds.

use crate::asks::id;
use crate::door::{Door, code, door, transfer};
use crate::folder::{Copied, sealed};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use tidegate_kernel_plug::{Capability, exposition};
use tidegate_service_ledger::verify::{Trust, verify};

const TEXT: &str = "房租 for Li, 13800138000";

fn noted(subject: &str, memo: &str) -> Value {
    let mut order = transfer("source", "a", 1);
    order["memo"] = memo.into();
    order["subject"] = subject.into();
    order
}

/// The status, and the code where the order was not done.
async fn sent(door: &Door, order: &Value) -> (u16, String) {
    let (status, body) = door.orders(json!([order])).await;
    let told = if status == 200 { body["results"][0]["status"].as_str() } else { Some(code(&body)) };
    (status, told.unwrap().to_owned())
}

/// What somebody reads of the order.
async fn fact(door: &Door, token: &str, order: &Value) -> Value {
    let target = format!("/v1/ledger/main/transfers/{}", order["id"].as_str().unwrap());
    let (status, fact) = door.get(token, &target).await;
    assert_eq!(status, 200, "{fact}");
    fact
}

async fn shred(door: &Door, subject: &str) -> (u16, Value) {
    door.ask("admin", "POST", &format!("/v1/ledger/subjects/{subject}/shred"), "").await
}

/// Everything below a folder by its path.
fn files(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let (mut folders, mut found) = (vec![folder.to_owned()], BTreeMap::new());
    while let Some(folder) = folders.pop() {
        for path in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
            match path.is_dir() {
                true => folders.push(path),
                false => drop(found.insert(path.display().to_string(), fs::read(&path).unwrap())),
            }
        }
    }
    found
}

fn holds(folder: &Path, text: &str) -> bool {
    files(folder).values().any(|bytes| bytes.windows(text.len()).any(|part| part == text.as_bytes()))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_memo_is_nowhere_on_the_disk_as_it_is_and_operators_and_auditors_read_it() {
    let door = door().await;
    let (named, unnamed) = (noted("c-17", TEXT), json!({"memo": "shift 2"}));
    let mut unnamed: Value = [transfer("source", "b", 2), unnamed]
        .iter()
        .flat_map(|part| part.as_object().unwrap().clone())
        .collect();
    unnamed["kind"] = "transfer".into();
    assert_eq!(door.orders(json!([named, unnamed])).await.0, 200);
    for token in ["operator", "auditor"] {
        let fact = fact(&door, token, &named).await;
        let told = [&fact["memo"], &fact["subject"], &fact["memo_state"]];
        assert_eq!(told, [&json!(TEXT), &json!("c-17"), &json!("open")]);
    }
    assert_eq!(fact(&door, "operator", &unnamed).await["subject"], "book.main");
    let (_, page) = door.get("auditor", "/v1/ledger/main/postings").await;
    let memos: Vec<_> =
        page["facts"].as_array().unwrap().iter().filter_map(|fact| fact["memo"].as_str()).collect();
    assert_eq!(memos, [TEXT, "shift 2"]);
    let (_, page) = door.get("operator", "/v1/ledger/main/accounts/a/statement?many=1").await;
    assert_eq!(page["facts"][0]["memo"], TEXT);
    // The subject is there as it is: the search finds what is on the disk.
    assert!(holds(door.desk.dir.path(), "sm4g:v1:c-17:"));
    assert!(!holds(door.desk.dir.path(), "13800138000") && !holds(door.desk.dir.path(), "shift 2"));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_sent_again_is_known_also_after_a_restart_and_another_memo_or_subject_is_a_conflict() {
    let mut door = door().await;
    let order = noted("c-17", TEXT);
    assert_eq!(sent(&door, &order).await, (200, "accepted".to_owned()));
    for _ in 0..2 {
        assert_eq!(sent(&door, &order).await, (200, "known".to_owned()));
        for other in [noted("c-17", "another one"), noted("c-18", TEXT), transfer("source", "a", 1)] {
            let other = Value::Object(
                other
                    .as_object()
                    .unwrap()
                    .clone()
                    .into_iter()
                    .chain([("id".to_owned(), order["id"].clone())])
                    .collect(),
            );
            let (status, body) = door.orders(json!([other])).await;
            assert_eq!((status, code(&body)), (422, "TG-LE-006"), "{body}");
            assert!(!body.to_string().contains("another one"), "{body}");
        }
        door = door.reopen().await;
    }
    assert_eq!(fact(&door, "auditor", &order).await["memo"], TEXT);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shredded_subject_is_unreadable_for_good_and_refused_while_others_go_on() {
    let mut door = door().await;
    let [gone, kept] = [noted("c-17", TEXT), noted("c-18", "kept")];
    assert_eq!(door.orders(json!([gone, kept])).await.0, 200);
    assert_eq!(door.get("auditor", "/v1/ledger/subjects/c-17").await.1["state"], "kept");
    for token in ["operator", "auditor"] {
        assert_eq!(door.ask(token, "POST", "/v1/ledger/subjects/c-17/shred", "").await.0, 403);
    }
    assert_eq!(shred(&door, "c-99").await.0, 404);
    assert_eq!(shred(&door, "c-17").await, (200, json!({"status": "shredded", "subject": "c-17"})));
    for _ in 0..2 {
        assert_eq!(shred(&door, "c-17").await, (200, json!({"status": "known", "subject": "c-17"})));
        let read = fact(&door, "auditor", &gone).await;
        let told = [&read["memo"], &read["memo_state"], &read["memo_code"], &read["amount"]];
        assert_eq!(told, [&Value::Null, &json!("shredded"), &json!("TG-SM-004"), &json!(1)]);
        assert_eq!(fact(&door, "auditor", &kept).await["memo"], "kept");
        for order in [&gone, &noted("c-17", "new")] {
            assert_eq!(sent(&door, order).await, (422, "TG-SM-004".to_owned()));
        }
        let (status, body) = door.orders(json!([noted("c-17", "new"), noted("c-18", "more")])).await;
        assert_eq!((status, &body["results"][0]["code"]), (207, &json!("TG-SM-004")));
        assert_eq!(body["results"][1]["status"], "accepted");
        let linked = json!({"linked": true, "orders": [noted("c-18", "none"), noted("c-17", "none")]});
        let (status, body) = door.post("/v1/ledger/main/transfers", linked).await;
        assert_eq!((status, code(&body)), (422, "TG-SM-004"));
        assert!(body["error"]["message"].as_str().unwrap().starts_with("order 1: "), "{body}");
        assert_eq!(door.get("admin", "/v1/ledger/subjects/c-17").await.1["state"], "shredded");
        door = door.reopen().await;
    }
    let posted = door.get("operator", "/v1/ledger/main/accounts/a").await.1["posted"].clone();
    assert_eq!(posted, 4, "what was refused moved nothing, and what was done stays done");
}

#[tokio::test(flavor = "multi_thread")]
async fn shredding_changes_nothing_that_a_proof_is_over_and_a_copy_verifies_without_any_key() {
    let door = door().await;
    let order = noted("c-17", TEXT);
    assert_eq!(sent(&door, &order).await.0, 200);
    sealed(&door.desk);
    let signed = |door: &Door| files(&door.desk.dir.path().join("ledger"));
    let before = signed(&door);
    assert_eq!(shred(&door, "c-17").await.0, 200);
    assert_eq!(sent(&door, &transfer("source", "a", 1)).await.0, 200);
    assert_eq!(fact(&door, "auditor", &order).await["memo_state"], "shredded");
    assert_eq!(signed(&door), before, "no hash and no checkpoint is another one");
    sealed(&door.desk);
    let Door { desk, .. } = door;
    let copy = Copied::of(desk);
    copy.remove("memos");
    let verified = verify(copy.path(), &Trust { keys: copy.keys(), ..Trust::default() }).unwrap();
    assert!(verified.faults().is_empty(), "{:?}", verified.faults());
    assert!(holds(copy.path(), "sm4g:v1:c-17:") && !holds(copy.path(), "13800138000"));
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_are_rotated_while_transfers_run_and_memos_and_retries_stay_what_they_were() {
    let door = Arc::new(door().await);
    let over = Arc::new(AtomicBool::new(false));
    let sending = |lane: usize| {
        let (door, over) = (door.clone(), over.clone());
        tokio::spawn(async move {
            let mut orders = Vec::new();
            while !over.load(SeqCst) {
                // New subjects and old ones, as long as there is room for new ones.
                let order =
                    noted(&format!("c-{lane}-{}", orders.len() % 4), &format!("memo {}", orders.len()));
                assert_eq!(sent(&door, &order).await, (200, "accepted".to_owned()));
                orders.push(order);
            }
            orders
        })
    };
    let lanes: Vec<_> = (0..3).map(sending).collect();
    for round in 0..8 {
        let seq = || async { door.desk.book.trial().await.unwrap().as_of_seq };
        let so_far = seq().await;
        while seq().await < so_far + 3 {
            assert!(!lanes.iter().any(tokio::task::JoinHandle::is_finished), "nobody sends any more");
        }
        let (status, body) = door.ask("admin", "POST", "/v1/ledger/keys/rotate", "").await;
        assert_eq!(status, 200, "{body}");
        assert!(body["version"].as_u64().unwrap() > round, "{body}");
    }
    over.store(true, SeqCst);
    let mut orders = Vec::new();
    for lane in lanes {
        orders.extend(lane.await.unwrap());
    }
    let mut door = Arc::into_inner(door).unwrap();
    assert!(orders.len() >= 24);
    for _ in 0..2 {
        for order in &orders {
            assert_eq!(sent(&door, order).await, (200, "known".to_owned()));
            assert_eq!(fact(&door, "auditor", order).await["memo"], order["memo"]);
        }
        door = door.reopen().await;
    }
    let outer = fs::read_to_string(door.desk.dir.path().join("memos/outer.key")).unwrap();
    assert_eq!(outer.lines().count(), 2, "older versions are gone");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_memo_or_no_subject_is_refused_and_subjects_have_a_limit() {
    let door = door().await;
    let longest = noted(&"s".repeat(64), &"房".repeat(85));
    assert_eq!(sent(&door, &longest).await.0, 200);
    assert_eq!(fact(&door, "auditor", &longest).await["memo"], longest["memo"]);
    for wrong in [
        noted("c-17", ""),
        noted("李", "x"),
        noted("", "x"),
        noted(&"s".repeat(65), "x"),
        noted("c-17", &"x".repeat(257)),
    ] {
        assert_eq!(sent(&door, &wrong).await, (400, "TG-LE-036".to_owned()), "{wrong}");
    }
    for number in 0..15 {
        assert_eq!(sent(&door, &noted(&format!("c-{number}"), "x")).await.0, 200);
    }
    assert_eq!(sent(&door, &noted("c-15", "x")).await, (422, "TG-LE-070".to_owned()));
    let (status, body) =
        door.orders(json!([noted("c-16", "x"), noted("c-3", "x"), transfer("source", "a", 1)])).await;
    assert_eq!(
        (status, &body["refused"], &body["results"][0]["code"]),
        (207, &json!(1), &json!("TG-LE-070"))
    );
    // A name that was shredded stays taken.
    assert_eq!(shred(&door, "c-3").await.0, 200);
    assert_eq!(sent(&door, &noted("c-15", "x")).await, (422, "TG-LE-070".to_owned()));
    assert_eq!(code(&door.get("admin", &format!("/v1/ledger/subjects/{}", id())).await.1), "TG-SM-002");
    let page = exposition(&door.memos.metrics());
    for line in ["memo_subjects 15", "shredded_subjects 1", "unsealed_orders_total 3"] {
        assert!(page.contains(&format!("\ntidegate_ledger_{line}\n")), "{page}");
    }
}
