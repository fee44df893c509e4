//! How far a stream is survives everything, and what is sent again is not taken again.

use crate::client::batch_of;
use crate::rig::Rig;
use tempfile::TempDir;
use tidegate_service_grpc::POSITIONS;

/// What the first Ack says of a stream.
async fn position(rig: &Rig, stream: &str) -> u64 {
    let mut sending = rig.client().await.send().await.unwrap();
    sending.batch(batch_of(stream, [])).await;
    sending.ack().await.unwrap().unwrap().through_sequence
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_that_comes_back_is_told_where_it_was_and_repeats_are_dropped_and_counted() {
    let dir = TempDir::new().unwrap();
    let rig = Rig::new(&dir).await;
    assert_eq!(position(&rig, "press").await, 0);
    let (_, end) = rig.client().await.send_all(vec![batch_of("press", [1, 2, 5])]).await;
    end.unwrap();
    assert_eq!(position(&rig, "press").await, 5);
    assert_eq!(position(&rig, "oven").await, 0);
    let (acks, end) = rig.client().await.send_all(vec![batch_of("press", 4..=6)]).await;
    end.unwrap();
    assert_eq!(acks.iter().map(|ack| ack.duplicates).sum::<u64>(), 2);
    assert_eq!(rig.taken().last().unwrap(), "press line/7/temp 6");
    assert_eq!((rig.refused(), rig.handle.snapshot().duplicates), (vec!["TG-GR-011"; 2], 2));
    rig.drain().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_belongs_to_its_principal() {
    let dir = TempDir::new().unwrap();
    let rig = Rig::new(&dir).await;
    rig.client().await.send_all(vec![batch_of("press", 1..=5)]).await.1.unwrap();
    let mut other = rig.client().await.with_token("line-7");
    let (acks, end) = other.send_all(vec![batch_of("press", 1..=3)]).await;
    end.unwrap();
    assert_eq!((acks.last().unwrap().through_sequence, rig.taken().len()), (3, 8));
    rig.drain().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn positions_are_found_again_after_a_crash_and_after_an_orderly_end() {
    let dir = TempDir::new().unwrap();
    let rig = Rig::new(&dir).await;
    rig.client().await.send_all(vec![batch_of("press", 1..=500)]).await.1.unwrap();
    rig.crash().await;
    let rig = Rig::new(&dir).await;
    assert_eq!((position(&rig, "press").await, rig.taken().len()), (500, 0));
    rig.client()
        .await
        .send_all(vec![batch_of("press", 490..=600), batch_of("press", [601])])
        .await
        .1
        .unwrap();
    assert_eq!(rig.taken().len(), 101);
    rig.drain().await;
    let rig = Rig::new(&dir).await;
    assert_eq!(position(&rig, "press").await, 601);
    let accounts = rig.folder.queues().status().accounts;
    let notes = accounts.iter().find(|account| account.stream == POSITIONS).unwrap();
    assert_eq!((notes.lag.total(), notes.in_flight.total()), (0, 0));
    assert_eq!(notes.routed, notes.tally.delivered);
    rig.drain().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn beyond_the_limit_the_stream_that_was_silent_for_longest_is_forgotten() {
    let dir = TempDir::new().unwrap();
    let rig = Rig::with(&dir, |config| config.streams_max = 2).await;
    for stream in ["a", "b", "a", "c"] {
        rig.client().await.send_all(vec![batch_of(stream, 1..=3)]).await.1.unwrap();
    }
    assert_eq!((position(&rig, "a").await, position(&rig, "c").await), (3, 3));
    assert_eq!(rig.handle.snapshot().streams_forgotten, 1);
    assert_eq!(position(&rig, "b").await, 0);
    rig.drain().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_calls_of_one_stream_take_each_reading_once() {
    let dir = TempDir::new().unwrap();
    let rig = Rig::new(&dir).await;
    let (mut one, mut two) = (rig.client().await, rig.client().await);
    let batches = || (0..50).map(|at| batch_of("press", at * 10 + 1..=at * 10 + 10)).collect();
    let (one, two) = tokio::join!(one.send_all(batches()), two.send_all(batches()));
    one.1.unwrap();
    two.1.unwrap();
    let mut numbers: Vec<u64> =
        rig.taken().iter().map(|line| line.rsplit(' ').next().unwrap().parse().unwrap()).collect();
    numbers.sort_unstable();
    assert!(numbers.is_sorted_by(|one, two| one < two), "none twice");
    assert_eq!(numbers.len() + rig.refused().len(), 1000);
    rig.drain().await;
}
