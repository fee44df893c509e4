//! Passwords of people as argon2id (RFC 9106) in PHC form, and how much work one may cost. Pure but for the work itself.
//!
//! 19 MiB and two passes are what OWASP advises for argon2id at one lane: on two cores and 4 GiB some tens of milliseconds, one at a
//! time, away from the data plane.

use argon2::password_hash::SaltString;
use argon2::{Algorithm, Argon2, Params, PasswordHash, PasswordHasher, PasswordVerifier, Version};
use tidegate_kernel_id::random;

/// Bytes of a password.
pub(crate) const PASSWORD_BYTES_MIN: usize = 10;
pub(crate) const PASSWORD_BYTES_MAX: usize = 256;
const MEMORY_KIB: u32 = 19 * 1024;
const PASSES: u32 = 2;
/// What a line in the configuration may ask for.
const MEMORY_KIB_ALLOWED: std::ops::RangeInclusive<u32> = 8 * 1024..=256 * 1024;
const PASSES_MAX: u32 = 16;
const SALT_BYTES: usize = 16;

/// A password as it is kept: a line that it can be held against.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Kept(String);

impl Kept {
    /// Reads a line; nothing for one that is not argon2id, too cheap or too dear.
    pub(crate) fn read(line: &str) -> Option<Kept> {
        let hash = PasswordHash::new(line).ok()?;
        let params = Params::try_from(&hash).ok()?;
        let is_ours =
            hash.algorithm == Algorithm::Argon2id.ident() && hash.hash.is_some() && hash.salt.is_some();
        let fits = MEMORY_KIB_ALLOWED.contains(&params.m_cost())
            && params.t_cost() <= PASSES_MAX
            && params.p_cost() == 1;
        (is_ours && fits).then(|| Kept(line.to_owned()))
    }

    /// Makes one; costs what [`Kept::is`] costs.
    pub(crate) fn make(password: &[u8]) -> Kept {
        let salt: [u8; SALT_BYTES] = random().expect("Linux gives random bytes since 3.17");
        let salt = SaltString::encode_b64(&salt).expect("a salt may have sixteen bytes");
        let hash =
            hasher().hash_password(password, &salt).expect("a password of a few hundred bytes has a hash");
        Kept(hash.to_string())
    }

    /// Whether it is this password. Some tens of milliseconds of work.
    pub(crate) fn is(&self, password: &[u8]) -> bool {
        let hash = PasswordHash::new(&self.0).expect("it was read or made as one");
        !password.is_empty() && hasher().verify_password(password, &hash).is_ok()
    }

    pub(crate) fn line(&self) -> &str {
        &self.0
    }
}

fn hasher() -> Argon2<'static> {
    let params = Params::new(MEMORY_KIB, PASSES, 1, None).expect("they are within argon2's limits");
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
}

/// Not even the hash gets into a log.
impl std::fmt::Debug for Kept {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Kept")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_known_by_its_line_and_by_no_other() {
        let kept = Kept::make(b"correct horse");
        assert!(kept.line().starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{}", kept.line());
        assert!(kept.is(b"correct horse") && !kept.is(b"correct horsf") && !kept.is(b""));
        assert_eq!(Kept::read(kept.line()), Some(kept.clone()));
        assert_ne!(Kept::make(b"correct horse").line(), kept.line(), "each has a salt of its own");
    }

    #[test]
    fn a_line_that_is_another_thing_too_cheap_or_too_dear_is_refused() {
        let line = Kept::make(b"correct horse").line().to_owned();
        for other in [
            String::new(),
            "correct horse".to_owned(),
            line.replace("argon2id", "argon2i"),
            line.replace("m=19456", "m=64"),
            line.replace("m=19456", "m=4000000"),
            line.replace("t=2", "t=1000"),
            line.rsplit_once('$').unwrap().0.to_owned(),
        ] {
            assert_eq!(Kept::read(&other), None, "{other}");
        }
    }
}
