//! One connection to one broker: in by its versions and, where there is one, a login; then one request at a time.

use crate::login::Login;
use crate::trouble::Trouble;
use bytes::{Bytes, BytesMut};
use std::io;
use std::time::Duration;
use tidegate_codec_kafka::{Head, Malformed, Versions, api_versions, next_frame};
use tidegate_kernel_outbound::{Dialer, Endpoint, Stream};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::{Instant, sleep_until, timeout};

const CONNECT_WAIT: Duration = Duration::from_secs(5);
/// From a request to its answer; more than what the broker waits for its replicas.
const ANSWER_WAIT: Duration = Duration::from_secs(15);
/// The longest that is asked for is where a few hundred topics are.
const ANSWER_BYTES_MAX: usize = 4 << 20;
/// A broker that wants us to be quiet for longer is asked again after this.
const QUIET_MAX: Duration = Duration::from_secs(30);
/// Brokers close what was idle for ten minutes, and what stands between may do so sooner.
const IDLE_MAX: Duration = Duration::from_secs(60);

/// How to get in at any broker of the cluster.
#[derive(Debug)]
pub(crate) struct Access {
    pub(crate) dialer: Dialer,
    pub(crate) client_id: String,
    pub(crate) login: Option<Login>,
}

#[derive(Debug)]
pub(crate) struct Connection {
    stream: Stream,
    client_id: String,
    read: BytesMut,
    requests: i32,
    versions: Versions,
    /// The broker reads nothing before: its quota is used up.
    quiet_until: Instant,
    used_at: Instant,
}

impl Connection {
    pub(crate) async fn open(access: &Access, endpoint: &Endpoint) -> Result<Connection, Trouble> {
        let stream = access.dialer.dial(endpoint, CONNECT_WAIT).await?;
        let now = Instant::now();
        let mut connection = Connection {
            stream,
            client_id: access.client_id.clone(),
            read: BytesMut::new(),
            requests: 0,
            versions: Versions { produce: 0 },
            quiet_until: now,
            used_at: now,
        };
        let known = connection.ask(api_versions).await?;
        connection.versions = Versions::read(known)?.ok_or(Trouble::Versions)?;
        if let Some(login) = &access.login {
            login.prove(&mut connection).await?;
        }
        Ok(connection)
    }

    pub(crate) fn versions(&self) -> Versions {
        self.versions
    }

    /// The body of the answer to what `request` writes. After a failure the connection is of no use.
    pub(crate) async fn ask(&mut self, request: impl FnOnce(Head<'_>) -> Vec<u8>) -> Result<Bytes, Trouble> {
        sleep_until(self.quiet_until).await;
        let correlation = self.requests;
        self.requests = self.requests.wrapping_add(1);
        let request = request(Head { correlation, client_id: &self.client_id });
        let exchange = timeout(ANSWER_WAIT, self.exchange(&request)).await;
        let (found, body) = exchange.map_err(|_| Trouble::Silent(ANSWER_WAIT))??;
        self.used_at = Instant::now();
        if found != correlation {
            return Err(Malformed::Correlation { expected: correlation, found }.into());
        }
        Ok(body)
    }

    async fn exchange(&mut self, request: &[u8]) -> Result<(i32, Bytes), Trouble> {
        self.stream.write_all(request).await?;
        self.stream.flush().await?;
        loop {
            if let Some(answer) = next_frame(&mut self.read, ANSWER_BYTES_MAX)? {
                return Ok(answer);
            }
            if self.stream.read_buf(&mut self.read).await? == 0 {
                return Err(Trouble::Closed);
            }
        }
    }

    /// The broker has taken the last request and will take none for so long.
    pub(crate) fn be_quiet(&mut self, throttle_ms: u32) {
        let quiet = Duration::from_millis(throttle_ms.into()).min(QUIET_MAX);
        self.quiet_until = Instant::now() + quiet;
    }

    /// Whether it can be used again: not idle for too long, and nothing says that the other side has closed it. Nothing is
    /// awaited, so nothing should have come.
    pub(crate) fn is_open(&self) -> bool {
        if self.used_at.elapsed() > IDLE_MAX || !self.read.is_empty() {
            return false;
        }
        let Stream::Plain(stream) = &self.stream else { return true };
        matches!(stream.try_read(&mut [0; 1]), Err(error) if error.kind() == io::ErrorKind::WouldBlock)
    }
}
