//! The state that stands for the facts of a book that are pruned, with what a node signed of it. Lies beside the journal as a snapshot of a
//! name of its own, so that those for quick starts never push it out. Pure.
//!
//! ```text
//! for each tree: length u32, little-endian, and a signed snapshot as text; then the state
//! ```

use tidegate_engine_book::{NotAFact, State};
use tidegate_kernel_audit::{AuditError, Note, Profile, Snapshot};

/// A base, whose state is the one that was signed; by whom is for others to say.
#[derive(Debug, Clone)]
pub(crate) struct Base {
    /// By profile.
    pub(crate) notes: [String; 2],
    pub(crate) signed: [Snapshot; 2],
    pub(crate) state: Vec<u8>,
}

/// Why bytes are no base.
#[derive(Debug, thiserror::Error)]
pub enum NotABase {
    #[error("it is cut off, or no snapshot of pruned facts")]
    Form,
    #[error("{0}")]
    Note(#[from] AuditError),
    #[error("its state does not have the {} hash that was signed", .0.name())]
    Hash(Profile),
    #[error("what was signed for one tree is not what was signed for the other")]
    Unlike,
    #[error("its state cannot be read: {0}")]
    State(#[from] NotAFact),
    #[error("its state is as of record {there}, and what was signed is as of {signed}")]
    Seq { there: u64, signed: u64 },
}

/// What the snapshot is called in the journal: after the stream, which no other book ever has.
pub(crate) fn name_of(stream: u16) -> String {
    format!("pruned-{stream}")
}

pub(crate) fn to_bytes(notes: &[Note], state: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for note in notes.iter().map(Note::to_string) {
        bytes.extend_from_slice(&(note.len() as u32).to_le_bytes());
        bytes.extend_from_slice(note.as_bytes());
    }
    bytes.extend_from_slice(state);
    bytes
}

impl Base {
    pub(crate) fn parse(bytes: &[u8]) -> Result<Base, NotABase> {
        let (first, rest) = take_note(bytes)?;
        let (second, state) = take_note(rest)?;
        let notes = [first, second];
        let signed = [Snapshot::in_note(&notes[0])?, Snapshot::in_note(&notes[1])?];
        for (profile, signed) in Profile::ALL.into_iter().zip(&signed) {
            if profile.hash(state) != signed.state {
                return Err(NotABase::Hash(profile));
            }
        }
        let [one, other] = signed.each_ref().map(|signed| (signed.seq, signed.stamp_ms, signed.leaves));
        if one != other {
            return Err(NotABase::Unlike);
        }
        Ok(Base { notes, signed, state: state.to_vec() })
    }

    /// The number of the last fact that it stands for.
    pub(crate) fn seq(&self) -> u64 {
        self.signed[0].seq
    }

    pub(crate) fn leaves(&self) -> u64 {
        self.signed[0].leaves
    }

    /// As `decode` reads it.
    pub(crate) fn state(
        &self,
        decode: impl FnOnce(&[u8]) -> Result<State, NotAFact>,
    ) -> Result<State, NotABase> {
        let state = decode(&self.state)?;
        match (state.seq(), self.seq()) {
            (there, signed) if there == signed => Ok(state),
            (there, signed) => Err(NotABase::Seq { there, signed }),
        }
    }
}

fn take_note(bytes: &[u8]) -> Result<(String, &[u8]), NotABase> {
    let (length, rest) = bytes.split_first_chunk().ok_or(NotABase::Form)?;
    let length = u32::from_le_bytes(*length) as usize;
    let (note, rest) = rest.split_at_checked(length).ok_or(NotABase::Form)?;
    let note = str::from_utf8(note).map_err(|_| NotABase::Form)?;
    Ok((note.to_owned(), rest))
}
