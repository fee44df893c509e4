//! The examples printed in the standards.

use crate::{bytes, hex};
use tidegate_kernel_sm::sm2::{Signature, SigningKey, USER_ID, VerifyingKey};
use tidegate_kernel_sm::sm4::{Gcm, Key, ctr};
use tidegate_kernel_sm::{SmError, sm3};

const SM4_KEY: &str = "0123456789abcdeffedcba9876543210";

#[test]
fn sm3_hashes_as_in_gb_t_32905() {
    let short = "66c7f0f462eeedd9d1f2d46bdc10e4e24167c4875cf2f7a2297da02b8f4ba8e0";
    assert_eq!(hex(&sm3::hash(b"abc")), short);
    let long = "debe9ff92275b8a138604889c18e5a4d6fdb70e5387e5765293dcba39c0c5732";
    assert_eq!(hex(&sm3::hash("abcd".repeat(16).as_bytes())), long);
    let mut parts = sm3::Sm3::default();
    "abcd".repeat(16).as_bytes().chunks(7).for_each(|part| parts.update(part));
    assert_eq!(hex(&parts.finish()), long);
}

/// One block: a counter's keystream is its encryption.
fn encrypt(key: &Key, block: [u8; 16]) -> [u8; 16] {
    let mut stream = [0; 16];
    ctr(key, &block, &mut stream);
    stream
}

#[test]
fn sm4_encrypts_once_and_a_million_times_as_in_gb_t_32907() {
    let key = Key::from_bytes(&bytes(SM4_KEY)).unwrap();
    let block: [u8; 16] = bytes(SM4_KEY).try_into().unwrap();
    assert_eq!(hex(&encrypt(&key, block)), "681edf34d206965e86b3e94f536e4246");
    let last = (0..1_000_000).fold(block, |block, _| encrypt(&key, block));
    assert_eq!(hex(&last), "595298c7c6fd271f0402f804c33d3f66");
}

#[test]
fn sm4_gcm_seals_as_in_rfc_8998() {
    let gcm = Gcm::new(&Key::from_bytes(&bytes(SM4_KEY)).unwrap());
    let nonce: [u8; 12] = bytes("00001234567800000000abcd").try_into().unwrap();
    let aad = bytes("feedfacedeadbeeffeedfacedeadbeefabaddad2");
    let plain = bytes(
        "aaaaaaaaaaaaaaaabbbbbbbbbbbbbbbbccccccccccccccccdddddddddddddddd\
         eeeeeeeeeeeeeeeeffffffffffffffffeeeeeeeeeeeeeeeeaaaaaaaaaaaaaaaa",
    );
    let sealed = gcm.seal(&nonce, &aad, &plain);
    let expected = "17f399f08c67d5ee19d0dc9969c4bb7d5fd46fd3756489069157b282bb200735\
                    d82710ca5c22f0ccfa7cbf93d496ac15a56834cbcf98c397b4024a2691233b8d\
                    83de3541e4c2b58177e065a9bf7b62ec";
    assert_eq!(hex(&sealed), expected);
    assert_eq!(gcm.open(&nonce, &aad, &sealed).unwrap().as_slice(), plain);
    for at in 0..sealed.len() {
        let mut changed = sealed.clone();
        changed[at] ^= 1;
        assert_eq!(gcm.open(&nonce, &aad, &changed), Err(SmError::NotAuthentic));
    }
}

#[test]
fn the_signature_of_gb_t_32918_5_verifies_and_nothing_beside_it() {
    let secret = bytes("3945208f7b2144b13f36e38ac6d39f95889393692860b51a42fb81ef4df7c5b8");
    let public = bytes(
        "0409f9df311e5421a150dd7d161e4bc5c672179fad1833fc076bb08ff356f35020\
           ccea490ce26775a52dc6ea718cc1aa600aed05fbf35e084a6632f6072da9ad13",
    );
    let signature = bytes(
        "f5a03b0648d2c4630eeac513e1bb81a15944da3827d5b74143ac7eaceee720b3\
         b1b6aa29df212fd8763182bc0d421ca1bb9038fd1f7f42d4840b69c485bbc1aa",
    );
    let key = SigningKey::from_bytes(&secret).unwrap().verifying_key();
    assert_eq!(key, VerifyingKey::from_bytes(&public).unwrap());
    let parsed = Signature::parse(&signature).unwrap();
    key.verify(USER_ID, b"message digest", &parsed).unwrap();
    assert_eq!(Signature::parse(&parsed.to_der()).unwrap(), parsed);
    assert_eq!(key.verify(USER_ID, b"message digests", &parsed), Err(SmError::Signature));
    assert_eq!(key.verify("ALICE123@YAHOO.COM", b"message digest", &parsed), Err(SmError::Signature));
}

#[test]
fn what_is_no_key_and_no_signature_is_refused() {
    let order = "fffffffeffffffffffffffffffffffff7203df6b21c6052b53bbf40939d5412";
    for secret in ["0".repeat(64), format!("{order}2"), format!("{order}3"), "01".to_owned()] {
        assert_eq!(SigningKey::from_bytes(&bytes(&secret)).unwrap_err().code(), "TG-SM-010", "{secret}");
    }
    let off_the_curve = [&[4; 1][..], &[1; 64]].concat();
    for public in [&off_the_curve[..], &[0], &[]] {
        assert_eq!(VerifyingKey::from_bytes(public).unwrap_err().code(), "TG-SM-010");
    }
    for signature in [&[0; 64][..], &[0xff; 64], &[0x30, 0], &[]] {
        assert_eq!(Signature::parse(signature).unwrap_err().code(), "TG-SM-010");
    }
    let key = SigningKey::generate().unwrap();
    assert_eq!(key.sign(&"a".repeat(8192), b"").unwrap_err().code(), "TG-SM-010");
}

#[test]
fn a_signature_is_another_one_each_time_and_no_debug_line_shows_a_secret() {
    let key = SigningKey::generate().unwrap();
    let (one, other) = (key.sign("a", b"m").unwrap(), key.sign("a", b"m").unwrap());
    assert_ne!(one, other);
    for signature in [one, other] {
        key.verifying_key().verify("a", b"m", &signature).unwrap();
    }
    assert!(!format!("{key:?}").contains(&hex(&*key.to_bytes())[..8]));
    assert_eq!(format!("{:?}", Key::generate().unwrap()), "Key(not shown)");
}
