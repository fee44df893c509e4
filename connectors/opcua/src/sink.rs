//! The pipeline's way into the space: in memory, and cannot fail.

use crate::space::Space;
use std::fmt;
use std::sync::Arc;
use tidegate_service_ingest::{Row, Setback, Sink};

/// Puts points down where clients see them.
#[derive(Clone)]
pub struct OpcUaSink(pub(crate) Arc<Space>);

impl fmt::Debug for OpcUaSink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OpcUaSink").finish_non_exhaustive()
    }
}

impl Sink for OpcUaSink {
    async fn deliver(&self, batch: &[Row]) -> Result<(), Setback> {
        batch.iter().for_each(|row| self.0.show(row));
        Ok(())
    }
}
