//! What can go wrong between a publisher and a sink, each with a code that `docs/errors/` explains.

use crate::rules::config::RuleFaults;
use tidegate_kernel_journal::{ReadError, Refusal};

/// Why a reading was not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Declined {
    /// Nothing was taken or counted; the same offer may succeed in a moment.
    #[error("too much is waiting to be written")]
    Busy,
    /// Counted as refused with this code; the same offer would be refused again.
    #[error("the reading was refused with {code}")]
    Refused { code: &'static str },
    /// Counted as malformed with this code: its device's model can make nothing of it, however often it comes. A protocol that
    /// can say so says so; one that cannot acknowledges it, for else it would come again and again.
    #[error("the payload is malformed, {code}")]
    Malformed { code: &'static str },
}

impl Declined {
    /// What was offered is no reading of this node, and nothing is wrong with whoever sent it: a payload its device's model can make
    /// nothing of, or a device that is not known.
    pub fn is_of_no_reading(&self) -> bool {
        matches!(self, Declined::Malformed { .. })
            || [Declined::UNKNOWN_DEVICE, Declined::QUARANTINE_FULL].contains(self)
    }

    /// What it is counted under; nothing where it is not.
    pub(crate) fn code(&self) -> Option<&'static str> {
        match self {
            Declined::Busy => None,
            Declined::Refused { code } | Declined::Malformed { code } => Some(code),
        }
    }

    /// Offered after the drain began.
    pub(crate) const DRAINING: Declined = Declined::Refused { code: "TG-IN-002" };
    /// Has no form in the journal.
    pub(crate) const UNWRITABLE: Declined = Declined::Refused { code: "TG-IN-006" };
    pub(crate) const UNKNOWN_DEVICE: Declined = Declined::Refused { code: "TG-IN-007" };
    pub(crate) const QUARANTINE_FULL: Declined = Declined::Refused { code: "TG-IN-008" };
}

impl From<Refusal> for Declined {
    fn from(refusal: Refusal) -> Declined {
        match refusal {
            Refusal::Busy(_) => Declined::Busy,
            other => Declined::Refused { code: other.code() },
        }
    }
}

/// Why the capability could not start.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    #[error("the register of admission counts in the journal is damaged or of a later version")]
    Register,
    #[error("could not open the cursor of sink {sink}")]
    Cursor { sink: String, source: Refusal },
    #[error("{name:?} cannot be the name of a sink")]
    SinkName { name: String },
    #[error("the dead letters in the journal could not be read")]
    Letters(#[source] LettersError),
    #[error("could not count again what the journal holds")]
    Recount(#[source] ReadError),
    #[error("{found} topic filters say {what}, and at most {max} may")]
    TooManyFilters { what: &'static str, found: usize, max: usize },
    #[error("the journal could not be read for the rules")]
    Rules(#[source] ReadError),
    #[error("the rules have faults: {0}")]
    RuleFaults(#[source] RuleFaults),
    #[error("rules are running already")]
    RulesTwice,
}

impl OpenError {
    pub fn code(&self) -> &'static str {
        match self {
            OpenError::Register => "TG-IN-003",
            OpenError::Cursor { source, .. } => source.code(),
            OpenError::Recount(error) => error.code(),
            OpenError::TooManyFilters { .. } => "TG-IN-005",
            OpenError::SinkName { .. } => "TG-IN-020",
            OpenError::Letters(LettersError::Read(error)) => error.code(),
            OpenError::Letters(LettersError::Cursor(refusal)) => refusal.code(),
            OpenError::Rules(error) => error.code(),
            OpenError::RuleFaults(faults) => faults.code(),
            OpenError::RulesTwice => "TG-RU-016",
        }
    }

    /// What to do about it, in one line.
    pub fn hint(&self) -> &'static str {
        match self {
            OpenError::Register => {
                "start the version that wrote the folder, or keep a copy of it and report this"
            }
            OpenError::Cursor { .. }
            | OpenError::Recount(_)
            | OpenError::Letters(_)
            | OpenError::Rules(_) => "look at the disk under the data folder",
            OpenError::SinkName { .. } => "use 1 to 32 of the letters a-z, digits, - and _",
            OpenError::RuleFaults(_) => "correct the rules; the language is in docs/guides/rules.md",
            OpenError::RulesTwice => "start rules once, and change them with a trial",
            OpenError::TooManyFilters { .. } => "join filters with the wildcards + and #",
        }
    }
}

/// Why the dead letters could not be found again.
#[derive(Debug, thiserror::Error)]
pub enum LettersError {
    #[error(transparent)]
    Read(#[from] ReadError),
    #[error(transparent)]
    Cursor(#[from] Refusal),
}

/// A record of the readings' stream that is no reading this version knows. It is counted as dead-lettered and stays in the
/// journal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unreadable {
    #[error("record {seq} is of kind {kind} version {version}, which this version does not know")]
    Kind { seq: u64, kind: u16, version: u8 },
    #[error("record {seq} does not have the layout of a reading")]
    Layout { seq: u64 },
}

impl Unreadable {
    pub fn code(&self) -> &'static str {
        "TG-IN-001"
    }
}

/// Why a pump could not take a batch from the journal or settle it there.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PumpError {
    #[error(transparent)]
    Read(#[from] ReadError),
    #[error(transparent)]
    Deliver(#[from] crate::sink::SinkError),
}

impl PumpError {
    pub(crate) fn code(&self) -> &'static str {
        match self {
            PumpError::Read(error) => error.code(),
            PumpError::Deliver(error) => error.code,
        }
    }
}
