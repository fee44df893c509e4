//! A proof as a file that opens with nobody's help (C2SP tlog-proof): an entry and what it speaks of, its way to the root, and the
//! checkpoint.

use crate::checkpoint::{Checkpoint, decimal, hash};
use crate::entry::{ENTRY_BYTES, Entry};
use crate::error::AuditError;
use crate::key::Verifier;
use crate::profile::Hash;
use crate::proof::inclusion_holds;
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use std::fmt;

const HEAD: &str = "c2sp.org/tlog-proof@v1";
/// Characters of a proof: an entry with the longest payload, and 64 hashes.
const TEXT_BYTES_MAX: usize = 1 << 20;
const PATH_MAX: usize = 64;

/// A proof, which may not hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Document {
    pub(crate) entry: Vec<u8>,
    /// Nothing where it was pruned.
    pub(crate) payload: Option<Vec<u8>>,
    pub(crate) index: u64,
    pub(crate) path: Vec<Hash>,
    /// The signed note.
    pub(crate) checkpoint: String,
}

/// What a proof that holds says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proven {
    pub index: u64,
    pub entry: Entry,
    pub payload: Option<Vec<u8>>,
    pub checkpoint: Checkpoint,
}

impl Document {
    /// With what the entry speaks of, for whoever is to read it.
    pub fn with_payload(self, payload: &[u8]) -> Document {
        Document { payload: Some(payload.to_vec()), ..self }
    }

    pub fn parse(text: &str) -> Result<Document, AuditError> {
        let (proof, checkpoint) =
            text.split_once("\n\n").filter(|_| text.len() <= TEXT_BYTES_MAX).ok_or(NOT_A_PROOF)?;
        let mut lines = proof.split('\n');
        let mut line =
            |before: &str| lines.next().and_then(|line| line.strip_prefix(before)).ok_or(NOT_A_PROOF);
        line(HEAD)?.is_empty().then_some(()).ok_or(NOT_A_PROOF)?;
        let extra = BASE64.decode(line("extra ")?).map_err(|_| NOT_A_PROOF)?;
        let index = decimal(line("index ")?).ok_or(NOT_A_PROOF)?;
        let path: Vec<_> = lines.map(hash).collect::<Result<_, _>>()?;
        let (entry, payload) = extra.split_at_checked(ENTRY_BYTES).ok_or(NOT_A_PROOF)?;
        let (entry, payload) = match payload.split_first() {
            None => (entry.to_vec(), None),
            Some((0, payload)) => (entry.to_vec(), Some(payload.to_vec())),
            Some(_) => return Err(NOT_A_PROOF),
        };
        (path.len() <= PATH_MAX).then_some(()).ok_or(NOT_A_PROOF)?;
        Ok(Document { entry, payload, index, path, checkpoint: checkpoint.to_owned() })
    }

    /// Believes nothing but the key.
    pub fn check(&self, key: &Verifier) -> Result<Proven, AuditError> {
        let (profile, checkpoint) = (key.profile(), Checkpoint::open(&self.checkpoint, key)?);
        let (leaf, tree) = (profile.leaf(&self.entry), (checkpoint.size, checkpoint.root));
        if !inclusion_holds(profile, (self.index, leaf), tree, &self.path) {
            return Err(AuditError::NotIncluded);
        }
        let entry = Entry::parse(&self.entry)?;
        if self.payload.as_ref().is_some_and(|payload| profile.hash(payload) != entry.payload_hash) {
            return Err(AuditError::OtherContent);
        }
        Ok(Proven { index: self.index, entry, payload: self.payload.clone(), checkpoint })
    }
}

const NOT_A_PROOF: AuditError = AuditError::Malformed { what: "a proof of an entry" };

impl fmt::Display for Document {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // A byte between the two tells an empty payload from none.
        let payload = self.payload.as_ref().map(|payload| [&[0], &payload[..]].concat());
        let extra = [&self.entry[..], &payload.unwrap_or_default()].concat();
        writeln!(f, "{HEAD}\nextra {}\nindex {}", BASE64.encode(extra), self.index)?;
        self.path.iter().try_for_each(|hash| writeln!(f, "{}", BASE64.encode(hash)))?;
        write!(f, "\n{}", self.checkpoint)
    }
}
