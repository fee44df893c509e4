//! SM2 signatures (GB/T 32918.2-2016, curve of GB/T 32918.5-2017) over SM3.
//!
//! A signature is bound to the signer's user id; [`USER_ID`] is the one of GB/T 35276 and GM/T 0009, which everybody takes where none was
//! agreed. The number `k` is drawn by RFC 6979 from key, message and 32 bytes of the system's randomness: neither a broken
//! generator nor a fault that happens twice gives the key away.

use crate::SmError;
use sm2::dsa::signature::rand_core::{TryCryptoRng, TryRng};
use sm2::dsa::signature::{RandomizedSigner, Verifier};
use sm2::pkcs8::EncodePublicKey;
use sm2::{PublicKey, SecretKey, dsa};
use std::fmt;
use tidegate_kernel_id::{NoRandomness, random};
use zeroize::Zeroizing;

pub const USER_ID: &str = "1234567812345678";
pub const SECRET_BYTES: usize = 32;
/// 0x04, x and y.
pub const PUBLIC_BYTES: usize = 65;
/// r and s.
pub const SIGNATURE_BYTES: usize = 64;
/// Random numbers that no key or signature comes of are one in 2^32 on this curve; more than a few in a row are a fault.
const ATTEMPTS: usize = 8;
/// A number below the order of the curve, and no key: with it 1 + d has no inverse.
const ORDER_LESS_ONE: [u8; SECRET_BYTES] = [
    0xff, 0xff, 0xff, 0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x72,
    0x03, 0xdf, 0x6b, 0x21, 0xc6, 0x05, 0x2b, 0x53, 0xbb, 0xf4, 0x09, 0x39, 0xd5, 0x41, 0x22,
];

/// A key to sign with, wiped when it is dropped, and never shown.
#[derive(Clone)]
pub struct SigningKey(SecretKey);

impl SigningKey {
    pub fn generate() -> Result<SigningKey, SmError> {
        for _ in 0..ATTEMPTS {
            let secret = Zeroizing::new(random::<SECRET_BYTES>()?);
            if let Ok(key) = SigningKey::from_bytes(&*secret) {
                return Ok(key);
            }
        }
        Err(SmError::Encoding { what: "a key, though drawn at random" })
    }

    /// The number d, big-endian.
    pub fn from_bytes(bytes: &[u8]) -> Result<SigningKey, SmError> {
        let key = SecretKey::from_slice(bytes).ok().filter(|_| bytes != ORDER_LESS_ONE);
        key.map(SigningKey).ok_or(SmError::Encoding { what: "a secret key of SM2" })
    }

    pub fn to_bytes(&self) -> Zeroizing<[u8; SECRET_BYTES]> {
        Zeroizing::new(self.0.to_bytes().into())
    }

    pub fn verifying_key(&self) -> VerifyingKey {
        VerifyingKey(self.0.public_key())
    }

    pub fn sign(&self, user_id: &str, message: &[u8]) -> Result<Signature, SmError> {
        let signer = dsa::SigningKey::new(user_id, &self.0);
        let signer = signer.map_err(|_| SmError::Encoding { what: USER_ID_RULE })?;
        let mut system = System::default();
        let signed = (0..ATTEMPTS).find_map(|_| signer.try_sign_with_rng(&mut system, message).ok());
        let why_not = system.refused.map_or(SmError::Signature, SmError::NoRandomness);
        signed.map(Signature).ok_or(why_not)
    }
}

const USER_ID_RULE: &str = "a user id of at most 8191 bytes";

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKey(of {:?})", self.verifying_key())
    }
}

/// A key to verify with.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct VerifyingKey(PublicKey);

impl VerifyingKey {
    /// A point as SEC 1 writes it, compressed or not.
    pub fn from_bytes(bytes: &[u8]) -> Result<VerifyingKey, SmError> {
        let point = PublicKey::from_sec1_bytes(bytes);
        point.map(VerifyingKey).map_err(|_| SmError::Encoding { what: "a public key of SM2" })
    }

    pub fn to_bytes(&self) -> [u8; PUBLIC_BYTES] {
        let bytes = self.0.to_sec1_bytes();
        (*bytes).try_into().expect("a point that is not compressed has 65 bytes")
    }

    /// The key as X.509 has it (SubjectPublicKeyInfo, RFC 5480, in DER): what other programs take.
    pub fn to_spki(&self) -> Vec<u8> {
        self.0.to_public_key_der().expect("a point on this curve has a form in DER").into_vec()
    }

    pub fn verify(&self, user_id: &str, message: &[u8], signature: &Signature) -> Result<(), SmError> {
        let key = dsa::VerifyingKey::new(user_id, self.0);
        let key = key.map_err(|_| SmError::Encoding { what: USER_ID_RULE })?;
        key.verify(message, &signature.0).map_err(|_| SmError::Signature)
    }
}

impl fmt::Debug for VerifyingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bytes = self.to_bytes();
        write!(f, "VerifyingKey({:02x}{:02x}{:02x}{:02x}..)", bytes[1], bytes[2], bytes[3], bytes[4])
    }
}

/// A signature, in either of its two forms.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Signature(dsa::Signature);

impl Signature {
    /// r and s, each 32 bytes big-endian, or the two as DER (GM/T 0009).
    pub fn parse(bytes: &[u8]) -> Result<Signature, SmError> {
        let parsed = match bytes.len() {
            SIGNATURE_BYTES => dsa::Signature::from_slice(bytes),
            _ => dsa::Signature::from_der(bytes),
        };
        parsed.map(Signature).map_err(|_| SmError::Encoding { what: "a signature of SM2" })
    }

    pub fn to_bytes(&self) -> [u8; SIGNATURE_BYTES] {
        self.0.to_bytes().into()
    }

    pub fn to_der(&self) -> Vec<u8> {
        self.0.to_der().as_bytes().to_vec()
    }
}

/// The system's randomness in the shape that the crate wants, which forgets why there was none.
#[derive(Default)]
struct System {
    refused: Option<NoRandomness>,
}

impl System {
    fn draw<const BYTES: usize>(&mut self) -> Result<[u8; BYTES], NoRandomness> {
        random().inspect_err(|refused| self.refused = Some(*refused))
    }
}

impl TryRng for System {
    type Error = NoRandomness;

    fn try_next_u32(&mut self) -> Result<u32, NoRandomness> {
        self.draw().map(u32::from_ne_bytes)
    }

    fn try_next_u64(&mut self) -> Result<u64, NoRandomness> {
        self.draw().map(u64::from_ne_bytes)
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), NoRandomness> {
        for part in bytes.chunks_mut(SECRET_BYTES) {
            part.copy_from_slice(&self.draw::<SECRET_BYTES>()?[..part.len()]);
        }
        Ok(())
    }
}

impl TryCryptoRng for System {}
