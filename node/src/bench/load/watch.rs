//! Latencies as they are taken, for whoever looks at a window of them while a load goes on.

use std::mem;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tidegate_kernel_lab::Latencies;

#[derive(Debug, Clone, Default)]
pub(crate) struct Watch(Arc<Mutex<Latencies>>);

impl Watch {
    pub(crate) fn record(&self, latency: Duration) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).record(latency);
    }

    /// What was taken since this was asked last.
    pub(crate) fn take(&self) -> Latencies {
        mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
