//! How an exchange with a broker can fail.

use std::io;
use std::time::Duration;
use tidegate_codec_kafka::Malformed;
use tidegate_kernel_outbound::OutboundError;

/// Why there is no answer that can be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Trouble {
    #[error(transparent)]
    Dial(#[from] OutboundError),
    #[error("the connection broke off")]
    Io(#[from] io::Error),
    #[error("it closed the connection")]
    Closed,
    #[error("it said nothing for {0:?}")]
    Silent(Duration),
    #[error("what it said is no answer of Kafka's")]
    Malformed(#[from] Malformed),
    #[error("it is older than Kafka 0.11, or newer than all that is known here")]
    Versions,
    #[error("the login failed: {0}")]
    Login(String),
}

impl Trouble {
    /// Trying again soon is in vain.
    pub(crate) fn is_setting(&self) -> bool {
        matches!(self, Trouble::Versions | Trouble::Login(_))
    }
}
