//! Why a bundle is not to be trusted, or not to be had.

use super::list::Version;
use std::io;
use std::path::PathBuf;

#[derive(Debug, thiserror::Error)]
pub(super) enum BundleError {
    #[error("{path} is no bundle, or one that was cut off")]
    NotABundle { path: PathBuf },
    #[error("{path} is a bundle of a form this version does not know")]
    Newer { path: PathBuf },
    #[error("{path} was not signed by the key in {key}")]
    Unsigned { path: PathBuf, key: PathBuf },
    #[error("{name} in {path} is not what was signed")]
    Altered { path: PathBuf, name: String },
    #[error("{path} has tidegate {found}, and this program is {own}")]
    Older { path: PathBuf, found: Version, own: Version },
    #[error("{path} has no Ed25519 public key in PEM")]
    NotAKey { path: PathBuf },
    #[error("{path} is there already and not empty")]
    NotEmpty { path: PathBuf },
    #[error("could not use {path}")]
    Io { path: PathBuf, source: io::Error },
}

impl BundleError {
    pub(super) fn code(&self) -> &'static str {
        match self {
            BundleError::NotABundle { .. } => "TG-BD-001",
            BundleError::Newer { .. } => "TG-BD-002",
            BundleError::Unsigned { .. } => "TG-BD-003",
            BundleError::Altered { .. } => "TG-BD-004",
            BundleError::Older { .. } => "TG-BD-005",
            BundleError::NotAKey { .. } => "TG-BD-006",
            BundleError::NotEmpty { .. } => "TG-BD-007",
            BundleError::Io { .. } => "TG-BD-008",
        }
    }

    /// What to do about it, in one line.
    pub(super) fn hint(&self) -> &'static str {
        match self {
            BundleError::NotABundle { .. } => "carry the file over again and compare its length",
            BundleError::Newer { .. } => "verify it with the version before it, or look at the release notes",
            BundleError::Unsigned { .. } => {
                "install nothing of it; ask whoever gave it to you which key it was signed with"
            }
            BundleError::Altered { .. } => "install nothing of it; carry the file over again",
            BundleError::Older { .. } => "take a later bundle, or insist with --allow-older",
            BundleError::NotAKey { .. } => "give the file that has BEGIN PUBLIC KEY in it, of an Ed25519 key",
            BundleError::NotEmpty { .. } => "give an empty folder, or one that is not there yet",
            BundleError::Io { .. } => "look at the path, the permissions and the disk",
        }
    }
}

pub(super) fn io(path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> BundleError {
    let path = path.into();
    move |source| BundleError::Io { path, source }
}
