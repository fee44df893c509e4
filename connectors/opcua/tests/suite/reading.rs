//! What clients see: browsing, reading, watching; and that they change nothing.

use crate::client::{Client, python};
use crate::rig::{Rig, told};
use serde_json::{Value as Json, json};
use tidegate_connector_opcua::Config;
use tidegate_kernel_plug::Capability;
use tidegate_service_ingest::{Quality, Value};
use tokio::task::yield_now;

const AT: u64 = 1_700_000_000_123;

/// With some tags.
async fn rig() -> Rig {
    let rig = Rig::open(Config::default()).await;
    rig.put("press-7", "temp", Value::Real(21.5), Quality::Good, AT);
    rig.put("press-8", "count", Value::Integer(7), Quality::Uncertain, AT + 1);
    rig.put("press-8", "running", Value::Boolean(true), Quality::Good, AT + 2);
    rig.put("press-8", "recipe", Value::Text("valve".into()), Quality::Bad, AT + 3);
    rig.put("press-8", "window", Value::Reals([1.0, 2.0].into()), Quality::Good, AT + 4);
    rig
}

#[tokio::test(flavor = "multi_thread")]
async fn devices_and_tags_are_browsed_with_type_and_unit_and_read_with_status_and_source_time() {
    let test =
        "reading::devices_and_tags_are_browsed_with_type_and_unit_and_read_with_status_and_source_time";
    let Some(python) = python(test) else { return };
    let rig = rig().await;
    let mut client = Client::connect(&python, &rig.url(), &json!({})).await;
    let found = client.order("browse", "", Json::Null).await;
    let wanted = json!({
        "press-7": { "temp": ["Double", "°C"] },
        "press-8": {
            "count": ["Int64", ""], "running": ["Boolean", ""], "recipe": ["String", ""], "window": ["Double", ""],
        },
    });
    assert_eq!(found["found"], wanted);
    for (node, read) in [
        ("press-7/temp", told(json!(21.5), "Good", AT)),
        ("press-8/count", told(json!(7), "Uncertain", AT + 1)),
        ("press-8/running", told(json!(true), "Good", AT + 2)),
        ("press-8/recipe", told(Json::Null, "Bad", AT + 3)),
        ("press-8/window", told(json!([1.0, 2.0]), "Good", AT + 4)),
    ] {
        assert_eq!(client.read(node).await, read, "{node}");
    }
    assert_eq!(client.read("press-9/temp").await["status"], "BadNodeIdUnknown");
    rig.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_changes_nothing() {
    let Some(python) = python("reading::a_client_changes_nothing") else { return };
    let rig = rig().await;
    let mut client = Client::connect(&python, &rig.url(), &json!({})).await;
    let written = client.order("write", "press-7/temp", 1.0).await;
    assert_eq!(written, json!({ "failed": "BadNotWritable" }));
    let deleted = client.order("delete", "press-7/temp", Json::Null).await;
    assert!(deleted["failed"].is_string(), "{deleted}");
    assert_eq!(client.read("press-7/temp").await, told(json!(21.5), "Good", AT));
    rig.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn each_change_is_told_in_its_order_with_its_time_and_so_is_another_quality_of_the_same_value() {
    let test =
        "reading::each_change_is_told_in_its_order_with_its_time_and_so_is_another_quality_of_the_same_value";
    let Some(python) = python(test) else { return };
    let rig = rig().await;
    let mut client = Client::connect(&python, &rig.url(), &json!({})).await;
    // A client that asks for one value in ten seconds has each as well: what it would have is another time.
    for interval_ms in [0.0, 10_000.0] {
        let node = format!("press-7/temp-{interval_ms}");
        let tag = node.strip_prefix("press-7/").unwrap();
        let put =
            |value: f64, quality, source_ms| rig.put("press-7", tag, Value::Real(value), quality, source_ms);
        put(21.5, Quality::Good, AT);
        assert_eq!(client.order("watch", &node, interval_ms).await, json!({ "watched": true }));
        let mut next = async |value: Json, status: &str, source_ms: u64| {
            let mut wanted = told(value, status, source_ms);
            wanted["node"] = json!(node);
            assert_eq!(client.change().await, wanted);
        };
        next(json!(21.5), "Good", AT).await;
        (1..=5).for_each(|step: u32| put(step.into(), Quality::Good, AT + u64::from(step)));
        for step in 1..=5_u32 {
            next(json!(f64::from(step)), "Good", AT + u64::from(step)).await;
        }
        put(5.0, Quality::Uncertain, AT + 6);
        next(Json::Null, "Uncertain", AT + 6).await;
        next(json!(5.0), "Uncertain", AT + 6).await;
        put(5.0, Quality::Bad, AT + 7);
        next(Json::Null, "Bad", AT + 7).await;
        put(5.0, Quality::Good, AT + 8);
        next(json!(5.0), "Good", AT + 8).await;
    }
    rig.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tag_whose_type_changes_is_a_variable_of_the_new_type_and_is_watched_on() {
    let test = "reading::a_tag_whose_type_changes_is_a_variable_of_the_new_type_and_is_watched_on";
    let Some(python) = python(test) else { return };
    let rig = rig().await;
    let mut client = Client::connect(&python, &rig.url(), &json!({})).await;
    assert_eq!(client.order("watch", "press-7/temp", Json::Null).await, json!({ "watched": true }));
    assert_eq!(client.change().await["value"], 21.5);
    rig.put("press-7", "temp", Value::Text("warm".into()), Quality::Good, AT + 1);
    assert_eq!(client.change().await["value"], "warm");
    let found = client.order("browse", "", Json::Null).await;
    assert_eq!(found["found"]["press-7"], json!({ "temp": ["String", "°C"] }));
    assert!(rig.measures("tidegate_opcua_shown_tags 5"), "{:?}", rig.server.metrics());
    rig.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_value_that_comes_while_a_client_begins_to_watch_is_not_missed() {
    let test = "reading::a_value_that_comes_while_a_client_begins_to_watch_is_not_missed";
    let Some(python) = python(test) else { return };
    let (rig, tags) = (rig().await, 2000);
    let put = |value: f64| (0..tags).for_each(|tag| rig.put_real("press-9", &format!("t{tag}"), value));
    put(0.0);
    let mut client = Client::connect(&python, &rig.url(), &json!({})).await;
    // A value of each tag comes while the first of them are watched, and none after that.
    let watched = async {
        client.order("watch many", "press-9/t", tags).await;
        client.order("latest", "", json!([1.0, tags])).await
    };
    let one_value = async {
        while rig.measures("tidegate_opcua_watched_tags 0") {
            yield_now().await;
        }
        put(1.0);
    };
    let (latest, ()) = tokio::join!(watched, one_value);
    assert_eq!(latest, json!({ "latest": [1.0, tags] }));
    rig.end().await;
}
