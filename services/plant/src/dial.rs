//! What a driver is given: the way out, through `kernel/outbound`, who asks, and how long to wait for an answer. Takes tokio's clock.

use crate::counters::{Shared, Tally};
use crate::driver::Trouble;
use crate::error;
use crate::login::Login;
use std::error::Error;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;
use tidegate_kernel_outbound::{Dialer, Endpoint, Stream};
use tokio::time::timeout;

/// How long a device may take over one answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limit(pub Duration);

impl Limit {
    /// What is waited for, or that it did not come. It may still come, so the connection is of no use then.
    pub async fn on<T>(self, answer: impl Future<Output = Result<T, Trouble>>) -> Result<T, Trouble> {
        timeout(self.0, answer).await.unwrap_or_else(|_| Err(error::silent(self.0)))
    }
}

/// Opens connections for a driver, and says who asks.
#[derive(Debug, Clone)]
pub struct Dial {
    dialer: Dialer,
    limit: Duration,
    login: Option<Login>,
    tally: Arc<Shared<Tally>>,
}

impl Dial {
    /// Each connection within `limit`, its name's look-up included.
    pub fn new(dialer: Dialer, limit: Duration) -> Dial {
        Dial { dialer, limit, login: None, tally: Arc::default() }
    }

    #[must_use]
    pub fn with_login(self, login: Option<Login>) -> Dial {
        Dial { login, ..self }
    }

    /// Counts there what is connected to anew.
    #[must_use]
    pub(crate) fn counting(self, tally: Arc<Shared<Tally>>) -> Dial {
        Dial { tally, ..self }
    }

    /// What devices are shown that ask who is there.
    pub fn login(&self) -> Option<&Login> {
        self.login.as_ref()
    }

    pub async fn to(&self, endpoint: &Endpoint) -> Result<Stream, Trouble> {
        self.dialer.dial(endpoint, self.limit).await.map_err(|error| {
            let cause = error.source().map(|cause| format!(": {cause}")).unwrap_or_default();
            let Endpoint { host, port, .. } = endpoint;
            Trouble::connection("TG-PL-010", format!("{host}:{port}: {error}{cause}"))
        })
    }

    /// The same in the middle of a read, at a device that closes the connection behind its answers. It is counted.
    pub async fn again(&self, endpoint: &Endpoint) -> Result<Stream, Trouble> {
        let stream = self.to(endpoint).await?;
        self.tally.lock().connections += 1;
        Ok(stream)
    }

    pub(crate) fn limit(&self) -> Duration {
        self.limit
    }
}
