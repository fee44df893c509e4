//! Notes, keys and checkpoints as text.

use crate::site::signer;
use proptest::prelude::*;
use tidegate_kernel_audit::{Checkpoint, NOTE_BYTES_MAX, Note, Profile, Signer, Verifier};
use tidegate_kernel_sm::sm2;

#[test]
fn keys_are_one_line_that_reads_back_and_no_other_one_does() {
    for profile in Profile::ALL {
        let key = signer(profile).verifier();
        let text = key.to_string();
        assert_eq!(text.parse::<Verifier>().unwrap(), key);
        for at in 0..text.len() {
            let mut changed = text.clone().into_bytes();
            changed[at] = if changed[at] == b'0' { b'1' } else { b'0' };
            assert!(String::from_utf8(changed).unwrap().parse::<Verifier>().is_err(), "{at} of {text}");
        }
    }
    for wrong in ["", "a+b", "a+00000000+", "a b+00000000+AQ==", &"a".repeat(2000)] {
        assert_eq!(wrong.parse::<Verifier>().unwrap_err().code(), "TG-AU-004");
    }
    let key = || sm2::SigningKey::generate().unwrap();
    assert!(["", "a b", "a+b"].iter().all(|name| Signer::sm2(name, key()).is_err()));
}

#[test]
fn a_note_holds_if_a_trusted_key_signed_and_every_trusted_signature_fits() {
    let [one, other] = Profile::ALL.map(signer);
    let (keys, text) = ([one.verifier(), other.verifier()], "a\n\nb\n");
    let (first, second) =
        (Note::sign(text, &one).unwrap().to_string(), Note::sign(text, &other).unwrap().to_string());
    let (both, line) = (format!("{first}{}", second.lines().last().unwrap()), second.lines().last().unwrap());
    let both = Note::parse(&format!("{both}\n")).unwrap();
    assert_eq!(both.text, text);
    both.verify(&keys).unwrap();
    both.verify(&keys[..1]).unwrap();
    assert_eq!(both.verify(&[]).unwrap_err().code(), "TG-AU-006");
    // The signature of another text under a trusted key spoils the note, whatever else signed it.
    let elsewhere = Note::sign("c\n", &other).unwrap().to_string();
    let spoilt = both.to_string().replace(line, elsewhere.lines().last().unwrap());
    assert_eq!(Note::parse(&spoilt).unwrap().verify(&keys).unwrap_err().code(), "TG-AU-006");
}

#[test]
fn what_is_no_note_or_no_checkpoint_has_a_code() {
    let note = Note::sign("a\n1\nb\n", &signer(Profile::Sm3)).unwrap().to_string();
    let many = format!("{note}{}", format!("{}\n", note.lines().last().unwrap()).repeat(16));
    for wrong in [
        "",
        "a",
        "a\n\n",
        &note[..note.len() - 1],
        &note.replace('a', "\t"),
        &many,
        &"a".repeat(NOTE_BYTES_MAX + 1),
    ] {
        assert_eq!(Note::parse(wrong).unwrap_err().code(), "TG-AU-004");
    }
    let hash = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
    assert_eq!(Checkpoint::parse(&format!("log\n7\n{hash}\nmore\n")).unwrap().size, 7);
    for wrong in [
        format!("log\n07\n{hash}\n"),
        format!("\n7\n{hash}\n"),
        "log\n7\nAAAA\n".to_owned(),
        "log\n7".to_owned(),
    ] {
        assert_eq!(Checkpoint::parse(&wrong).unwrap_err().code(), "TG-AU-004", "{wrong}");
    }
}

proptest! {
    #[test]
    fn no_text_makes_reading_a_note_panic(text in "(a\n)?\n(— [a-c ]{0,3} [A-Za-z0-9+/=]{0,20}\n){0,3}") {
        let _ = Note::parse(&text).map(|note| note.verify(&[signer(Profile::Sha256).verifier()]));
    }
}
