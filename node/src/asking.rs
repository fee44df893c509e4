//! One HTTP request to the management listener of a running node: what `config reload`, `story` and `ingest dead-letters` ask.

use crate::cli::Running;
use crate::failure::Failure;
use serde_json::Value;
use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(30);
/// Bytes of an answer: every fault of a report or thousands of rows, and room.
const ANSWER_BYTES_MAX: u64 = 16 << 20;
/// Shown where the node lets nobody in without a name.
const TOKEN: &str = "TIDEGATE_TOKEN";

/// Asks `path` of the node, by `method` without a body, and gives what it answered, unless that was a refusal.
pub(crate) fn ask(node: &Running, method: &str, path: &str) -> Result<Value, Failure> {
    ask_with(node, method, path, "")
}

/// The same with a body of JSON.
pub(crate) fn ask_with(node: &Running, method: &str, path: &str, body: &str) -> Result<Value, Failure> {
    let answered = exchange(node, method, path, body).and_then(|text| parse(&text));
    answered.map_err(|error| unanswered(node, &error)).and_then(granted)
}

fn unanswered(node: &Running, error: &io::Error) -> Failure {
    let message = format!("no answer from a node at {}: {error}", node.admin);
    Failure::message("TG-CF-021", message, "say with --admin where its banner says `admin`")
}

/// All refusals have one shape.
fn granted(answer: Value) -> Result<Value, Failure> {
    let error = &answer["error"];
    let text = |key: &str| error[key].as_str().unwrap_or_default().to_owned();
    match error["code"].as_str() {
        Some(code) => Err(Failure::message(code.to_owned(), text("message"), text("hint"))),
        None => Ok(answer),
    }
}

fn exchange(node: &Running, method: &str, path: &str, body: &str) -> io::Result<String> {
    let admin = node.admin;
    let mut stream = TcpStream::connect_timeout(&admin, PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    let token = std::env::var(TOKEN).map(|token| format!("Authorization: Bearer {token}\r\n"));
    let token = token.unwrap_or_default();
    write!(
        stream,
        "{method} {path} HTTP/1.1\r\nHost: {admin}\r\n{token}Content-Type: application/json\r\nContent-Length: {}\r\n\
         Connection: close\r\n\r\n{body}",
        body.len()
    )?;
    let mut text = String::new();
    stream.take(ANSWER_BYTES_MAX).read_to_string(&mut text)?;
    Ok(text)
}

fn parse(text: &str) -> io::Result<Value> {
    let body = text.split_once("\r\n\r\n").map_or("", |(_, body)| body);
    serde_json::from_str(body).map_err(|_| io::Error::other("what answers there is no node"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_becomes_a_failure_with_its_code_and_hint() {
        let answer = parse(
            "HTTP/1.1 404 x\r\na: b\r\n\r\n{\"error\":{\"code\":\"TG-IN-051\",\"message\":\"m\",\"hint\":\"h\"}}",
        );
        let failure = granted(answer.expect("an answer")).expect_err("it is a refusal");
        assert_eq!(failure.to_string(), "error[TG-IN-051]: m\nhint: h; more: tidegate explain TG-IN-051");
    }

    #[test]
    fn what_is_no_answer_of_a_node_is_an_error() {
        assert!(
            ["", "HTTP/1.1", "HTTP/1.1 200 OK\r\n\r\n<html>"].into_iter().all(|text| parse(text).is_err())
        );
    }
}
