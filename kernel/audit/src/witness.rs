//! A witness of other logs: keeps the last checkpoint of each, and signs only what grew out of it (C2SP tlog-witness and tlog-cosignature).
//! And what a log makes of such a signature.
//!
//! One lock, held while a checkpoint is judged and synced: nothing may come between the two.

use crate::checkpoint::{Checkpoint, decimal, hash};
use crate::error::AuditError;
use crate::folder::Folder;
use crate::key::{Verifier, key_id, split};
use crate::note::{NOTE_BYTES_MAX, Note};
use crate::profile::Hash;
use crate::proof::consistency_holds;
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use ring::digest::{SHA256, digest};
use ring::signature::{ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey};
use std::fmt::{self, Write as _};
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::{Mutex, PoisonError};

/// Hashes that show the growth of a tree of 2^64 leaves.
const PATH_MAX: usize = 63;
const COSIGNED_TYPE: u8 = 4;
/// Bytes of what a log hands in.
pub const SUBMISSION_BYTES_MAX: usize = NOTE_BYTES_MAX + 8192;

/// A checkpoint, and how it grew out of the last one that the witness signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Submission {
    pub old: u64,
    pub path: Vec<Hash>,
    /// The signed note.
    pub checkpoint: String,
}

impl fmt::Display for Submission {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "old {}", self.old)?;
        self.path.iter().try_for_each(|hash| writeln!(f, "{}", BASE64.encode(hash)))?;
        write!(f, "\n{}", self.checkpoint)
    }
}

impl FromStr for Submission {
    type Err = AuditError;

    fn from_str(text: &str) -> Result<Submission, AuditError> {
        let parts = text.split_once("\n\n").filter(|_| text.len() <= SUBMISSION_BYTES_MAX);
        let (growth, checkpoint) = parts.ok_or(NOT_SUBMITTED)?;
        let mut lines = growth.split('\n');
        let old = lines.next().and_then(|line| decimal(line.strip_prefix("old ")?)).ok_or(NOT_SUBMITTED)?;
        let path = lines.map(hash).collect::<Result<Vec<_>, _>>()?;
        (path.len() <= PATH_MAX).then_some(()).ok_or(NOT_SUBMITTED)?;
        Ok(Submission { old, path, checkpoint: checkpoint.to_owned() })
    }
}

const NOT_SUBMITTED: AuditError = AuditError::Malformed { what: "a checkpoint for a witness" };

/// Why a witness did not sign.
#[derive(Debug, thiserror::Error)]
pub enum WitnessRefusal {
    #[error(transparent)]
    Unusable(#[from] AuditError),
    #[error("the log {origin} is not witnessed here")]
    UnknownLog { origin: String },
    /// The log is behind, ahead, or new here: it tries again from that size.
    #[error("the last checkpoint signed here has {size} entries")]
    Elsewhere { size: u64 },
    #[error("{origin} has another root for the {size} entries that were signed here")]
    OtherRoot { origin: String, size: u64 },
    #[error("the {new} entries of {origin} did not grow out of the {old} that were signed here")]
    NotGrown { origin: String, old: u64, new: u64 },
}

/// The logs that are witnessed, and what was seen of them.
#[derive(Debug)]
pub struct Witness {
    folder: PathBuf,
    name: String,
    pair: Ed25519KeyPair,
    logs: Vec<Verifier>,
    judging: Mutex<()>,
}

impl Witness {
    pub fn new(folder: &Path, name: &str, pkcs8: &[u8], logs: Vec<Verifier>) -> Result<Witness, AuditError> {
        let pair = Ed25519KeyPair::from_pkcs8(pkcs8);
        let pair = pair.map_err(|_| AuditError::Malformed { what: "an Ed25519 key" })?;
        Ok(Witness { folder: folder.to_owned(), name: name.to_owned(), pair, logs, judging: Mutex::new(()) })
    }

    pub fn key(&self) -> WitnessKey {
        let key = self.pair.public_key().as_ref().try_into().expect("it has 32 bytes");
        WitnessKey { name: self.name.clone(), key }
    }

    /// The line with the signature over the checkpoint that was handed in, signed at `now_s`, seconds since 1970.
    pub fn add(&self, submission: &Submission, now_s: u64) -> Result<String, WitnessRefusal> {
        let note = Note::parse(&submission.checkpoint)?;
        let Checkpoint { origin, .. } = Checkpoint::parse(&note.text)?;
        let log = self.logs.iter().find(|log| log.name() == origin);
        let log = log.ok_or(WitnessRefusal::UnknownLog { origin })?;
        let new = Checkpoint::open(&submission.checkpoint, log)?;
        let folder = self.folder_of(&new.origin);
        let _judging = self.judging.lock().unwrap_or_else(PoisonError::into_inner);
        judge(submission, log, folder.checkpoint()?, &new)?;
        folder.put_checkpoint(&submission.checkpoint)?;
        Ok(self.cosign(&note.text, now_s))
    }

    /// The last checkpoint that was signed here of the log with this name.
    pub fn seen(&self, origin: &str) -> Result<Option<String>, AuditError> {
        self.folder_of(origin).checkpoint()
    }

    fn folder_of(&self, origin: &str) -> Folder {
        let name =
            digest(&SHA256, origin.as_bytes()).as_ref().iter().fold(String::new(), |mut name, byte| {
                let _ = write!(name, "{byte:02x}");
                name
            });
        Folder::new(&self.folder.join(name))
    }

    fn cosign(&self, text: &str, now_s: u64) -> String {
        let signature = self.pair.sign(cosigned(text, now_s).as_bytes());
        let bytes = [&self.key().key_id()[..], &now_s.to_be_bytes(), signature.as_ref()].concat();
        format!("— {} {}\n", self.name, BASE64.encode(bytes))
    }
}

fn judge(
    submission: &Submission,
    log: &Verifier,
    seen: Option<String>,
    new: &Checkpoint,
) -> Result<(), WitnessRefusal> {
    let (profile, origin) = (log.profile(), new.origin.clone());
    let (old, root) = match seen {
        Some(note) => Checkpoint::open(&note, log).map(|seen| (seen.size, seen.root))?,
        None => (0, profile.empty()),
    };
    if submission.old > new.size {
        return Err(NOT_SUBMITTED.into());
    }
    if submission.old != old {
        return Err(WitnessRefusal::Elsewhere { size: old });
    }
    if old == new.size && root != new.root {
        return Err(WitnessRefusal::OtherRoot { origin, size: old });
    }
    let holds = consistency_holds(profile, (old, root), (new.size, new.root), &submission.path);
    holds.then_some(()).ok_or(WitnessRefusal::NotGrown { origin, old, new: new.size })
}

/// A witness's name and public key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WitnessKey {
    name: String,
    key: [u8; 32],
}

impl WitnessKey {
    fn typed(&self) -> Vec<u8> {
        [&[COSIGNED_TYPE], &self.key[..]].concat()
    }

    fn key_id(&self) -> [u8; 4] {
        key_id(&self.name, &self.typed())
    }

    /// Whether one of the lines is this witness's signature over the note; the second it was made in.
    pub fn verify(&self, note: &str, lines: &str) -> Result<u64, AuditError> {
        let text = Note::parse(note)?.text;
        let before = format!("— {} ", self.name);
        let signatures =
            lines.lines().take(16).filter_map(|line| BASE64.decode(line.strip_prefix(&before)?).ok());
        let mut times = signatures.filter_map(|bytes| {
            let (_, rest) = bytes.split_first_chunk::<4>().filter(|(id, _)| **id == self.key_id())?;
            let (time, signature) = rest.split_first_chunk::<8>()?;
            let time = u64::from_be_bytes(*time);
            let key = UnparsedPublicKey::new(&ED25519, self.key);
            key.verify(cosigned(&text, time).as_bytes(), signature).ok().map(|()| time)
        });
        times.next().ok_or(AuditError::Unsigned)
    }
}

fn cosigned(text: &str, time_s: u64) -> String {
    format!("cosignature/v1\ntime {time_s}\n{text}")
}

impl fmt::Display for WitnessKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let id = u32::from_be_bytes(self.key_id());
        write!(f, "{}+{id:08x}+{}", self.name, BASE64.encode(self.typed()))
    }
}

impl FromStr for WitnessKey {
    type Err = AuditError;

    fn from_str(text: &str) -> Result<WitnessKey, AuditError> {
        let not_a_key = AuditError::Malformed { what: "a key of a witness, as name+id+key" };
        let Some((name, typed)) = split(text) else { return Err(not_a_key) };
        match typed.split_first() {
            Some((&COSIGNED_TYPE, key)) => {
                let key = key.try_into().map_err(|_| not_a_key)?;
                Ok(WitnessKey { name: name.to_owned(), key })
            }
            _ => Err(not_a_key),
        }
    }
}
