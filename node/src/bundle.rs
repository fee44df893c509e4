//! `tidegate bundle verify`: whether a bundle is what the holder of a key signed, for machines without internet.
//!
//! A bundle is a file in the form of tar: `BUNDLE`, a list of the others with their SHA-256, `BUNDLE.sig`, the Ed25519 signature
//! (RFC 8032) of that list, then the files. Nothing is read of a list before its signature was found to be right.

mod contents;
mod error;
mod key;
mod list;

use crate::banner::say;
use crate::cli::{self, Verify};
use crate::failure::Failure;
use error::BundleError;
use key::PublicKey;
use list::{List, Version};
use serde_json::json;
use std::process::ExitCode;

pub(crate) fn run(command: &cli::Bundle) -> Result<ExitCode, Failure> {
    let cli::Bundle::Verify(options) = command;
    let list = verify(options).map_err(|error| Failure::new(error.code(), &error, error.hint()))?;
    say(&if options.json { in_json(&list) } else { in_words(&list, options) });
    Ok(ExitCode::SUCCESS)
}

fn verify(options: &Verify) -> Result<List, BundleError> {
    let key = PublicKey::read(&options.key)?;
    let list = contents::list(&options.file, &key)?;
    let own = Version::own();
    if list.version < own && !options.allow_older {
        return Err(BundleError::Older { path: options.file.clone(), found: list.version, own });
    }
    match &options.to {
        None => contents::verify(&options.file, &list.files)?,
        Some(folder) => contents::unpack(&options.file, &list.files, folder)?,
    }
    Ok(list)
}

fn in_words(list: &List, options: &Verify) -> String {
    let mut words =
        format!("genuine: tidegate {}, signed by the key in {}\n", list.version, options.key.display());
    for file in &list.files {
        words.push_str(&format!("  {} ({} bytes)\n", file.name, file.bytes));
    }
    if let Some(folder) = &options.to {
        words.push_str(&format!("its files are in {}\n", folder.display()));
    }
    words
}

fn in_json(list: &List) -> String {
    let files: Vec<_> = list
        .files
        .iter()
        .map(|file| json!({ "name": file.name, "bytes": file.bytes, "sha256": file.sha256 }))
        .collect();
    format!("{}\n", json!({ "version": list.version.to_string(), "made_s": list.made_s, "files": files }))
}
