//! The way to the database, which a test cuts: at any time, and at the one moment after which nobody knows whether a transaction is there.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// What becomes of what goes through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Cut {
    /// Nothing is cut.
    Whole,
    /// At the next COMMIT, which the database gets; its answer is lost.
    AfterCommit,
    /// At the next COMMIT, which the database does not get.
    BeforeCommit,
    /// Nothing goes through, and nobody is told.
    Silent,
    /// Nobody is connected.
    Pulled,
}

const CUTS: [Cut; 5] = [Cut::Whole, Cut::AfterCommit, Cut::BeforeCommit, Cut::Silent, Cut::Pulled];

#[derive(Debug, Clone)]
pub(crate) struct Cable {
    pub(crate) address: SocketAddr,
    cut: Arc<AtomicU8>,
    changed: watch::Sender<()>,
}

impl Cable {
    pub(crate) async fn to(port: u16) -> Cable {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let cable = Cable { address, cut: Arc::default(), changed: watch::Sender::new(()) };
        let this = cable.clone();
        tokio::spawn(async move {
            loop {
                let (client, _) = listener.accept().await.unwrap();
                if this.state() != Cut::Pulled {
                    tokio::spawn(this.clone().carry(client, port));
                }
            }
        });
        cable
    }

    pub(crate) fn set(&self, cut: Cut) {
        self.cut.store(cut as u8, Ordering::SeqCst);
        self.changed.send_replace(());
    }

    pub(crate) fn state(&self) -> Cut {
        CUTS[usize::from(self.cut.load(Ordering::SeqCst))]
    }

    /// Dropping both ends is what a cut is.
    async fn carry(self, client: TcpStream, port: u16) {
        let server = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
        let ((mut from_client, mut to_client), (mut from_server, mut to_server)) =
            (client.into_split(), server.into_split());
        let mut changed = self.changed.subscribe();
        let there = async {
            let mut bytes = vec![0; 1 << 16];
            loop {
                let Ok(length @ 1..) = from_client.read(&mut bytes).await else { return };
                let is_commit = bytes[..length].windows(7).any(|window| window == b"COMMIT\0");
                match self.state() {
                    Cut::AfterCommit if is_commit => {
                        let _ = to_server.write_all(&bytes[..length]).await;
                        // The answer shows that it is done; it goes no further.
                        self.set(Cut::Pulled);
                        return;
                    }
                    Cut::BeforeCommit if is_commit => return self.set(Cut::Pulled),
                    Cut::Silent => continue,
                    _ => {}
                }
                if to_server.write_all(&bytes[..length]).await.is_err() {
                    return;
                }
            }
        };
        let back = async {
            let mut bytes = vec![0; 1 << 16];
            loop {
                let Ok(length @ 1..) = from_server.read(&mut bytes).await else { return };
                match self.state() {
                    Cut::Silent => continue,
                    Cut::Pulled => return,
                    _ => {}
                }
                if to_client.write_all(&bytes[..length]).await.is_err() {
                    return;
                }
            }
        };
        let pulled = async {
            while self.state() != Cut::Pulled {
                if changed.changed().await.is_err() {
                    return;
                }
            }
        };
        tokio::select! {
            () = there => {}
            () = back => {}
            () = pulled => {}
        }
    }
}
