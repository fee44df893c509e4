//! One HTTP request to the management listener of a running node, for commands that ask one. Blocks, within a time limit.

use serde_json::Value;
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(30);
/// Bytes of an answer: every dead letter there can be in a list, and room.
const ANSWER_BYTES_MAX: u64 = 16 << 20;

/// The JSON of the answer, whatever its status. A body is JSON as well; without one it is a question.
pub(crate) fn ask(admin: SocketAddr, method: &str, target: &str, body: &str) -> io::Result<Value> {
    let mut stream = TcpStream::connect_timeout(&admin, PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    write!(
        stream,
        "{method} {target} HTTP/1.1\r\nHost: {admin}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\
         Connection: close\r\n\r\n{body}",
        body.len()
    )?;
    let mut text = String::new();
    stream.take(ANSWER_BYTES_MAX).read_to_string(&mut text)?;
    let body = text.split_once("\r\n\r\n").map_or("", |(_, body)| body);
    serde_json::from_str(body).map_err(|_| io::Error::other("it is no node"))
}
