//! Servers that end without a word or say nothing more, and the end of the plant.

use crate::asyncua::{Server, python};
use crate::desk::Desk;
use crate::shared::counterpart::free_port;
use crate::shared::rig::{FAST, PATIENCE};
use serde_json::json;
use tidegate_service_plant::{Quality, Value};
use tokio::time::{sleep, timeout};

const TEMP: &str = "ns=2;s=Line.Temp";

/// The failure this driver was made not to have: the session is back, reads are good, and nothing is ever published again.
#[tokio::test(flavor = "multi_thread")]
async fn a_killed_server_that_is_back_publishes_to_a_new_session_and_values_flow_again() {
    let test = "restarts::a_killed_server_that_is_back_publishes_to_a_new_session_and_values_flow_again";
    let Some(python) = python(test) else { return };
    let port = free_port();
    let mut server = Server::start(&python, port, &json!({}));
    let desk = Desk::new();
    let mut rig = desk.rig(&format!("{}?security=None&read=subscribe", server.url()), &[TEMP]);
    rig.until("it is told", |point| point.value == Value::Real(21.5)).await;
    for round in 1..=2 {
        server.kill();
        rig.until("it is bad", |point| point.quality == Quality::Bad).await;
        server = Server::start(&python, port, &json!({}));
        rig.until("it is good", |point| point.quality == Quality::Good).await;
        for value in [1.0, 2.0, 3.0].map(|value| value + 10.0 * f64::from(round)) {
            server.set("Line.Temp", value);
            rig.until("changes flow", |point| point.value == Value::Real(value)).await;
        }
    }
    rig.end().await;
    assert_eq!(server.sessions(), [1, 1, 0], "one session, which was closed, and no subscription is left");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_asked_is_read_again_when_it_is_back() {
    let Some(python) = python("restarts::a_server_that_is_asked_is_read_again_when_it_is_back") else {
        return;
    };
    let port = free_port();
    let server = Server::start(&python, port, &json!({}));
    let desk = Desk::new();
    let mut rig = desk.rig(&format!("{}?security=None", server.url()), &[TEMP]);
    rig.until("it is told", |point| point.value == Value::Real(21.5)).await;
    server.kill();
    rig.until("it is bad", |point| point.quality == Quality::Bad).await;
    let mut server = Server::start(&python, port, &json!({}));
    rig.until("it is good", |point| point.quality == Quality::Good).await;
    rig.end().await;
    assert_eq!(server.sessions(), [1, 1, 0]);
}

/// The plant makes a new session, at once, and goes on with it.
#[tokio::test(flavor = "multi_thread")]
async fn a_subscription_that_fell_silent_is_made_anew_with_a_new_session() {
    let test = "restarts::a_subscription_that_fell_silent_is_made_anew_with_a_new_session";
    let Some(python) = python(test) else { return };
    let mut server = Server::start(&python, free_port(), &json!({}));
    let desk = Desk::new();
    let mut rig = desk.rig(&format!("{}?security=None&read=subscribe", server.url()), &[TEMP]);
    rig.until("it is told", |point| point.value == Value::Real(21.5)).await;
    server.mute();
    let renewed = async {
        while server.sessions()[..2] < [2, 1][..] {
            // Another program's doings can only be asked for again.
            sleep(FAST).await;
        }
    };
    timeout(PATIENCE, renewed).await.expect("there is another session, and the first one was closed");
    rig.end().await;
    let [opened, closed, subscriptions] = server.sessions();
    assert_eq!((closed, subscriptions), (opened, 0), "every session was closed");
}
