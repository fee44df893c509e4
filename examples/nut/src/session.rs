//! One connection: lines out, lines in. Who waits for them, and how long, is said by the caller.

use crate::answer::{is_printable, quoted};
use crate::error;
use tidegate_kernel_outbound::{Endpoint, Stream};
use tidegate_service_plant::{Login, Trouble};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};

/// Of an answer. A value has 255 at most, each perhaps with a backslash before it.
const LINE_BYTES_MAX: u64 = 1024;

#[derive(Debug)]
pub struct Session {
    peer: Endpoint,
    stream: BufReader<Stream>,
}

impl Session {
    pub(crate) fn new(peer: &Endpoint, stream: Stream) -> Session {
        Session { peer: peer.clone(), stream: BufReader::new(stream) }
    }

    /// upsd says OK to any name and password; whether they are good shows when something is written.
    pub(crate) async fn log_in(&mut self, login: &Login) -> Result<(), Trouble> {
        let Login::Password { user, password } = login else {
            return Err(error::no_login(&self.peer, "a certificate"));
        };
        for (word, text) in [("USERNAME", user), ("PASSWORD", password)] {
            if !is_printable(text) {
                return Err(error::no_login(&self.peer, "what is not printable ASCII"));
            }
            self.send(&format!("{word} {}\n", quoted(text))).await?;
            let line = self.line().await?;
            if line != b"OK" {
                return Err(error::unusable(&self.peer, &line));
            }
        }
        Ok(())
    }

    pub(crate) async fn send(&mut self, lines: &str) -> Result<(), Trouble> {
        let sent = self.stream.write_all(lines.as_bytes()).await;
        sent.map_err(|cause| error::broken(&self.peer, &cause.to_string()))
    }

    /// The next line, without its end.
    pub(crate) async fn line(&mut self) -> Result<Vec<u8>, Trouble> {
        let mut line = Vec::new();
        let read = (&mut self.stream).take(LINE_BYTES_MAX).read_until(b'\n', &mut line).await;
        let bytes = read.map_err(|cause| error::broken(&self.peer, &cause.to_string()))?;
        match line.pop() {
            Some(b'\n') => Ok(line),
            Some(_) if bytes as u64 == LINE_BYTES_MAX => Err(error::unusable(&self.peer, &line)),
            _ => Err(error::broken(&self.peer, "it ended in the middle of an answer, or before one")),
        }
    }
}
