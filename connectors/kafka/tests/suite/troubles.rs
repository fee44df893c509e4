//! Every answer has its meaning for exactly the records it is about, and nothing is sent again that was taken.

use crate::rows::{PATIENCE, config, parts, row, sink, verdict};
use crate::stub::{Manner, Stub};
use std::collections::BTreeSet;
use tidegate_connector_kafka::KafkaSink;
use tidegate_service_ingest::{Row, Setback, Sink};
use tokio::net::TcpListener;
use tokio::time::timeout;

/// On topics that spread over three partitions.
fn rows(many: u64) -> Vec<Row> {
    (0..many).map(|seq| row(seq, &format!("line/{}", seq % 10), &seq.to_string())).collect()
}

async fn deliver(sink: &KafkaSink, rows: &[Row]) -> Result<(), Setback> {
    timeout(PATIENCE, sink.deliver(rows)).await.unwrap()
}

/// What is said of partition 1 of three, all of them led by one broker.
async fn outcome(manner: Manner) -> (Result<(), Setback>, Stub) {
    let stub = Stub::start(&[0, 0, 0], &[manner]).await;
    let outcome = deliver(&sink(config(&[stub.address])), &rows(30)).await;
    (outcome, stub)
}

#[tokio::test]
async fn each_error_of_a_partition_has_its_meaning_for_its_rows_alone() {
    for (code, expected) in [
        (5, ("retry", "TG-KA-002")),
        (6, ("retry", "TG-KA-002")),
        (7, ("retry", "TG-KA-002")),
        (3, ("retry", "TG-KA-002")),
        (19, ("retry", "TG-KA-002")),
        (20, ("retry", "TG-KA-002")),
        (56, ("retry", "TG-KA-002")),
        (-1, ("retry", "TG-KA-002")),
        (999, ("retry", "TG-KA-002")),
        (29, ("misconfigured", "TG-KA-006")),
        (76, ("misconfigured", "TG-KA-007")),
        (17, ("misconfigured", "TG-KA-007")),
    ] {
        let (outcome, stub) = outcome(Manner::Refuses(1, code)).await;
        let setback = outcome.unwrap_err();
        assert_eq!(verdict(&setback), expected, "{code}");
        let (left, poison) = parts(setback);
        let taken: BTreeSet<usize> = stub.values().iter().map(|value| value.parse().unwrap()).collect();
        assert!(poison.is_empty() && !left.is_empty() && left.is_sorted());
        assert_eq!(left.iter().copied().filter(|row| taken.contains(row)).count(), 0, "{code}");
        assert_eq!(left.len() + taken.len(), 30, "{code}");
    }
}

#[tokio::test]
async fn what_is_left_comes_again_without_what_was_taken_and_in_order() {
    let stub = Stub::start(&[0, 0, 0], &[Manner::Refuses(1, 6)]).await;
    let (sink, rows) = (sink(config(&[stub.address])), rows(30));
    let (left, _) = parts(deliver(&sink, &rows).await.unwrap_err());
    let again: Vec<Row> = left.iter().map(|at| Row { replay: true, ..rows[*at].clone() }).collect();
    deliver(&sink, &again).await.unwrap();
    let shelf = stub.shelf.lock().unwrap();
    let mut taken: Vec<u64> = Vec::new();
    for values in shelf.values.values() {
        let values: Vec<u64> = values.iter().map(|value| value.parse().unwrap()).collect();
        assert!(values.is_sorted());
        taken.extend(values);
    }
    taken.sort_unstable();
    assert!(taken.into_iter().eq(0..30));
    assert_eq!((shelf.replays, shelf.metadatas), (left.len(), 2));
}

#[tokio::test]
async fn a_quota_that_is_used_up_sends_nothing_twice() {
    let stub = Stub::start(&[0], &[Manner::Throttles(20), Manner::Throttles(20)]).await;
    let sink = sink(config(&[stub.address]));
    for seq in 0..3 {
        deliver(&sink, &[row(seq, "a", &seq.to_string())]).await.unwrap();
    }
    assert_eq!(stub.values(), ["0", "1", "2"]);
}

#[tokio::test]
async fn a_record_that_is_refused_is_found_by_halving_and_the_others_are_taken() {
    for (code, expected) in [(10, "TG-KA-003"), (18, "TG-KA-003"), (32, "TG-KA-004"), (87, "TG-KA-004")] {
        let manners = [Manner::Halves(code), Manner::Refuses(0, code)];
        let stub = Stub::start(&[0], &manners).await;
        let setback = deliver(&sink(config(&[stub.address])), &rows(3)).await.unwrap_err();
        let (left, poison) = parts(setback);
        assert_eq!((left.len(), poison.len(), poison[0].row, poison[0].code), (0, 1, 0, expected));
        assert!(poison[0].reason.contains("topic readings, partition 0"), "{}", poison[0].reason);
        assert_eq!(stub.values(), ["1", "2"]);
    }
}

#[tokio::test]
async fn after_a_batch_that_was_too_large_later_ones_are_smaller() {
    let stub = Stub::start(&[0], &[Manner::Halves(10)]).await;
    let (sink, rows) = (sink(config(&[stub.address])), rows(16));
    deliver(&sink, &rows).await.unwrap();
    assert_eq!(stub.shelf.lock().unwrap().produces, 3);
    deliver(&sink, &rows).await.unwrap();
    assert!((5..=6).contains(&stub.shelf.lock().unwrap().produces));
    assert!(stub.values().iter().map(|value| value.parse::<u64>().unwrap()).eq((0..16).chain(0..16)));
}

#[tokio::test]
async fn a_single_record_that_is_too_large_makes_no_later_batch_smaller() {
    let stub = Stub::start(&[0], &[Manner::Refuses(0, 10)]).await;
    let sink = sink(config(&[stub.address]));
    let (_, poison) = parts(deliver(&sink, &rows(1)).await.unwrap_err());
    assert_eq!(poison[0].code, "TG-KA-003");
    deliver(&sink, &rows(16)).await.unwrap();
    assert_eq!(stub.shelf.lock().unwrap().produces, 2);
}

#[tokio::test]
async fn a_connection_that_ends_an_answer_that_is_none_and_one_that_lacks_a_partition_come_again() {
    for manner in [Manner::Closes, Manner::Babbles] {
        let (outcome, stub) = outcome(manner).await;
        let setback = outcome.unwrap_err();
        assert_eq!(verdict(&setback), ("retry", "TG-KA-001"));
        assert!(matches!(setback, Setback::Retry { .. }), "the whole of it comes again");
        assert_eq!(stub.values().len(), 30);
    }
    let (outcome, stub) = outcome(Manner::Forgets(1)).await;
    let setback = outcome.unwrap_err();
    assert_eq!(verdict(&setback), ("retry", "TG-KA-001"));
    assert_eq!(parts(setback).0.len(), stub.shelf.lock().unwrap().values[&("readings".to_owned(), 1)].len());
}

#[tokio::test]
async fn partitions_of_two_brokers_get_theirs_and_the_one_that_is_away_holds_up_only_its_own() {
    let (stub, other) = (Stub::start(&[0, 1, 0], &[]).await, Stub::start(&[], &[]).await);
    stub.shelf.lock().unwrap().other = Some(other.address);
    let (sink, rows) = (sink(config(&[stub.address])), rows(30));
    deliver(&sink, &rows).await.unwrap();
    assert_eq!((stub.values().len() + other.values().len(), other.values().is_empty()), (30, false));
    // Nobody listens there any more than where a broker went away.
    stub.shelf.lock().unwrap().other = Some(free_address().await);
    other.shelf.lock().unwrap().manners = vec![Manner::Closes];
    let setback = deliver(&sink, &rows).await.unwrap_err();
    assert_eq!(verdict(&setback), ("retry", "TG-KA-001"));
    let setback = deliver(&sink, &rows).await.unwrap_err();
    assert_eq!(verdict(&setback), ("retry", "TG-KA-001"));
    let of_other = parts(setback).0.len();
    assert_eq!(stub.values().len(), 3 * (30 - of_other));
    // The leader has moved.
    stub.shelf.lock().unwrap().leaders = vec![0, 0, 0];
    deliver(&sink, &rows).await.unwrap();
}

#[tokio::test]
async fn a_partition_without_a_leader_and_a_topic_that_is_not_there_hold_up_only_their_rows() {
    let stub = Stub::start(&[0, -1, 0], &[]).await;
    let setback = deliver(&sink(config(&[stub.address])), &rows(30)).await.unwrap_err();
    assert_eq!(verdict(&setback), ("retry", "TG-KA-002"));
    let mut config = config(&[stub.address]);
    config.topic = "{topic.1}".parse().unwrap();
    stub.shelf.lock().unwrap().leaders = vec![0];
    let rows = [row(1, "line/1", "1"), row(2, "no-line/1", "2"), row(3, "line/1", "3"), row(4, "../1", "4")];
    let setback = deliver(&sink(config), &rows).await.unwrap_err();
    assert_eq!(verdict(&setback), ("misconfigured", "TG-KA-005"));
    let (left, poison) = parts(setback);
    assert_eq!((left, poison.len(), poison[0].row, poison[0].code), (vec![1], 1, 3, "TG-KA-008"));
}

#[tokio::test]
async fn a_kafka_that_is_not_there_is_lag_and_one_of_several_that_is_there_is_enough() {
    let nobody = free_address().await;
    let setback = deliver(&sink(config(&[nobody])), &rows(3)).await.unwrap_err();
    assert_eq!(verdict(&setback), ("retry", "TG-KA-001"));
    assert!(matches!(setback, Setback::Retry { .. }));
    let stub = Stub::start(&[0], &[]).await;
    deliver(&sink(config(&[nobody, stub.address])), &rows(3)).await.unwrap();
    assert_eq!(stub.values().len(), 3);
}

#[tokio::test]
async fn connections_are_used_again_and_topics_are_asked_for_once() {
    let stub = Stub::start(&[0, 0, 0], &[]).await;
    let sink = sink(config(&[stub.address]));
    for _ in 0..5 {
        deliver(&sink, &rows(30)).await.unwrap();
    }
    let shelf = stub.shelf.lock().unwrap();
    assert_eq!((shelf.connections, shelf.metadatas, shelf.produces), (1, 1, 5));
}

/// An address that nobody listens on now.
async fn free_address() -> std::net::SocketAddr {
    TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap()
}
