//! Keys by name, each with its versions: the newest encrypts, all from the minimum on decrypt.
//!
//! A lock is held for a look at the map alone, never while something is encrypted.

use super::scan::Scan;
use super::version::{Version, Writer};
use super::{Place, Sealed, header, is_name};
use crate::SmError;
use crate::sm4::Key;
use std::collections::BTreeMap;
use std::sync::atomic::Ordering::SeqCst;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use zeroize::Zeroizing;

/// Names in one keyring, shredded ones among them.
const KEYS_MAX: usize = 1 << 20;
/// Versions of one key: rewrap and raise the minimum before there are more.
const VERSIONS_MAX: usize = 64;

/// The keys of a table, a tenant or of many subjects; or one key that encrypts such keys.
#[derive(Debug, Default)]
pub struct Keyring {
    keys: RwLock<BTreeMap<String, Entry>>,
}

#[derive(Debug)]
pub(super) enum Entry {
    Key(Versions),
    /// Nothing is left but the name, so that it is never given to another key.
    Shredded,
}

#[derive(Debug)]
pub(super) struct Versions {
    pub(super) minimum: u32,
    pub(super) by_number: BTreeMap<u32, Arc<Version>>,
}

impl Versions {
    fn newest(&self) -> &Arc<Version> {
        self.by_number.last_key_value().expect("a key has a version from its first moment on").1
    }
}

impl Keyring {
    /// A new key at version 1.
    pub fn create(&self, name: &str) -> Result<(), SmError> {
        self.insert(name, 1, Key::generate()?)
    }

    /// A key that was made elsewhere, or a newer version of one.
    pub fn insert(&self, name: &str, version: u32, key: Key) -> Result<(), SmError> {
        let mut keys = self.write();
        match keys.get_mut(name) {
            Some(Entry::Shredded) => Err(SmError::Shredded { key: name.to_owned() }),
            Some(Entry::Key(versions)) if versions.newest().number < version => add(versions, version, key),
            Some(Entry::Key(_)) => Err(SmError::KeyExists { key: name.to_owned() }),
            None => {
                let room = keys.len() < KEYS_MAX;
                room.then_some(()).ok_or(SmError::TooMany { what: "keys", limit: KEYS_MAX })?;
                is_name(name).then_some(()).ok_or(SmError::KeyName)?;
                let by_number = BTreeMap::from([(version, Version::new(version, key))]);
                keys.insert(name.to_owned(), Entry::Key(Versions { minimum: version, by_number }));
                Ok(())
            }
        }
    }

    /// Takes in all that another keyring has, or nothing where a name is taken.
    pub fn adopt(&self, other: Keyring) -> Result<(), SmError> {
        let mut keys = self.write();
        let others = other.keys.into_inner().unwrap_or_else(PoisonError::into_inner);
        if let Some(key) = others.keys().find(|name| keys.contains_key(*name)) {
            return Err(SmError::KeyExists { key: key.clone() });
        }
        if keys.len() + others.len() > KEYS_MAX {
            return Err(SmError::TooMany { what: "keys", limit: KEYS_MAX });
        }
        keys.extend(others);
        Ok(())
    }

    /// How many names have a key, and how many were shredded.
    pub fn counts(&self) -> (u64, u64) {
        let keys = self.read();
        let kept = keys.values().filter(|entry| matches!(entry, Entry::Key(_))).count() as u64;
        (kept, keys.len() as u64 - kept)
    }

    /// A new version, which encrypts from now on.
    pub fn rotate(&self, name: &str) -> Result<u32, SmError> {
        let key = Key::generate()?;
        let mut keys = self.write();
        let versions = versions_mut(&mut keys, name)?;
        let number = versions.newest().number + 1;
        add(versions, number, key)?;
        Ok(number)
    }

    /// Deletes all versions: whatever they encrypted is unreadable from now on, here and, once the keys are stored again, everywhere
    /// that has no copy of them.
    pub fn shred(&self, name: &str) -> Result<(), SmError> {
        let mut keys = self.write();
        versions_mut(&mut keys, name)?.by_number.values().for_each(|v| v.shredded.store(true, SeqCst));
        keys.insert(name.to_owned(), Entry::Shredded);
        Ok(())
    }

    pub fn writer(&self, name: &str) -> Result<Writer, SmError> {
        let keys = self.read();
        Ok(Writer::new(name, versions(&keys, name)?.newest()))
    }

    pub fn open(&self, text: &str, place: Place) -> Result<Zeroizing<Vec<u8>>, SmError> {
        let sealed = Sealed::parse(text)?;
        let version = self.version(sealed.key, sealed.version)?;
        version.open(&sealed, place)
    }

    /// The field under the newest version, or nothing if it is there already. Store it only where the old text still stands, and
    /// hold the writer until then.
    pub fn rewrap(&self, writer: &Writer, text: &str, place: Place) -> Result<Option<String>, SmError> {
        let (version, key, _) = header(text).ok_or(SmError::Malformed)?;
        if key != writer.key || version >= writer.version.number {
            return Ok(None);
        }
        writer.seal(place, &self.open(text, place)?).map(Some)
    }

    /// Begins to prove that no field is under an older version, once nobody writes with one.
    pub fn scan(&self, name: &str) -> Result<Scan, SmError> {
        let keys = self.read();
        let versions = versions(&keys, name)?;
        let newest = versions.newest().number;
        let older = versions.by_number.range(..newest);
        let writers = older.map(|(_, version)| version.writers()).sum();
        match writers {
            0 => Ok(Scan::new(name, newest)),
            _ => Err(SmError::WritersLeft { key: name.to_owned(), writers }),
        }
    }

    /// Drops what is older than `minimum`; only a scan knows that nothing needs it.
    pub(super) fn raise(&self, name: &str, minimum: u32) -> Result<(), SmError> {
        let mut keys = self.write();
        let versions = versions_mut(&mut keys, name)?;
        versions.minimum = versions.minimum.max(minimum);
        versions.by_number = versions.by_number.split_off(&versions.minimum);
        Ok(())
    }

    fn version(&self, name: &str, number: u32) -> Result<Arc<Version>, SmError> {
        let keys = self.read();
        let versions = versions(&keys, name)?;
        let (key, version, minimum) = (name.to_owned(), number, versions.minimum);
        match versions.by_number.get(&number) {
            Some(found) => Ok(found.clone()),
            None if number < minimum => Err(SmError::BelowMinimum { key, version, minimum }),
            None => Err(SmError::UnknownVersion { key, version }),
        }
    }

    // A panic leaves the map as it was before or after a change of one entry, so a poisoned lock is no reason to stop.
    pub(super) fn read(&self) -> RwLockReadGuard<'_, BTreeMap<String, Entry>> {
        self.keys.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn write(&self) -> RwLockWriteGuard<'_, BTreeMap<String, Entry>> {
        self.keys.write().unwrap_or_else(PoisonError::into_inner)
    }
}

fn add(versions: &mut Versions, number: u32, key: Key) -> Result<(), SmError> {
    if versions.by_number.len() >= VERSIONS_MAX {
        return Err(SmError::TooMany { what: "versions of a key", limit: VERSIONS_MAX });
    }
    versions.by_number.insert(number, Version::new(number, key));
    Ok(())
}

pub(super) fn versions<'a>(keys: &'a BTreeMap<String, Entry>, name: &str) -> Result<&'a Versions, SmError> {
    match keys.get(name) {
        Some(Entry::Key(versions)) => Ok(versions),
        Some(Entry::Shredded) => Err(SmError::Shredded { key: name.to_owned() }),
        None => Err(SmError::UnknownKey { key: name.to_owned() }),
    }
}

fn versions_mut<'a>(keys: &'a mut BTreeMap<String, Entry>, name: &str) -> Result<&'a mut Versions, SmError> {
    match keys.get_mut(name) {
        Some(Entry::Key(versions)) => Ok(versions),
        Some(Entry::Shredded) => Err(SmError::Shredded { key: name.to_owned() }),
        None => Err(SmError::UnknownKey { key: name.to_owned() }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::field::USES_MAX;

    #[test]
    fn a_version_that_has_encrypted_all_it_may_refuses_until_the_key_is_rotated() {
        let (ring, place) = (Keyring::default(), Place { table: "t", column: "c", row: "1" });
        ring.create("k").unwrap();
        let writer = ring.writer("k").unwrap();
        writer.version.uses.store(USES_MAX - 1, SeqCst);
        writer.seal(place, b"last").unwrap();
        for _ in 0..2 {
            assert_eq!(writer.seal(place, b"one more").unwrap_err().code(), "TG-SM-006");
        }
        ring.rotate("k").unwrap();
        ring.writer("k").unwrap().seal(place, b"one more").unwrap();
    }

    #[test]
    fn versions_of_a_key_are_limited() {
        let ring = Keyring::default();
        ring.create("k").unwrap();
        (1..VERSIONS_MAX).for_each(|_| assert!(ring.rotate("k").is_ok()));
        assert_eq!(ring.rotate("k").unwrap_err().code(), "TG-SM-008");
    }
}
