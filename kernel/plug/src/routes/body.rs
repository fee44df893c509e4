//! Reading a body whole, before its handler runs: so large at most, within so long, inside a budget for all of them.
//!
//! A permit of the budget is a byte. It is held until the request is answered, since the handler holds the body as long.

use crate::routes::Refusal;
use axum::body::{Body, Bytes, HttpBody};
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

/// Room for bodies, in bytes.
#[derive(Debug, Clone)]
pub(crate) struct Budget(Arc<Semaphore>);

/// Bytes of the budget, given back when it is dropped.
pub(crate) type Hold = OwnedSemaphorePermit;

impl Budget {
    pub(crate) fn new(bytes: usize) -> Budget {
        Budget(Arc::new(Semaphore::new(bytes.min(Semaphore::MAX_PERMITS))))
    }

    /// Reads the body. Nothing is read of one that says it is too large.
    pub(crate) async fn read(
        &self,
        body: Body,
        bytes_max: usize,
        time_max: Duration,
    ) -> Result<(Bytes, Hold), Refusal> {
        let announced = body.size_hint();
        if announced.lower() > bytes_max as u64 {
            return Err(Refusal::body_too_large(bytes_max));
        }
        let room = announced.upper().map_or(bytes_max, |upper| bytes_max.min(upper as usize));
        let hold = self.hold(room)?;
        match timeout(time_max, collect(body, bytes_max, room)).await {
            Ok(bytes) => Ok((bytes?, hold)),
            Err(_) => Err(Refusal::too_slow("the body did not come in time")),
        }
    }

    fn hold(&self, bytes: usize) -> Result<Hold, Refusal> {
        let full = || Refusal::no_room("there are too many bodies being read");
        let permits = u32::try_from(bytes).map_err(|_| full())?;
        self.0.clone().try_acquire_many_owned(permits).map_err(|_| full())
    }
}

async fn collect(mut body: Body, bytes_max: usize, room: usize) -> Result<Bytes, Refusal> {
    let mut bytes = Vec::with_capacity(room);
    while let Some(frame) = poll_fn(|cx| Pin::new(&mut body).poll_frame(cx)).await {
        let frame = frame.map_err(|_| Refusal::malformed("the body ended before its end"))?;
        let Ok(data) = frame.into_data() else { continue };
        if bytes.len() + data.len() > bytes_max {
            return Err(Refusal::body_too_large(bytes_max));
        }
        bytes.extend_from_slice(&data);
    }
    Ok(bytes.into())
}
