//! Signed notes: a text, an empty line, and lines with signatures (C2SP signed-note).

use crate::error::AuditError;
use crate::key::{Signer, Verifier};
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use std::fmt;

/// Bytes of a note, signatures included.
pub const NOTE_BYTES_MAX: usize = 64 << 10;
const SIGNATURES_MAX: usize = 16;

/// A text, its last newline included, and what is said to be signatures of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    pub text: String,
    signatures: Vec<Signature>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Signature {
    name: String,
    key_id: [u8; 4],
    bytes: Vec<u8>,
}

impl Note {
    pub fn sign(text: &str, signer: &Signer) -> Result<Note, AuditError> {
        let (name, key_id) = (signer.name().to_owned(), signer.verifier().key_id());
        let bytes = signer.sign(text.as_bytes()).map_err(AuditError::NotSigned)?;
        Ok(Note { text: text.to_owned(), signatures: vec![Signature { name, key_id, bytes }] })
    }

    pub fn parse(note: &str) -> Result<Note, AuditError> {
        let is_plain = note.len() <= NOTE_BYTES_MAX && !note.chars().any(|c| c < ' ' && c != '\n');
        let (text, lines) = note.rsplit_once("\n\n").filter(|_| is_plain).ok_or(NOT_A_NOTE)?;
        let lines = lines.strip_suffix('\n').ok_or(NOT_A_NOTE)?;
        let signatures: Vec<_> = lines.split('\n').map(signature).collect::<Option<_>>().ok_or(NOT_A_NOTE)?;
        match signatures.len() {
            1..=SIGNATURES_MAX => Ok(Note { text: format!("{text}\n"), signatures }),
            _ => Err(NOT_A_NOTE),
        }
    }

    /// Holds if one of the keys has signed, and each of them that has did it right.
    pub fn verify(&self, trusted: &[Verifier]) -> Result<(), AuditError> {
        let mut signed = 0;
        for signature in &self.signatures {
            let is_its = |key: &&Verifier| key.name() == signature.name && key.key_id() == signature.key_id;
            if let Some(key) = trusted.iter().find(is_its) {
                let fits = key.verify(self.text.as_bytes(), &signature.bytes);
                fits.then_some(()).ok_or_else(|| AuditError::Signature { name: signature.name.clone() })?;
                signed += 1;
            }
        }
        if signed == 0 { Err(AuditError::Unsigned) } else { Ok(()) }
    }
}

const NOT_A_NOTE: AuditError = AuditError::Malformed { what: "a signed note" };

fn signature(line: &str) -> Option<Signature> {
    let (name, bytes) = line.strip_prefix("— ")?.split_once(' ')?;
    let bytes = BASE64.decode(bytes).ok()?;
    let (key_id, bytes) = bytes.split_first_chunk()?;
    is_name(name).then(|| Signature { name: name.to_owned(), key_id: *key_id, bytes: bytes.to_vec() })
}

pub(crate) fn is_name(name: &str) -> bool {
    !name.is_empty() && !name.contains(|c: char| c.is_whitespace() || c == '+')
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.text)?;
        for Signature { name, key_id, bytes } in &self.signatures {
            writeln!(f, "— {name} {}", BASE64.encode([&key_id[..], bytes].concat()))?;
        }
        Ok(())
    }
}
