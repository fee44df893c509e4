//! As many as there may be, and what becomes of the others.

use crate::client::{Client, python};
use crate::rig::{PATIENCE, Rig};
use serde_json::{Value as Json, json};
use tidegate_connector_opcua::Config;
use tidegate_kernel_plug::Capability;
use tokio::task::yield_now;
use tokio::time::timeout;

#[tokio::test(flavor = "multi_thread")]
async fn more_sessions_subscriptions_or_watched_tags_than_may_be_are_refused_and_there_is_room_again() {
    let test =
        "limits::more_sessions_subscriptions_or_watched_tags_than_may_be_are_refused_and_there_is_room_again";
    let Some(python) = python(test) else { return };
    let rig =
        Rig::open(Config { sessions_max: 1, subscriptions_max: 1, items_max: 2, ..Config::default() }).await;
    ["a", "b", "c"].iter().for_each(|tag| rig.put_real("press-7", tag, 1.0));
    let mut client = Client::connect(&python, &rig.url(), &json!({})).await;
    assert_eq!(Client::refused(&python, &rig.url(), &json!({})).await, "BadTooManySessions");
    for tag in ["press-7/a", "press-7/b"] {
        assert_eq!(client.order("watch", tag, Json::Null).await, json!({ "watched": true }));
    }
    let third = client.order("watch", "press-7/c", Json::Null).await;
    assert_eq!(third, json!({ "failed": "BadTooManyMonitoredItems" }));
    let second = client.order("subscribe", "", Json::Null).await;
    assert_eq!(second, json!({ "failed": "BadTooManySubscriptions" }));
    for line in ["sessions 1", "subscriptions 1", "watched_tags 2"] {
        assert!(rig.measures(&format!("tidegate_opcua_{line}")), "{line}: {:?}", rig.server.metrics());
    }
    assert_eq!(client.order("end", "", Json::Null).await, json!({ "ended": true }));
    for line in ["sessions 0", "subscriptions 0", "watched_tags 0"] {
        assert!(rig.measures(&format!("tidegate_opcua_{line}")), "{line}: {:?}", rig.server.metrics());
    }
    let mut another = Client::connect(&python, &rig.url(), &json!({})).await;
    assert_eq!(another.order("watch", "press-7/c", Json::Null).await, json!({ "watched": true }));
    rig.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn all_subscriptions_share_the_tags_that_may_be_watched() {
    let test = "limits::all_subscriptions_share_the_tags_that_may_be_watched";
    let Some(python) = python(test) else { return };
    let rig = Rig::open(Config { items_max: 1, ..Config::default() }).await;
    rig.put_real("press-7", "a", 1.0);
    let mut one = Client::connect(&python, &rig.url(), &json!({})).await;
    let mut other = Client::connect(&python, &rig.url(), &json!({})).await;
    assert_eq!(one.order("watch", "press-7/a", Json::Null).await, json!({ "watched": true }));
    let refused = other.order("watch", "press-7/a", Json::Null).await;
    assert_eq!(refused, json!({ "failed": "BadTooManyMonitoredItems" }));
    assert!(rig.measures("tidegate_opcua_refused_watches_total 1"), "{:?}", rig.server.metrics());
    rig.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_client_watched_that_went_without_a_word_makes_room_again() {
    let test = "limits::what_a_client_watched_that_went_without_a_word_makes_room_again";
    let Some(python) = python(test) else { return };
    let rig = Rig::open(Config { items_max: 1, ..Config::default() }).await;
    rig.put_real("press-7", "a", 1.0);
    let mut gone = Client::connect(&python, &rig.url(), &json!({})).await;
    assert_eq!(gone.order("watch briefly", "press-7/a", Json::Null).await, json!({ "watched": true }));
    drop(gone);
    let is_over = async {
        while !rig.measures("tidegate_opcua_abandoned_subscriptions_total 1") {
            yield_now().await;
        }
    };
    timeout(PATIENCE, is_over).await.expect("it runs out");
    assert!(rig.measures("tidegate_opcua_watched_tags 0"), "{:?}", rig.server.metrics());
    let mut another = Client::connect(&python, &rig.url(), &json!({})).await;
    assert_eq!(another.order("watch", "press-7/a", Json::Null).await, json!({ "watched": true }));
    rig.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn values_of_more_tags_than_may_be_shown_are_left_out_and_counted() {
    let rig = Rig::open(Config { tags_max: 1, ..Config::default() }).await;
    for _ in 0..3 {
        ["a", "b"].iter().for_each(|tag| rig.put_real("press-7", tag, 1.0));
    }
    assert!(rig.measures("tidegate_opcua_shown_tags 1"), "{:?}", rig.server.metrics());
    assert!(rig.measures("tidegate_opcua_left_out_values_total 3"), "{:?}", rig.server.metrics());
    rig.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_value_reaches_a_subscriber_of_many_tags_also_where_all_come_at_once() {
    let test = "limits::every_value_reaches_a_subscriber_of_many_tags_also_where_all_come_at_once";
    let Some(python) = python(test) else { return };
    let (tags, values) = (3000, 5);
    let rig = Rig::open(Config::default()).await;
    let put = |value: usize| {
        (0..tags).for_each(|tag| rig.put_real("press-7", &format!("t{tag}"), value as f64));
    };
    put(0);
    let mut client = Client::connect(&python, &rig.url(), &json!({})).await;
    assert_eq!(client.order("watch many", "press-7/t", tags).await, json!({ "watched": tags }));
    assert_eq!(client.order("changes", "", tags).await, json!({ "changes": tags, "ordered": true }));
    (1..=values).for_each(put);
    let all = tags * (values + 1);
    assert_eq!(client.order("changes", "", all).await, json!({ "changes": all, "ordered": true }));
    rig.end().await;
}
