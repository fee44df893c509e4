//! A decision record is `docs/adr/NNNN-name.md`, has a title and says its decision; a number is given once.

use std::collections::BTreeMap;

use anyhow::Result;

use super::Context;
use super::finding::Finding;

pub const NAME: &str = "adr";

const FOLDER: &str = "docs/adr";

pub fn check(context: &Context) -> Result<Vec<Finding>> {
    let mut numbers: BTreeMap<&str, &str> = BTreeMap::new();
    let mut findings = Vec::new();
    for path in context.tree.under(FOLDER).filter(|path| path.ends_with(".md")) {
        let name = path.strip_prefix(FOLDER).unwrap_or(path).trim_start_matches('/');
        if name == "README.md" {
            continue;
        }
        match number(name) {
            None => {
                findings.push(finding(path, "the name does not begin with a number", "call it NNNN-name.md"))
            }
            Some(number) => {
                if let Some(first) = numbers.insert(number, path) {
                    findings.push(finding(
                        path,
                        &format!("{first} has the same number"),
                        "take the next free one",
                    ));
                }
            }
        }
        findings.extend(contents(path, &context.tree.read(path).unwrap_or_default()));
    }
    Ok(findings)
}

fn finding(path: &str, message: &str, hint: &str) -> Finding {
    Finding { path: path.to_owned(), line: 1, rule: NAME, message: message.to_owned(), hint: hint.to_owned() }
}

fn number(name: &str) -> Option<&str> {
    let (number, _) = name.split_once('-')?;
    (number.len() == 4 && number.bytes().all(|byte| byte.is_ascii_digit())).then_some(number)
}

fn contents(path: &str, text: &str) -> Vec<Finding> {
    let mut findings = Vec::new();
    if !text.lines().next().is_some_and(|line| line.starts_with("# ") && line.len() > 2) {
        findings.push(finding(path, "the title is missing", "begin with \"# \" and what was decided on"));
    }
    if !text.lines().any(|line| line.trim_end() == "## Decision") {
        findings.push(finding(
            path,
            "the heading \"## Decision\" is missing",
            "a record without a decision is a note",
        ));
    }
    findings
}
