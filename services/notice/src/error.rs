//! What can go wrong, each with a code that `docs/errors/` explains.

use tidegate_kernel_journal::{ReadError, Refusal};

/// Why the outbox could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    #[error("channel {channel:?} has no cursor on the outbox")]
    Cursor { channel: String, source: Refusal },
}

/// Why a test message was not sent.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TestError {
    #[error("there is no channel {0:?}")]
    Unknown(String),
    #[error("the channel has sent as much as it may; it can send again in {wait_ms} ms")]
    Paced { wait_ms: u64 },
    #[error("{message}")]
    Failed { code: &'static str, message: String },
    #[error("the node is stopping")]
    Stopping,
}

/// Why a channel cannot go on.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ChannelError {
    #[error(transparent)]
    Read(#[from] ReadError),
    #[error(transparent)]
    Journal(#[from] Refusal),
}

impl OpenError {
    pub fn code(&self) -> &'static str {
        match self {
            OpenError::Cursor { source, .. } => source.code(),
        }
    }

    pub fn hint(&self) -> &'static str {
        match self {
            OpenError::Cursor { .. } => {
                "a journal has at most 64 cursors; take away sinks or channels that are not needed"
            }
        }
    }
}

impl TestError {
    pub fn code(&self) -> &'static str {
        match self {
            TestError::Unknown(_) => "TG-NO-011",
            TestError::Paced { .. } => "TG-NO-012",
            TestError::Failed { code, .. } => code,
            TestError::Stopping => "TG-NO-013",
        }
    }

    pub fn hint(&self) -> &'static str {
        match self {
            TestError::Unknown(_) => "channels are the tables [notice.channels.NAME] of the configuration",
            TestError::Paced { .. } => "ask again then",
            TestError::Failed { .. } => "the message above has the answer of the other side",
            TestError::Stopping => "ask again when it runs",
        }
    }
}

impl ChannelError {
    pub(crate) fn code(&self) -> &'static str {
        match self {
            ChannelError::Read(error) => error.code(),
            ChannelError::Journal(refusal) => refusal.code(),
        }
    }
}
