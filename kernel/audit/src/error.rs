//! What can go wrong with trees, checkpoints and proofs.

use crate::profile::Profile;
use std::io;
use std::path::PathBuf;
use tidegate_kernel_journal::ReadError;
use tidegate_kernel_sm::SmError;

#[derive(Debug, thiserror::Error)]
pub enum AuditError {
    #[error("the checkpoint in {path} is not as this node signed it: {why}")]
    OwnCheckpoint { path: PathBuf, why: Box<AuditError> },
    /// Tiles are made of the journal, and made again.
    #[error("the {} tiles in {path} do not have the root that was signed for {size} leaves", profile.name())]
    Damaged { profile: Profile, path: PathBuf, size: u64 },
    #[error("the records do not have the {} root that was signed for {size} leaves; there are {have} of them", profile.name())]
    Contradiction { profile: Profile, size: u64, have: u64 },
    #[error("leaf {index} of the {} tree, which is record {seq}, {what} where the records are kept", profile.name())]
    Rewritten { profile: Profile, index: u64, seq: u64, what: &'static str },
    #[error("not {what}")]
    Malformed { what: &'static str },
    #[error("none of the signatures is by a key that is trusted here")]
    Unsigned,
    #[error("the signature of {name} does not fit")]
    Signature { name: String },
    #[error("the checkpoint is of {found}, and the key of {expected}")]
    Origin { found: String, expected: String },
    #[error("the proof does not lead from the entry to the checkpoint")]
    NotIncluded,
    #[error("the content is not the one the entry speaks of")]
    OtherContent,
    #[error("the record is in no tree that was signed")]
    NotInTree,
    #[error("no checkpoint has been signed yet")]
    NoCheckpoint,
    #[error("{path}: {source}")]
    Io { path: PathBuf, source: io::Error },
    #[error(transparent)]
    Journal(#[from] ReadError),
    /// Of records that are not in the journal; what keeps them says itself what to do.
    #[error("{message}")]
    Source { code: &'static str, hint: &'static str, message: String },
    #[error("the checkpoint was not signed")]
    NotSigned(#[source] SmError),
}

impl AuditError {
    /// The code of the page that explains it.
    pub fn code(&self) -> &'static str {
        match self {
            AuditError::OwnCheckpoint { .. } => "TG-AU-001",
            AuditError::Damaged { .. } => "TG-AU-002",
            AuditError::Contradiction { .. } => "TG-AU-003",
            AuditError::Malformed { .. } => "TG-AU-004",
            AuditError::NotIncluded | AuditError::OtherContent => "TG-AU-005",
            AuditError::Unsigned | AuditError::Signature { .. } | AuditError::Origin { .. } => "TG-AU-006",
            AuditError::NotInTree | AuditError::NoCheckpoint => "TG-AU-007",
            AuditError::Io { .. } => "TG-AU-008",
            AuditError::Journal(error) => error.code(),
            AuditError::Rewritten { .. } => "TG-AU-013",
            AuditError::Source { code, .. } => code,
            AuditError::NotSigned(error) => error.code(),
        }
    }

    pub fn hint(&self) -> &'static str {
        match self {
            AuditError::OwnCheckpoint { .. } => {
                "put the checkpoint or the key back, and compare with one that left the node"
            }
            AuditError::Damaged { .. } => "start the node again; the files are made of the journal",
            AuditError::Contradiction { .. } => "keep the folder as it is, and run `tidegate journal verify`",
            AuditError::Rewritten { .. } => {
                "keep tree and database as they are, and restore the row from a backup that has it"
            }
            AuditError::Source { hint, .. } => hint,
            AuditError::Malformed { .. } => "have it sent again as a file; it was cut or changed on its way",
            AuditError::NotIncluded | AuditError::OtherContent => {
                "do not rely on it; ask the node for the proof again"
            }
            AuditError::Unsigned | AuditError::Signature { .. } | AuditError::Origin { .. } => {
                "compare the key with what `tidegate audit keys` prints at the node"
            }
            AuditError::NotInTree | AuditError::NoCheckpoint => {
                "try again in a moment; the trees follow the journal"
            }
            AuditError::Io { .. } | AuditError::Journal(_) => "look at the disk under the data folder",
            AuditError::NotSigned(error) => error.hint(),
        }
    }
}
