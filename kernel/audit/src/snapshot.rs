//! A signed snapshot: what a node says of a state that stands for the first leaves of a tree, so that these can be pruned. Pure.
//!
//! ```text
//! tidegate snapshot v1
//! example.com/gate-7/ledger/main/sha256    the tree; its key signs
//! 1234                                     number of the last record in the state
//! 1763800000123                            when that was appended
//! 1180                                     leaves it stands for
//! Base64                                   hash of the state, by the tree's own hash
//! 1300                                     leaves of the checkpoint it lies under
//! Base64                                   root of that
//! ```
//!
//! The first line is no name of a log, so nobody takes it for a checkpoint.

use crate::checkpoint::{Checkpoint, decimal, hash};
use crate::error::AuditError;
use crate::key::{Signer, Verifier};
use crate::note::Note;
use crate::profile::Hash;
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use std::fmt;

const HEAD: &str = "tidegate snapshot v1";

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snapshot {
    pub seq: u64,
    pub stamp_ms: u64,
    pub leaves: u64,
    pub state: Hash,
    /// Of the same tree, over as many leaves or more.
    pub checkpoint: Checkpoint,
}

impl Snapshot {
    /// With the key of its tree.
    pub fn sign(&self, signer: &Signer) -> Result<Note, AuditError> {
        require(signer.name(), &self.checkpoint.origin)?;
        Note::sign(&self.to_string(), signer)
    }

    /// What a note says, whoever signed it.
    pub fn in_note(note: &str) -> Result<Snapshot, AuditError> {
        Snapshot::parse(&Note::parse(note)?.text)
    }

    /// What a note says that this key has signed, of the tree that the key is named after.
    pub fn open(note: &str, key: &Verifier) -> Result<Snapshot, AuditError> {
        let note = Note::parse(note)?;
        note.verify(std::slice::from_ref(key))?;
        let snapshot = Snapshot::parse(&note.text)?;
        require(key.name(), &snapshot.checkpoint.origin)?;
        Ok(snapshot)
    }

    fn parse(text: &str) -> Result<Snapshot, AuditError> {
        let mut lines = text.split('\n');
        let mut line = || lines.next().filter(|line| !line.is_empty()).ok_or(NOT_A_SNAPSHOT);
        let number = |text| decimal(text).ok_or(NOT_A_SNAPSHOT);
        if line()? != HEAD {
            return Err(NOT_A_SNAPSHOT);
        }
        let origin = line()?.to_owned();
        let (seq, stamp_ms, leaves) = (number(line()?)?, number(line()?)?, number(line()?)?);
        let state = hash(line()?)?;
        let checkpoint = Checkpoint { origin, size: number(line()?)?, root: hash(line()?)? };
        let is_under = leaves <= checkpoint.size;
        is_under.then_some(Snapshot { seq, stamp_ms, leaves, state, checkpoint }).ok_or(NOT_A_SNAPSHOT)
    }
}

fn require(expected: &str, found: &str) -> Result<(), AuditError> {
    let other = || AuditError::Origin { found: found.to_owned(), expected: expected.to_owned() };
    (found == expected).then_some(()).ok_or_else(other)
}

impl fmt::Display for Snapshot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Snapshot { seq, stamp_ms, leaves, state, checkpoint: Checkpoint { origin, size, root } } = self;
        writeln!(f, "{HEAD}\n{origin}\n{seq}\n{stamp_ms}\n{leaves}")?;
        writeln!(f, "{}\n{size}\n{}", BASE64.encode(state), BASE64.encode(root))
    }
}

const NOT_A_SNAPSHOT: AuditError = AuditError::Malformed { what: "a signed snapshot" };

#[cfg(test)]
mod tests {
    use super::*;
    use tidegate_kernel_sm::sm2;

    fn signer(name: &str) -> Signer {
        Signer::sm2(name, sm2::SigningKey::from_bytes(&[7; 32]).unwrap()).unwrap()
    }

    fn sample() -> Snapshot {
        let checkpoint = Checkpoint { origin: "example.com/sm3".to_owned(), size: 1300, root: [3; 32] };
        Snapshot { seq: 1234, stamp_ms: 5, leaves: 1180, state: [9; 32], checkpoint }
    }

    #[test]
    fn a_signed_snapshot_reads_back_and_any_other_text_does_not() {
        let (signer, snapshot) = (signer("example.com/sm3"), sample());
        let note = snapshot.sign(&signer).unwrap().to_string();
        assert_eq!(Snapshot::open(&note, &signer.verifier()).unwrap(), snapshot);
        for (from, to) in
            [("1234", "1235"), ("\n5\n", "\n6\n"), ("1180", "1181"), ("1300", "1301"), ("CQkJ", "CQkK")]
        {
            let forged = note.replacen(from, to, 1);
            assert_ne!(forged, note);
            assert_eq!(
                Snapshot::open(&forged, &signer.verifier()).unwrap_err().code(),
                "TG-AU-006",
                "{from}"
            );
        }
        let over_more = Snapshot { leaves: 1301, ..snapshot };
        let note = over_more.sign(&signer).unwrap().to_string();
        assert_eq!(Snapshot::open(&note, &signer.verifier()).unwrap_err().code(), "TG-AU-004");
    }

    #[test]
    fn a_snapshot_is_signed_by_the_key_of_its_tree_and_is_no_checkpoint() {
        assert_eq!(sample().sign(&signer("example.com/other")).unwrap_err().code(), "TG-AU-006");
        let signer = signer("example.com/sm3");
        let note = sample().sign(&signer).unwrap().to_string();
        assert!(Checkpoint::open(&note, &signer.verifier()).is_err());
        let checkpoint = Note::sign(&sample().checkpoint.to_string(), &signer).unwrap().to_string();
        assert!(Snapshot::open(&checkpoint, &signer.verifier()).is_err());
    }
}
