//! The public key of whoever signs, out of a PEM file as `openssl pkey -pubout` writes it (RFC 8410).

use super::error::{BundleError, io};
use ring::signature::{ED25519, UnparsedPublicKey};
use rustls::pki_types::SubjectPublicKeyInfoDer;
use rustls::pki_types::pem::PemObject;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

const FILE_BYTES_MAX: u64 = 64 << 10;
/// What stands before the 32 bytes of the key: its length and the algorithm's number.
const HEAD: [u8; 12] = [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];
const KEY_BYTES: usize = 32;

pub(super) struct PublicKey {
    path: PathBuf,
    key: UnparsedPublicKey<Vec<u8>>,
}

impl PublicKey {
    pub(super) fn read(path: &Path) -> Result<PublicKey, BundleError> {
        let mut text = Vec::new();
        let file = File::open(path).map_err(io(path))?;
        file.take(FILE_BYTES_MAX).read_to_end(&mut text).map_err(io(path))?;
        let der = SubjectPublicKeyInfoDer::from_pem_slice(&text).ok();
        let key = der.and_then(|der| Some(der.strip_prefix(&HEAD)?.to_vec()));
        let key = key.filter(|key| key.len() == KEY_BYTES);
        let key = key.ok_or_else(|| BundleError::NotAKey { path: path.to_owned() })?;
        Ok(PublicKey { path: path.to_owned(), key: UnparsedPublicKey::new(&ED25519, key) })
    }

    /// Refuses what this key did not sign.
    pub(super) fn require(&self, bundle: &Path, text: &[u8], signature: &[u8]) -> Result<(), BundleError> {
        let unsigned = |_| BundleError::Unsigned { path: bundle.to_owned(), key: self.path.clone() };
        self.key.verify(text, signature).map_err(unsigned)
    }
}
