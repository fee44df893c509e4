//! What is handed to the table from outside: the text of one file or two, settings of the command line, and a way to fetch secrets. Pure.

use std::fmt;

/// A setting given on the command line, which goes before the file's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Override {
    /// `mqtt.listen`.
    pub path: &'static str,
    /// The option it came by: `--mqtt`.
    pub option: &'static str,
    /// As the file would write it, without quotes. More than one for a list.
    pub texts: Vec<String>,
}

/// Where a secret is that the file does not hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SecretSource {
    File(String),
    Env(String),
}

/// What a table is read from.
pub struct Source<'a> {
    /// The file's bytes; nothing where there is no file.
    pub file: Option<&'a [u8]>,
    pub overrides: &'a [Override],
    /// Fetches a secret, or says why not.
    pub secrets: &'a dyn Fn(&SecretSource) -> Result<String, String>,
}

/// A second text, read as if it stood at the end of the file's. Programs write it; people write the file.
#[derive(Debug, Clone, Copy)]
pub struct Beside<'a> {
    pub bytes: &'a [u8],
    /// Whose groups may stand in it, and nothing else: `ingest.devices`.
    pub groups: &'a [&'a str],
}

/// The name of the second file that goes with a first: `site.devices.toml` with `site.toml`.
pub fn beside(file: &str) -> String {
    format!("{}.devices.toml", file.strip_suffix(".toml").unwrap_or(file))
}

impl fmt::Debug for Source<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Source").field("bytes", &self.file.map(<[u8]>::len)).finish_non_exhaustive()
    }
}

impl fmt::Display for SecretSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SecretSource::File(path) => write!(f, "{{ file = {path:?} }}"),
            SecretSource::Env(name) => write!(f, "{{ env = {name:?} }}"),
        }
    }
}
