//! The client's side of SCRAM (RFC 5802), without channel binding. Pure.
//!
//! User and password are taken as they are written; for those of other than ASCII letters that is what SASLprep mostly leaves.

use crate::login::Hash;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ring::{digest, hmac, pbkdf2};
use std::num::NonZeroU32;

/// Rounds of hashing that a broker may ask of us: more would be work without end for this node.
const ROUNDS_MAX: u32 = 200_000;
const ROUNDS_MIN: u32 = 4096;
/// `n,,` in Base64: no channel binding.
const NO_BINDING: &str = "biws";

pub(crate) struct Scram<'a> {
    hash: Hash,
    password: &'a str,
    nonce: String,
    first_bare: String,
}

impl<'a> Scram<'a> {
    pub(crate) fn new(hash: Hash, user: &str, password: &'a str, nonce: &[u8]) -> Scram<'a> {
        let nonce = STANDARD.encode(nonce);
        let user = user.replace('=', "=3D").replace(',', "=2C");
        Scram { hash, password, first_bare: format!("n={user},r={nonce}"), nonce }
    }

    /// The first message.
    pub(crate) fn first(&self) -> String {
        format!("n,,{}", self.first_bare)
    }

    /// The last message, and what the broker has to say to it; or what is wrong with the challenge.
    pub(crate) fn answer(&self, challenge: &[u8]) -> Result<(String, String), &'static str> {
        let challenge = std::str::from_utf8(challenge).map_err(|_| "the broker's challenge is no text")?;
        let (mut nonce, mut salt, mut rounds) = (None, None, None);
        for part in challenge.split(',') {
            match part.split_once('=') {
                Some(("r", text)) => nonce = Some(text),
                Some(("s", text)) => salt = STANDARD.decode(text).ok(),
                Some(("i", text)) => rounds = text.parse::<u32>().ok(),
                _ => return Err("the broker's challenge has a part that is not known"),
            }
        }
        let nonce = nonce.filter(|theirs| theirs.len() > self.nonce.len() && theirs.starts_with(&self.nonce));
        let rounds = rounds.filter(|rounds| (ROUNDS_MIN..=ROUNDS_MAX).contains(rounds));
        let rounds = rounds.and_then(NonZeroU32::new);
        let (Some(nonce), Some(salt), Some(rounds)) = (nonce, salt, rounds) else {
            return Err("the broker's challenge lacks something, or asks for too many rounds of hashing");
        };
        Ok(self.prove(challenge, nonce, &salt, rounds))
    }

    fn prove(&self, challenge: &str, nonce: &str, salt: &[u8], rounds: NonZeroU32) -> (String, String) {
        let Hash { digest: digest_of, hmac: hmac_of, pbkdf2: derivation } = self.hash;
        let sign = |key: &[u8], text: &str| hmac::sign(&hmac::Key::new(hmac_of, key), text.as_bytes());
        let mut salted = vec![0; digest_of.output_len()];
        pbkdf2::derive(derivation, rounds, salt, self.password.as_bytes(), &mut salted);
        let last_bare = format!("c={NO_BINDING},r={nonce}");
        let whole = format!("{},{challenge},{last_bare}", self.first_bare);
        let client_key = sign(&salted, "Client Key");
        let stored_key = digest::digest(digest_of, client_key.as_ref());
        let signature = sign(stored_key.as_ref(), &whole);
        let proof: Vec<u8> =
            client_key.as_ref().iter().zip(signature.as_ref()).map(|(key, sign)| key ^ sign).collect();
        let server_key = sign(&salted, "Server Key");
        let expected = sign(server_key.as_ref(), &whole);
        (format!("{last_bare},p={}", STANDARD.encode(&proof)), format!("v={}", STANDARD.encode(expected)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::login::SHA256;

    /// The example of RFC 7677 §3.
    fn example() -> Scram<'static> {
        let mut scram = Scram::new(SHA256, "user", "pencil", &[]);
        scram.nonce = "rOprNGfwEbeRWgbNEkqO".to_owned();
        scram.first_bare = format!("n=user,r={}", scram.nonce);
        scram
    }

    const CHALLENGE: &str =
        "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096";

    #[test]
    fn the_example_of_the_rfc_comes_out() {
        let (last, expected) = example().answer(CHALLENGE.as_bytes()).unwrap();
        assert_eq!(
            last,
            "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,\
             p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="
        );
        assert_eq!(expected, "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=");
    }

    #[test]
    fn a_challenge_for_somebody_else_or_of_endless_work_is_refused() {
        for (from, to) in
            [("rOprNGfwEb", "other"), ("i=4096", "i=4000000000"), ("i=4096", "i=1"), ("s=W", "s=!")]
        {
            assert!(example().answer(CHALLENGE.replace(from, to).as_bytes()).is_err(), "{to}");
        }
        assert!(example().answer(&[0xff]).is_err());
    }

    #[test]
    fn a_user_with_a_comma_is_escaped() {
        assert_eq!(Scram::new(SHA256, "a,b=c", "", &[0; 3]).first(), "n,,n=a=2Cb=3Dc,r=AAAA");
    }
}
