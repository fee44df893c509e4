//! No path of a developer's machine in anything that is committed, prose included.
//!
//! An absolute path counts; `target/work/x` or `$DIR/home/x` does not. The folders are put together here, so that this
//! file is clean by its own rule.

use anyhow::Result;

use super::Context;
use super::finding::Finding;

pub const NAME: &str = "machine-paths";

const FOLDERS: &[&str] = &[concat!("/ho", "me/"), concat!("/ro", "ot/"), concat!("/wo", "rk/")];

pub fn check(context: &Context) -> Result<Vec<Finding>> {
    let mut findings = Vec::new();
    for path in &context.tree.files {
        for (index, line) in context.tree.read(path).unwrap_or_default().lines().enumerate() {
            findings.extend(FOLDERS.iter().filter(|folder| is_absolute_in(line, folder)).map(|folder| {
                Finding {
                    path: path.clone(),
                    line: index + 1,
                    rule: NAME,
                    message: format!("a path below {folder}"),
                    hint: "write it relative to the repository, or take it from the environment".to_owned(),
                }
            }));
        }
    }
    Ok(findings)
}

fn is_absolute_in(line: &str, folder: &str) -> bool {
    line.match_indices(folder).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        !before.is_some_and(|letter| letter.is_alphanumeric() || "._-*~$})>]".contains(letter))
    })
}
