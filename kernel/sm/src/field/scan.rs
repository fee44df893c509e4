//! The proof that no field is under an older version, without which no minimum is raised: raised too early, it makes fields
//! unreadable for good.

use super::header;
use super::keyring::Keyring;
use crate::SmError;

/// A walk over all fields that the key may have encrypted, each shown once by the caller. What is written meanwhile needs not be shown: a
/// writer that began after the scan has the newest version, and before it no writer had an older one.
#[derive(Debug)]
pub struct Scan {
    key: String,
    newest: u32,
    seen: u64,
    old: u64,
}

/// What a scan came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Raised {
    pub minimum: u32,
    /// Fields of this key that were looked at.
    pub seen: u64,
}

impl Scan {
    pub(super) fn new(key: &str, newest: u32) -> Scan {
        Scan { key: key.to_owned(), newest, seen: 0, old: 0 }
    }

    /// Fields of other keys are passed over. A text that is no encrypted field ends the scan: nobody can say what it was.
    pub fn see(&mut self, text: &str) -> Result<(), SmError> {
        let (version, key, _) = header(text).ok_or(SmError::Malformed)?;
        if key == self.key {
            self.seen += 1;
            self.old += u64::from(version < self.newest);
        }
        Ok(())
    }

    /// Raises the minimum to the version that was newest when the scan began, and wipes what is older.
    pub fn finish(self, ring: &Keyring) -> Result<Raised, SmError> {
        if self.old > 0 {
            return Err(SmError::OldFieldsLeft { key: self.key, old: self.old, seen: self.seen });
        }
        ring.raise(&self.key, self.newest)?;
        Ok(Raised { minimum: self.newest, seen: self.seen })
    }
}
