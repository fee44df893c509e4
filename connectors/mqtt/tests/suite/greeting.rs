//! How a link connects, what it asks for, and what it does when it is not granted.

use crate::desk::Desk;
use tidegate_codec_mqtt::{
    Connack, Disconnect, Packet, ProtocolLevel, QoS, ReasonCode, Refusal, RetainHandling, Suback,
    SubscribeOutcome,
};
use tidegate_connector_mqtt::Protocol;
use tidegate_kernel_plug::{Capability, Readiness};

#[tokio::test]
async fn at_mqtt_5_the_session_is_kept_and_the_broker_is_told_how_much_to_send_ahead() {
    let desk = Desk::new(|config| config.receive_max = 7).await;
    let mut guest = desk.guest().await;
    let connect = guest.connect().await;
    assert_eq!((connect.level, connect.clean_session, connect.keep_alive_s), (ProtocolLevel::V5, false, 30));
    assert_eq!((connect.client_id.as_str(), connect.properties.receive_max.get()), ("tidegate-1", 7));
    assert_eq!(connect.properties.session_expiry_s, 604_800);
    guest.say(&Packet::Connack(Connack::accepted(true))).await;
    let asked = guest.subscribe().await.subscriptions;
    assert_eq!((asked.len(), asked[0].filter.as_str(), asked[0].qos), (2, "line/#", QoS::AtLeastOnce));
    assert_eq!(asked[1].retain_handling, RetainHandling::SendIfNew);
    assert_eq!(desk.stop().await, 0);
    assert!(matches!(guest.hear().await, Some(Packet::Disconnect(_))));
    assert_eq!(guest.hear().await, None);
}

#[tokio::test]
async fn at_mqtt_3_1_1_a_session_that_is_there_is_not_subscribed_again() {
    let desk = Desk::new(|config| config.version = Protocol::V311).await;
    drop(desk.settled(false).await);
    let mut guest = desk.settled(true).await;
    desk.when(|counts| counts.connections == 2).await;
    let stopping = desk.stop();
    let (left, farewell) = tokio::join!(stopping, guest.hear());
    assert_eq!(left, 0);
    assert!(matches!(farewell, Some(Packet::Disconnect(_))), "{farewell:?}");
}

#[tokio::test]
async fn a_refused_connection_is_counted_and_tried_again() {
    let desk = Desk::new(|config| config.version = Protocol::V311).await;
    let mut refused = desk.guest().await;
    refused.connect().await;
    refused.say(&Packet::Connack(Connack::refused(Refusal::NotAuthorized))).await;
    let _guest = desk.settled(false).await;
    desk.when(|counts| counts.connected).await;
    assert_eq!(desk.link.snapshot().setbacks.get("TG-XB-002"), Some(&1));
    desk.stop().await;
}

#[tokio::test]
async fn a_filter_that_is_not_granted_makes_the_link_unready_and_none_granted_ends_the_connection() {
    let desk = Desk::new(|_| {}).await;
    let links = tidegate_connector_mqtt::Links(vec![desk.link.clone()]);
    for granted in [0, 1] {
        let mut guest = desk.guest().await;
        guest.connect().await;
        guest.say(&Packet::Connack(Connack::accepted(false))).await;
        let asked = guest.subscribe().await;
        let mut outcomes = vec![SubscribeOutcome::Refused(ReasonCode::NotAuthorized); 2];
        outcomes[..granted].fill(SubscribeOutcome::Granted(QoS::AtLeastOnce));
        guest.say(&Packet::Suback(Suback::new(asked.id, outcomes))).await;
        if granted == 0 {
            assert_eq!(guest.hear().await, None);
            continue;
        }
        desk.when(|counts| counts.filters_refused == 1).await;
        let unready = Readiness::Unready("broker hall refuses 1 subscriptions".to_owned());
        assert_eq!(links.readiness(), unready);
        assert_eq!(desk.link.snapshot().setbacks.get("TG-XB-003"), Some(&1));
        desk.stop().await;
        break;
    }
}

#[tokio::test]
async fn a_session_that_the_broker_forgot_is_counted_but_not_the_first_one() {
    let desk = Desk::new(|_| {}).await;
    let mut first = desk.settled(false).await;
    first.say(&Packet::Disconnect(Disconnect::with_reason(ReasonCode::ServerShuttingDown))).await;
    let _second = desk.settled(false).await;
    desk.when(|counts| counts.connections == 2).await;
    let counts = desk.link.snapshot();
    assert_eq!((counts.sessions_lost, counts.setbacks.get("TG-XB-004")), (1, Some(&1)));
    desk.stop().await;
}
