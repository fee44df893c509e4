//! Keys that sign notes and keys that verify them, and the latter as one line of text: `name+id+key`.
//!
//! Ed25519 is type 1 of C2SP signed-note. SM2 has no number there, so it is type 255 with a name behind it; its signatures are DER, over the
//! text with the usual user id, as OpenSSL and GmSSL take them.

use crate::error::AuditError;
use crate::note::is_name;
use crate::profile::Profile;
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use ring::digest::{SHA256, digest};
use ring::signature::{ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey};
use std::fmt;
use std::str::FromStr;
use tidegate_kernel_sm::SmError;
use tidegate_kernel_sm::sm2::{self, USER_ID};

const ED25519_TYPE: &[u8] = &[1];
const SM2_TYPE: &[u8] = b"\xffSM2-SM3";
/// Characters of a key as text.
const TEXT_BYTES_MAX: usize = 1024;

/// A log's name and its secret key.
#[derive(Debug)]
pub struct Signer {
    name: String,
    secret: Secret,
}

#[derive(Debug)]
enum Secret {
    Ed25519(Ed25519KeyPair),
    Sm2(sm2::SigningKey),
}

impl Signer {
    /// Signs SHA-256 trees. A name has no space and no plus, and is not empty.
    pub fn ed25519(name: &str, pkcs8: &[u8]) -> Result<Signer, AuditError> {
        let pair = Ed25519KeyPair::from_pkcs8(pkcs8);
        Signer::named(name, Secret::Ed25519(pair.map_err(|_| NOT_A_KEY)?))
    }

    /// Signs SM3 trees.
    pub fn sm2(name: &str, key: sm2::SigningKey) -> Result<Signer, AuditError> {
        Signer::named(name, Secret::Sm2(key))
    }

    fn named(name: &str, secret: Secret) -> Result<Signer, AuditError> {
        is_name(name).then(|| Signer { name: name.to_owned(), secret }).ok_or(NOT_A_KEY)
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    pub fn profile(&self) -> Profile {
        self.verifier().profile()
    }

    pub fn verifier(&self) -> Verifier {
        let key = match &self.secret {
            Secret::Ed25519(pair) => {
                Public::Ed25519(pair.public_key().as_ref().try_into().expect("it has 32 bytes"))
            }
            Secret::Sm2(key) => Public::Sm2(key.verifying_key()),
        };
        Verifier { name: self.name.clone(), key }
    }

    pub(crate) fn sign(&self, text: &[u8]) -> Result<Vec<u8>, SmError> {
        match &self.secret {
            Secret::Ed25519(pair) => Ok(pair.sign(text).as_ref().to_vec()),
            Secret::Sm2(key) => Ok(key.sign(USER_ID, text)?.to_der()),
        }
    }
}

/// A log's name and its public key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verifier {
    name: String,
    key: Public,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Public {
    Ed25519([u8; 32]),
    Sm2(sm2::VerifyingKey),
}

impl Verifier {
    pub fn name(&self) -> &str {
        &self.name
    }

    /// How trees are hashed that this key signs.
    pub fn profile(&self) -> Profile {
        match self.key {
            Public::Ed25519(_) => Profile::Sha256,
            Public::Sm2(_) => Profile::Sm3,
        }
    }

    pub fn verify(&self, text: &[u8], signature: &[u8]) -> bool {
        match &self.key {
            Public::Ed25519(key) => UnparsedPublicKey::new(&ED25519, key).verify(text, signature).is_ok(),
            Public::Sm2(key) => {
                let signature = sm2::Signature::parse(signature);
                signature.is_ok_and(|signature| key.verify(USER_ID, text, &signature).is_ok())
            }
        }
    }

    pub(crate) fn key_id(&self) -> [u8; 4] {
        key_id(&self.name, &self.typed())
    }

    fn typed(&self) -> Vec<u8> {
        match &self.key {
            Public::Ed25519(key) => [ED25519_TYPE, key].concat(),
            Public::Sm2(key) => [SM2_TYPE, &key.to_bytes()].concat(),
        }
    }
}

impl fmt::Display for Verifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let id = u32::from_be_bytes(self.key_id());
        write!(f, "{}+{id:08x}+{}", self.name, BASE64.encode(self.typed()))
    }
}

impl FromStr for Verifier {
    type Err = AuditError;

    fn from_str(text: &str) -> Result<Verifier, AuditError> {
        let (name, typed) = split(text).ok_or(NOT_A_KEY)?;
        let key = public(&typed).ok_or(NOT_A_KEY)?;
        Ok(Verifier { name: name.to_owned(), key })
    }
}

pub(crate) fn key_id(name: &str, typed: &[u8]) -> [u8; 4] {
    let hashed = [name.as_bytes(), b"\n", typed].concat();
    *digest(&SHA256, &hashed).as_ref().first_chunk().expect("a hash has more than four bytes")
}

/// Name and typed key of a line, if its id is theirs.
pub(crate) fn split(text: &str) -> Option<(&str, Vec<u8>)> {
    let mut parts = (text.len() <= TEXT_BYTES_MAX).then(|| text.trim().splitn(3, '+'))?;
    let (name, id, key) = (parts.next()?, parts.next()?, parts.next()?);
    let typed = BASE64.decode(key).ok()?;
    let is_its = format!("{:08x}", u32::from_be_bytes(key_id(name, &typed))) == id;
    (is_name(name) && is_its).then_some((name, typed))
}

fn public(typed: &[u8]) -> Option<Public> {
    if let Some(key) = typed.strip_prefix(SM2_TYPE) {
        return sm2::VerifyingKey::from_bytes(key).ok().map(Public::Sm2);
    }
    typed.strip_prefix(ED25519_TYPE)?.try_into().ok().map(Public::Ed25519)
}

const NOT_A_KEY: AuditError = AuditError::Malformed { what: "a key of a log, as name+id+key" };
