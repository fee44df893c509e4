//! Why a call ended without OK, and why one reading was not fit: each with a code, and the gRPC status it becomes.

use tidegate_kernel_plug::Unauthenticated;
use tonic::metadata::AsciiMetadataValue;
use tonic::{Code, Status};

/// The trailer that carries the code.
const CODE_TRAILER: &str = "tidegate-code";

/// Why a call ended. The texts go to the client.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Fault {
    #[error(transparent)]
    Unauthenticated(#[from] Unauthenticated),
    #[error("{principal} may not publish to any topic")]
    NotPermitted { principal: String },
    #[error("the message is no batch of readings: {why}")]
    Malformed { why: String },
    #[error("a message is larger than message_bytes_max, which is {max}")]
    TooLarge { max: usize },
    #[error("stream_id: {why}")]
    Stream { why: &'static str },
    #[error("a reading of a stream has sequence 0; they begin with 1")]
    Sequence,
    #[error("{principal} has as many calls open as it may")]
    TooManyCalls { principal: String },
    #[error("{principal} sends faster than it may")]
    TooFast { principal: String },
    #[error("there was no room for its readings for too long")]
    HeldBack,
    #[error("the node refused the readings with {code}")]
    Refused { code: &'static str },
    #[error("the node is stopping; connect again")]
    Draining,
    #[error("the client does not read its acknowledgements")]
    SlowReader,
    #[error("the journal stopped, so what became of the last readings is unknown")]
    Unknown,
    #[error("the client went away")]
    Left,
    #[error("the call ended by a fault of the node")]
    Broken,
}

impl Fault {
    /// The stable code, explained in `docs/errors/`.
    pub fn code(&self) -> &'static str {
        match self {
            Fault::Unauthenticated(error) => error.code(),
            Fault::NotPermitted { .. } => Unfit::NotPermitted.code(),
            Fault::Malformed { .. } | Fault::TooLarge { .. } => "TG-GR-004",
            Fault::Stream { .. } | Fault::Sequence => "TG-GR-005",
            Fault::TooManyCalls { .. } | Fault::TooFast { .. } => "TG-GR-006",
            Fault::HeldBack => "TG-GR-007",
            Fault::Refused { code } => code,
            Fault::Draining => "TG-GR-008",
            Fault::SlowReader => "TG-GR-009",
            Fault::Unknown => "TG-GR-010",
            Fault::Left => "TG-GR-012",
            Fault::Broken => "TG-GR-013",
        }
    }

    fn grpc(&self) -> Code {
        match self {
            Fault::Unauthenticated(_) => Code::Unauthenticated,
            Fault::NotPermitted { .. } => Code::PermissionDenied,
            Fault::Malformed { .. } | Fault::TooLarge { .. } | Fault::Stream { .. } | Fault::Sequence => {
                Code::InvalidArgument
            }
            Fault::TooManyCalls { .. } | Fault::TooFast { .. } | Fault::HeldBack => Code::ResourceExhausted,
            Fault::Refused { .. } | Fault::Draining | Fault::Unknown => Code::Unavailable,
            Fault::SlowReader => Code::Aborted,
            Fault::Left => Code::Cancelled,
            Fault::Broken => Code::Internal,
        }
    }

    /// The node is at fault, not the client.
    pub(crate) fn is_ours(&self) -> bool {
        matches!(self, Fault::HeldBack | Fault::Refused { .. } | Fault::Unknown | Fault::Broken)
    }

    pub(crate) fn status(&self) -> Status {
        let code = self.code();
        let mut status = Status::new(self.grpc(), format!("{code}: {self}"));
        status.metadata_mut().insert(CODE_TRAILER, AsciiMetadataValue::from_static(code));
        status
    }
}

/// Why one reading was not taken while the others were.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unfit {
    #[error("the principal may not publish to this topic")]
    NotPermitted,
    #[error("this is no topic: 1 to 65535 bytes, neither + nor # nor the null character")]
    Topic,
    #[error("topic and payload are larger than 245760 bytes together")]
    TooLarge,
}

impl Unfit {
    pub fn code(self) -> &'static str {
        match self {
            Unfit::NotPermitted => "TG-GR-001",
            Unfit::Topic => "TG-GR-002",
            Unfit::TooLarge => "TG-GR-003",
        }
    }
}

/// What a reading that came before is counted as.
pub(crate) const DUPLICATE: &str = "TG-GR-011";
