//! Every answer has its meaning for the batch, and a server cannot hold us for long or fill our memory.

use crate::rows::{row, sink};
use crate::stub::{Manner, Stub, answer};
use std::sync::atomic::Ordering;
use std::time::Duration;
use tidegate_service_ingest::{Body, Point, Points, Quality, Setback, Sink, Value};

async fn outcome(manner: Manner) -> Result<(), Setback> {
    let stub = Stub::start(manner).await;
    sink(stub.address).deliver(&[row(1, "1")]).await
}

fn code(setback: &Setback) -> (&'static str, &'static str) {
    match setback {
        Setback::Retry { error, .. } => ("retry", error.code),
        Setback::Misconfigured(error) => ("misconfigured", error.code),
        Setback::TooLarge(error) => ("too large", error.code),
        Setback::Refused(error) => ("refused", error.code),
        Setback::Poison(poison) => ("poison", poison[0].code),
        Setback::Partly { outcome, .. } => code(outcome),
    }
}

#[tokio::test]
async fn each_status_has_its_meaning() {
    for (status, expected) in [
        ("204 No Content", None),
        ("200 OK", None),
        ("301 Moved Permanently", Some(("misconfigured", "TG-IX-004"))),
        ("400 Bad Request", Some(("refused", "TG-IX-003"))),
        ("401 Unauthorized", Some(("misconfigured", "TG-IX-004"))),
        ("404 Not Found", Some(("misconfigured", "TG-IX-004"))),
        ("413 Payload Too Large", Some(("too large", "TG-IX-003"))),
        ("422 Unprocessable Entity", Some(("refused", "TG-IX-003"))),
        ("429 Too Many Requests", Some(("retry", "TG-IX-002"))),
        ("500 Internal Server Error", Some(("retry", "TG-IX-002"))),
        ("503 Service Unavailable", Some(("retry", "TG-IX-002"))),
    ] {
        let outcome = outcome(Manner::Says(answer(status, "", "{}"))).await;
        assert_eq!(outcome.err().as_ref().map(code), expected, "{status}");
    }
}

#[tokio::test]
async fn retry_after_is_honoured() {
    let busy = answer("503 Service Unavailable", "Retry-After: 7\r\n", "");
    let outcome = outcome(Manner::Says(busy)).await.unwrap_err();
    assert!(matches!(outcome, Setback::Retry { after: Some(after), .. } if after == Duration::from_secs(7)));
}

#[tokio::test]
async fn a_reset_and_a_silence_come_again() {
    for manner in [Manner::Resets, Manner::Hangs] {
        assert_eq!(code(&outcome(manner).await.unwrap_err()), ("retry", "TG-IX-001"));
    }
}

#[tokio::test]
async fn a_huge_answer_is_cut_and_its_status_counts() {
    let huge = answer("400 Bad Request", "", &"x".repeat(1 << 20));
    let Setback::Refused(error) = outcome(Manner::Says(huge)).await.unwrap_err() else {
        panic!("not refused")
    };
    assert!(error.attempt.len() < 500);
}

#[tokio::test]
async fn a_server_that_says_ok_and_closes_has_taken_the_batch() {
    let whole = Stub::start(Manner::SaysAndCloses(answer("204 No Content", "", ""))).await;
    let sink = sink(whole.address);
    for seq in 0..3 {
        sink.deliver(&[row(seq, "1")]).await.unwrap();
    }
    assert_eq!((whole.requests.load(Ordering::SeqCst), whole.connections.load(Ordering::SeqCst)), (3, 3));
    let cut = "HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf";
    outcome(Manner::SaysAndCloses(cut.to_owned())).await.unwrap();
}

#[tokio::test]
async fn connections_are_used_again() {
    let stub = Stub::start(Manner::Says(answer("204 No Content", "", ""))).await;
    let sink = sink(stub.address);
    for seq in 0..5 {
        sink.deliver(&[row(seq, "1")]).await.unwrap();
    }
    assert_eq!((stub.requests.load(Ordering::SeqCst), stub.connections.load(Ordering::SeqCst)), (5, 1));
}

#[tokio::test]
async fn a_row_without_a_form_is_poison_and_the_others_are_sent() {
    let stub = Stub::start(Manner::Says(answer("204 No Content", "", ""))).await;
    let mut bad = row(2, "");
    let point = Point { tag: "t".into(), value: Value::Real(f64::NAN), quality: Quality::Good, source_ms: 1 };
    bad.reading.body = Body::Points(Points { device: "d".into(), points: vec![point] });
    let outcome = sink(stub.address).deliver(&[row(1, "1"), bad, row(3, "3")]).await.unwrap_err();
    let Setback::Poison(poison) = outcome else { panic!("{outcome:?}") };
    assert_eq!((poison.len(), poison[0].row, poison[0].code), (1, 1, "TG-IX-005"));
    assert_eq!(stub.requests.load(Ordering::SeqCst), 1);
}
