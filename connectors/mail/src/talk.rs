//! The lines of an exchange with a mail server (RFC 5321), each with a limit. IO on the stream that is handed in.

use crate::reply::{Reply, Stage, broken, line, unreachable};
use tidegate_kernel_outbound::Stream;
use tidegate_service_notice::Setback;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};

/// RFC 5321 §4.5.3.1.5 has 512; some say more.
const LINE_BYTES_MAX: u64 = 2048;
const LINES_MAX: usize = 64;

/// A connection to one server.
#[derive(Debug)]
pub(crate) struct Talk<'a> {
    pub(crate) host: &'a str,
    stream: BufReader<Stream>,
}

impl<'a> Talk<'a> {
    pub(crate) fn new(host: &'a str, stream: Stream) -> Talk<'a> {
        Talk { host, stream: BufReader::new(stream) }
    }

    /// The bare stream, for TLS on top of it. What came ahead of TLS is not of this server for certain.
    pub(crate) fn into_stream(self) -> Result<Stream, Setback> {
        if self.stream.buffer().is_empty() {
            return Ok(self.stream.into_inner());
        }
        Err(broken(self.host, "spoke before TLS had begun"))
    }

    /// Sends a command; what is said to it must be one of these hundreds. The name is what an error calls it.
    pub(crate) async fn command(
        &mut self,
        name: &str,
        text: &str,
        hundred: u16,
        stage: Stage,
    ) -> Result<Reply, Setback> {
        let sent = async {
            self.stream.write_all(text.as_bytes()).await?;
            self.stream.write_all(b"\r\n").await?;
            self.stream.flush().await
        };
        sent.await.map_err(|error| unreachable(self.host, "could not send", Some(error.into())))?;
        self.reply(name, hundred, stage).await
    }

    pub(crate) async fn reply(&mut self, name: &str, hundred: u16, stage: Stage) -> Result<Reply, Setback> {
        let reply = self.read().await?;
        if reply.code / 100 == hundred { Ok(reply) } else { Err(reply.setback(self.host, name, stage)) }
    }

    async fn read(&mut self) -> Result<Reply, Setback> {
        let mut reply = Reply { code: 0, text: String::new() };
        for _ in 0..LINES_MAX {
            let mut bytes = Vec::new();
            let read = (&mut self.stream).take(LINE_BYTES_MAX).read_until(b'\n', &mut bytes).await;
            read.map_err(|error| unreachable(self.host, "no answer", Some(error.into())))?;
            let text = String::from_utf8_lossy(&bytes);
            let (code, text, is_last) =
                line(&text).ok_or_else(|| unreachable(self.host, "what answers is no mail server", None))?;
            reply.code = code;
            reply.text.push_str(text);
            if is_last {
                return Ok(reply);
            }
            reply.text.push('\n');
        }
        Err(unreachable(self.host, "an answer without end", None))
    }
}
