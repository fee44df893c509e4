//! A vendor of a few lines: answers in turn, and keeps what it was sent.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// What it does with a request.
#[derive(Debug, Clone)]
pub(crate) enum Manner {
    /// Status line and body.
    Says(&'static str, &'static str),
    /// Sends these bytes and closes.
    Closes(&'static str),
    Hangs,
}

#[derive(Debug, Clone)]
pub(crate) struct Stub {
    pub(crate) address: SocketAddr,
    /// Head and body of each request.
    pub(crate) requests: Arc<Mutex<Vec<(String, String)>>>,
}

impl Stub {
    /// The last manner holds for what comes after it.
    pub(crate) async fn start(manners: Vec<Manner>) -> Stub {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let stub = Stub { address: listener.local_addr().unwrap(), requests: Arc::default() };
        let serving = stub.clone();
        let manners = Arc::new(manners);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, manners.clone(), serving.requests.clone()));
            }
        });
        stub
    }

    pub(crate) fn seen(&self) -> Vec<(String, String)> {
        self.requests.lock().unwrap().clone()
    }
}

async fn serve(
    mut stream: TcpStream,
    manners: Arc<Vec<Manner>>,
    requests: Arc<Mutex<Vec<(String, String)>>>,
) {
    while let Some(request) = read_request(&mut stream).await {
        let number = {
            let mut requests = requests.lock().unwrap();
            requests.push(request);
            requests.len() - 1
        };
        match &manners[number.min(manners.len() - 1)] {
            Manner::Says(status, body) => {
                let text = format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\n\r\n{body}", body.len());
                stream.write_all(text.as_bytes()).await.unwrap_or_default();
            }
            Manner::Closes(text) => return stream.write_all(text.as_bytes()).await.unwrap_or_default(),
            Manner::Hangs => std::future::pending().await,
        }
    }
}

/// Nothing at the end of the connection.
async fn read_request(stream: &mut TcpStream) -> Option<(String, String)> {
    let (mut read, mut buffer) = (Vec::new(), [0; 4096]);
    loop {
        if let Some(end) = read.windows(4).position(|window| window == b"\r\n\r\n") {
            let head = String::from_utf8_lossy(&read[..end]).into_owned();
            let length = head
                .to_ascii_lowercase()
                .lines()
                .find_map(|line| line.strip_prefix("content-length: ")?.parse::<usize>().ok());
            let whole = end + 4 + length.unwrap_or(0);
            if read.len() >= whole {
                return Some((head, String::from_utf8_lossy(&read[end + 4..whole]).into_owned()));
            }
        }
        match stream.read(&mut buffer).await {
            Ok(0) | Err(_) => return None,
            Ok(count) => read.extend_from_slice(&buffer[..count]),
        }
    }
}
