//! What is taken in and how it is acknowledged.

use crate::desk::{Desk, id};
use tidegate_codec_mqtt::{Ack, Delivery, Packet};

#[tokio::test]
async fn a_publication_is_acknowledged_in_its_turn_and_stands_in_the_account() {
    let desk = Desk::new(|_| {}).await;
    let mut guest = desk.settled(false).await;
    guest.publish("0", Delivery::AtMostOnce).await;
    for number in 1..=5 {
        guest.publish("1", Delivery::AtLeastOnce { id: id(number), dup: number == 3 }).await;
    }
    for number in 1..=5 {
        assert_eq!(guest.hear().await, Some(Packet::Puback(Ack::new(id(number)))));
    }
    assert_eq!(desk.ingest.accounts().admission.accepted, 6);
    let counts = desk.link.snapshot();
    assert_eq!(
        counts.publications.into_iter().collect::<Vec<_>>(),
        [((0, false), 1), ((1, false), 4), ((1, true), 1)]
    );
    assert_eq!((counts.acks, desk.stop().await), (5, 0));
}

#[tokio::test]
async fn with_qos_2_what_comes_again_is_not_taken_again_until_it_is_released() {
    let desk = Desk::new(|_| {}).await;
    let mut guest = desk.settled(false).await;
    guest.publish("1", Delivery::ExactlyOnce { id: id(9), dup: false }).await;
    assert_eq!(guest.hear().await, Some(Packet::Pubrec(Ack::new(id(9)))));
    drop(guest);
    let mut guest = desk.settled(true).await;
    guest.publish("1", Delivery::ExactlyOnce { id: id(9), dup: true }).await;
    assert_eq!(guest.hear().await, Some(Packet::Pubrec(Ack::new(id(9)))));
    guest.say(&Packet::Pubrel(Ack::new(id(9)))).await;
    assert_eq!(guest.hear().await, Some(Packet::Pubcomp(Ack::new(id(9)))));
    assert_eq!(desk.ingest.accounts().admission.accepted, 1);
    guest.publish("2", Delivery::ExactlyOnce { id: id(9), dup: false }).await;
    assert_eq!(guest.hear().await, Some(Packet::Pubrec(Ack::new(id(9)))));
    assert_eq!((desk.ingest.accounts().admission.accepted, desk.stop().await), (2, 0));
}

#[tokio::test]
async fn with_qos_2_what_the_broker_sends_again_after_its_release_is_taken_again_and_counted() {
    let desk = Desk::new(|_| {}).await;
    let mut guest = desk.settled(false).await;
    guest.hand_over("1", 9, false).await;
    guest.hand_over("2", 10, false).await;
    drop(guest);
    let mut guest = desk.settled(true).await;
    // What a broker must not do once it has sent PUBREL [MQTT-4.3.3-6].
    guest.hand_over("1", 9, true).await;
    // An identifier that was used again, and whose first try was lost.
    guest.hand_over("3", 10, true).await;
    assert_eq!(desk.ingest.accounts().admission.accepted, 4);
    assert_eq!(desk.link.snapshot().repeats, 1);
    drop(guest);
    let mut guest = desk.settled(false).await;
    guest.hand_over("3", 10, true).await;
    assert_eq!(desk.link.snapshot().repeats, 1, "a new session knows nothing of the old one's identifiers");
    desk.stop().await;
}

#[tokio::test]
async fn an_idle_link_pings_and_one_that_hears_nothing_begins_again() {
    let desk = Desk::new(|config| config.keep_alive_s = 1).await;
    let mut guest = desk.settled(false).await;
    assert_eq!(guest.hear().await, Some(Packet::Pingreq));
    guest.say(&Packet::Pingresp).await;
    // No further answer comes.
    while guest.hear().await.is_some() {}
    let _again = desk.settled(true).await;
    assert_eq!(desk.link.snapshot().setbacks.get("TG-XB-004"), Some(&1));
    desk.stop().await;
}

#[tokio::test]
async fn a_packet_that_a_server_must_not_send_ends_the_connection() {
    let desk = Desk::new(|_| {}).await;
    let mut guest = desk.settled(false).await;
    guest.say(&Packet::Puback(Ack::new(id(1)))).await;
    assert_eq!(guest.hear().await, None);
    desk.when(|counts| counts.setbacks.get("TG-XB-005") == Some(&1)).await;
    desk.stop().await;
}
