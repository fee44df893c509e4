//! What holds for every route, asked over a real socket.

use axum::Extension;
use axum::body::Bytes;
use axum::extract::{Query, Request};
use axum::http::{Method, StatusCode};
use axum::middleware::{Next, from_fn};
use axum::response::Response;
use serde_json::Value;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;
use tidegate_kernel_flow::Rate;
use tidegate_kernel_plug::{
    Authenticate, Credential, Gate, HttpCounts, Knock, Need, Principal, Refusal, RequestId, RequestLimits,
    Role, Route, Routes, Unauthenticated, Visit, exposition,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

const PATIENCE: Duration = Duration::from_secs(20);

/// Knows one operator and one device.
struct Names;

impl Authenticate for Names {
    fn authenticate(&self, credential: Credential<'_>, _: Knock) -> Result<Arc<Principal>, Unauthenticated> {
        let named = |name: &str, roles| Principal { name: name.to_owned(), roles, ..Principal::anonymous() };
        match credential {
            Credential::Anonymous => Err(Unauthenticated::Missing),
            Credential::Token("operator") => Ok(Arc::new(named("ada", vec![Role::Operator]))),
            Credential::Secret { name: "press-7", secret: b"abc" } => {
                Ok(Arc::new(named("press-7", Vec::new())))
            }
            Credential::Token("again") => {
                Err(Unauthenticated::TooManyTries { wait: Duration::from_millis(1500) })
            }
            _ => Err(Unauthenticated::Unknown),
        }
    }
}

struct Site {
    address: SocketAddr,
    counts: Arc<HttpCounts>,
}

#[derive(Debug)]
struct Answer {
    status: u16,
    head: String,
    body: String,
}

impl Answer {
    fn code(&self) -> String {
        let json: Value = serde_json::from_str(&self.body).unwrap();
        assert!(!json["error"]["message"].as_str().unwrap().is_empty());
        assert!(!json["error"]["hint"].as_str().unwrap().is_empty());
        assert_eq!(json["request_id"].as_str(), self.header("x-request-id"));
        json["error"]["code"].as_str().unwrap().to_owned()
    }

    fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
    }
}

fn routes() -> Routes {
    let post =
        |path, need, body_bytes_max| Route { method: Method::POST, path, need, body_bytes_max, purpose: "" };
    let name = |Extension(principal): Extension<Arc<Principal>>| async move { principal.name.clone() };
    let id = |Extension(id): Extension<RequestId>| async move { id.to_string() };
    let refuse = || async {
        Refusal::new(StatusCode::CONFLICT, "TG-XX-001", "no", "do not").after(Duration::from_secs(7))
    };
    Routes::new()
        .with(Route::get("/open", Need::Nothing, "Open to all."), id, ())
        .with(Route::get("/who", Need::Authenticated, "Says a name."), name, ())
        .with(Route::get("/operate", Need::Role(Role::Operator), "For operators."), name, ())
        .with(Route::get("/look", Need::AnyRole, "For people with a role."), name, ())
        .with(post("/echo", Need::Nothing, 1000), |body: Bytes| async move { body }, ())
        .with(post("/refuse", Need::Nothing, 0), refuse, ())
        .with(
            Route::get("/query", Need::Nothing, "Wants a number."),
            |_: Query<BTreeMap<String, u8>>| async {},
            (),
        )
}

async fn site_with(limits: RequestLimits) -> Site {
    let counts = Arc::new(HttpCounts::default());
    let gate = Gate::new("test", Arc::new(Names), limits, counts.clone());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let knocking = move |mut request: Request, next: Next| async move {
        request.extensions_mut().insert(Knock { peer: address, listener: address });
        request.extensions_mut().insert(Arc::new(Visit::new(Arc::default())));
        let answer: Response = next.run(request).await;
        answer
    };
    let router = routes().behind(Arc::new(gate)).layer(from_fn(knocking));
    tokio::spawn(async move { axum::serve(listener, router).await });
    Site { address, counts }
}

async fn site() -> Site {
    site_with(RequestLimits::default()).await
}

impl Site {
    async fn ask(&self, request: &str, fields: &str, body: &str) -> Answer {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        let length =
            if body.is_empty() { String::new() } else { format!("content-length: {}\r\n", body.len()) };
        let text =
            format!("{request} HTTP/1.1\r\nhost: here\r\nconnection: close\r\n{length}{fields}\r\n{body}");
        stream.write_all(text.as_bytes()).await.unwrap();
        let mut answer = String::new();
        timeout(PATIENCE, stream.read_to_string(&mut answer)).await.expect("an answer").unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        Answer { status, head: head.to_owned(), body: body.to_owned() }
    }

    async fn refused(&self, request: &str, fields: &str, status: u16, code: &str) -> Answer {
        let answer = self.ask(request, fields, "").await;
        assert_eq!((answer.status, answer.code().as_str()), (status, code), "{request} {fields}");
        answer
    }
}

#[tokio::test]
async fn a_request_keeps_a_good_id_and_gets_one_in_place_of_a_bad_one() {
    let site = site().await;
    let answer = site.ask("GET /open", "x-request-id: abc-1\r\n", "").await;
    assert_eq!(
        (answer.status, answer.body.as_str(), answer.header("x-request-id")),
        (200, "abc-1", Some("abc-1"))
    );
    let long = "a".repeat(65);
    for bad in ["", "a b", long.as_str(), "\u{e9}"] {
        let answer = site.ask("GET /open", &format!("x-request-id: {bad}\r\n"), "").await;
        let id = answer.header("x-request-id").unwrap();
        assert!(id.len() == 36 && id.as_bytes()[14] == b'7' && answer.body == id, "{bad:?} {id}");
    }
    let refused = site.refused("GET /nothing", "x-request-id: abc-2\r\n", 404, "TG-HT-001").await;
    assert_eq!(refused.header("x-request-id"), Some("abc-2"));
}

#[tokio::test]
async fn every_refusal_has_the_one_shape() {
    let site = site().await;
    site.refused("GET /nothing", "", 404, "TG-HT-001").await;
    let answer = site.refused("DELETE /echo", "", 405, "TG-HT-002").await;
    assert_eq!(answer.header("allow"), Some("POST"));
    let answer = site.refused("POST /refuse", "", 409, "TG-XX-001").await;
    assert_eq!(answer.header("retry-after"), Some("7"));
    site.refused("GET /query?a=b", "", 400, "TG-HT-007").await;
    let page = exposition(&site.counts.families());
    assert!(
        page.contains("tidegate_http_refusals_total{listener=\"test\",code=\"TG-HT-002\"} 1\n"),
        "{page}"
    );
    assert!(page.contains("tidegate_http_answers_total{listener=\"test\",status=\"405\"} 1\n"), "{page}");
}

#[tokio::test]
async fn a_route_serves_those_it_says() {
    let site = site().await;
    let (operator, device) =
        ("authorization: Bearer operator\r\n", "authorization: Basic cHJlc3MtNzphYmM=\r\n");
    for path in ["GET /who", "GET /operate", "GET /look"] {
        let answer = site.refused(path, "", 401, "TG-ID-001").await;
        assert!(answer.header("www-authenticate").unwrap().starts_with("Bearer"));
        site.refused(path, "authorization: Bearer nobody\r\n", 401, "TG-ID-002").await;
        site.refused(path, "authorization: nonsense\r\n", 401, "TG-ID-002").await;
        let answer = site.refused(path, "authorization: Bearer again\r\n", 429, "TG-ID-003").await;
        assert_eq!(answer.header("retry-after"), Some("2"));
        assert_eq!(site.ask(path, operator, "").await.body, "ada");
    }
    assert_eq!(site.ask("GET /who", device, "").await.body, "press-7");
    site.refused("GET /operate", device, 403, "TG-ID-004").await;
    site.refused("GET /look", device, 403, "TG-ID-004").await;
    assert_eq!(site.ask("GET /open", "authorization: nonsense\r\n", "").await.status, 200);
}

#[tokio::test]
async fn a_body_is_read_up_to_its_limit_whether_its_size_is_announced_or_not() {
    let site = site().await;
    let body = "x".repeat(1000);
    assert_eq!(site.ask("POST /echo", "", &body).await.body, body);
    let answer = site.ask("POST /echo", "", &"x".repeat(1001)).await;
    assert_eq!((answer.status, answer.code().as_str()), (413, "TG-HT-003"));
    let chunked = "transfer-encoding: chunked\r\n\r\n1f5\r\n";
    let half = "x".repeat(0x1f5);
    let answer = site.ask("POST /echo", &format!("{chunked}{half}\r\n1f5\r\n{half}\r\n0\r\n\r\n"), "").await;
    assert_eq!((answer.status, answer.code().as_str()), (413, "TG-HT-003"));
}

#[tokio::test]
async fn a_body_that_is_compressed_is_not_unpacked() {
    let site = site().await;
    site.refused("POST /echo", "content-encoding: gzip\r\n", 415, "TG-HT-009").await;
    assert_eq!(site.ask("POST /echo", "content-encoding: identity\r\n", "x").await.body, "x");
}

#[tokio::test]
async fn a_head_has_so_many_fields_and_bytes_at_most() {
    let limits = RequestLimits { headers_max: 10, header_bytes_max: 500, ..RequestLimits::default() };
    let site = site_with(limits).await;
    let fields: String = (0..8).map(|at| format!("x-{at}: 1\r\n")).collect();
    assert_eq!(site.ask("GET /open", &fields, "").await.status, 200);
    site.refused("GET /open", &format!("{fields}x-8: 1\r\n"), 431, "TG-HT-004").await;
    site.refused("GET /open", &format!("x-1: {}\r\n", "a".repeat(500)), 431, "TG-HT-004").await;
    site.refused(&format!("GET /open?{}", "a".repeat(500)), "", 431, "TG-HT-004").await;
}

#[tokio::test]
async fn a_principal_that_comes_too_often_waits_and_others_do_not() {
    let slowly = Rate { per_s: NonZeroU32::MIN, burst: NonZeroU32::new(3).unwrap() };
    let site = site_with(RequestLimits { requests: slowly, ..RequestLimits::default() }).await;
    let operator = "authorization: Bearer operator\r\n";
    for _ in 0..3 {
        assert_eq!(site.ask("GET /who", operator, "").await.status, 200);
    }
    let answer = site.refused("GET /who", operator, 429, "TG-HT-005").await;
    assert_eq!(answer.header("retry-after"), Some("1"));
    assert_eq!(site.ask("GET /who", "authorization: Basic cHJlc3MtNzphYmM=\r\n", "").await.status, 200);
}

#[tokio::test]
async fn a_body_that_does_not_come_is_not_waited_for() {
    let site = site_with(RequestLimits { body_ms_max: 50, ..RequestLimits::default() }).await;
    let answer = site.ask("POST /echo", "content-length: 10\r\n", "").await;
    assert_eq!((answer.status, answer.code().as_str()), (408, "TG-HT-006"));
}

#[tokio::test]
async fn bodies_together_have_a_budget_that_is_given_back() {
    let site = site_with(RequestLimits { bodies_bytes_max: 900, ..RequestLimits::default() }).await;
    let answer = site.ask("POST /echo", "", &"x".repeat(901)).await;
    assert_eq!((answer.status, answer.code().as_str()), (503, "TG-HT-008"));
    for _ in 0..5 {
        assert_eq!(site.ask("POST /echo", "", &"x".repeat(900)).await.status, 200);
    }
}

#[test]
fn routes_say_what_they_are_for() {
    let all = routes().and(Routes::new().with(Route::get("/more", Need::Nothing, "More."), || async {}, ()));
    let listed: Vec<_> = all.list().map(|route| (route.method.as_str(), route.path)).collect();
    assert_eq!(listed.first().zip(listed.last()), Some((&("GET", "/open"), &("GET", "/more"))));
}
