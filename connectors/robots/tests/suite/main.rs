//! Robots against vendors of a few lines, alone and with the outbox before them.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on should say where")]

mod outbox;
mod stub;

use std::time::Duration;
use stub::{Manner, Stub};
use tidegate_connector_robots::{Address, Robot, Vendor};
use tidegate_kernel_outbound::{Dialer, HttpLimits, Resolver};
use tidegate_service_notice::{BySeverity, Courier, Message, Setback};

const WECOM_OK: &str = "{\"errcode\":0,\"errmsg\":\"ok\"}";

pub(crate) fn robot(vendor: Vendor, stub: &Stub, secret: Option<&str>) -> Robot {
    let total = Duration::from_millis(400);
    let limits = HttpLimits { total, head: total, ..HttpLimits::default() };
    let address = Address::parse(&format!("http://{}/send?key=k", stub.address)).unwrap();
    let dialer = Dialer::new(Resolver::system(), None).unwrap();
    Robot::new(vendor, dialer, address, secret.map(str::to_owned), limits)
}

fn message() -> Message {
    Message {
        subject: "[plant] one".to_owned(),
        text: "[plant] one\n温度过高".to_owned(),
        notices: Vec::new(),
        more: BySeverity::default(),
        expired: None,
        at_ms: 1_784_000_000_000,
    }
}

/// What a robot makes of an answer: a word, the code, and the seconds it is asked to wait.
async fn outcome(vendor: Vendor, manner: Manner) -> (&'static str, &'static str, Option<u64>) {
    let stub = Stub::start(vec![manner]).await;
    match robot(vendor, &stub, Some("s")).send(&message()).await {
        Ok(_) => ("sent", "", None),
        Err(Setback::Retry { error, after }) => ("retry", error.code, after.map(|after| after.as_secs())),
        Err(Setback::Broken(error)) => ("broken", error.code, None),
        Err(Setback::Refused(error)) => ("refused", error.code, None),
    }
}

#[tokio::test]
async fn a_200_with_a_code_is_what_the_code_says() {
    use Vendor::{Dingtalk, Feishu, Wecom};
    for (vendor, body, expected) in [
        (Wecom, WECOM_OK, ("sent", "", None)),
        (Wecom, "{\"errcode\":45009,\"errmsg\":\"api freq out of limit\"}", ("retry", "TG-NO-002", Some(60))),
        (Wecom, "{\"errcode\":93000,\"errmsg\":\"invalid webhook url\"}", ("broken", "TG-NO-003", None)),
        (Wecom, "{\"errcode\":-1,\"errmsg\":\"system busy\"}", ("retry", "TG-NO-001", None)),
        (Wecom, "{\"errcode\":40058,\"errmsg\":\"invalid content\"}", ("refused", "TG-NO-004", None)),
        (Dingtalk, "{\"errcode\":0,\"errmsg\":\"ok\"}", ("sent", "", None)),
        (Dingtalk, "{\"errcode\":130101,\"errmsg\":\"send too fast\"}", ("retry", "TG-NO-002", Some(600))),
        (Dingtalk, "{\"errcode\":302033,\"errmsg\":\"send too fast\"}", ("retry", "TG-NO-002", Some(600))),
        (Dingtalk, "{\"errcode\":310000,\"errmsg\":\"sign not match\"}", ("broken", "TG-NO-003", None)),
        (Dingtalk, "{\"errcode\":430104,\"errmsg\":\"inappropriate\"}", ("refused", "TG-NO-004", None)),
        (Feishu, "{\"code\":0,\"msg\":\"success\"}", ("sent", "", None)),
        (Feishu, "{\"StatusCode\":0,\"StatusMessage\":\"success\"}", ("sent", "", None)),
        (Feishu, "{\"code\":11232,\"msg\":\"frequency limited\"}", ("retry", "TG-NO-002", Some(15))),
        (Feishu, "{\"code\":19021,\"msg\":\"sign match fail\"}", ("broken", "TG-NO-003", None)),
        (Feishu, "{\"code\":19024,\"msg\":\"Key Words Not Found\"}", ("broken", "TG-NO-003", None)),
        (Feishu, "{\"code\":9499,\"msg\":\"too many request\"}", ("retry", "TG-NO-002", Some(15))),
        (Feishu, "{\"code\":9499,\"msg\":\"Bad Request\"}", ("refused", "TG-NO-004", None)),
    ] {
        assert_eq!(outcome(vendor, Manner::Says("200 OK", body)).await, expected, "{vendor:?} {body}");
    }
}

#[tokio::test]
async fn without_a_code_the_status_decides_and_a_200_alone_is_no_yes() {
    for (status, body, expected) in [
        ("200 OK", "<html>gateway</html>", ("retry", "TG-NO-006", None)),
        ("200 OK", "", ("retry", "TG-NO-006", None)),
        ("429 Too Many Requests", "", ("retry", "TG-NO-002", Some(60))),
        ("500 Internal Server Error", "oops", ("retry", "TG-NO-001", None)),
        ("502 Bad Gateway", "", ("retry", "TG-NO-001", None)),
        ("404 Not Found", "", ("broken", "TG-NO-003", None)),
        ("302 Found", "", ("broken", "TG-NO-003", None)),
        ("400 Bad Request", "", ("refused", "TG-NO-004", None)),
        ("400 Bad Request", "{\"errcode\":45009}", ("retry", "TG-NO-002", Some(60))),
    ] {
        assert_eq!(outcome(Vendor::Wecom, Manner::Says(status, body)).await, expected, "{status} {body}");
    }
    assert_eq!(outcome(Vendor::Webhook, Manner::Says("204 No Content", "")).await.0, "sent");
    let refusal = Manner::Says("422 Unprocessable Entity", "{\"errcode\":0}");
    assert_eq!(outcome(Vendor::Webhook, refusal).await, ("refused", "TG-NO-004", None));
}

#[tokio::test]
async fn how_long_to_wait_is_what_the_vendor_says_where_it_says_so() {
    let body = "{\"code\":99991400,\"msg\":\"request trigger frequency limit\"}";
    for (status, wait_s) in [
        ("400 Bad Request\r\nx-ogw-ratelimit-limit: 100\r\nx-ogw-ratelimit-reset: 52", 52),
        ("429 Too Many Requests\r\nx-ogw-ratelimit-reset: 7", 7),
        ("429 Too Many Requests\r\nretry-after: 9\r\nx-ogw-ratelimit-reset: 7", 9),
        ("429 Too Many Requests\r\nx-ogw-ratelimit-reset: soon", 15),
    ] {
        let expected = ("retry", "TG-NO-002", Some(wait_s));
        assert_eq!(outcome(Vendor::Feishu, Manner::Says(status, body)).await, expected, "{status}");
    }
}

#[tokio::test]
async fn a_robot_that_breaks_off_or_hangs_gets_the_message_again() {
    let half = "HTTP/1.1 200 OK\r\ncontent-length: 30\r\n\r\n{\"errcode\":0,";
    assert_eq!(outcome(Vendor::Wecom, Manner::Closes(half)).await, ("retry", "TG-NO-006", None));
    assert_eq!(outcome(Vendor::Wecom, Manner::Closes("")).await, ("retry", "TG-NO-001", None));
    assert_eq!(outcome(Vendor::Wecom, Manner::Hangs).await, ("retry", "TG-NO-001", None));
    // All that matters was said before it closed.
    let whole = "HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\n{\"errcode\":0,\"errmsg\":\"ok\"}";
    assert_eq!(outcome(Vendor::Wecom, Manner::Closes(whole)).await.0, "sent");
    assert_eq!(outcome(Vendor::Webhook, Manner::Closes(half)).await.0, "sent");
}

#[tokio::test]
async fn the_key_is_in_the_request_and_in_no_error() {
    let stub = Stub::start(vec![Manner::Says("500 Oops", "")]).await;
    let robot = robot(Vendor::Dingtalk, &stub, Some("SEC42"));
    let setback = robot.send(&message()).await.unwrap_err();
    let (head, body) = stub.seen().remove(0);
    assert!(head.starts_with("POST /send?key=k&timestamp=1784000000000&sign="), "{head}");
    assert!(body.contains("温度过高"));
    for shown in [setback.error().to_string(), format!("{robot:?}")] {
        assert!(!shown.contains("key=k") && !shown.contains("SEC42"), "{shown}");
    }
}

#[tokio::test]
async fn a_webhook_is_signed_over_its_body() {
    let stub = Stub::start(vec![Manner::Says("200 OK", "")]).await;
    robot(Vendor::Webhook, &stub, Some("s")).send(&message()).await.unwrap();
    let (head, body) = stub.seen().remove(0);
    assert!(head.contains("x-tidegate-signature: sha256="), "{head}");
    assert!(head.starts_with("POST /send?key=k HTTP") && body.contains("\"more\""), "{body}");
}
