//! What a verifier believes: keys he was given, and checkpoints that were kept elsewhere. Reads the checkpoint of a folder.

use std::path::Path;
use tidegate_kernel_audit::{AuditError, Checkpoint, Note, Profile, Verifier, note_in};

/// Without a key no signature is checked, only what was signed.
#[derive(Debug, Default)]
pub struct Trust {
    pub keys: Vec<Verifier>,
    /// Signed notes of any trees.
    pub notes: Vec<String>,
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
        let origin = format!("/ledger/{log}/{}", profile.name());
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

    /// With keys, only what one of them signed.
    fn open(&self, note: &str, profile: Profile) -> Result<Checkpoint, AuditError> {
        let checkpoint = text_of(note)?;
        let is_its = |key: &&Verifier| key.name() == checkpoint.origin && key.profile() == profile;
        match self.keys.iter().find(is_its) {
            Some(key) => Checkpoint::open(note, key),
            None if self.keys.is_empty() => Ok(checkpoint),
            None => Err(AuditError::Unsigned),
        }
    }
}

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
