//! Connections that misbehave, on a real socket.

use super::*;
use crate::events::Pieces;
use axum::body::Body;
use axum::extract::State;
use serde_json::Value;
use tidegate_kernel_plug::{Credential, Need, Principal, RequestLimits, Route, Unauthenticated, exposition};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::{Notify, mpsc};

const PATIENCE: Duration = Duration::from_secs(20);

struct Anyone;

impl Authenticate for Anyone {
    fn authenticate(
        &self,
        _: Credential<'_>,
        _: tidegate_kernel_plug::Knock,
    ) -> Result<Arc<Principal>, Unauthenticated> {
        Ok(Arc::new(Principal::anonymous()))
    }
}

struct Site {
    http: Arc<Http>,
    counts: Arc<HttpCounts>,
    /// Lets the handler of `/slow` answer.
    go: Arc<Notify>,
    /// The handler of `/slow` has begun.
    begun: Arc<Notify>,
}

fn config() -> Config {
    Config { listen: "127.0.0.1:0".parse().unwrap(), ..Config::default() }
}

async fn site(config: Config) -> Site {
    let (counts, go, begun) =
        (Arc::new(HttpCounts::default()), Arc::new(Notify::new()), Arc::new(Notify::new()));
    let waits = (go.clone(), begun.clone());
    let slow = move || async move {
        waits.1.notify_one();
        waits.0.notified().await;
        "at last"
    };
    let echo = Route {
        method: axum::http::Method::POST,
        body_bytes_max: 1000,
        ..Route::get("/echo", Need::Nothing, "")
    };
    let routes = Routes::new()
        .with(Route::get("/hi", Need::Nothing, ""), || async { "hi" }, ())
        .with(Route::get("/slow", Need::Nothing, ""), slow, ())
        .with(Route::get("/long", Need::Nothing, ""), long, go.clone())
        .with(echo, |body: axum::body::Bytes| async move { body }, ());
    let shared = Shared {
        authenticate: Arc::new(Anyone),
        counts: counts.clone(),
        stays: Arc::default(),
        witness: None,
    };
    let http = Arc::new(Http::bind("test", &config, routes, &shared, None).await.unwrap());
    let serving = http.clone();
    tokio::spawn(async move { serving.serve().await });
    Site { http, counts, go, begun }
}

/// An answer whose second half comes when it is told to.
async fn long(State(go): State<Arc<Notify>>) -> Body {
    let (pieces, queue) = mpsc::channel(1);
    tokio::spawn(async move {
        pieces.send("one".into()).await.unwrap();
        go.notified().await;
        pieces.send("two".into()).await.unwrap();
    });
    Body::new(Pieces(queue))
}

impl Site {
    async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.http.address()).await.unwrap()
    }

    async fn say(&self, text: &str) -> TcpStream {
        let mut stream = self.connect().await;
        stream.write_all(text.as_bytes()).await.unwrap();
        stream
    }

    fn counted(&self, code: &str) -> bool {
        let sample = format!("tidegate_http_refusals_total{{listener=\"test\",code=\"{code}\"}} 1\n");
        exposition(&self.counts.families()).contains(&sample)
    }
}

async fn rest(mut stream: TcpStream) -> String {
    let mut text = Vec::new();
    let read =
        tokio::time::timeout(PATIENCE, stream.read_to_end(&mut text)).await.expect("the connection ends");
    read.unwrap();
    String::from_utf8(text).unwrap()
}

fn refused(answer: &str, status: u16, code: &str) {
    assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{answer}");
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let json: Value = serde_json::from_str(body).unwrap();
    assert_eq!(json["error"]["code"], code);
    assert!(head.contains(json["request_id"].as_str().unwrap()), "{answer}");
}

const HI: &str = "GET /hi HTTP/1.1\r\nhost: here\r\n\r\n";

async fn greeted(stream: &mut TcpStream) {
    stream.write_all(HI.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    while !answer.ends_with(b"\r\n\r\nhi") {
        let byte = tokio::time::timeout(PATIENCE, stream.read_u8()).await.expect("an answer").unwrap();
        answer.push(byte);
    }
}

#[tokio::test]
async fn a_connection_serves_one_request_after_another() {
    let site = site(config()).await;
    let mut stream = site.connect().await;
    for _ in 0..3 {
        greeted(&mut stream).await;
    }
}

#[tokio::test]
async fn a_head_that_comes_slowly_is_refused_however_often_a_byte_comes() {
    let site = site(Config { head_ms_max: 200, ..config() }).await;
    refused(&rest(site.say("GET /hi HTT").await).await, 408, "TG-HT-006");
    assert!(site.counted("TG-HT-006"));
    let mut stream = site.connect().await;
    greeted(&mut stream).await;
    let drip = async {
        loop {
            // Fails once the other side has closed.
            if stream.write_all(b"G").await.is_err() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(PATIENCE, drip).await.expect("a drip does not hold a connection");
}

#[tokio::test]
async fn a_connection_that_says_nothing_is_closed_without_a_word() {
    let site = site(Config { head_ms_max: 100, idle_ms_max: 100, ..config() }).await;
    assert_eq!(rest(site.connect().await).await, "");
    let mut stream = site.connect().await;
    greeted(&mut stream).await;
    assert_eq!(rest(stream).await, "");
}

#[tokio::test]
async fn what_is_no_http_and_what_is_far_too_large_is_refused_in_the_shape_of_all_refusals() {
    let site = site(config()).await;
    refused(&rest(site.say("\x16\x03\x01\x02\0\x01\0\x01\u{7f}\r\n\r\n").await).await, 400, "TG-HT-007");
    let many: String = (0..400).map(|at| format!("x-{at}: 1\r\n")).collect();
    refused(&rest(site.say(&format!("GET /hi HTTP/1.1\r\n{many}\r\n")).await).await, 431, "TG-HT-004");
    let long = format!("GET /hi HTTP/1.1\r\nconnection: close\r\nx-1: {}\r\n\r\n", "a".repeat(60_000));
    refused(&rest(site.say(&long).await).await, 431, "TG-HT-004");
    let longest = format!("GET /hi HTTP/1.1\r\nx-1: {}\r\n\r\n", "a".repeat(200_000));
    refused(&rest(site.say(&longest).await).await, 431, "TG-HT-004");
}

#[tokio::test]
async fn a_refusal_is_read_although_the_client_is_still_sending() {
    let site = site(config()).await;
    let body = "x".repeat(2_000_000);
    let mut stream = site.connect().await;
    let head = format!("POST /echo HTTP/1.1\r\nhost: here\r\ncontent-length: {}\r\n\r\n", body.len());
    stream.write_all(head.as_bytes()).await.unwrap();
    let (mut reading, mut writing) = stream.into_split();
    let sending = tokio::spawn(async move { writing.write_all(body.as_bytes()).await });
    let mut answer = vec![0; 12];
    tokio::time::timeout(PATIENCE, reading.read_exact(&mut answer)).await.expect("an answer").unwrap();
    assert_eq!(answer, b"HTTP/1.1 413");
    drop(reading);
    let _ = tokio::time::timeout(PATIENCE, sending).await.expect("sending ends");
}

#[tokio::test]
async fn a_connection_too_many_is_told_so() {
    let site = site(Config { connections_max: 2, connections_per_address_max: 1, ..config() }).await;
    let mut first = site.connect().await;
    greeted(&mut first).await;
    let answer = rest(site.connect().await).await;
    refused(&answer, 503, "TG-HT-008");
    assert!(answer.contains("\r\nretry-after: 1\r\n"), "{answer}");
    drop(first);
    let again = async {
        while !rest(site.say("GET /hi HTTP/1.1\r\nconnection: close\r\n\r\n").await).await.ends_with("hi") {}
    };
    tokio::time::timeout(PATIENCE, again).await.expect("a seat comes back");
}

#[tokio::test]
async fn a_drain_answers_what_was_asked_and_closes_what_waits() {
    let site = site(config()).await;
    let mut waiting = site.connect().await;
    greeted(&mut waiting).await;
    let asked = site.say("GET /slow HTTP/1.1\r\nhost: here\r\n\r\n").await;
    site.begun.notified().await;
    let http = site.http.clone();
    let drained = tokio::spawn(async move { http.drain(Instant::now() + PATIENCE).await });
    assert_eq!(rest(waiting).await, "");
    assert_ne!(site.http.readiness(), Readiness::Ready);
    site.go.notify_one();
    assert!(rest(asked).await.ends_with("at last"));
    assert_eq!(drained.await.unwrap(), []);
}

#[tokio::test]
async fn a_drain_cuts_what_is_not_answered_in_time_and_says_so() {
    let site = site(config()).await;
    let asked = site.say("GET /slow HTTP/1.1\r\nhost: here\r\n\r\n").await;
    site.begun.notified().await;
    let left = site.http.drain(Instant::now()).await;
    assert_eq!((left[0].part.as_str(), left[0].count), ("test", 1));
    assert_eq!(rest(asked).await, "");
}

#[tokio::test]
async fn a_setting_out_of_range_and_an_address_in_use_have_their_codes() {
    let limits = RequestLimits { headers_max: 1, ..RequestLimits::default() };
    let error = Config { requests: limits, ..config() }.check().unwrap_err();
    assert_eq!(
        (error.code(), error.to_string().as_str()),
        ("TG-HT-020", "headers_max is 1, and may be from 8 to 1000")
    );
    let site = site(config()).await;
    let taken = Config { listen: site.http.address(), ..config() };
    let shared = Shared {
        authenticate: Arc::new(Anyone),
        counts: site.counts.clone(),
        stays: Arc::default(),
        witness: None,
    };
    let error = Http::bind("test", &taken, Routes::new(), &shared, None).await.unwrap_err();
    assert_eq!(error.code(), "TG-ND-001");
}

#[tokio::test]
async fn an_answer_that_goes_on_is_silent_for_as_long_as_it_likes() {
    let idle = Duration::from_millis(100);
    let site = site(Config { idle_ms_max: 100, ..config() }).await;
    let mut stream = site.say("GET /long HTTP/1.1\r\nhost: here\r\nconnection: close\r\n\r\n").await;
    let (mut text, mut piece) = (String::new(), [0; 1024]);
    while !text.contains("one") {
        let read = stream.read(&mut piece).await.unwrap();
        assert!(read > 0, "cut off after {text}");
        text.push_str(std::str::from_utf8(&piece[..read]).unwrap());
    }
    let silent = tokio::time::timeout(3 * idle, stream.read(&mut piece)).await;
    assert!(silent.is_err(), "cut off while it went on: {silent:?}");
    site.go.notify_one();
    assert!(rest(stream).await.contains("two"));
}
