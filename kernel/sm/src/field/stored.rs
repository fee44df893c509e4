//! A keyring as text, each key encrypted under a key of another keyring: as fields are, at a place of their own.
//!
//! ```text
//! tidegate keys 1
//! key NAME VERSION MINIMUM sm4g:v1:kek:...
//! shredded NAME
//! ```
//!
//! Store it where it can be overwritten, never in a log: a key that is still somewhere is not shredded.

use super::keyring::{Entry, Keyring, Versions, versions};
use super::version::{Version, Writer};
use super::{Place, is_name};
use crate::SmError;
use crate::sm4::Key;
use std::collections::BTreeMap;
use std::fmt::Write as _;

const HEAD: &str = "tidegate keys 1";

impl Keyring {
    /// The keys under `kek`, each with a new nonce. To rotate the outer key, store them again with a writer of its new version.
    pub fn store(&self, kek: &Writer) -> Result<String, SmError> {
        let mut text = format!("{HEAD}\n");
        for (name, entry) in self.read().iter() {
            match entry {
                Entry::Key(versions) => store_versions(&mut text, name, versions, kek)?,
                Entry::Shredded => writeln!(text, "shredded {name}").expect("a text takes all"),
            }
        }
        Ok(text)
    }

    /// The lines of one key as [`Keyring::store`] has them, to be put behind those of a text that is there.
    pub fn store_key(&self, name: &str, kek: &Writer) -> Result<String, SmError> {
        let (mut text, keys) = (String::new(), self.read());
        store_versions(&mut text, name, versions(&keys, name)?, kek)?;
        Ok(text)
    }

    pub fn load(kek: &Keyring, text: &str) -> Result<Keyring, SmError> {
        let ring = Keyring::default();
        let mut lines = text.lines().zip(1..);
        let head = lines.next().filter(|(head, _)| *head == HEAD);
        head.ok_or(SmError::KeyLine { line: 1 })?;
        for (text, line) in lines {
            let wrong = || SmError::KeyLine { line };
            match text.split(' ').collect::<Vec<_>>()[..] {
                ["key", name, version, minimum, sealed] => {
                    let key = load_key(kek, name, [version, minimum], sealed)?;
                    let [version, minimum] =
                        [version, minimum].map(|number| number.parse().map_err(|_| wrong()));
                    ring.put(name, version?, minimum?, key).ok_or_else(wrong)?;
                }
                ["shredded", name] => {
                    let earlier = ring.write().insert(name.to_owned(), Entry::Shredded);
                    (is_name(name) && earlier.is_none()).then_some(()).ok_or_else(wrong)?;
                }
                _ => return Err(wrong()),
            }
        }
        Ok(ring)
    }

    /// Nothing where the line contradicts those before it.
    fn put(&self, name: &str, version: u32, minimum: u32, key: Key) -> Option<()> {
        let mut keys = self.write();
        let new = || Entry::Key(Versions { minimum, by_number: BTreeMap::new() });
        match keys.entry(name.to_owned()).or_insert_with(new) {
            Entry::Key(versions) if versions.minimum == minimum && minimum <= version && is_name(name) => {
                versions.by_number.insert(version, Version::new(version, key)).is_none().then_some(())
            }
            _ => None,
        }
    }
}

fn store_versions(text: &mut String, name: &str, versions: &Versions, kek: &Writer) -> Result<(), SmError> {
    let minimum = versions.minimum.to_string();
    for version in versions.by_number.values() {
        let number = version.number.to_string();
        let row = row([&number, &minimum]);
        let sealed = kek.seal(place(name, &row), version.key.as_bytes())?;
        writeln!(text, "key {name} {number} {minimum} {sealed}").expect("a text takes all");
    }
    Ok(())
}

fn load_key(kek: &Keyring, name: &str, numbers: [&str; 2], sealed: &str) -> Result<Key, SmError> {
    let row = row(numbers);
    Key::from_bytes(&kek.open(sealed, place(name, &row))?)
}

/// Version and minimum are authenticated with the key, so neither can be written over.
fn row([version, minimum]: [&str; 2]) -> String {
    format!("{version} {minimum}")
}

fn place<'a>(name: &'a str, row: &'a str) -> Place<'a> {
    Place { table: "keys", column: name, row }
}
