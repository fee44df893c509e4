//! SM4 (GB/T 32907-2016) in three modes: GCM (RFC 8998) for everything that is ours, CTR and CBC for what others made.
//!
//! CTR and CBC tell nobody that bytes were changed. The block cipher looks bytes up in tables, so its time depends on them: it keeps
//! nothing secret from somebody who measures on the same processor.

use crate::SmError;
use aes_gcm::AesGcm;
use aes_gcm::aead::{Aead, Payload};
use cbc::cipher::block_padding::Pkcs7;
use cbc::cipher::consts::U12;
use cbc::cipher::{BlockModeDecrypt, BlockModeEncrypt, KeyInit, KeyIvInit, StreamCipher};
use std::fmt;
use tidegate_kernel_id::random;
use zeroize::Zeroizing;

pub const KEY_BYTES: usize = 16;
pub const BLOCK_BYTES: usize = 16;
pub const NONCE_BYTES: usize = 12;
pub const TAG_BYTES: usize = 16;

/// A key, wiped when it is dropped, and never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Key(Zeroizing<[u8; KEY_BYTES]>);

impl Key {
    pub fn generate() -> Result<Key, SmError> {
        Ok(Key(Zeroizing::new(random()?)))
    }

    pub fn from_bytes(bytes: &[u8]) -> Result<Key, SmError> {
        let bytes = bytes.try_into().map_err(|_| SmError::Encoding { what: "a key of 16 bytes" })?;
        Ok(Key(Zeroizing::new(bytes)))
    }

    pub fn as_bytes(&self) -> &[u8; KEY_BYTES] {
        &self.0
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key(not shown)")
    }
}

/// SM4-GCM under one key, its tables made once.
pub struct Gcm(AesGcm<sm4::Sm4, U12>);

impl fmt::Debug for Gcm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Gcm(key not shown)")
    }
}

impl Gcm {
    pub fn new(key: &Key) -> Gcm {
        Gcm(AesGcm::new(key.as_bytes().into()))
    }

    /// Ciphertext and tag. A nonce used twice under one key gives both texts away.
    pub fn seal(&self, nonce: &[u8; NONCE_BYTES], aad: &[u8], plain: &[u8]) -> Vec<u8> {
        let sealed = self.0.encrypt(nonce.into(), Payload { msg: plain, aad });
        sealed.expect("GCM takes up to 64 GiB, and no value is that long")
    }

    /// The plaintext, if ciphertext, tag and `aad` are as they were sealed.
    pub fn open(
        &self,
        nonce: &[u8; NONCE_BYTES],
        aad: &[u8],
        sealed: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, SmError> {
        let opened = self.0.decrypt(nonce.into(), Payload { msg: sealed, aad });
        opened.map(Zeroizing::new).map_err(|_| SmError::NotAuthentic)
    }
}

/// Encrypts or decrypts in place; the counter is the whole block, big-endian.
pub fn ctr(key: &Key, counter: &[u8; BLOCK_BYTES], bytes: &mut [u8]) {
    ctr::Ctr128BE::<sm4::Sm4>::new(key.as_bytes().into(), counter.into()).apply_keystream(bytes);
}

/// CBC with the padding of PKCS#7.
pub fn cbc_encrypt(key: &Key, iv: &[u8; BLOCK_BYTES], plain: &[u8]) -> Vec<u8> {
    cbc::Encryptor::<sm4::Sm4>::new(key.as_bytes().into(), iv.into()).encrypt_padded_vec::<Pkcs7>(plain)
}

/// Never tell a sender that its padding was wrong: who may ask often enough reads the text from that answer.
pub fn cbc_decrypt(key: &Key, iv: &[u8; BLOCK_BYTES], bytes: &[u8]) -> Result<Zeroizing<Vec<u8>>, SmError> {
    let decryptor = cbc::Decryptor::<sm4::Sm4>::new(key.as_bytes().into(), iv.into());
    let plain = decryptor.decrypt_padded_vec::<Pkcs7>(bytes);
    plain.map(Zeroizing::new).map_err(|_| SmError::Padding)
}
