//! What the connector is told. Plain data.

use crate::measurement::Measurement;
use std::fmt;

/// The settings of one sink.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    pub target: Target,
    pub measurement: Measurement,
}

/// Where lines go on the server, and as whom.
#[derive(Clone, PartialEq, Eq)]
pub enum Target {
    /// InfluxDB 1.x.
    V1 {
        database: String,
        /// User and password.
        credentials: Option<(String, String)>,
    },
    /// InfluxDB 2.x.
    V2 { org: String, bucket: String, token: String },
}

/// Without its secrets.
impl fmt::Debug for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Target::V1 { database, .. } => {
                f.debug_struct("V1").field("database", database).finish_non_exhaustive()
            }
            Target::V2 { org, bucket, .. } => {
                f.debug_struct("V2").field("org", org).field("bucket", bucket).finish_non_exhaustive()
            }
        }
    }
}
