//! The list in a bundle, a text that is signed:
//!
//! ```text
//! tidegate bundle 1
//! version 0.2.0
//! made 1763800000
//! file tidegate_0.2.0_amd64.deb 7340032 9f86d081...
//! ```

use super::error::BundleError;
use std::fmt;
use std::path::Path;

const HEAD: &str = "tidegate bundle ";
const FORM: &str = "1";
const FILES_MAX: usize = 64;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct List {
    pub(super) version: Version,
    /// Seconds since 1970.
    pub(super) made_s: u64,
    pub(super) files: Vec<Listed>,
}

/// A file as it was signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Listed {
    /// Without a folder.
    pub(super) name: String,
    pub(super) bytes: u64,
    /// In lower case.
    pub(super) sha256: String,
}

/// Three numbers, the first of which counts most.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Version([u64; 3]);

impl Version {
    /// Of this program.
    pub(super) fn own() -> Version {
        Version::parse(env!("CARGO_PKG_VERSION")).expect("a version of this product is three numbers")
    }

    fn parse(text: &str) -> Option<Version> {
        let numbers: Vec<u64> = text.split('.').map(|part| part.parse().ok()).collect::<Option<_>>()?;
        numbers.try_into().ok().map(Version)
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [major, minor, patch] = self.0;
        write!(f, "{major}.{minor}.{patch}")
    }
}

impl List {
    /// Of the bundle at `path`.
    pub(super) fn parse(text: &[u8], path: &Path) -> Result<List, BundleError> {
        let text = std::str::from_utf8(text).unwrap_or_default();
        match text.lines().next().and_then(|line| line.strip_prefix(HEAD)) {
            Some(FORM) => parse(text).ok_or_else(|| BundleError::NotABundle { path: path.to_owned() }),
            Some(_) => Err(BundleError::Newer { path: path.to_owned() }),
            None => Err(BundleError::NotABundle { path: path.to_owned() }),
        }
    }
}

fn parse(text: &str) -> Option<List> {
    let mut lines = text.lines().skip(1);
    let version = Version::parse(lines.next()?.strip_prefix("version ")?)?;
    let made_s = lines.next()?.strip_prefix("made ")?.parse().ok()?;
    let files: Vec<Listed> = lines.map(file).collect::<Option<_>>()?;
    (1..=FILES_MAX).contains(&files.len()).then_some(List { version, made_s, files })
}

fn file(line: &str) -> Option<Listed> {
    let words: Vec<&str> = line.split(' ').collect();
    let &["file", name, bytes, sha256] = words.as_slice() else { return None };
    let listed = Listed { name: name.to_owned(), bytes: bytes.parse().ok()?, sha256: sha256.to_owned() };
    is_plain(name).then_some(listed)
}

/// Whether a name can lead nowhere but into the folder it is put in.
fn is_plain(name: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._+-~".contains(&byte);
    name.bytes().all(is_plain) && !name.starts_with('.') && !name.is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "tidegate bundle 1\nversion 0.2.0\nmade 5\nfile tidegate_0.2.0_amd64.deb 7 9f86\n";

    fn code(text: &str) -> &'static str {
        List::parse(text.as_bytes(), Path::new("b")).map_err(|error| error.code()).unwrap_err()
    }

    #[test]
    fn a_list_says_version_time_and_files() {
        let list = List::parse(TEXT.as_bytes(), Path::new("b")).unwrap();
        assert_eq!((list.version, list.made_s, list.files.len()), (Version([0, 2, 0]), 5, 1));
        assert_eq!((&*list.files[0].name, list.files[0].bytes), ("tidegate_0.2.0_amd64.deb", 7));
    }

    #[test]
    fn a_name_that_leads_elsewhere_or_a_list_of_another_form_is_refused() {
        for name in ["../evil", "/etc/passwd", "a/b", ".hidden", "", "a b"] {
            assert_eq!(code(&TEXT.replace("tidegate_0.2.0_amd64.deb", name)), "TG-BD-001", "{name}");
        }
        assert_eq!(code(&TEXT.replace("bundle 1", "bundle 2")), "TG-BD-002");
        assert_eq!(code("hello"), "TG-BD-001");
        assert_eq!(code("tidegate bundle 1\nversion 0.2.0\nmade 5\n"), "TG-BD-001");
        assert_eq!(code(&TEXT.replace("0.2.0\nmade", "0.2\nmade")), "TG-BD-001");
    }

    #[test]
    fn versions_are_compared_number_by_number() {
        let version = |text| Version::parse(text).unwrap();
        assert!(version("0.9.0") < version("0.10.0") && version("0.10.0") < version("1.0.0"));
        assert_eq!(version("0.10.0").to_string(), "0.10.0");
    }
}
