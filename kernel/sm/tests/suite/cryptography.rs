//! SM4-GCM against PyPI's `cryptography`, which has an OpenSSL of its own; Debian's has no such mode.

use crate::counterpart::{output, program};
use crate::{bytes, hex};
use std::process::Command;
use tidegate_kernel_id::random;
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
