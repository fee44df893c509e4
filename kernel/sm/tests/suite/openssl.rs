//! SM2, SM3, SM4-CTR and SM4-CBC against Debian's OpenSSL.

use crate::counterpart::{output, program};
use crate::hex;
use base64::Engine;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::TempDir;
use tidegate_kernel_id::random;
use tidegate_kernel_sm::field::{Keyring, Place};
use tidegate_kernel_sm::sm2::{Signature, SigningKey, USER_ID, VerifyingKey};
use tidegate_kernel_sm::sm4::{self, Key};
use tidegate_kernel_sm::{SmError, sm3};

const VARIABLE: &str = "TIDEGATE_TEST_OPENSSL";
const USER_IDS: [&str; 2] = [USER_ID, "审计@tidegate.example"];

fn openssl(program: &Path, args: &[&str], input: &[u8]) -> Vec<u8> {
    output(Command::new(program).args(args), input)
}

#[test]
fn hashes_are_openssls() {
    let Some(program) = program(VARIABLE, "openssl::hashes_are_openssls") else { return };
    let text = random::<1000>().unwrap();
    for length in [0, 1, 55, 56, 63, 64, 65, 1000] {
        let text = &text[..length];
        assert_eq!(openssl(&program, &["dgst", "-sm3", "-binary"], text), sm3::hash(text));
        let key = format!("hexkey:{}", hex(&random::<80>().unwrap()[..length.clamp(1, 80)]));
        let args = ["dgst", "-sm3", "-mac", "HMAC", "-macopt", &key, "-binary"];
        let ours = sm3::hmac(&crate::bytes(&key[7..]), &[&text[..length / 2], &text[length / 2..]]);
        assert_eq!(openssl(&program, &args, text), ours);
    }
}

#[test]
fn a_synthetic_nonce_is_what_openssls_hmac_comes_to() {
    let test = "openssl::a_synthetic_nonce_is_what_openssls_hmac_comes_to";
    let Some(program) = program(VARIABLE, test) else { return };
    let key = random::<16>().unwrap();
    let mac = |key: &[u8], text: &[u8]| {
        let key = format!("hexkey:{}", hex(key));
        openssl(&program, &["dgst", "-sm3", "-mac", "HMAC", "-macopt", &key, "-binary"], text)
    };
    let ring = Keyring::default();
    ring.insert("k", 1, Key::from_bytes(&key).unwrap()).unwrap();
    let place = Place { table: "ledger/main", column: "memo", row: "17" };
    let text = ring.writer("k").unwrap().seal_synthetic(place, "房租".as_bytes()).unwrap();
    let body =
        base64::engine::general_purpose::STANDARD_NO_PAD.decode(text.rsplit(':').next().unwrap()).unwrap();
    let parts = [place.table, place.column, place.row]
        .map(|part| [&(part.len() as u64).to_le_bytes(), part.as_bytes()].concat());
    let nonce_key = mac(&key, b"tidegate sm4g synthetic nonce 1");
    assert_eq!(body[..12], mac(&nonce_key, &[&parts.concat(), "房租".as_bytes()].concat())[..12]);
}

#[test]
fn streams_and_chains_are_openssls() {
    let Some(program) = program(VARIABLE, "openssl::streams_and_chains_are_openssls") else { return };
    for length in [0, 1, 15, 16, 17, 100] {
        let (key, iv) = (random::<16>().unwrap(), random::<16>().unwrap());
        let text = &random::<100>().unwrap()[..length];
        let enc = |mode: &str| openssl(&program, &["enc", mode, "-K", &hex(&key), "-iv", &hex(&iv)], text);
        let key = Key::from_bytes(&key).unwrap();
        let mut stream = text.to_vec();
        sm4::ctr(&key, &iv, &mut stream);
        assert_eq!(enc("-sm4-ctr"), stream);
        let chain = enc("-sm4-cbc");
        assert_eq!(sm4::cbc_encrypt(&key, &iv, text), chain);
        assert_eq!(sm4::cbc_decrypt(&key, &iv, &chain).unwrap().as_slice(), text);
    }
}

fn write(dir: &TempDir, name: &str, bytes: &[u8]) -> (PathBuf, String) {
    let path = dir.path().join(name);
    fs::write(&path, bytes).unwrap();
    (path.clone(), path.to_str().unwrap().to_owned())
}

#[test]
fn openssl_takes_signatures_made_here() {
    let Some(program) = program(VARIABLE, "openssl::openssl_takes_signatures_made_here") else { return };
    let (dir, key) = (TempDir::new().unwrap(), SigningKey::generate().unwrap());
    let (_, public) = write(&dir, "public", &key.verifying_key().to_spki());
    for user_id in USER_IDS {
        let (_, signature) = write(&dir, "signature", &key.sign(user_id, b"message").unwrap().to_der());
        let user = format!("distid:{user_id}");
        let verify = ["dgst", "-sm3", "-keyform", "DER", "-verify", &public, "-sigopt", &user, "-signature"];
        let said = openssl(&program, &[&verify[..], &[&signature]].concat(), b"message");
        assert_eq!(String::from_utf8_lossy(&said).trim(), "Verified OK");
    }
}

#[test]
fn signatures_of_openssl_are_taken_here() {
    let Some(program) = program(VARIABLE, "openssl::signatures_of_openssl_are_taken_here") else { return };
    let dir = TempDir::new().unwrap();
    let made = openssl(&program, &["ecparam", "-name", "SM2", "-genkey", "-noout"], b"");
    let (_, secret) = write(&dir, "secret", &made);
    let spki = openssl(&program, &["pkey", "-in", &secret, "-pubout", "-outform", "DER"], b"");
    let key = VerifyingKey::from_bytes(spki.last_chunk::<65>().unwrap()).unwrap();
    assert_eq!(key.to_spki(), spki);
    for user_id in USER_IDS {
        let user = format!("distid:{user_id}");
        let der = openssl(&program, &["dgst", "-sm3", "-sign", &secret, "-sigopt", &user], b"message");
        let signature = Signature::parse(&der).unwrap();
        key.verify(user_id, b"message", &signature).unwrap();
        assert_eq!(signature.to_der(), der);
        assert_eq!(key.verify("somebody else", b"message", &signature), Err(SmError::Signature));
    }
}
