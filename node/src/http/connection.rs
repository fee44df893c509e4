//! One HTTP connection, from its seat to its last byte.
//!
//! A client that is refused may be sending still. Its connection is closed for writing first and read for a moment longer: closed
//! at once, the kernel would take back the refusal before it is read.

use crate::http::seats::Seats;
use crate::http::watched::{Patience, Phase, Progress, Watched};
use crate::http::{Config, Secured};
use crate::tls::Tls;
use axum::Router;
use axum::extract::Request;
use hyper::body::{Frame, Incoming, SizeHint};
use hyper::server::conn::http1;
use hyper::service::Service;
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use std::convert::Infallible;
use std::future::poll_fn;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};
use tidegate_kernel_plug::{HttpCounts, Knock, Refusal, RequestId, Stays, Visit};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::timeout;

/// For a refusal to be read, and for the client to close its side.
const FAREWELL: Duration = Duration::from_millis(500);
/// The library's own limits lie this far beyond the gate's, which refuses by a better answer.
const BEYOND_GATE: usize = 4;

/// What all connections of a listener share.
#[derive(Debug)]
pub(crate) struct Host {
    pub(crate) name: &'static str,
    pub(crate) address: SocketAddr,
    pub(crate) config: Config,
    pub(crate) router: Router,
    pub(crate) counts: Arc<HttpCounts>,
    pub(crate) seats: Seats,
    pub(crate) stays: Arc<Stays>,
    pub(crate) tls: Option<Arc<Tls>>,
}

/// An accepted connection.
#[derive(Debug)]
pub(crate) struct Connection {
    pub(crate) host: Arc<Host>,
    pub(crate) peer: SocketAddr,
    /// The deadline of a drain, once there is one.
    pub(crate) order: watch::Receiver<Option<Instant>>,
}

/// Hands requests to the routes, with who knocked, and tells how far they are.
struct Handing {
    router: TowerToHyperService<Router>,
    knock: Knock,
    visit: Arc<Visit>,
    secured: Secured,
    progress: Arc<Progress>,
}

type Answering = Pin<Box<dyn Future<Output = Result<axum::response::Response, Infallible>> + Send>>;

impl Service<Request<Incoming>> for Handing {
    type Response = axum::response::Response;
    type Error = Infallible;
    type Future = Answering;

    fn call(&self, mut request: Request<Incoming>) -> Answering {
        self.progress.busy();
        request.extensions_mut().insert(self.knock);
        request.extensions_mut().insert(self.secured);
        request.extensions_mut().insert(self.visit.clone());
        let (answer, telling) = (self.router.call(request), Telling(self.progress.clone()));
        Box::pin(async move {
            let answer = answer.await?;
            Ok(answer.map(|body| axum::body::Body::new(Told { body, _telling: telling })))
        })
    }
}

/// Tells that a request is answered when it is dropped: with the answer's last byte, or with whoever made the answer.
struct Telling(Arc<Progress>);

impl Drop for Telling {
    fn drop(&mut self) {
        self.0.answered();
    }
}

/// An answer's body. As long as it goes on, the connection is not idle: what is told live may be silent for long.
struct Told {
    body: axum::body::Body,
    _telling: Telling,
}

impl hyper::body::Body for Told {
    type Data = axum::body::Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<axum::body::Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Connection {
    pub(crate) async fn serve(self, stream: TcpStream) {
        let host = self.host.clone();
        let seat = host.seats.take(self.peer.ip().to_canonical());
        match (seat, &host.tls) {
            (Ok(_seat), None) => self.talk(stream).await,
            (Ok(_seat), Some(tls)) => self.shake(stream, tls).await,
            (Err(why), None) => self.refuse(stream, &Refusal::no_room(why)).await,
            // A handshake only to say no would be work for whoever asks too much already.
            (Err(why), Some(_)) => host.counts.refuse(host.name, Refusal::no_room(why).code),
        }
    }

    async fn shake(mut self, stream: TcpStream, tls: &Tls) {
        let stream = tokio::select! {
            stream = tls.accept(stream) => stream,
            () = ordered(&mut self.order) => None,
        };
        if let Some(stream) = stream {
            self.talk(stream).await;
        }
    }

    async fn talk<S: AsyncRead + AsyncWrite + Unpin + Send>(mut self, stream: S) {
        let progress = Arc::new(Progress::default());
        let config = &self.host.config;
        let patience = Patience { head: config.head_max(), idle: config.idle_max() };
        let watched = TokioIo::new(Watched::new(stream, progress.clone(), patience));
        let knock = Knock { peer: self.peer, listener: self.host.address };
        let router = TowerToHyperService::new(self.host.router.clone());
        let visit = Arc::new(Visit::new(self.host.stays.clone()));
        let secured = Secured(self.host.tls.is_some());
        let handing = Handing { router, knock, visit, secured, progress: progress.clone() };
        let mut served = builder(config).serve_connection(watched, handing);
        let mut is_draining = false;
        let outcome = loop {
            tokio::select! {
                outcome = poll_fn(|cx| served.poll_without_shutdown(cx)) => break outcome,
                () = ordered(&mut self.order), if !is_draining => {
                    is_draining = true;
                    if progress.phase() == Phase::Waiting {
                        break Ok(());
                    }
                    Pin::new(&mut served).graceful_shutdown();
                }
            }
        };
        let stream = served.into_parts().io.into_inner().stream;
        match outcome.err().and_then(|error| refusal(&error, &progress)) {
            Some(refusal) => self.refuse(stream, &refusal).await,
            None => part(stream).await,
        }
    }

    /// Says why there is no answer, to whoever may listen still.
    async fn refuse<S: AsyncRead + AsyncWrite + Unpin>(&self, mut stream: S, refusal: &Refusal) {
        self.host.counts.refuse(self.host.name, refusal.code);
        let text = bare(refusal);
        // A client that went away has no use for it.
        let _ = timeout(FAREWELL, stream.write_all(text.as_bytes())).await;
        part(stream).await;
    }
}

/// Resolves at the order to drain; a listener that is gone has ordered it.
async fn ordered(order: &mut watch::Receiver<Option<Instant>>) {
    let _ = order.wait_for(Option::is_some).await;
}

fn builder(config: &Config) -> http1::Builder {
    let mut builder = http1::Builder::new();
    builder
        .header_read_timeout(None)
        .max_headers(config.requests.headers_max * BEYOND_GATE)
        .max_buf_size((config.requests.header_bytes_max * BEYOND_GATE).max(8192));
    builder
}

/// What to say about a connection that ended badly; nothing where nobody waits for an answer, or has had one.
fn refusal(error: &hyper::Error, progress: &Progress) -> Option<Refusal> {
    if progress.timed_out() {
        return (progress.phase() == Phase::Head).then(|| Refusal::too_slow("the head did not come in time"));
    }
    if error.is_parse_too_large() {
        return Some(Refusal::head_too_large("the head of the request is too large"));
    }
    error.is_parse().then(|| Refusal::malformed("what arrived is no HTTP/1.1 request"))
}

/// An answer that no route gave.
fn bare(refusal: &Refusal) -> String {
    let id = RequestId::make();
    let body = refusal.text(&id);
    let wait = refusal.retry_after.map(|wait| format!("retry-after: {}\r\n", wait.as_secs().max(1)));
    format!(
        "HTTP/1.1 {}\r\ncontent-type: application/json\r\ncontent-length: {}\r\nx-request-id: {id}\r\n{}connection: close\r\n\r\n{body}",
        refusal.status,
        body.len(),
        wait.unwrap_or_default(),
    )
}

/// Closes for writing, and reads for a moment what is on its way.
async fn part<S: AsyncRead + AsyncWrite + Unpin>(mut stream: S) {
    let parting = async {
        stream.shutdown().await?;
        let mut rest = [0; 4096];
        while stream.read(&mut rest).await? > 0 {}
        std::io::Result::Ok(())
    };
    // Whatever goes wrong, there is nothing left to say.
    let _ = timeout(FAREWELL, parting).await;
}
