//! No room: the socket is not read from, for a while. A paused clock, and intakes that are busy or never finish.

use std::time::Duration;

use tidegate_codec_mqtt::Packet;
use tidegate_kernel_journal::Level;
use tidegate_service_broker::CloseReason;
use tokio::time::{Instant, sleep};

use crate::client::{Client, named, qos0, qos1, with_keep_alive, with_will};
use crate::rig::{Rig, until};
use crate::shelf::Mood;
use crate::stall::Stall;

async fn held_for(keep_alive_s: u16, packet: Packet) -> (Duration, Rig) {
    let rig = Rig::with(Level::Memory, |_| {}).await;
    let mut client = Client::connected(rig.pipe(), &with_keep_alive("pump", keep_alive_s)).await;
    rig.shelf.set(Mood::Busy);
    let start = Instant::now();
    client.send(&[packet]).await;
    client.expect_close().await;
    (start.elapsed(), rig)
}

#[tokio::test(start_paused = true)]
async fn a_publication_that_stays_declined_as_busy_ends_the_connection_before_half_its_keep_alive() {
    let (held, rig) = held_for(60, qos1(1, false, "21.5")).await;
    assert!(held > Duration::from_secs(20) && held < Duration::from_secs(30), "{held:?}");
    assert_eq!(rig.closed(CloseReason::HeldBack), 1);
    assert_eq!(rig.shelf.notes().given_up, [("21.5".to_owned(), "TG-MQ-104")]);
    assert!(rig.shelf.notes().offers > 100 && rig.shelf.notes().offers < 1000);
}

#[tokio::test(start_paused = true)]
async fn qos_0_is_held_back_like_qos_1() {
    let (held, rig) = held_for(60, qos0("21.5")).await;
    assert!(held > Duration::from_secs(20) && held < Duration::from_secs(30), "{held:?}");
    assert_eq!(rig.shelf.notes().given_up, [("21.5".to_owned(), "TG-MQ-104")]);
}

#[tokio::test(start_paused = true)]
async fn a_connection_with_keep_alive_0_is_held_back_for_30_seconds() {
    let (held, _) = held_for(0, qos1(1, false, "21.5")).await;
    assert!(held >= Duration::from_secs(30) && held < Duration::from_secs(31), "{held:?}");
}

#[tokio::test(start_paused = true)]
async fn when_there_is_room_again_everything_is_taken_in_once_and_in_order() {
    let rig = Rig::with(Level::Memory, |_| {}).await;
    let mut client = Client::connected(rig.pipe(), &with_keep_alive("pump", 10)).await;
    for round in 0..5 {
        rig.shelf.set(Mood::Busy);
        let ids = [1, 2, 3].map(|id| round * 3 + id);
        client.send(&ids.map(|id| qos1(id, false, &id.to_string()))).await;
        sleep(Duration::from_millis(3900)).await;
        rig.shelf.set(Mood::Take);
        assert_eq!(client.pubacks(3).await, ids);
    }
    assert_eq!(rig.shelf.taken(), (1..=15).map(|id| id.to_string()).collect::<Vec<_>>());
    assert!(rig.shelf.notes().given_up.is_empty());
    assert_eq!(rig.snapshot().holds, 5);
    let held = rig.snapshot().held_back;
    assert!(held > Duration::from_millis(5 * 3800) && held < Duration::from_millis(5 * 4000), "{held:?}");
}

#[tokio::test(start_paused = true)]
async fn while_one_connection_is_held_back_its_socket_is_not_read_and_others_go_on() {
    let rig = Rig::with(Level::Memory, |_| {}).await;
    let mut held = Client::connected(rig.pipe_of(512), &named("held")).await;
    rig.shelf.set(Mood::Busy);
    held.send(&[qos0("first")]).await;
    until(|| rig.snapshot().holds == 1).await;
    // What the stream takes is what lies in its own buffer, and nothing beyond.
    let sent = tokio::time::timeout(Duration::from_secs(1), held.send_raw(&[0xc0, 0x00].repeat(400))).await;
    assert!(sent.is_err(), "800 bytes went into a stream that holds 512");
    rig.shelf.set(Mood::Take);
    let mut other = Client::connected(rig.pipe(), &named("other")).await;
    other.publish(1, "21.5").await;
    assert_eq!(other.pubacks(1).await, [1]);
}

#[tokio::test(start_paused = true)]
async fn no_more_than_the_limit_is_unacknowledged_and_a_journal_that_never_answers_ends_the_connection() {
    let rig = Rig::with(Level::Disk, |config| config.unacknowledged_max = 5).await;
    let mut client = Client::connected(rig.pipe(), &with_keep_alive("pump", 10)).await;
    let stall = Stall::new(&rig.shelf.journal);
    let start = Instant::now();
    client.send(&(1..=9).map(|id| qos1(id, false, "21.5")).collect::<Vec<_>>()).await;
    until(|| rig.snapshot().holds == 1).await;
    assert_eq!((rig.shelf.taken().len(), rig.snapshot().unacknowledged), (5, 5));
    client.expect_close().await;
    assert!(start.elapsed() > Duration::from_secs(3) && start.elapsed() < Duration::from_secs(5));
    assert_eq!(rig.closed(CloseReason::HeldBack), 1);
    assert_eq!((rig.snapshot().unacknowledged, rig.snapshot().unanswered), (0, 5));
    assert!(rig.shelf.notes().given_up.is_empty(), "they were taken");
    drop(stall);
}

#[tokio::test]
async fn a_connection_at_its_limit_is_read_from_again_with_the_next_acknowledgement() {
    let rig = Rig::with(Level::Disk, |config| config.unacknowledged_max = 5).await;
    let mut client = rig.connect(&named("pump")).await;
    let stall = Stall::new(&rig.shelf.journal);
    client.send(&(1..=50).map(|id| qos1(id, false, "21.5")).collect::<Vec<_>>()).await;
    until(|| rig.snapshot().unacknowledged == 5).await;
    drop(stall);
    assert_eq!(client.pubacks(50).await, (1..=50).collect::<Vec<_>>());
}

#[tokio::test(start_paused = true)]
async fn a_client_that_waits_below_the_limit_for_a_slow_journal_is_kept() {
    let rig = Rig::new().await;
    let mut client = Client::connected(rig.pipe(), &with_keep_alive("pump", 10)).await;
    let stall = Stall::new(&rig.shelf.journal);
    client.publish(1, "21.5").await;
    for _ in 0..20 {
        sleep(Duration::from_secs(10)).await;
        client.expect_pong().await;
    }
    // What follows is up to the journal's thread, which knows of no paused clock.
    tokio::time::resume();
    drop(stall);
    assert_eq!(client.pubacks(1).await, [1]);
    assert_eq!(rig.shelf.synced(), ["21.5"]);
}

#[tokio::test(start_paused = true)]
async fn a_will_that_stays_declined_as_busy_is_given_up_and_counted() {
    let rig = Rig::with(Level::Memory, |_| {}).await;
    let client = Client::connected(rig.pipe(), &with_will("pump", "gone")).await;
    rig.shelf.set(Mood::Busy);
    drop(client);
    sleep(Duration::from_secs(4)).await;
    assert!(rig.shelf.notes().given_up.is_empty());
    sleep(Duration::from_secs(2)).await;
    assert_eq!(rig.shelf.notes().given_up, [("gone".to_owned(), "TG-MQ-101")]);
    assert_eq!(rig.snapshot().connections_open, 0);
}
