//! Answers that are none: of a server that gives them on its first connection, and sound ones on those after it.

use crate::rig::{PATIENCE, Rig, values};
use std::net::Ipv4Addr;
use std::time::Duration;
use tidegate_service_plant::Value;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

const CHARGE: &str = "battery.charge:REAL";
const SOUND: &str = "VAR dummy battery.charge \"87.5\"\n";

/// Answers the first connection so, and closes it then if it is told to; serves until it is dropped.
async fn server(first: String, closes: bool) -> (u16, JoinSet<()>) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let mut serving = JoinSet::new();
    serving.spawn(async move {
        let mut clients = JoinSet::new();
        let (stream, _) = listener.accept().await.unwrap();
        clients.spawn(serve(stream, first, closes));
        while let Ok((stream, _)) = listener.accept().await {
            clients.spawn(serve(stream, SOUND.to_owned(), false));
        }
    });
    (port, serving)
}

async fn serve(stream: TcpStream, answer: String, closes: bool) {
    let mut stream = BufReader::new(stream);
    let mut request = String::new();
    while stream.read_line(&mut request).await.is_ok_and(|bytes| bytes > 0) {
        if stream.write_all(answer.as_bytes()).await.is_err() || closes {
            return;
        }
    }
}

/// The first connection answers so: that is bad by this code, and a value comes over the second one.
async fn recovers(first: &str, closes: bool, limit: Duration, code: &str) {
    let (port, _serving) = server(first.to_owned(), closes).await;
    let mut rig = Rig::over(port, &[CHARGE], limit);
    assert_eq!(values(&rig.sample().await), [(CHARGE, Value::Real(87.5))], "{first}");
    assert!(rig.bad(code) >= 1, "{first:?} is not {code}");
    assert!(rig.connections() >= 2);
    rig.end().await;
}

#[tokio::test]
async fn an_answer_to_something_else_ends_the_connection() {
    let long = format!("VAR dummy battery.charge \"{}\"\n", "8".repeat(2000));
    for first in [
        "VAR dummy battery.runtime \"1830\"\n",
        "VAR other battery.charge \"11\"\n",
        "VAR dummy battery.charge \"11\n",
        "VAR dummy battery.charge \"1\"1\"\n",
        "VAR dummy battery.charge 11\n",
        "OK\n",
        "\n",
        &long,
    ] {
        recovers(first, false, PATIENCE, "TG-NU-011").await;
    }
}

#[tokio::test]
async fn an_answer_that_breaks_off_is_none() {
    for first in ["", "VAR dummy battery.charge \"8"] {
        recovers(first, true, PATIENCE, "TG-NU-010").await;
    }
}

#[tokio::test]
async fn an_answer_that_never_comes_costs_one_timeout() {
    for first in ["", "VAR dummy battery.charge \"8"] {
        recovers(first, false, Duration::from_secs(1), "TG-PL-011").await;
    }
}
