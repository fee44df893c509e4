//! What a verifier believes: keys he was given, and checkpoints that were kept elsewhere; and where acts are, for him who looks at them. Reads
//! the checkpoint of a folder.

use std::path::{Path, PathBuf};
use tidegate_kernel_audit::{AuditError, Checkpoint, Note, Profile, Snapshot, Verifier, note_in};

/// Without a key no signature is checked, only what was signed.
#[derive(Debug, Default)]
pub struct Trust {
    pub keys: Vec<Verifier>,
    /// Signed notes of any trees.
    pub notes: Vec<String>,
    /// Nothing for whoever looks at the books alone.
    pub acts: Option<Acts>,
}

/// Administrative acts: their stream in the journal, and the folder that their trees are in.
#[derive(Debug, Clone)]
pub struct Acts {
    pub stream: u16,
    pub trees: PathBuf,
}

/// What is known to be signed of one tree.
pub(super) struct Signed {
    /// Leaves of the checkpoint in the folder.
    pub(super) published: u64,
    pub(super) claims: Vec<Checkpoint>,
    pub(super) is_trusted: Option<bool>,
}

impl Trust {
    /// A file of notes as `audit.copy_to` writes it, one behind the other with an empty line between.
    pub fn notes_of(text: &str) -> Vec<String> {
        let parts: Vec<&str> = text.trim_end().split("\n\n").collect();
        parts.chunks(2).map(|note| note.join("\n\n") + "\n").collect()
    }

    /// That each of them is a signed note of a tree, whoever signed it.
    pub fn readable(notes: &[String]) -> Result<(), AuditError> {
        notes.iter().try_for_each(|note| text_of(note).map(drop))
    }

    pub(super) fn signed(&self, path: &Path, log: &str, profile: Profile) -> Result<Signed, AuditError> {
        let own = note_in(path)?.map(|note| self.open(&note, profile)).transpose()?;
        let origin = tree_of(log, profile);
        if let Some(Checkpoint { origin: found, .. }) = &own
            && !found.ends_with(&origin)
        {
            return Err(AuditError::Origin { found: found.clone(), expected: origin });
        }
        let published = own.as_ref().map_or(0, |own| own.size);
        let mut claims: Vec<_> = own.into_iter().collect();
        for note in &self.notes {
            if text_of(note)?.origin.ends_with(&origin) {
                claims.push(self.open(note, profile)?);
            }
        }
        let is_trusted = (!self.keys.is_empty()).then_some(true);
        Ok(Signed { published, claims, is_trusted })
    }

    /// The same of the tree over acts, whose name is the node's alone; without its key nobody's signature is checked.
    pub(super) fn signed_acts(&self, path: &Path, profile: Profile) -> Result<Signed, AuditError> {
        let Some(note) = note_in(path)? else {
            return Ok(Signed { published: 0, claims: Vec::new(), is_trusted: None });
        };
        let Checkpoint { origin, size: published, .. } = text_of(&note)?;
        let expected = format!("/{}", profile.name());
        if !origin.ends_with(&expected) || origin.contains(OF_BOOKS) {
            return Err(AuditError::Origin { found: origin, expected });
        }
        let key = self.key_of(&origin, profile);
        let open = |note: &String| key.map_or_else(|| text_of(note), |key| Checkpoint::open(note, key));
        let mut claims = vec![open(&note)?];
        for note in &self.notes {
            if text_of(note)?.origin == origin {
                claims.push(open(note)?);
            }
        }
        Ok(Signed { published, claims, is_trusted: key.map(|_| true) })
    }

    /// A signed snapshot of a book with this log; with keys, only one that one of them signed.
    pub(super) fn open_snapshot(
        &self,
        note: &str,
        log: &str,
        profile: Profile,
    ) -> Result<Snapshot, AuditError> {
        let snapshot = Snapshot::in_note(note)?;
        let (found, expected) = (&snapshot.checkpoint.origin, tree_of(log, profile));
        if !found.ends_with(&expected) {
            return Err(AuditError::Origin { found: found.clone(), expected });
        }
        match self.key_of(found, profile) {
            Some(key) => Snapshot::open(note, key),
            None if self.keys.is_empty() => Ok(snapshot),
            None => Err(AuditError::Unsigned),
        }
    }

    fn key_of(&self, origin: &str, profile: Profile) -> Option<&Verifier> {
        self.keys.iter().find(|key| key.name() == origin && key.profile() == profile)
    }

    /// With keys, only what one of them signed.
    fn open(&self, note: &str, profile: Profile) -> Result<Checkpoint, AuditError> {
        let checkpoint = text_of(note)?;
        match self.key_of(&checkpoint.origin, profile) {
            Some(key) => Checkpoint::open(note, key),
            None if self.keys.is_empty() => Ok(checkpoint),
            None => Err(AuditError::Unsigned),
        }
    }
}

/// How the name of a tree over a log of a book ends.
fn tree_of(log: &str, profile: Profile) -> String {
    format!("{OF_BOOKS}{log}/{}", profile.name())
}

const OF_BOOKS: &str = "/ledger/";

fn text_of(note: &str) -> Result<Checkpoint, AuditError> {
    Checkpoint::parse(&Note::parse(note)?.text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_of_notes_is_read_back_as_it_was_written() {
        let note = |size: u64| format!("example.com/ledger/main/sm3\n{size}\nAAAA\n\n— example.com AAAA\n");
        let file = format!("{}\n{}\n", note(1), note(2));
        assert_eq!(Trust::notes_of(&file), [note(1), note(2)]);
        assert_eq!(Trust::notes_of(&note(7)), [note(7)]);
    }
}
