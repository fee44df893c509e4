//! One version of a key, and those who write with it.

use super::{BASE64, FIELD_BYTES_MAX, Place, Sealed};
use crate::SmError;
use crate::sm3::{HASH_BYTES, hmac};
use crate::sm4::{Gcm, Key, NONCE_BYTES};
use base64::Engine;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};
use tidegate_kernel_id::random;
use zeroize::Zeroizing;

/// Fields one version may encrypt: with more, two random nonces may well be equal (NIST SP 800-38D §8.3). Counted since the
/// keyring was made in this process, so rotate long before.
pub const USES_MAX: u64 = 1 << 32;
/// What the key of synthetic nonces is made of, with the key of the version.
const NONCE_LABEL: &[u8] = b"tidegate sm4g synthetic nonce 1";

#[derive(Debug)]
pub(super) struct Version {
    pub(super) number: u32,
    pub(super) key: Key,
    gcm: Gcm,
    /// Of synthetic nonces: HMAC-SM3 of a label under the key, so that there is one key to keep and to delete.
    nonce_key: Zeroizing<[u8; HASH_BYTES]>,
    pub(super) uses: AtomicU64,
    pub(super) shredded: AtomicBool,
    /// Each writer has one of these; so has this version.
    writing: Arc<()>,
}

impl Version {
    pub(super) fn new(number: u32, key: Key) -> Arc<Version> {
        let (gcm, uses, shredded) = (Gcm::new(&key), AtomicU64::new(0), AtomicBool::new(false));
        let nonce_key = Zeroizing::new(hmac(key.as_bytes(), &[NONCE_LABEL]));
        Arc::new(Version { number, key, gcm, nonce_key, uses, shredded, writing: Arc::new(()) })
    }

    fn synthetic_nonce(&self, place: &[u8], plain: &[u8]) -> [u8; NONCE_BYTES] {
        let mac = hmac(&*self.nonce_key, &[place, plain]);
        *mac.first_chunk().expect("a hash is longer than a nonce")
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

    /// The text of the field, another one each time.
    pub fn seal(&self, place: Place, plain: &[u8]) -> Result<String, SmError> {
        self.seal_by(|_| Ok(random()?), place, plain)
    }

    /// The text of the field, the same one each time: its nonce is made of place and plaintext (HMAC-SM3, cut), so it comes back only with
    /// both. Whoever sees two texts of one place can tell whether they say the same, and nothing else. For what is compared as it is
    /// encrypted, as an order that is sent again is.
    pub fn seal_synthetic(&self, place: Place, plain: &[u8]) -> Result<String, SmError> {
        self.seal_by(|aad| Ok(self.version.synthetic_nonce(aad, plain)), place, plain)
    }

    fn seal_by(
        &self,
        nonce: impl FnOnce(&[u8]) -> Result<[u8; NONCE_BYTES], SmError>,
        place: Place,
        plain: &[u8],
    ) -> Result<String, SmError> {
        if plain.len() > FIELD_BYTES_MAX {
            return Err(SmError::TooMany { what: "bytes of a field", limit: FIELD_BYTES_MAX });
        }
        self.count()?;
        let aad = place.bytes();
        let nonce = nonce(&aad)?;
        let mut body = nonce.to_vec();
        body.extend_from_slice(&self.version.gcm.seal(&nonce, &aad, plain));
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
