//! The line between the parent and the node that is shown: a socket pair, of which the child has its end as standard input.
//!
//! The child asks, the parent answers each line with one. When the parent is gone, however it went, the line ends, and so does the
//! child: what was acknowledged is in its journal.

use crate::demo::cable::Cable;
use crate::demo::desk::Status;
use crate::lan::Greeting;
use serde::{Deserialize, Serialize};
use std::io::{self, Read};
use std::net::SocketAddr;
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream as StdStream;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::net::UnixStream;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::{mpsc, oneshot};

/// Questions of visitors at once.
const ASKED_MAX: usize = 16;
/// The status of a child whose parent is gone.
const ORPHANED: i32 = 1;

/// What the child says.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Message {
    Listening(Listening),
    Status,
    Cable(Cable),
    Kill,
}

/// Where the child is, once it serves.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Listening {
    pub(crate) mqtt: SocketAddr,
    pub(crate) admin: SocketAddr,
    pub(crate) lan: Option<Greeting>,
}

/// The child's end.
#[derive(Debug, Clone)]
pub(crate) struct Link(mpsc::Sender<Asked>);

#[derive(Debug)]
struct Asked {
    message: Message,
    /// Dropping this sender says that there is no answer.
    answer: oneshot::Sender<Status>,
}

impl Link {
    /// Takes standard input for the line. Called within a runtime.
    pub(crate) fn open() -> io::Result<Link> {
        let stream = StdStream::from(io::stdin().as_fd().try_clone_to_owned()?);
        stream.set_nonblocking(true)?;
        let (read, write) = UnixStream::from_std(stream)?.into_split();
        let (asked, questions) = mpsc::channel(ASKED_MAX);
        tokio::spawn(hold(BufReader::new(read).lines(), write, questions));
        Ok(Link(asked))
    }

    /// Tells the parent that the node serves.
    pub(crate) async fn tell(&self, listening: Listening) {
        // Without a parent the process is ending.
        let _ = self.ask(Message::Listening(listening)).await;
    }

    pub(super) async fn ask(&self, message: Message) -> Option<Status> {
        let (answer, answered) = oneshot::channel();
        self.0.send(Asked { message, answer }).await.ok()?;
        answered.await.ok()
    }
}

/// One question after the other, until the parent is gone.
async fn hold(
    mut lines: Lines<BufReader<OwnedReadHalf>>,
    mut write: OwnedWriteHalf,
    mut questions: mpsc::Receiver<Asked>,
) {
    loop {
        tokio::select! {
            // Nothing was asked, so this is the end.
            _ = lines.next_line() => orphaned(),
            Some(Asked { message, answer }) = questions.recv() => {
                match exchange(&mut lines, &mut write, &message).await {
                    Some(status) => _ = answer.send(status),
                    None => orphaned(),
                }
            }
        }
    }
}

async fn exchange(
    lines: &mut Lines<BufReader<OwnedReadHalf>>,
    write: &mut OwnedWriteHalf,
    message: &Message,
) -> Option<Status> {
    let line = serde_json::to_string(message).expect("a message is JSON") + "\n";
    write.write_all(line.as_bytes()).await.ok()?;
    let line = lines.next_line().await.ok()??;
    serde_json::from_str(&line).ok()
}

/// For a child that has nothing to say: ends the process when standard input does.
pub(crate) fn end_with_stdin() -> io::Result<()> {
    let wait = || {
        // Whatever arrives is of no interest, and an error is an end as well.
        let _ = io::copy(&mut io::stdin().lock().by_ref(), &mut io::sink());
        orphaned()
    };
    std::thread::Builder::new().name("parent".to_owned()).spawn(wait).map(drop)
}

fn orphaned() {
    std::process::exit(ORPHANED)
}
