//! Readings over HTTP, on a real socket and a real journal.

use crate::site::{Mood, Probe, Site};
use axum::extract::Request;
use axum::middleware::{Next, from_fn};
use proptest::prelude::*;
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;
use tidegate_kernel_journal::Id;
use tidegate_kernel_plug::{
    Allowance, Authenticate, Credential, Gate, HttpCounts, Knock, Principal, RequestLimits, Unauthenticated,
    Visit,
};
use tidegate_service_ingest::http::{HttpConfig, routes};
use tidegate_service_ingest::{Body, Row, Source};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

const PATIENCE: Duration = Duration::from_secs(20);

/// `line7` may publish below `line/7`, `slow` three readings a second, everybody else everything.
struct Names;

impl Authenticate for Names {
    fn authenticate(&self, credential: Credential<'_>, _: Knock) -> Result<Arc<Principal>, Unauthenticated> {
        let all = Principal::anonymous();
        Ok(Arc::new(match credential {
            Credential::Token("line7") => {
                let scopes = vec!["publish:line/7/#".parse().unwrap()];
                Principal { name: "line7".to_owned(), scopes, ..all }
            }
            Credential::Token("slow") => {
                let allowance = Allowance { messages_per_s_max: NonZeroU32::new(3), ..Allowance::default() };
                Principal { name: "slow".to_owned(), allowance, ..all }
            }
            _ => all,
        }))
    }
}

struct Door {
    site: Site,
    probe: Probe,
    address: SocketAddr,
    _dir: TempDir,
}

#[derive(Debug)]
struct Answer {
    status: u16,
    head: String,
    body: String,
}

impl Answer {
    fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error} in {self:?}"))
    }

    fn code(&self) -> (u16, String) {
        (self.status, self.json()["error"]["code"].as_str().unwrap().to_owned())
    }

    fn message(&self) -> String {
        self.json()["error"]["message"].as_str().unwrap().to_owned()
    }
}

async fn door_with(config: HttpConfig) -> Door {
    let dir = TempDir::new().unwrap();
    let (site, probe) = (Site::open(&dir), Probe::new(Mood::Takes));
    site.sink(&probe);
    let gate = Gate::new("test", Arc::new(Names), RequestLimits::default(), Arc::new(HttpCounts::default()));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let knocking = move |mut request: Request, next: Next| async move {
        request.extensions_mut().insert(Knock { peer: address, listener: address });
        request.extensions_mut().insert(Arc::new(Visit::new(Arc::default())));
        next.run(request).await
    };
    let router = routes(site.ingest.clone(), config).behind(Arc::new(gate)).layer(from_fn(knocking));
    tokio::spawn(async move { axum::serve(listener, router).await });
    Door { site, probe, address, _dir: dir }
}

async fn door() -> Door {
    door_with(HttpConfig::default()).await
}

impl Door {
    async fn post_as(&self, token: &str, target: &str, body: &str) -> Answer {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        let head = format!(
            "POST {target} HTTP/1.1\r\nhost: here\r\nconnection: close\r\nauthorization: Bearer {token}\r\ncontent-length: {}\r\n\r\n",
            body.len()
        );
        stream.write_all(head.as_bytes()).await.unwrap();
        stream.write_all(body.as_bytes()).await.unwrap();
        let mut answer = String::new();
        timeout(PATIENCE, stream.read_to_string(&mut answer)).await.expect("an answer").unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        Answer { status, head: head.to_owned(), body: body.to_owned() }
    }

    async fn post(&self, target: &str, body: &str) -> Answer {
        self.post_as("anyone", target, body).await
    }

    async fn batch(&self, token: &str, readings: Value) -> Answer {
        self.post_as(token, "/v1/readings", &json!({ "readings": readings }).to_string()).await
    }

    /// Received, accepted, malformed, refused; and the sums close.
    fn counts(&self) -> [u64; 4] {
        let account = self.site.ingest.accounts().admission;
        assert_eq!(account.difference, 0);
        [account.received, account.accepted, account.malformed, account.refused]
    }
}

fn topics(rows: &[Row]) -> Vec<&str> {
    rows.iter().map(|row| row.reading.topic.as_str()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_is_taken_reading_by_reading_and_says_their_ids() {
    let door = door().await;
    let answer = door
        .batch(
            "line7",
            json!([
                {"topic": "line/7/temp", "payload": 21.5, "time_ms": 1_700_000_000_000_u64},
                {"topic": "line/7/state", "payload": "läuft"},
                {"topic": "line/7/all", "payload": {"a": [1, true, null]}},
            ]),
        )
        .await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let rows = door.probe.rows(3).await;
    let payloads: Vec<_> = rows.iter().map(|row| row.reading.payload().unwrap().as_ref()).collect();
    assert_eq!(payloads, [b"21.5".as_slice(), "läuft".as_bytes(), br#"{"a":[1,true,null]}"#]);
    let first = &rows[0].reading;
    assert_eq!(
        (first.source, first.principal.as_str(), first.source_ms),
        (Source::Http, "line7", Some(1_700_000_000_000))
    );
    assert_eq!(rows[1].reading.content_type.as_str(), "text/plain");
    let report = answer.json();
    assert_eq!((&report["accepted"], &report["refused"]), (&json!(3), &json!(0)));
    assert_eq!(report["results"][0], json!({"status": "accepted", "id": rows[0].id.to_string()}));
    assert_eq!(door.counts(), [3, 3, 0, 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_taken_is_said_for_each_reading_and_counted() {
    let door = door().await;
    let answer = door
        .batch(
            "line7",
            json!([
                {"topic": "line/7/temp", "payload": 1},
                {"topic": "line/8/temp", "payload": 1},
                {"topic": "line/7/+", "payload": 1},
                {"topic": "line/7/temp", "payload": 1, "id": "no"},
            ]),
        )
        .await;
    assert_eq!(answer.status, 207, "{answer:?}");
    let report = answer.json();
    let codes: Vec<_> =
        report["results"].as_array().unwrap().iter().map(|line| line["code"].as_str()).collect();
    assert_eq!(codes, [None, Some("TG-ID-004"), Some("TG-IN-041"), Some("TG-IN-042")]);
    assert_eq!(door.counts(), [4, 1, 2, 1]);
}

#[tokio::test(flavor = "multi_thread")]
async fn where_nothing_is_taken_for_one_reason_the_request_is_refused_for_it() {
    let door = door().await;
    let elsewhere = json!([{"topic": "line/8/temp", "payload": 1}, {"topic": "a", "payload": 1}]);
    let answer = door.batch("line7", elsewhere).await;
    assert_eq!(answer.code(), (403, "TG-ID-004".to_owned()));
    let answer = door.batch("line7", json!([{"topic": "", "payload": 1}])).await;
    assert_eq!(answer.code(), (400, "TG-IN-041".to_owned()));
    assert_eq!(door.batch("line7", json!([])).await.status, 200);
    assert_eq!(door.counts(), [3, 0, 1, 2]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_is_no_batch_is_refused_with_its_place_and_counted_once() {
    let door = door().await;
    let answer = door.post("/v1/readings", "{\"readings\":[\n{\"topic\":\"a\",\"payload\":1},oops]}").await;
    assert_eq!(answer.code(), (400, "TG-IN-040".to_owned()));
    assert!(answer.message().contains("line 2 column 27"), "{answer:?}");
    let deep = format!("{{\"readings\":[{{\"topic\":\"a\",\"payload\":{}1", "[".repeat(100_000));
    for body in [
        "",
        "[]",
        "{}",
        "{\"readings\":[{\"topic\":1,\"payload\":1}]}",
        "{\"readings\":[{\"topic\":\"a\"}]}",
        "{\"readings\":[{\"topic\":\"a\",\"payload\":1,\"tme_ms\":1}]}",
        "{\"readings\":[{\"topic\":\"a\",\"payload\":1,\"time_ms\":-1}]}",
        &deep,
    ] {
        assert_eq!(door.post("/v1/readings", body).await.code().1, "TG-IN-040", "{:.60}", body);
    }
    assert_eq!(door.counts(), [9, 0, 9, 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_idempotency_key_is_taken_once_however_often_it_is_sent() {
    let door = door().await;
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    let key = Id::v7(since.as_millis() as u64).to_string();
    let reading = json!([{"topic": "line/7/temp", "payload": 1, "id": key}]);
    let first = door.batch("line7", reading.clone()).await;
    assert_eq!(first.json()["results"][0], json!({"status": "accepted", "id": key}));
    let again = door.batch("line7", reading).await;
    assert_eq!((again.status, &again.json()["results"][0]), (200, &json!({"status": "known", "id": key})));
    assert_eq!(door.counts(), [2, 1, 0, 1]);
    assert_eq!(door.probe.rows(1).await[0].id.to_string(), key);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_has_its_limits() {
    let door =
        door_with(HttpConfig { batch_readings_max: 2, body_bytes_max: 300, ..HttpConfig::default() }).await;
    let one = json!({"topic": "a", "payload": 1});
    assert_eq!(door.batch("x", json!([one, one, one])).await.code(), (413, "TG-IN-043".to_owned()));
    assert_eq!(door.post("/write", "a b=1\na b=2\na b=3").await.code(), (413, "TG-IN-043".to_owned()));
    let long = json!([{"topic": "a", "payload": "x".repeat(300)}]);
    assert_eq!(door.batch("x", long).await.code(), (413, "TG-HT-003".to_owned()));
    assert_eq!(door.counts(), [0; 4]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_principal_beyond_its_allowance_waits() {
    let door = door().await;
    let one = json!({"topic": "a", "payload": 1});
    assert_eq!(door.batch("slow", json!([one, one, one])).await.status, 200);
    let answer = door.batch("slow", json!([one, one, one])).await;
    assert_eq!(answer.code(), (429, "TG-HT-005".to_owned()));
    assert!(answer.head.contains("retry-after: 1"), "{answer:?}");
    assert_eq!(door.batch("line7", json!([{"topic": "line/7/a", "payload": 1}])).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn lines_are_points_on_a_topic_of_measurement_and_tags() {
    let door = door().await;
    let body =
        "press,unit=3,line=7 temp=21.5,on=t,count=4i,state=\"runs\" 1700000000\n\n# a comment\nroom temp=1";
    let answer = door.post("/write?db=plant&precision=s", body).await;
    assert_eq!((answer.status, answer.body.as_str()), (204, ""), "{answer:?}");
    let rows = door.probe.rows(2).await;
    assert_eq!(topics(&rows), ["press/7/3", "room"]);
    assert_eq!((rows[0].reading.source, rows[0].reading.source_ms), (Source::Http, Some(1_700_000_000_000)));
    let Body::Points(points) = &rows[0].reading.body else { panic!("points") };
    let tags: Vec<_> = points.points.iter().map(|point| &*point.tag).collect();
    assert_eq!((&*points.device, tags), ("press/7/3", vec!["temp", "on", "count", "state"]));
    assert!(points.points.iter().all(|point| point.source_ms == 1_700_000_000_000));
    let answer = door
        .post("/api/v2/write?bucket=plant&org=o&topic=%7Bdb%7D/%7Btag.line%7D", "press,line=8 temp=1")
        .await;
    assert_eq!(answer.status, 204, "{answer:?}");
    assert_eq!(topics(&door.probe.rows(3).await)[2], "plant/8");
    assert_eq!(door.counts(), [3, 3, 0, 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn good_lines_are_taken_although_others_are_not() {
    let door = door().await;
    let answer =
        door.post("/write", "a b=1\na b=\na b=18446744073709551615u\na,t=+ b=1\na b=1 -1\na b=2").await;
    assert_eq!(answer.code(), (400, "TG-IN-044".to_owned()));
    let message = answer.message();
    assert!(
        message.starts_with("partial write: line 2: ") && message.ends_with("taken=2 dropped=4"),
        "{message}"
    );
    let answer = door.post_as("line7", "/write", "line,u=7/a b=1\nline,u=8/a b=1").await;
    assert_eq!(answer.code(), (403, "TG-ID-004".to_owned()));
    assert!(answer.message().ends_with("taken=1 dropped=1"), "{answer:?}");
    assert_eq!(door.counts(), [8, 3, 4, 1]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_query_that_is_not_understood_is_refused_before_anything_is_taken() {
    let door = door().await;
    for target in ["/write?precision=d", "/write?topic=%7Bnothing%7D"] {
        assert_eq!(door.post(target, "a b=1").await.code(), (400, "TG-IN-046".to_owned()));
    }
    assert_eq!(door.counts(), [0; 4]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_drains_takes_nothing_over_http() {
    use tidegate_kernel_plug::Capability;
    let door = door().await;
    door.site.ingest.drain(std::time::Instant::now()).await;
    let answer = door.batch("x", json!([{"topic": "a", "payload": 1}])).await;
    assert_eq!(answer.code(), (503, "TG-IN-002".to_owned()));
    assert!(answer.head.contains("retry-after: 1"), "{answer:?}");
    assert_eq!(door.counts(), [1, 0, 0, 1]);
}

/// What was received before a crash, and what the next start says of it: received, and lost at most.
async fn crashed(requests: &[(usize, usize)]) -> (u64, u64, u64) {
    let door = door().await;
    for (good, bad) in requests {
        let lines = "press temp=1\n".repeat(*good) + &"press temp=\n".repeat(*bad);
        door.post("/write", &lines).await;
    }
    let before = door.counts()[0];
    let Door { site, _dir: dir, .. } = door;
    site.crash();
    let account = Site::open(&dir).ingest.accounts().admission;
    assert_eq!((account.crashes, account.difference), (1, 0));
    (before, account.received, account.lost_at_crash_max)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(6))]
    #[test]
    fn a_crash_takes_no_more_than_its_bound_whatever_requests_were_full_of(
        requests in prop::collection::vec((0..40_usize, 0..2500_usize), 1..4)
    ) {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let (before, received, lost_max) = runtime.block_on(crashed(&requests));
        prop_assert!(received <= before && before <= received + lost_max, "{before} {received} {lost_max}");
    }
}
