//! SM4-GCM against PyPI's `cryptography`, which has an OpenSSL of its own; Debian's has no such mode.

use crate::counterpart::{output, program};
use crate::{bytes, hex};
use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use std::process::Command;
use tidegate_kernel_id::random;
use tidegate_kernel_sm::field::{Keyring, Place};
use tidegate_kernel_sm::sm4::{Gcm, Key};

const SCRIPT: &str = "
import sys
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
do, key, nonce, aad, text = sys.argv[1], *map(bytes.fromhex, sys.argv[2:])
if do == 'seal':
    c = Cipher(algorithms.SM4(key), modes.GCM(nonce)).encryptor()
    c.authenticate_additional_data(aad)
    text = c.update(text) + c.finalize()
    print((text + c.tag).hex())
else:
    c = Cipher(algorithms.SM4(key), modes.GCM(nonce, text[-16:])).decryptor()
    c.authenticate_additional_data(aad)
    print((c.update(text[:-16]) + c.finalize()).hex())
";

#[test]
fn what_is_sealed_here_opens_with_cryptography_and_the_other_way_round() {
    let test = "cryptography::what_is_sealed_here_opens_with_cryptography_and_the_other_way_round";
    let Some(python) = program("TIDEGATE_TEST_CRYPTOGRAPHY_PYTHON", test) else { return };
    for length in [0, 1, 15, 16, 17, 200] {
        let (key, nonce) = (random::<16>().unwrap(), random::<12>().unwrap());
        let text = &random::<200>().unwrap()[..length];
        let aad = &text[..length / 2];
        let ask = |what: &str, text: &[u8]| {
            let mut command = Command::new(&python);
            command.args(["-c", SCRIPT, what, &hex(&key), &hex(&nonce), &hex(aad), &hex(text)]);
            bytes(&String::from_utf8(output(&mut command, b"")).unwrap())
        };
        let gcm = Gcm::new(&Key::from_bytes(&key).unwrap());
        let sealed = gcm.seal(&nonce, aad, text);
        assert_eq!(ask("seal", text), sealed);
        assert_eq!(ask("open", &sealed), text);
    }
}

#[test]
fn a_field_opens_with_cryptography_by_its_key_and_its_place_alone() {
    let test = "cryptography::a_field_opens_with_cryptography_by_its_key_and_its_place_alone";
    let Some(python) = program("TIDEGATE_TEST_CRYPTOGRAPHY_PYTHON", test) else { return };
    let key = random::<16>().unwrap();
    let ring = Keyring::default();
    ring.insert("c-17", 3, Key::from_bytes(&key).unwrap()).unwrap();
    let (place, plain) = (Place { table: "ledger/main", column: "memo", row: "17" }, "房租 rent".as_bytes());
    let aad = [place.table, place.column, place.row]
        .map(|part| [&(part.len() as u64).to_le_bytes(), part.as_bytes()].concat());
    let writer = ring.writer("c-17").unwrap();
    for text in [writer.seal(place, plain).unwrap(), writer.seal_synthetic(place, plain).unwrap()] {
        let body = STANDARD_NO_PAD.decode(text.strip_prefix("sm4g:v3:c-17:").unwrap()).unwrap();
        let (nonce, sealed) = body.split_at(12);
        let mut command = Command::new(&python);
        command.args(["-c", SCRIPT, "open", &hex(&key), &hex(nonce), &hex(&aad.concat()), &hex(sealed)]);
        assert_eq!(bytes(&String::from_utf8(output(&mut command, b"")).unwrap()), plain);
    }
}
