//! The parent's end of the line to the node: answers what it asks, and passes on what concerns the stage.

use crate::demo::cable::Cable;
use crate::demo::desk::Desk;
use crate::demo::link::{Listening, Message};
use std::io;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::UnixStream;
use tokio::sync::mpsc;

/// For the answer to get to the visitor before the node is killed.
const KILL_GRACE: Duration = Duration::from_millis(50);
const NEWS_MAX: usize = 4;

/// What the node wants of the stage.
#[derive(Debug)]
pub(super) enum News {
    Listening(Box<Listening>),
    Kill,
}

/// A new line: the child's end of it, and what comes over it.
pub(super) fn line(desk: Arc<Desk>) -> io::Result<(OwnedFd, mpsc::Receiver<News>)> {
    let (ours, theirs) = UnixStream::pair()?;
    let theirs = theirs.into_std()?;
    theirs.set_nonblocking(false)?;
    let (tell, news) = mpsc::channel(NEWS_MAX);
    tokio::spawn(async move {
        // An error is the child's end, which the stage notices by itself.
        let _ = attend(ours, &desk, &tell).await;
    });
    Ok((theirs.into(), news))
}

async fn attend(stream: UnixStream, desk: &Desk, tell: &mpsc::Sender<News>) -> io::Result<()> {
    let (read, mut write) = stream.into_split();
    let mut lines = BufReader::new(read).lines();
    while let Some(line) = lines.next_line().await? {
        let message: Message = serde_json::from_str(&line)?;
        if let Message::Cable(state) = message {
            pull_or_plug(desk, state);
        }
        let status = serde_json::to_string(&desk.status())? + "\n";
        write.write_all(status.as_bytes()).await?;
        let news = match message {
            Message::Listening(listening) => News::Listening(Box::new(listening)),
            Message::Kill => {
                tokio::time::sleep(KILL_GRACE).await;
                News::Kill
            }
            Message::Status | Message::Cable(_) => continue,
        };
        tell.send(news).await.map_err(io::Error::other)?;
    }
    Ok(())
}

fn pull_or_plug(desk: &Desk, state: Cable) {
    let changed = desk.cable.send_if_modified(|cable| std::mem::replace(cable, state) != state);
    match state {
        Cable::Out if changed => crate::banner::say("the cable is out: what is for the centre waits\n"),
        Cable::In if changed => crate::banner::say("the cable is in: what waited goes out\n"),
        _ => {}
    }
}
