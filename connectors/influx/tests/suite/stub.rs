//! A server of a few lines, for the answers a real one gives only in bad times.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// What it does with each request.
#[derive(Debug, Clone)]
pub(crate) enum Manner {
    /// Sends this and keeps the connection.
    Says(String),
    /// Sends this and closes the connection.
    SaysAndCloses(String),
    /// Closes without a word.
    Resets,
    /// Never answers.
    Hangs,
}

#[derive(Debug, Clone)]
pub(crate) struct Stub {
    pub(crate) address: SocketAddr,
    pub(crate) requests: Arc<AtomicUsize>,
    pub(crate) connections: Arc<AtomicUsize>,
}

pub(crate) fn answer(status: &str, headers: &str, body: &str) -> String {
    format!("HTTP/1.1 {status}\r\n{headers}content-length: {}\r\n\r\n{body}", body.len())
}

impl Stub {
    pub(crate) async fn start(manner: Manner) -> Stub {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let stub = Stub { address, requests: Arc::default(), connections: Arc::default() };
        let serving = stub.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                serving.connections.fetch_add(1, Ordering::SeqCst);
                tokio::spawn(serve(stream, manner.clone(), serving.requests.clone()));
            }
        });
        stub
    }
}

async fn serve(mut stream: TcpStream, manner: Manner, requests: Arc<AtomicUsize>) {
    while read_request(&mut stream).await {
        requests.fetch_add(1, Ordering::SeqCst);
        match &manner {
            Manner::Says(text) => stream.write_all(text.as_bytes()).await.unwrap_or_default(),
            Manner::SaysAndCloses(text) => {
                return stream.write_all(text.as_bytes()).await.unwrap_or_default();
            }
            Manner::Resets => return,
            Manner::Hangs => std::future::pending().await,
        }
    }
}

/// False at the end of the connection.
async fn read_request(stream: &mut TcpStream) -> bool {
    let (mut read, mut buffer) = (Vec::new(), [0; 4096]);
    loop {
        if let Some(end) = read.windows(4).position(|window| window == b"\r\n\r\n") {
            let head = String::from_utf8_lossy(&read[..end]).to_ascii_lowercase();
            let length =
                head.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse::<usize>().ok());
            if read.len() >= end + 4 + length.unwrap_or(0) {
                return true;
            }
        }
        match stream.read(&mut buffer).await {
            Ok(0) | Err(_) => return false,
            Ok(many) => read.extend_from_slice(&buffer[..many]),
        }
    }
}
