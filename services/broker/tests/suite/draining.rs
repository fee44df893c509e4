//! The end of a broker: what was taken in is acknowledged, or named as left.

use std::time::Duration;

use tidegate_kernel_journal::Level;
use tidegate_service_broker::{CloseReason, Drained};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep};

use crate::client::{Client, named, qos0, qos1, with_will};
use crate::rig::{Rig, until};
use crate::shelf::Mood;
use crate::stall::Stall;

fn later(seconds: u64) -> Instant {
    Instant::now() + Duration::from_secs(seconds)
}

#[tokio::test]
async fn a_drain_waits_for_what_was_taken_in_acknowledges_it_and_leaves_nothing() {
    let rig = Rig::new().await;
    let mut client = Client::connected(rig.pipe(), &named("pump")).await;
    let mut idle = rig.connect(&named("idle")).await;
    let stall = Stall::new(&rig.shelf.journal);
    client.send(&(1..=20).map(|id| qos1(id, false, "21.5")).collect::<Vec<_>>()).await;
    until(|| rig.snapshot().unacknowledged == 20).await;
    let handle = rig.handle.clone();
    let draining = tokio::spawn(async move { handle.drain(later(60)).await });
    idle.expect_close().await;
    drop(idle);
    until(|| rig.snapshot().connections_open == 1).await;
    assert!(TcpStream::connect(rig.address).await.is_err(), "it does not listen any more");
    client.publish(21, "late").await;
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    drop(stall);
    assert_eq!(client.pubacks(20).await.len(), 20);
    client.expect_close().await;
    drop(client);
    assert_eq!(draining.await.unwrap(), Drained::default());
    assert_eq!(rig.closed(CloseReason::Drained), 2);
    assert_eq!(rig.running.await.unwrap(), Drained::default());
    assert_eq!(rig.shelf.synced().len(), 20);
}

#[tokio::test(start_paused = true)]
async fn a_drain_says_at_its_deadline_how_many_connections_and_publications_it_left() {
    let rig = Rig::new().await;
    let mut one = Client::connected(rig.pipe(), &named("one")).await;
    let mut two = Client::connected(rig.pipe(), &named("two")).await;
    let _idle = Client::connected(rig.pipe(), &named("idle")).await;
    let stall = Stall::new(&rig.shelf.journal);
    one.send(&[qos1(1, false, "a"), qos1(2, false, "b")]).await;
    two.send(&[qos1(1, false, "c")]).await;
    until(|| rig.snapshot().unacknowledged == 3).await;
    let start = Instant::now();
    let left = rig.handle.drain(later(5)).await;
    assert!(start.elapsed() >= Duration::from_secs(5) && start.elapsed() < Duration::from_secs(6));
    assert_eq!((left.connections, left.unacknowledged), (2, 3));
    assert_eq!(rig.closed(CloseReason::DrainUnfinished), 2);
    one.expect_close().await;
    two.expect_close().await;
    drop(stall);
}

#[tokio::test(start_paused = true)]
async fn a_drain_waits_for_a_publication_that_is_held_back_and_gives_it_up_at_the_deadline() {
    let rig = Rig::with(Level::Memory, |_| {}).await;
    let mut lucky = Client::connected(rig.pipe(), &named("lucky")).await;
    rig.shelf.set(Mood::Busy);
    lucky.send(&[qos1(1, false, "a"), qos1(2, false, "b")]).await;
    until(|| rig.snapshot().holds == 1).await;
    let handle = rig.handle.clone();
    let draining = tokio::spawn(async move { handle.drain(later(5)).await });
    sleep(Duration::from_secs(3)).await;
    rig.shelf.set(Mood::Take);
    assert_eq!(lucky.pubacks(2).await, [1, 2]);
    drop(lucky);
    assert_eq!(draining.await.unwrap(), Drained::default());

    let rig = Rig::with(Level::Memory, |_| {}).await;
    let mut unlucky = Client::connected(rig.pipe(), &named("unlucky")).await;
    rig.shelf.set(Mood::Busy);
    unlucky.send(&[qos0("c")]).await;
    until(|| rig.snapshot().holds == 1).await;
    let left = rig.handle.drain(later(5)).await;
    assert_eq!((left.connections, left.unacknowledged), (1, 0));
    assert_eq!(rig.shelf.notes().given_up, [("c".to_owned(), "TG-MQ-112")]);
}

#[tokio::test]
async fn a_drain_takes_in_wills_and_lets_nobody_in() {
    let rig = Rig::new().await;
    let mut client = rig.connect(&with_will("pump", "gone")).await;
    let mut nameless = rig.dial().await;
    until(|| rig.snapshot().connections_open == 2).await;
    let handle = rig.handle.clone();
    let draining = tokio::spawn(async move { handle.drain(later(60)).await });
    client.expect_close().await;
    nameless.expect_close().await;
    drop((client, nameless));
    assert_eq!(draining.await.unwrap(), Drained::default());
    assert_eq!(rig.shelf.taken(), ["gone"]);
    let mut late = Client::new(rig.pipe());
    late.expect_close().await;
}

#[tokio::test(start_paused = true)]
async fn a_client_that_goes_on_sending_while_the_broker_stops_still_gets_its_last_acknowledgement() {
    let rig = Rig::new().await;
    let mut client = Client::connected(rig.pipe_of(64), &named("pump")).await;
    let stall = Stall::new(&rig.shelf.journal);
    client.publish(1, "21.5").await;
    until(|| rig.snapshot().unacknowledged == 1).await;
    let handle = rig.handle.clone();
    let draining = tokio::spawn(async move { handle.drain(later(60)).await });
    drop(stall);
    until(|| rig.snapshot().acks == 1).await;
    client.send_raw(&[0xc0, 0x00].repeat(1000)).await;
    assert_eq!(client.pubacks(1).await, [1]);
    client.expect_close().await;
    drop(client);
    assert_eq!(draining.await.unwrap(), Drained::default());
}
