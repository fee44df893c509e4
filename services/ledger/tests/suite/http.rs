//! The routes behind a real gate, on a real socket and a real journal: forms, answers, and who may do what.

use crate::asks::id;
use crate::door::{code, door, transfer};
use serde_json::{Value, json};

#[tokio::test(flavor = "multi_thread")]
async fn orders_are_answered_one_by_one_and_balances_are_read() {
    let door = door().await;
    let sent = transfer("source", "a", 30);
    let (status, body) = door.orders(json!([sent])).await;
    assert_eq!(
        (status, &body["accepted"], &body["results"][0]["status"]),
        (200, &json!(1), &json!("accepted"))
    );
    let seq = body["results"][0]["seq"].clone();
    let (status, body) = door.orders(json!([sent, transfer("a", "b", 31), transfer("a", "b", 10)])).await;
    assert_eq!((status, &body["accepted"], &body["refused"]), (207, &json!(2), &json!(1)));
    assert_eq!((&body["results"][0]["status"], &body["results"][0]["seq"]), (&json!("known"), &seq));
    assert_eq!(body["results"][1]["code"], "TG-LE-001");
    assert!(body["results"][1]["message"].as_str().unwrap().ends_with("is a)"), "{body}");
    let (_, account) = door.get("operator", "/v1/ledger/main/accounts/a").await;
    assert_eq!((&account["available"], &account["currency"]), (&json!(20), &json!("CNY")));
    let (_, was) = door.get("auditor", &format!("/v1/ledger/main/accounts/a?as_of_seq={seq}")).await;
    assert_eq!(was["posted"], 30);
    let (_, found) =
        door.get("auditor", &format!("/v1/ledger/main/transfers/{}", sent["id"].as_str().unwrap())).await;
    assert_eq!((&found["credit"], &found["credit_after"]["posted"]), (&json!("a"), &json!(30)));
}

#[tokio::test(flavor = "multi_thread")]
async fn reservations_and_linked_orders_and_a_conflict_that_shows_both() {
    let door = door().await;
    let reservation = id().to_string();
    let reserve = json!({"id": reservation, "kind": "reserve", "debit": "source", "credit": "a", "amount": 9, "timeout_ms": 600_000});
    let post = json!({"id": id().to_string(), "kind": "post", "reservation": reservation, "amount": 4, "memo": "part"});
    assert_eq!(door.orders(json!([reserve, post])).await.0, 200);
    let (_, page) = door.get("operator", "/v1/ledger/main/accounts/a/statement?many=1").await;
    let fact = &page["facts"][0];
    assert_eq!((&fact["kind"], &fact["amount"], &fact["memo"]), (&json!("post"), &json!(4), &json!("part")));
    let linked = json!({"linked": true, "orders": [transfer("source", "b", 1), transfer("b", "a", 2)]});
    let (status, body) = door.post("/v1/ledger/main/transfers", linked).await;
    assert_eq!((status, code(&body)), (422, "TG-LE-001"));
    assert!(body["error"]["message"].as_str().unwrap().starts_with("order 1: "), "{body}");
    let (status, body) =
        door.orders(json!([{"id": reservation, "kind": "void", "reservation": reservation}])).await;
    assert_eq!((status, code(&body)), (422, "TG-LE-006"));
    let message = body["error"]["message"].as_str().unwrap();
    assert!(message.contains("9 from source to a") && message.contains("to void"), "{message}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_cannot_be_read_is_refused_whole_and_says_what_is_wrong() {
    let door = door().await;
    let strange = [
        json!({"orders": []}),
        json!({"orders": [transfer("source", "a", 1)], "why": 1}),
        json!({"orders": [{"id": "x", "kind": "transfer", "debit": "source", "credit": "a", "amount": 1}]}),
        json!({"orders": [{"id": id().to_string(), "kind": "transfer", "debit": "source", "credit": "a"}]}),
        json!({"orders": [{"id": id().to_string(), "kind": "void", "reservation": id().to_string(), "amount": 3}]}),
        json!({"orders": [{"id": id().to_string(), "kind": "lend", "amount": 3}]}),
        json!({"orders": [{"id": id().to_string(), "kind": "post", "reservation": id().to_string(), "memo": "x".repeat(257)}]}),
        json!({"orders": vec![transfer("source", "a", 1); 4]}),
        json!([]),
    ];
    for body in strange {
        let (status, answer) = door.post("/v1/ledger/main/transfers", body.clone()).await;
        assert_eq!((status, code(&answer)), (400, "TG-LE-036"), "{body}");
    }
    let (status, body) =
        door.post("/v1/ledger/main/accounts", json!({"name": "a b", "currency": "CNY"})).await;
    assert_eq!((status, code(&body)), (400, "TG-LE-036"));
    let (status, body) = door.post("/v1/ledger/main/accounts", json!({"name": "a", "currency": "USD"})).await;
    assert_eq!((status, code(&body)), (422, "TG-LE-015"));
    assert_eq!(code(&door.get("operator", "/v1/ledger/none/accounts").await.1), "TG-LE-035");
    assert_eq!(code(&door.get("operator", "/v1/ledger/main/accounts/none").await.1), "TG-LE-002");
    assert_eq!(door.desk.balance("a"), [0; 3]);
}

#[tokio::test(flavor = "multi_thread")]
async fn operators_post_auditors_verify_and_an_admin_does_neither() {
    let door = door().await;
    let order = json!({"orders": [transfer("source", "a", 1)]}).to_string();
    for (token, method, target, status) in [
        ("admin", "POST", "/v1/ledger/main/transfers", 403),
        ("auditor", "POST", "/v1/ledger/main/transfers", 403),
        ("nobody", "POST", "/v1/ledger/main/transfers", 401),
        ("operator", "POST", "/v1/ledger/main/transfers", 200),
        ("auditor", "POST", "/v1/ledger/main/accounts", 403),
        ("admin", "PUT", "/v1/ledger/main/accounts/a", 403),
        ("auditor", "POST", "/v1/ledger/clock/accept", 403),
        ("operator", "POST", "/v1/ledger/clock/accept", 204),
        ("admin", "GET", "/v1/ledger", 403),
        ("admin", "GET", "/v1/ledger/main/accounts/a", 403),
        ("operator", "GET", "/v1/ledger/main/accounts/a", 200),
        ("operator", "GET", "/v1/ledger/main/trial", 403),
        ("auditor", "GET", "/v1/ledger/main/trial", 200),
        ("operator", "GET", "/v1/ledger/main/postings", 403),
        ("auditor", "GET", "/v1/ledger/main/postings", 200),
    ] {
        let body = if method == "GET" { "" } else { &order };
        assert_eq!(door.ask(token, method, target, body).await.0, status, "{token} {method} {target}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_feed_and_the_trial_balance_say_the_same_sums() {
    let door = door().await;
    for _ in 0..10 {
        door.orders(json!([transfer("source", "a", 3), transfer("a", "b", 1)])).await;
    }
    let limits = json!({"min": -5, "max": 1000}).to_string();
    assert_eq!(door.ask("operator", "PUT", "/v1/ledger/main/accounts/a", &limits).await.0, 200);
    let (mut after, mut to_b, mut kinds) = (json!(0), 0, std::collections::BTreeSet::new());
    loop {
        let (_, page) = door.get("auditor", &format!("/v1/ledger/main/postings?many=4&after={after}")).await;
        let facts = page["facts"].as_array().unwrap();
        for fact in facts {
            kinds.insert(fact["kind"].as_str().unwrap().to_owned());
            to_b += if fact["credit"] == "b" { fact["amount"].as_i64().unwrap() } else { 0 };
        }
        if facts.is_empty() {
            break;
        }
        after = page["next"].clone();
    }
    assert_eq!((to_b, kinds.len()), (10, 3));
    let (_, sheet) = door.get("auditor", "/v1/ledger/main/trial").await;
    let yuan = &sheet["currencies"][0];
    assert_eq!((&yuan["even"], &yuan["credits"], &yuan["accounts"]), (&json!(true), &json!("30"), &json!(3)));
    let (_, listed) = door.get("operator", "/v1/ledger/main/accounts?many=1").await;
    assert_eq!((&listed["accounts"][0]["min"], &listed["next"]), (&json!(-5), &json!("a")));
    let (_, books) = door.get("auditor", "/v1/ledger").await;
    assert_eq!((&books["books"][0]["book"], &books["books"][0]["closed"]), (&json!("main"), &Value::Null));
}
