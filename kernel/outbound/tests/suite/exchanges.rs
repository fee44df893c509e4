//! Requests and answers, and the limits on both.

use std::net::SocketAddr;
use std::time::Duration;
use tidegate_kernel_outbound::{Client, Dialer, HttpLimits, OutboundError, Request, Resolver, RootsError};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

fn client(url: &str, body_bytes_max: usize) -> Client {
    let dialer = Dialer::new(Resolver::system(), None).unwrap();
    let limit = Duration::from_millis(300);
    let limits = HttpLimits { connect: limit, head: limit, total: 2 * limit, body_bytes_max };
    Client::new(dialer, url.parse().unwrap(), limits)
}

/// Answers the first request of each connection with the same bytes and gives what it was asked.
async fn server(says: &'static str) -> (SocketAddr, tokio::sync::mpsc::Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (asked, receiver) = tokio::sync::mpsc::channel(8);
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut buffer = vec![0; 4096];
            let length = stream.read(&mut buffer).await.unwrap();
            asked.send(String::from_utf8_lossy(&buffer[..length]).into_owned()).await.unwrap();
            stream.write_all(says.as_bytes()).await.unwrap();
            if says.is_empty() {
                std::future::pending::<()>().await;
            }
        }
    });
    (address, receiver)
}

#[tokio::test]
async fn a_request_carries_path_host_and_headers() {
    let (address, mut asked) = server("HTTP/1.1 204 No Content\r\n\r\n").await;
    let client = client(&format!("http://{address}/base/"), 100);
    let answer = client.send(Request::post("/write?db=a", "body").with("x-one", "1")).await.unwrap();
    assert!(answer.is_success());
    let request = asked.recv().await.unwrap();
    assert!(request.starts_with("POST /base/write?db=a HTTP/1.1\r\n"), "{request}");
    assert!(
        request.contains(&format!("host: {address}\r\n")) && request.contains("x-one: 1\r\n"),
        "{request}"
    );
    assert!(request.ends_with("\r\n\r\nbody"), "{request}");
}

#[tokio::test]
async fn a_redirect_is_an_answer_and_is_not_followed() {
    let (address, _asked) =
        server("HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1:1/\r\ncontent-length: 0\r\n\r\n").await;
    assert_eq!(
        client(&format!("http://{address}"), 100).send(Request::post("/", "")).await.unwrap().status,
        302
    );
}

#[tokio::test]
async fn a_body_beyond_the_limit_is_cut_and_says_so() {
    let (address, _asked) = server("HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n0123456789").await;
    let answer = client(&format!("http://{address}"), 4).send(Request::post("/", "")).await.unwrap();
    assert_eq!((&answer.body[..], answer.broke_off.is_some()), (&b"0123"[..], true));
}

#[tokio::test]
async fn a_server_that_never_answers_is_given_up() {
    let (address, _asked) = server("").await;
    let error = client(&format!("http://{address}"), 4).send(Request::post("/", "")).await.unwrap_err();
    assert!(matches!(error, OutboundError::Timeout { .. }), "{error}");
}

#[tokio::test]
async fn nobody_there_is_a_refused_connection() {
    let address = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let error = client(&format!("http://{address}"), 4).send(Request::post("/", "")).await.unwrap_err();
    assert!(matches!(error, OutboundError::Connect { .. }), "{error}");
}

#[tokio::test]
async fn a_server_without_tls_does_not_prove_who_it_is() {
    let (address, _asked) = server("HTTP/1.1 400 Bad Request\r\n\r\n").await;
    let error = client(&format!("https://{address}"), 4).send(Request::post("/", "")).await.unwrap_err();
    assert!(matches!(error, OutboundError::Tls { .. }), "{error}");
}

#[test]
fn a_file_of_roots_without_one_is_refused() {
    let refused = Dialer::new(Resolver::system(), Some(b"no certificate here")).unwrap_err();
    assert!(matches!(refused, RootsError::Empty), "{refused}");
}
