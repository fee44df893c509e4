//! The token of `up --lan`: 256 random bits, shown when they are made; the file holds their SHA-256.

use crate::failure::Failure;
use crate::identity;
use crate::lan::{keep, unkept};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// What the node knows of it.
#[derive(Debug)]
pub(super) struct Token {
    pub(super) file: PathBuf,
    /// In 64 hex digits.
    pub(super) sha256: String,
    /// The token, where it was made just now.
    pub(super) fresh: Option<String>,
}

impl Token {
    pub(super) fn open(file: &Path) -> Result<Token, Failure> {
        match fs::read_to_string(file) {
            Ok(text) => Ok(Token { file: file.to_owned(), sha256: text.trim().to_owned(), fresh: None }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Token::make(file),
            Err(error) => Err(unkept(file, &error)),
        }
    }

    fn make(file: &Path) -> Result<Token, Failure> {
        let (token, sha256) = identity::fresh_secret();
        keep(file, &format!("{sha256}\n")).map_err(|error| unkept(file, &error))?;
        Ok(Token { file: file.to_owned(), sha256, fresh: Some(token) })
    }
}
