//! Limits: on connections, calls, rates, silence, and on what waits.

use crate::client::{Client, batch_of};
use crate::rig::{PATIENCE, Rig};
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};
use tempfile::TempDir;
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tonic::{Code, Status};

fn shown(status: &Status) -> (Code, &str) {
    (status.code(), status.message().split(':').next().unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_too_many_is_closed_until_another_goes() {
    let dir = TempDir::new().unwrap();
    let rig = Rig::with(&dir, |config| config.connections_max = 1).await;
    let first = rig.client().await;
    rig.when(|rig| rig.handle.snapshot().connections_open == 1).await;
    let mut second = TcpStream::connect(rig.address).await.unwrap();
    assert_eq!(timeout(PATIENCE, second.read(&mut [0; 1])).await.unwrap().unwrap_or_default(), 0);
    assert_eq!(rig.handle.snapshot().connections_refused, 1);
    drop(first);
    rig.when(|rig| rig.handle.snapshot().connections_open == 0).await;
    Client::connect(rig.address).await.publish(batch_of("s", [1])).await.unwrap();
    rig.drain().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_says_nothing_is_closed() {
    let dir = TempDir::new().unwrap();
    let rig = Rig::with(&dir, |config| config.connect_timeout_ms = 20).await;
    let mut silent = TcpStream::connect(rig.address).await.unwrap();
    // The server may say its own part of the preface first.
    timeout(PATIENCE, silent.read_to_end(&mut Vec::new())).await.unwrap().unwrap();
    rig.when(|rig| rig.handle.snapshot().connections_open == 0).await;
    rig.drain().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_principal_has_as_many_calls_as_it_may() {
    let dir = TempDir::new().unwrap();
    let rig = Rig::new(&dir).await;
    let mut first = rig.client().await.with_token("one").send().await.unwrap();
    first.batch(batch_of("s", [1])).await;
    first.acked(1).await;
    let status = rig.client().await.with_token("one").publish(batch_of("t", [1])).await.unwrap_err();
    assert_eq!(shown(&status), (Code::ResourceExhausted, "TG-GR-006"));
    first.end().await.1.unwrap();
    rig.when(|rig| rig.handle.snapshot().calls_open == 0).await;
    rig.client().await.with_token("one").publish(batch_of("t", [1])).await.unwrap();
    rig.drain().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_principal_that_is_too_fast_is_read_from_more_slowly() {
    let dir = TempDir::new().unwrap();
    let rig = Rig::new(&dir).await;
    let began = Instant::now();
    let batches = vec![batch_of("s", 1..=10), batch_of("s", 11..=12), batch_of("s", 13..=14)];
    rig.client().await.with_token("slow").send_all(batches).await.1.unwrap();
    assert!(began.elapsed() >= Duration::from_millis(390), "four messages beyond ten at ten a second");
    assert_eq!(rig.taken().len(), 14);
    rig.drain().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_for_which_there_is_no_room_for_too_long_ends_and_its_client_comes_back() {
    let dir = TempDir::new().unwrap();
    let rig = Rig::with(&dir, |config| config.hold_ms_max = 50).await;
    rig.shelf.busy.store(true, Ordering::SeqCst);
    let (_, end) = rig.client().await.send_all(vec![batch_of("s", 1..=3)]).await;
    assert_eq!(shown(&end.unwrap_err()), (Code::ResourceExhausted, "TG-GR-007"));
    let status = rig.client().await.publish(batch_of("s", 1..=3)).await.unwrap_err();
    assert_eq!(shown(&status), (Code::ResourceExhausted, "TG-GR-007"));
    rig.shelf.busy.store(false, Ordering::SeqCst);
    let (acks, end) = rig.client().await.send_all(vec![batch_of("s", 1..=3)]).await;
    end.unwrap();
    assert_eq!((acks.last().unwrap().through_sequence, rig.taken().len()), (3, 3));
    rig.drain().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_is_not_read_from_while_too_much_waits() {
    let dir = TempDir::new().unwrap();
    let rig = Rig::with(&dir, |config| config.unacknowledged_max = 1).await;
    rig.shelf.busy.store(true, Ordering::SeqCst);
    let sending = rig.client().await.send().await.unwrap();
    for at in 1..=20 {
        sending.batch(batch_of("s", [at])).await;
    }
    rig.when(|rig| rig.handle.snapshot().holds == 1).await;
    assert_eq!(rig.handle.snapshot().messages, 1);
    rig.shelf.busy.store(false, Ordering::SeqCst);
    let (acks, end) = sending.end().await;
    end.unwrap();
    assert_eq!((acks.last().unwrap().through_sequence, rig.taken().len()), (20, 20));
    rig.drain().await;
}
