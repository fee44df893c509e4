//! Values that come by themselves.

use crate::asyncua::{Server, python};
use crate::desk::Desk;
use crate::shared::counterpart::free_port;
use crate::shared::rig::{FAST, LIMIT, PATIENCE, dial};
use serde_json::json;
use tidegate_driver_opcua::{Plan, Session};
use tidegate_service_plant::{Driver, Found, Quality, Value};
use tokio::time::{sleep, timeout};

/// Reads until something came, and gives what came for the first address.
async fn news(desk: &Desk, session: &mut Session, place: &str, plan: &Plan) -> Vec<Found> {
    let place = desk.place(place);
    let came = async {
        loop {
            let found = desk.driver.read(session, &place, plan, LIMIT).await.unwrap();
            match &found[0] {
                Found::News(news) if news.is_empty() => sleep(FAST).await,
                Found::News(news) => return news.clone(),
                other => panic!("{other:?}"),
            }
        }
    };
    timeout(PATIENCE, came).await.expect("something comes")
}

fn reals(news: &[Found]) -> Vec<f64> {
    let real = |found: &Found| match found {
        Found::Good { value: Value::Real(value), .. } => *value,
        other => panic!("{other:?}"),
    };
    news.iter().map(real).collect()
}

#[tokio::test]
async fn changes_come_each_with_its_time_in_their_order_as_many_as_the_queue_holds() {
    let test = "subscribing::changes_come_each_with_its_time_in_their_order_as_many_as_the_queue_holds";
    let Some(python) = python(test) else { return };
    let mut server = Server::start(&python, free_port(), &json!({}));
    let desk = Desk::new();
    let text = format!("{}?security=None&read=subscribe", server.url());
    let mut session = desk.connect(&text, None).await.unwrap();
    let addresses = desk.addresses(&["ns=2;s=Line.Temp queue=10", "ns=2;s=Line.Nowhere"]);
    // Long enough for all five to lie in one message.
    let plan = desk.driver.plan(&session, &addresses, FAST * 40);
    assert_eq!(reals(&news(&desk, &mut session, &text, &plan).await), [21.5]);
    for at in 1..=5_u32 {
        server.set_as("Line.Temp", f64::from(at), 0, 1_700_000_000_000 + u64::from(at));
    }
    let mut came = Vec::new();
    while came.len() < 5 {
        came.extend(news(&desk, &mut session, &text, &plan).await);
    }
    assert_eq!(reals(&came), [1.0, 2.0, 3.0, 4.0, 5.0]);
    let times = came.iter().map(|found| match found {
        Found::Good { source_ms, .. } => source_ms.unwrap() - 1_700_000_000_000,
        other => panic!("{other:?}"),
    });
    assert_eq!(times.collect::<Vec<_>>(), [1, 2, 3, 4, 5]);
    let found = desk.driver.read(&mut session, &desk.place(&text), &plan, LIMIT).await.unwrap();
    let Found::Bad(trouble) = &found[1] else { panic!("{found:?}") };
    assert_eq!(trouble.code, "TG-UA-030", "a node that is not there is bad by itself");
    desk.driver.close(session).await;
    assert_eq!(server.sessions(), [1, 1, 0], "the session was closed, and its subscription is gone");
}

#[tokio::test]
async fn within_its_deadband_a_number_is_not_told() {
    let Some(python) = python("subscribing::within_its_deadband_a_number_is_not_told") else { return };
    let mut server = Server::start(&python, free_port(), &json!({}));
    let desk = Desk::new();
    let text = format!("{}?security=None&read=subscribe", server.url());
    let mut session = desk.connect(&text, None).await.unwrap();
    let addresses = desk.addresses(&["ns=2;s=Line.Temp deadband=1 queue=100"]);
    let plan = desk.driver.plan(&session, &addresses, FAST);
    assert_eq!(reals(&news(&desk, &mut session, &text, &plan).await), [21.5]);
    // Each step is small, and their sum is not what counts there.
    for value in [21.9, 22.2, 30.0] {
        server.set("Line.Temp", value);
    }
    assert_eq!(reals(&news(&desk, &mut session, &text, &plan).await), [30.0]);
}

#[tokio::test]
async fn a_server_that_says_no_more_of_a_subscription_loses_the_session_which_is_closed() {
    let test = "subscribing::a_server_that_says_no_more_of_a_subscription_loses_the_session_which_is_closed";
    let Some(python) = python(test) else { return };
    let mut server = Server::start(&python, free_port(), &json!({}));
    let desk = Desk::new();
    let text = format!("{}?security=None&read=subscribe", server.url());
    let mut session = desk.connect(&text, None).await.unwrap();
    let place = desk.place(&text);
    let plan = desk.driver.plan(&session, &desk.addresses(&["ns=2;s=Line.Temp"]), FAST);
    news(&desk, &mut session, &text, &plan).await;
    server.mute();
    let muted = tokio::time::Instant::now();
    let ended = async {
        loop {
            match desk.driver.read(&mut session, &place, &plan, LIMIT).await {
                Ok(_) => sleep(FAST).await,
                Err(trouble) => return trouble,
            }
        }
    };
    let trouble = timeout(PATIENCE, ended).await.expect("its silence is noticed");
    assert_eq!(trouble.code, "TG-UA-021", "{trouble}");
    assert!(trouble.message.contains("4s"), "{trouble}");
    assert!(muted.elapsed() >= std::time::Duration::from_secs(1), "a pause is no silence");
    // As the plant does with it.
    drop(session);
    let closed = async {
        while server.sessions()[1] == 0 {
            // Another program's doings can only be asked for again.
            sleep(FAST).await;
        }
    };
    timeout(PATIENCE, closed).await.expect("its seat was given back");
}

#[tokio::test]
async fn what_is_as_it_was_makes_no_sample_and_stays_good() {
    let Some(python) = python("subscribing::what_is_as_it_was_makes_no_sample_and_stays_good") else {
        return;
    };
    let mut server = Server::start(&python, free_port(), &json!({}));
    let desk = Desk::new();
    let mut rig = desk.rig(
        &format!("{}?security=None&read=subscribe", server.url()),
        &["ns=2;s=Line.Temp", "ns=2;s=Line.Count:INTEGER"],
    );
    rig.until("both are told", |point| &*point.tag == "ns=2;s=Line.Count:INTEGER").await;
    let good = "tidegate_plant_cycles_total{driver=\"opcua\",outcome=\"good\"}";
    let before = rig.count(good);
    let idle = async {
        while rig.count(good) < before + 20 {
            sleep(FAST).await;
        }
    };
    timeout(PATIENCE, idle).await.expect("reads go on");
    server.set("Line.Temp", 99.0);
    let point = rig.until("the change is told", |point| point.value == Value::Real(99.0)).await;
    assert_eq!((&*point.tag, point.quality), ("ns=2;s=Line.Temp", Quality::Good));
    let samples = rig.count("tidegate_plant_samples_total{driver=\"opcua\",outcome=\"taken\"}");
    assert!(samples <= 4, "{samples} samples for three values");
    rig.end().await;
    assert_eq!(dial(None).login(), None);
}
