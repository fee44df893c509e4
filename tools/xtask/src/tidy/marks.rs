//! No unfinished marks in source: an unfinished thing is finished, or is an issue.
//!
//! Looks at code and configuration of every kind, comments and strings included, but not at prose: documents must be
//! able to name the words. The words are put together here, so that this file is clean by its own rule.

use anyhow::Result;

use super::Context;
use super::finding::Finding;

pub const NAME: &str = "marks";

const SUFFIXES: &[&str] =
    &[".rs", ".toml", ".js", ".mjs", ".css", ".html", ".sh", ".py", ".yml", ".yaml", ".proto"];
const MARKS: &[&str] = &[
    concat!("to", "do!"),
    concat!("db", "g!"),
    concat!("unimple", "mented!"),
    concat!("FIX", "ME"),
    concat!("TO", "DO"),
];

pub fn check(context: &Context) -> Result<Vec<Finding>> {
    let mut findings = Vec::new();
    for path in context.tree.files.iter().filter(|path| is_source(path)) {
        for (index, line) in context.tree.read(path).unwrap_or_default().lines().enumerate() {
            findings.extend(MARKS.iter().filter(|mark| has_word(line, mark)).map(|mark| Finding {
                path: path.clone(),
                line: index + 1,
                rule: NAME,
                message: format!("{mark} in source"),
                hint: "finish it, or open an issue and say here what holds today".to_owned(),
            }));
        }
    }
    Ok(findings)
}

fn is_source(path: &str) -> bool {
    SUFFIXES.iter().any(|suffix| path.ends_with(suffix)) || path.starts_with(".ci/")
}

/// Whether `word` stands in `line` and is no part of a longer identifier.
fn has_word(line: &str, word: &str) -> bool {
    let is_ident = |letter: char| letter.is_alphanumeric() || letter == '_';
    line.match_indices(word).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        let after = line[at + word.len()..].chars().next();
        !before.is_some_and(is_ident) && (word.ends_with('!') || !after.is_some_and(is_ident))
    })
}
