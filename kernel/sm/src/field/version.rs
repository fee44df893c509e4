//! One version of a key, and those who write with it.

use super::{BASE64, FIELD_BYTES_MAX, Place, Sealed};
use crate::SmError;
use crate::sm4::{Gcm, Key, NONCE_BYTES};
use base64::Engine;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};
use tidegate_kernel_id::random;
use zeroize::Zeroizing;

/// Fields one version may encrypt: with more, two random nonces may well be equal (NIST SP 800-38D §8.3). Counted since the
/// keyring was made in this process, so rotate long before.
pub const USES_MAX: u64 = 1 << 32;

#[derive(Debug)]
pub(super) struct Version {
    pub(super) number: u32,
    pub(super) key: Key,
    gcm: Gcm,
    pub(super) uses: AtomicU64,
    pub(super) shredded: AtomicBool,
    /// Each writer has one of these; so has this version.
    writing: Arc<()>,
}

impl Version {
    pub(super) fn new(number: u32, key: Key) -> Arc<Version> {
        let (gcm, uses, shredded) = (Gcm::new(&key), AtomicU64::new(0), AtomicBool::new(false));
        Arc::new(Version { number, key, gcm, uses, shredded, writing: Arc::new(()) })
    }

    pub(super) fn writers(&self) -> usize {
        Arc::strong_count(&self.writing) - 1
    }

    pub(super) fn open(&self, sealed: &Sealed, place: Place) -> Result<Zeroizing<Vec<u8>>, SmError> {
        let (nonce, body) = sealed.body.split_first_chunk().ok_or(SmError::Malformed)?;
        self.gcm.open(nonce, &place.bytes(), body)
    }
}

/// The right to encrypt with the version that was newest when it was given out. Hold it until what was encrypted is stored: no scan
/// begins while a writer holds an older version.
#[derive(Debug)]
pub struct Writer {
    pub(super) key: String,
    pub(super) version: Arc<Version>,
    _writing: Arc<()>,
}

impl Writer {
    pub(super) fn new(key: &str, version: &Arc<Version>) -> Writer {
        Writer { key: key.to_owned(), version: version.clone(), _writing: version.writing.clone() }
    }

    /// The text of the field.
    pub fn seal(&self, place: Place, plain: &[u8]) -> Result<String, SmError> {
        if plain.len() > FIELD_BYTES_MAX {
            return Err(SmError::TooMany { what: "bytes of a field", limit: FIELD_BYTES_MAX });
        }
        self.count()?;
        let nonce: [u8; NONCE_BYTES] = random()?;
        let mut body = nonce.to_vec();
        body.extend_from_slice(&self.version.gcm.seal(&nonce, &place.bytes(), plain));
        Ok(format!("sm4g:v{}:{}:{}", self.version.number, self.key, BASE64.encode(body)))
    }

    fn count(&self) -> Result<(), SmError> {
        if self.version.shredded.load(SeqCst) {
            return Err(SmError::Shredded { key: self.key.clone() });
        }
        if self.version.uses.fetch_add(1, SeqCst) >= USES_MAX {
            self.version.uses.store(USES_MAX, SeqCst);
            return Err(SmError::Exhausted { key: self.key.clone(), version: self.version.number });
        }
        Ok(())
    }
}
