//! What is taken in, and when it is acknowledged.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};

use tidegate_codec_mqtt::{Packet, QoS};
use tidegate_kernel_journal::Level;
use tidegate_service_broker::CloseReason;
use tokio::io::{AsyncRead, AsyncWrite, DuplexStream, ReadBuf, duplex};

use crate::client::{Client, encoded, named, qos0, qos1, with_will};
use crate::rig::{Rig, logged, until};
use crate::shelf::Mood;
use crate::stall::{DeadLog, Stall};

#[tokio::test]
async fn a_publication_is_acknowledged_when_it_is_synced_and_not_before() {
    let rig = Rig::new().await;
    let mut client = rig.connect(&named("pump")).await;
    let stall = Stall::new(&rig.shelf.journal);
    client.publish(7, "21.5").await;
    until(|| rig.snapshot().unacknowledged == 1).await;
    // The answer to what was sent later would stand behind a PUBACK, had there been one.
    client.expect_pong().await;
    assert!(rig.shelf.synced().is_empty());
    drop(stall);
    assert_eq!(client.pubacks(1).await, [7]);
    assert_eq!(rig.shelf.synced(), ["21.5"]);
    until(|| rig.snapshot().acks == 1).await;
    assert_eq!(rig.snapshot().unacknowledged, 0);
}

#[tokio::test]
async fn what_is_acknowledged_is_in_the_journal_in_order_on_every_of_many_pipelining_connections() {
    const EACH: u16 = 1500;
    let rig = Rig::with(Level::Disk, |config| config.unacknowledged_max = 100).await;
    let mut clients = tokio::task::JoinSet::new();
    for name in ["a", "b", "c", "d"] {
        let mut client = rig.connect(&named(name)).await;
        clients.spawn(async move {
            let packets: Vec<_> = (1..=EACH).map(|id| qos1(id, false, &format!("{name}{id:05}"))).collect();
            client.send(&packets).await;
            assert_eq!(client.pubacks(EACH.into()).await, (1..=EACH).collect::<Vec<_>>());
        });
    }
    while let Some(done) = clients.join_next().await {
        done.unwrap();
    }
    let mut synced = rig.shelf.synced();
    assert_eq!(synced.len(), 4 * usize::from(EACH));
    synced.sort_by_key(|payload| payload[..1].to_owned());
    assert!(synced.is_sorted(), "one connection's publications stay in order");
    assert!(rig.snapshot().holds > 0);
    assert_eq!(rig.snapshot().acks, 4 * u64::from(EACH));
}

/// Counts how often the broker writes.
struct Counted(DuplexStream, Arc<AtomicUsize>);

impl AsyncRead for Counted {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.0).poll_read(cx, buf)
    }
}

impl AsyncWrite for Counted {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<std::io::Result<usize>> {
        self.1.fetch_add(1, Ordering::Relaxed);
        Pin::new(&mut self.0).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}

#[tokio::test]
async fn acknowledgements_that_are_due_together_go_out_in_one_write_and_in_order_of_arrival() {
    let rig = Rig::new().await;
    let (ours, theirs) = duplex(1 << 20);
    let writes = Arc::new(AtomicUsize::new(0));
    rig.serve(Counted(theirs, writes.clone()));
    let mut client = Client::connected(ours, &named("pump")).await;
    let stall = Stall::new(&rig.shelf.journal);
    let ids: Vec<u16> = (1..=500).rev().collect();
    let packets: Vec<_> = ids.iter().map(|id| qos1(*id, false, "21.5")).collect();
    client.send(&packets).await;
    until(|| rig.snapshot().unacknowledged == 500).await;
    let before = writes.load(Ordering::Relaxed);
    drop(stall);
    assert_eq!(client.pubacks(500).await, ids);
    // All were queued behind one stalled commit, which is at most two batches.
    assert!(writes.load(Ordering::Relaxed) - before <= 2);
}

#[tokio::test]
async fn qos_0_is_taken_in_without_an_answer_and_flags_reach_the_intake() {
    let rig = Rig::new().await;
    let mut client = rig.connect(&named("pump")).await;
    let Packet::Publish(mut retained) = qos0("kept") else { unreachable!() };
    retained.retain = true;
    client.send(&[qos0("a"), Packet::Publish(retained), qos1(1, true, "again")]).await;
    assert_eq!(client.pubacks(1).await, [1]);
    let taken = rig.shelf.notes().taken;
    let flags: Vec<_> = taken.iter().map(|taken| (taken.qos, taken.dup, taken.retain)).collect();
    let (zero, one) = (QoS::AtMostOnce, QoS::AtLeastOnce);
    assert_eq!(flags, [(zero, false, false), (zero, false, true), (one, true, false)]);
    assert!(
        taken.iter().all(|taken| taken.client.as_str() == "pump" && taken.topic.as_str() == "line/1/temp")
    );
    let counts: Vec<_> = rig.snapshot().publications.iter().map(|one| one.count).collect();
    assert_eq!(counts, [2, 0, 0, 1, 0, 0]);
}

#[tokio::test]
async fn a_refused_publication_with_qos_1_gets_no_puback_and_ends_the_connection() {
    let rig = Rig::new().await;
    let mut client = rig.connect(&named("pump")).await;
    rig.shelf.set(Mood::Refuse);
    client.publish(1, "poison").await;
    client.expect_close().await;
    rig.until_closed(CloseReason::Refused).await;
    assert!(logged().contains("TG-MQ-108") && logged().contains("TG-IN-999"), "{}", logged());
    assert!(rig.shelf.notes().given_up.is_empty(), "the intake has counted it");
}

#[tokio::test]
async fn a_refused_publication_with_qos_0_leaves_the_connection_open() {
    let rig = Rig::new().await;
    let mut client = rig.connect(&named("pump")).await;
    rig.shelf.set(Mood::Refuse);
    client.send(&[qos0("poison")]).await;
    client.expect_pong().await;
    assert_eq!(rig.shelf.notes().offers, 1);
}

#[tokio::test]
async fn a_journal_that_fails_to_write_acknowledges_nothing_and_ends_the_connection() {
    let log = DeadLog::new();
    let rig = Rig::on(log.journal.clone(), (), Level::Disk, |_| {}).await;
    let mut client = rig.connect(&named("pump")).await;
    client.publish(1, "safe").await;
    assert_eq!(client.pubacks(1).await, [1]);
    log.fail();
    client.publish(2, "lost").await;
    client.expect_close().await;
    rig.until_closed(CloseReason::OutcomeUnknown).await;
    assert_eq!((rig.snapshot().acks, rig.snapshot().unanswered), (1, 1));
}

#[tokio::test]
async fn of_two_that_are_looked_at_together_the_safe_one_is_acknowledged_and_the_unknown_one_is_not() {
    let log = DeadLog::new();
    let rig = Rig::on(log.journal.clone(), (), Level::Disk, |_| {}).await;
    let mut client = rig.connect(&named("pump")).await;
    let first_batch = Stall::new(&rig.shelf.journal);
    client.publish(1, "safe").await;
    until(|| rig.snapshot().unacknowledged == 1).await;
    let second_batch = Stall::new(&rig.shelf.journal);
    drop(first_batch);
    // The second batch, with the first publication in it, is written and waits for its sync.
    let written = rig.shelf.journal.status().head_seq;
    until(|| rig.shelf.journal.status().written_seq == written).await;
    client.publish(2, "lost").await;
    until(|| rig.snapshot().unacknowledged == 2).await;
    log.fail();
    drop(second_batch);
    // Without an await, so that the broker, which shares this thread, sees both outcomes at once.
    while rig.shelf.journal.status().stopped.is_none() {
        std::thread::yield_now();
    }
    assert_eq!(client.pubacks(1).await, [1]);
    client.expect_close().await;
    assert_eq!(rig.closed(CloseReason::OutcomeUnknown), 1);
}

#[tokio::test]
async fn a_client_that_reconnects_sends_again_what_was_not_acknowledged_and_has_it_acknowledged() {
    let rig = Rig::new().await;
    let mut connect = named("pump");
    connect.clean_session = false;
    let mut client = rig.connect(&connect).await;
    let stall = Stall::new(&rig.shelf.journal);
    client.publish(9, "21.5").await;
    until(|| rig.snapshot().unacknowledged == 1).await;
    drop(client);
    rig.until_closed(CloseReason::Lost).await;
    assert_eq!(rig.snapshot().unanswered, 1);
    drop(stall);
    let mut client = rig.dial().await;
    client.send(&[Packet::Connect(Box::new(connect))]).await;
    assert_eq!(client.raw(4).await, b"\x20\x02\x01\x00", "its session is present");
    client.send(&[qos1(9, true, "21.5")]).await;
    assert_eq!(client.pubacks(1).await, [9]);
    let dups: Vec<_> = rig.shelf.notes().taken.iter().map(|taken| taken.dup).collect();
    assert_eq!(dups, [false, true]);
}

#[tokio::test]
async fn a_will_is_taken_in_when_the_connection_ends_without_a_disconnect_and_only_then() {
    let rig = Rig::new().await;
    let mut polite = rig.connect(&with_will("polite", "polite")).await;
    polite.send(&[Packet::Disconnect(Default::default())]).await;
    polite.expect_close().await;
    drop(rig.connect(&with_will("rude", "rude")).await);
    rig.until_closed(CloseReason::Lost).await;
    assert_eq!(rig.shelf.taken(), ["rude"]);
    assert_eq!((rig.snapshot().wills, rig.closed(CloseReason::Disconnected)), (1, 1));
}

#[tokio::test]
async fn an_intake_that_panics_ends_one_connection_and_no_other() {
    let rig = Rig::new().await;
    // With a will that it panics over once more, on the way out.
    let mut unlucky = rig.connect(&with_will("unlucky", "gone")).await;
    let mut other = rig.connect(&named("other")).await;
    rig.shelf.set(Mood::Panic);
    unlucky.publish(1, "boom").await;
    unlucky.expect_close().await;
    rig.until_closed(CloseReason::Fault).await;
    rig.shelf.set(Mood::Take);
    other.publish(1, "fine").await;
    assert_eq!(other.pubacks(1).await, [1]);
    rig.connect(&named("unlucky")).await.expect_pong().await;
}

#[tokio::test]
async fn a_packet_larger_than_the_read_buffer_that_arrives_byte_by_byte_is_taken_in_whole() {
    let rig = Rig::with(Level::Os, |_| {}).await;
    let payload = "x".repeat(100_000);
    let mut client = Client::connected(rig.pipe_of(1 << 20), &named("camera")).await;
    let bytes = encoded(&[qos1(1, false, &payload), qos1(2, false, "small")]);
    let (head, tail) = bytes.split_at(20_000);
    for byte in head {
        client.send_raw(&[*byte]).await;
        tokio::task::yield_now().await;
    }
    client.send_raw(tail).await;
    assert_eq!(client.pubacks(2).await, [1, 2]);
    assert_eq!(rig.shelf.taken(), [payload.as_str(), "small"]);
}
