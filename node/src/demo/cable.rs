//! The cable between the node and its centre: a forwarder of TCP whose connections are cut, and refused from then on, while the
//! cable is out.

use serde::{Deserialize, Serialize};
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// Before the next accept after one that failed.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Whether anything gets through.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Cable {
    In,
    Out,
}

/// Forwards whatever comes to the address it gives to `target`, as long as the cable is in.
pub(super) async fn lay(target: SocketAddr, cable: watch::Receiver<Cable>) -> io::Result<SocketAddr> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let address = listener.local_addr()?;
    tokio::spawn(async move {
        loop {
            match listener.accept().await {
                Ok((stream, _)) => _ = tokio::spawn(forward(stream, target, cable.clone())),
                Err(_) => tokio::time::sleep(ACCEPT_PAUSE).await,
            }
        }
    });
    Ok(address)
}

async fn forward(mut near: TcpStream, target: SocketAddr, mut cable: watch::Receiver<Cable>) {
    let cut = async { _ = cable.wait_for(|cable| *cable == Cable::Out).await };
    let carried = async {
        let mut far = TcpStream::connect(target).await?;
        // However it ended, both sides learn of it by their ends.
        copy_bidirectional(&mut near, &mut far).await
    };
    tokio::select! {
        biased;
        () = cut => {}
        _ = carried => {}
    }
    // A reset, as when the other side is gone: no orderly end over a cable that is out.
    let _ = near.set_zero_linger();
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    /// A far end that says everything back.
    async fn echo() -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                tokio::spawn(async move {
                    let (mut read, mut write) = stream.split();
                    let _ = tokio::io::copy(&mut read, &mut write).await;
                });
            }
        });
        address
    }

    async fn says_back(address: SocketAddr) -> io::Result<()> {
        let mut stream = TcpStream::connect(address).await?;
        stream.write_all(b"hi").await?;
        stream.read_exact(&mut [0; 2]).await.map(drop)
    }

    #[tokio::test]
    async fn pulling_the_cable_cuts_what_is_open_and_refuses_what_is_new_until_it_is_plugged() {
        let state = watch::Sender::new(Cable::In);
        let address = lay(echo().await, state.subscribe()).await.unwrap();
        let mut open = TcpStream::connect(address).await.unwrap();
        open.write_all(b"hi").await.unwrap();
        open.read_exact(&mut [0; 2]).await.unwrap();
        state.send_replace(Cable::Out);
        assert!(matches!(open.read(&mut [0; 1]).await, Err(_) | Ok(0)));
        assert!(says_back(address).await.is_err());
        state.send_replace(Cable::In);
        says_back(address).await.unwrap();
    }
}
