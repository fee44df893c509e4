//! The webhook against servers of a few lines.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on should say where")]

// The server of a few lines is the same for both connectors.
#[path = "../../../influx/tests/suite/stub.rs"]
mod stub;

use std::net::SocketAddr;
use std::sync::atomic::Ordering;
use std::time::Duration;
use stub::{Manner, Stub, answer};
use tidegate_connector_webhook::WebhookSink;
use tidegate_kernel_journal::Id;
use tidegate_kernel_outbound::{Client, Dialer, HttpLimits, Resolver};
use tidegate_service_ingest::{Class, Reading, Row, Setback, Sink, Source};

fn row(seq: u64) -> Row {
    let reading = Reading::raw(Source::Mqtt, "line/7/temp".parse().unwrap(), "21.5");
    Row { seq, id: Id::v7(1), stamp_ms: 1, class: Class::Process, replay: false, reading }
}

fn sink(address: SocketAddr) -> WebhookSink {
    let (dialer, total) = (Dialer::new(Resolver::system(), None).unwrap(), Duration::from_secs(2));
    let limits = HttpLimits { total, head: total, body_bytes_max: 4096, ..HttpLimits::default() };
    WebhookSink::new(
        Client::new(dialer, format!("http://{address}/hook").parse().unwrap(), limits),
        Some(b"secret"),
    )
}

#[tokio::test]
async fn each_status_has_its_meaning() {
    for (status, expected) in [
        ("200 OK", None),
        ("202 Accepted", None),
        ("302 Found", Some("misconfigured")),
        ("400 Bad Request", Some("refused")),
        ("401 Unauthorized", Some("misconfigured")),
        ("408 Request Timeout", Some("retry")),
        ("410 Gone", Some("misconfigured")),
        ("413 Payload Too Large", Some("too large")),
        ("422 Unprocessable Entity", Some("refused")),
        ("429 Too Many Requests", Some("retry")),
        ("500 Internal Server Error", Some("retry")),
    ] {
        let stub = Stub::start(Manner::Says(answer(status, "", ""))).await;
        let found = sink(stub.address).deliver(&[row(1)]).await.err().map(|setback| match setback {
            Setback::Retry { .. } => "retry",
            Setback::Misconfigured(_) => "misconfigured",
            Setback::TooLarge(_) => "too large",
            Setback::Refused(_) => "refused",
            Setback::Poison(_) => "poison",
            Setback::Partly { .. } => "partly",
        });
        assert_eq!(found, expected, "{status}");
    }
}

#[tokio::test]
async fn a_hook_that_says_ok_and_closes_has_taken_the_batch_and_the_next_one_is_sent_once() {
    for says in [answer("200 OK", "", "ok"), "HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhalf".to_owned()] {
        let stub = Stub::start(Manner::SaysAndCloses(says)).await;
        let sink = sink(stub.address);
        sink.deliver(&[row(1)]).await.unwrap();
        sink.deliver(&[row(2)]).await.unwrap();
        assert_eq!(stub.requests.load(Ordering::SeqCst), 2);
    }
}

#[tokio::test]
async fn a_hook_that_closes_without_a_word_or_says_nothing_gets_the_batch_again() {
    for manner in [Manner::Resets, Manner::Hangs] {
        let stub = Stub::start(manner).await;
        let outcome = sink(stub.address).deliver(&[row(1)]).await.unwrap_err();
        assert!(matches!(outcome, Setback::Retry { error, .. } if error.code == "TG-WH-001"));
    }
}
