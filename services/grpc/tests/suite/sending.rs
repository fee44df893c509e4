//! What goes well: readings are taken in their order and acknowledged, by both calls, to the end of a drain.

use crate::client::{batch, batch_of, reading};
use crate::rig::Rig;
use std::sync::atomic::Ordering;
use tempfile::TempDir;
use tonic::Code;

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_is_acknowledged_to_its_last_reading_and_ends_well() {
    let dir = TempDir::new().unwrap();
    let rig = Rig::new(&dir).await;
    let batches = (0..20).map(|at| batch_of("press", at * 100 + 1..=at * 100 + 100)).collect();
    let (acks, end) = rig.client().await.send_all(batches).await;
    end.unwrap();
    assert!(acks.is_sorted_by_key(|ack| ack.through_sequence));
    assert_eq!(acks.last().unwrap().through_sequence, 2000);
    let expected: Vec<_> = (1..=2000).map(|at| format!("press line/7/temp {at}")).collect();
    assert_eq!((rig.taken(), rig.refused().is_empty()), (expected, true));
    assert_eq!(rig.handle.snapshot().ended, [("", 1)]);
    assert_eq!(rig.drain().await.calls, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_batch_is_answered_when_it_is_safe_and_again_as_a_duplicate() {
    let dir = TempDir::new().unwrap();
    let rig = Rig::new(&dir).await;
    let mut client = rig.client().await;
    let first = client.publish(batch_of("press", 1..=200)).await.unwrap();
    assert_eq!((first.accepted, first.duplicates, first.through_sequence), (200, 0, 200));
    let again = client.publish(batch_of("press", 151..=250)).await.unwrap();
    assert_eq!((again.accepted, again.duplicates, again.through_sequence), (50, 50, 250));
    let (without, twice) = (batch_of("", [0, 0, 7]), batch_of("", [0, 0, 7]));
    assert_eq!(client.publish(without).await.unwrap().accepted, 3);
    assert_eq!(client.publish(twice).await.unwrap().accepted, 3);
    assert_eq!((rig.taken().len(), rig.refused()), (256, vec!["TG-GR-011"; 50]));
    rig.drain().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_drain_acknowledges_what_was_taken_and_tells_the_client_to_come_back() {
    let dir = TempDir::new().unwrap();
    let rig = Rig::new(&dir).await;
    let sending = rig.client().await.send().await.unwrap();
    sending.batch(batch_of("press", 1..=10)).await;
    rig.when(|rig| rig.taken().len() == 10).await;
    let drained = rig.drain().await;
    assert_eq!((drained.calls, drained.unacknowledged), (0, 0));
    let (acks, end) = sending.end().await;
    let status = end.unwrap_err();
    assert_eq!(acks.last().unwrap().through_sequence, 10);
    assert_eq!((status.code(), status.message().starts_with("TG-GR-008")), (Code::Unavailable, true));
    assert_eq!(status.metadata().get("tidegate-code").unwrap(), "TG-GR-008");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_there_is_no_room_for_is_taken_once_there_is() {
    let dir = TempDir::new().unwrap();
    let rig = Rig::new(&dir).await;
    rig.shelf.busy.store(true, Ordering::SeqCst);
    let mut sending = rig.client().await.send().await.unwrap();
    sending.batch(batch("press", vec![reading(1, "a"), reading(1, "a"), reading(2, "#")])).await;
    rig.when(|rig| rig.handle.snapshot().holds == 1).await;
    rig.shelf.busy.store(false, Ordering::SeqCst);
    let ack = sending.acked(2).await;
    assert_eq!((ack.duplicates, ack.refusals.len()), (1, 1));
    assert_eq!((rig.taken(), rig.refused()), (vec!["press a 1".to_owned()], vec!["TG-GR-002", "TG-GR-011"]));
    drop(sending);
    rig.drain().await;
}
