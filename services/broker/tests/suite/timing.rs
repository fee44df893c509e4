//! Silence, and how long it is borne. Streams in memory, a paused clock.

use std::time::Duration;

use tidegate_codec_mqtt::Packet;
use tidegate_kernel_journal::Level;
use tidegate_service_broker::CloseReason;
use tokio::time::{Instant, sleep};

use crate::client::{Client, named, qos0, with_keep_alive};
use crate::rig::Rig;

/// One tick of the runtime's timer, which rounds up.
const TICK: Duration = Duration::from_millis(2);

fn near(found: Duration, expected: Duration) {
    assert!(found >= expected && found <= expected + TICK, "{found:?} instead of {expected:?}");
}

#[tokio::test(start_paused = true)]
async fn a_connection_without_a_connect_is_closed_after_the_connect_timeout_also_when_bytes_trickle_in() {
    let rig = Rig::with(Level::Memory, |config| config.connect_timeout_ms = 5000).await;
    let start = Instant::now();
    let mut client = Client::new(rig.pipe());
    client.send_raw(b"\x10").await;
    sleep(Duration::from_secs(3)).await;
    client.send_raw(b"\x0e\x00").await;
    client.expect_close().await;
    near(start.elapsed(), Duration::from_secs(5));
    assert_eq!(rig.closed(CloseReason::ConnectTimeout), 1);
}

#[tokio::test(start_paused = true)]
async fn a_client_is_closed_after_one_and_a_half_keep_alives_without_a_packet() {
    let rig = Rig::with(Level::Memory, |_| {}).await;
    let mut client = Client::connected(rig.pipe(), &with_keep_alive("pump", 10)).await;
    for _ in 0..3 {
        sleep(Duration::from_millis(14_900)).await;
        client.expect_pong().await;
    }
    let silent = Instant::now();
    client.expect_close().await;
    near(silent.elapsed(), Duration::from_secs(15));
    assert_eq!(rig.closed(CloseReason::KeepAlive), 1);
}

#[tokio::test(start_paused = true)]
async fn any_packet_is_a_sign_of_life_and_half_a_packet_is_none() {
    let rig = Rig::with(Level::Memory, |_| {}).await;
    let mut client = Client::connected(rig.pipe(), &with_keep_alive("pump", 10)).await;
    sleep(Duration::from_secs(9)).await;
    client.send(&[qos0("21.5")]).await;
    let heard = Instant::now();
    sleep(Duration::from_secs(9)).await;
    client.send_raw(b"\x30\x50\x00").await;
    client.expect_close().await;
    near(heard.elapsed(), Duration::from_secs(15));
}

#[tokio::test(start_paused = true)]
async fn a_client_with_keep_alive_0_may_be_silent_for_a_month() {
    let rig = Rig::with(Level::Memory, |_| {}).await;
    let mut client = Client::connected(rig.pipe(), &with_keep_alive("pump", 0)).await;
    sleep(Duration::from_secs(30 * 24 * 3600)).await;
    client.expect_pong().await;
}

#[tokio::test(start_paused = true)]
async fn a_client_that_does_not_read_its_answers_is_cut_after_the_write_timeout() {
    let rig = Rig::with(Level::Memory, |config| config.write_timeout_ms = 3000).await;
    let mut client = Client::connected(rig.pipe_of(64), &named("deaf")).await;
    let start = Instant::now();
    let pings = vec![Packet::Pingreq; 1000];
    let written =
        tokio::io::AsyncWriteExt::write_all(&mut client.stream, &crate::client::encoded(&pings)).await;
    assert!(written.is_err(), "the broker stops reading and then closes");
    near(start.elapsed(), Duration::from_secs(3));
    assert_eq!(rig.closed(CloseReason::SlowReader), 1);
}

#[tokio::test(start_paused = true)]
async fn a_deaf_client_does_not_keep_its_successor_out() {
    let rig = Rig::with(Level::Memory, |_| {}).await;
    let mut deaf = Client::connected(rig.pipe_of(64), &named("pump")).await;
    let pings = crate::client::encoded(&vec![Packet::Pingreq; 64]);
    // As much as fits into both directions and the broker's buffer; the rest waits for ever.
    let _ = tokio::time::timeout(
        Duration::from_millis(100),
        tokio::io::AsyncWriteExt::write_all(&mut deaf.stream, &pings),
    )
    .await;
    let start = Instant::now();
    Client::connected(rig.pipe(), &named("pump")).await.expect_pong().await;
    assert!(start.elapsed() < Duration::from_secs(1), "{:?}", start.elapsed());
}
