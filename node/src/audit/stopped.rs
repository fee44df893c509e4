//! What a command does to the folder of a node that is stopped, written down as an act like any other and signed at once: nobody else would
//! do it before the next start. Blocks for the disk.

use super::config::Config;
use super::keys::{Keys, SM2_KEY};
use super::log::FOLDER;
use super::{Audit, Log};
use crate::failure::Failure;
use crate::identity::{NODE_KEY, NodeKey};
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use tidegate_kernel_audit::{AuditError, Builder, Profile, Signer};
use tidegate_kernel_journal::Journal;
use tidegate_kernel_plug::{Act, Outcome, Witness};

pub(crate) struct Stopped {
    data: PathBuf,
    journal: Journal,
    keys: Keys,
}

impl Stopped {
    /// Makes no key where there is none: what is signed with a new one is not this node's.
    pub(crate) fn open(data: &Path, journal: &Journal, config: &Config) -> Result<Stopped, Failure> {
        let audit = data.join(FOLDER);
        for key in [data.join(NODE_KEY), audit.join(SM2_KEY)] {
            if !key.is_file() {
                let message =
                    format!("{} is not there, so nothing can be signed for this node", key.display());
                return Err(Failure::message(
                    "TG-LE-083",
                    message,
                    "put the keys of the node back; nothing was changed",
                ));
            }
        }
        let keys = Keys::open(&audit, config, NodeKey::open(data)?)?;
        Ok(Stopped { data: data.to_owned(), journal: journal.clone(), keys })
    }

    /// For a tree over a book.
    pub(crate) fn signer(&self, book: &str, profile: Profile) -> Signer {
        self.keys.signer(&Log::of(&self.journal, book), profile)
    }

    /// Does the work between the act and its outcome, and signs both. It is not done if it cannot be written down.
    pub(crate) async fn witnessed<T>(
        &self,
        (what, target): (&str, String),
        work: impl FnOnce() -> Result<(T, String), Failure>,
    ) -> Result<T, Failure> {
        let audit = Audit::new(self.journal.clone());
        let (who, from) = (user(), "this machine".to_owned());
        let act = Act { who, what: what.to_owned(), target, from, request: String::new() };
        let unwritten = |refusal: tidegate_kernel_plug::Refusal| {
            Failure::message(
                refusal.code,
                refusal.message.clone(),
                "make room on the disk; nothing was changed",
            )
        };
        let number = audit.begin(act).await.map_err(unwritten)?;
        let done = work();
        let outcome = match &done {
            Ok((_, detail)) => Outcome { status: 200, detail: detail.clone() },
            Err(failure) => Outcome { status: 500, detail: failure.to_string() },
        };
        audit.end(number, outcome).await;
        let signed = self.sign_acts();
        let (done, _) = done?;
        signed.map_err(|error| Failure::new(error.code(), &error, error.hint()))?;
        Ok(done)
    }

    fn sign_acts(&self) -> Result<(), AuditError> {
        let log = Log::Acts;
        let Some(source) = log.source(&self.journal, None) else { return Ok(()) };
        let signers = Profile::ALL.map(|profile| self.keys.signer(&log, profile));
        let (mut builder, _) = Builder::over(&log.folder(&self.data), source, signers.into())?;
        while builder.step()?.records > 0 {}
        builder.sign().map(drop)
    }
}

/// Whoever runs the command, as the system knows it; a name could be anybody's.
fn user() -> String {
    fs::metadata("/proc/self")
        .map_or_else(|_| "somebody".to_owned(), |process| format!("user {}", process.uid()))
}
