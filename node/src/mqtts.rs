//! MQTT over TLS: accepts, shakes hands, and hands the stream to the broker, which counts and drains it like any other.

use crate::failure::Failure;
use crate::http::accept;
use crate::tls::Tls;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tidegate_kernel_plug::{Capability, Draining, Family, Knock, Live, Readiness, Stage, planted};
use tidegate_service_broker::Handle;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

/// Before the next accept after one that failed: file descriptors come back when connections end.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// The listener.
#[derive(Debug)]
pub(crate) struct Mqtts {
    /// Nothing once it is given up.
    listener: Live<Option<TcpListener>>,
    address: SocketAddr,
    tls: Arc<Tls>,
    broker: Handle,
    stopped: watch::Sender<bool>,
}

impl Mqtts {
    pub(crate) async fn bind(address: SocketAddr, tls: Arc<Tls>, broker: Handle) -> Result<Mqtts, Failure> {
        let listener = TcpListener::bind(address).await.map_err(|error| unlistening(address, &error))?;
        let address = listener.local_addr().map_err(|error| unlistening(address, &error))?;
        let listener = Live::new(Some(listener));
        Ok(Mqtts { listener, address, tls, broker, stopped: watch::Sender::new(false) })
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Accepts until it is drained; connections stay until the broker has drained them.
    pub(crate) async fn serve(&self) {
        tracing::info!(address = %self.address, "MQTT over TLS listening");
        let mut tasks = JoinSet::new();
        let (mut stopped, listener) = (self.stopped.subscribe(), self.listener.get());
        loop {
            tokio::select! {
                () = stop(&mut stopped) => break,
                accepted = accept(&listener) => match accepted {
                    Ok((stream, peer)) => self.admit(stream, peer, &mut tasks),
                    Err(error) => {
                        tracing::warn!(%error, "could not accept a connection for MQTT over TLS");
                        tokio::time::sleep(ACCEPT_PAUSE).await;
                    }
                },
                Some(ended) = tasks.join_next() => if let Err(failure) = ended && failure.is_panic() {
                    tracing::error!(%failure, "the task of an MQTT connection over TLS panicked");
                },
            }
        }
        drop(listener);
        while tasks.join_next().await.is_some() {}
    }

    /// Stops and lets go of the address, where nobody will serve any more.
    pub(crate) fn close(&self) {
        self.stopped.send_replace(true);
        self.listener.set(None);
    }

    fn admit(&self, stream: TcpStream, peer: SocketAddr, tasks: &mut JoinSet<()>) {
        planted::accepting(peer);
        // Acknowledgements already wait for each other; the kernel need not wait for more.
        let _ = stream.set_nodelay(true);
        let knock = Knock { peer, listener: self.address };
        let (tls, broker, mut stopped) = (self.tls.clone(), self.broker.clone(), self.stopped.subscribe());
        tasks.spawn(async move {
            let stream = tokio::select! {
                stream = tls.accept(stream) => stream,
                () = stop(&mut stopped) => None,
            };
            if let Some(stream) = stream {
                broker.serve(stream, knock).await;
            }
        });
    }
}

/// Resolves when the listener is to stop, or is gone.
async fn stop(stopped: &mut watch::Receiver<bool>) {
    let _ = stopped.wait_for(|stopped| *stopped).await;
}

impl Capability for Mqtts {
    fn name(&self) -> &'static str {
        "mqtts"
    }

    fn stage(&self) -> Stage {
        Stage::Intake
    }

    fn metrics(&self) -> Vec<Family> {
        self.tls.metrics()
    }

    fn readiness(&self) -> Readiness {
        match *self.stopped.borrow() {
            false => Readiness::Ready,
            true => Readiness::Unready("MQTT over TLS does not listen".to_owned()),
        }
    }

    fn drain(&self, _deadline: Instant) -> Draining<'_> {
        Box::pin(async {
            self.stopped.send_replace(true);
            Vec::new()
        })
    }
}

fn unlistening(address: SocketAddr, error: &io::Error) -> Failure {
    let message = format!("could not listen for MQTT over TLS on {address}: {error}");
    match error.kind() {
        io::ErrorKind::AddrInUse => {
            Failure::message("TG-ND-001", message, "stop what listens there, or choose another with --mqtts")
        }
        _ => Failure::message("TG-ND-004", message, "give --mqtts an address of this machine"),
    }
}
