//! A checkpoint: which log, how many leaves, which root (C2SP tlog-checkpoint).

use crate::error::AuditError;
use crate::key::Verifier;
use crate::note::Note;
use crate::profile::Hash;
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use std::fmt;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    pub origin: String,
    pub size: u64,
    pub root: Hash,
}

impl Checkpoint {
    /// Lines behind the third belong to whoever wrote them and are passed over.
    pub fn parse(text: &str) -> Result<Checkpoint, AuditError> {
        let mut lines = text.split('\n');
        let mut line = || lines.next().filter(|line| !line.is_empty()).ok_or(NOT_A_CHECKPOINT);
        let (origin, size, root) =
            (line()?.to_owned(), decimal(line()?).ok_or(NOT_A_CHECKPOINT)?, hash(line()?)?);
        Ok(Checkpoint { origin, size, root })
    }

    /// The checkpoint in a note that this key has signed, of the log that the key is named after.
    pub fn open(note: &str, key: &Verifier) -> Result<Checkpoint, AuditError> {
        let note = Note::parse(note)?;
        note.verify(std::slice::from_ref(key))?;
        let checkpoint = Checkpoint::parse(&note.text)?;
        if checkpoint.origin != key.name() {
            let (found, expected) = (checkpoint.origin, key.name().to_owned());
            return Err(AuditError::Origin { found, expected });
        }
        Ok(checkpoint)
    }
}

impl fmt::Display for Checkpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}\n{}\n{}", self.origin, self.size, BASE64.encode(self.root))
    }
}

/// A number written the one way there is.
pub(crate) fn decimal(text: &str) -> Option<u64> {
    text.parse().ok().filter(|number: &u64| number.to_string() == text)
}

pub(crate) fn hash(text: &str) -> Result<Hash, AuditError> {
    let bytes = BASE64.decode(text).ok();
    bytes.and_then(|bytes| bytes.try_into().ok()).ok_or(AuditError::Malformed { what: "a hash in Base64" })
}

const NOT_A_CHECKPOINT: AuditError = AuditError::Malformed { what: "a checkpoint" };
