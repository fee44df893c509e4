//! Each clause has its test: a row of the tables in the pages about the race gate names tests as `FILE.rs` and `NAME`, and each of them is there.
//!
//! Every row has at least one, and both languages name the same ones.

use std::collections::BTreeSet;

use anyhow::Result;

use super::Context;
use super::finding::Finding;

pub const NAME: &str = "clauses";

const PAGES: [&str; 2] = ["docs/guides/race.md", "docs/zh/guides/race.md"];

pub fn check(context: &Context) -> Result<Vec<Finding>> {
    let mut findings = Vec::new();
    let mut named = Vec::new();
    for page in PAGES {
        let Some(text) = context.tree.read(page) else { continue };
        let mut tests = BTreeSet::new();
        for (row, line) in text.lines().zip(1..).filter(|(row, _)| is_clause(row)) {
            let found = tests_of(row);
            if found.is_empty() {
                findings.push(finding(page, line, "a clause without a test".to_owned()));
            }
            let missing = found.iter().filter(|(file, name)| !is_there(context, file, name));
            findings.extend(
                missing.map(|(file, name)| finding(page, line, format!("{file} has no test {name}"))),
            );
            tests.extend(found);
        }
        named.push(tests);
    }
    if let [english, chinese] = named.as_slice()
        && english != chinese
    {
        findings.push(finding(PAGES[1], 1, "it names other tests than the English page".to_owned()));
    }
    Ok(findings)
}

fn finding(page: &str, line: usize, message: String) -> Finding {
    let hint = "a row ends with `FILE.rs` and the `NAME` of a test in it".to_owned();
    Finding { path: page.to_owned(), line, rule: NAME, message, hint }
}

/// A row of a table whose first cell begins with a number: `| 3 | ...`.
fn is_clause(row: &str) -> bool {
    let first = row.strip_prefix("| ").and_then(|rest| rest.split(" | ").next());
    first.is_some_and(|cell| !cell.is_empty() && cell.chars().all(|c| c.is_ascii_digit()))
}

/// What stands in backquotes: a file, and names of tests in it until the next file.
fn tests_of(row: &str) -> Vec<(String, String)> {
    let (mut file, mut tests) = (None, Vec::new());
    for quoted in row.split('`').skip(1).step_by(2) {
        match (quoted.ends_with(".rs"), &file) {
            (true, _) => file = Some(quoted.to_owned()),
            (false, Some(file)) => tests.push((file.clone(), quoted.to_owned())),
            (false, None) => {}
        }
    }
    tests
}

fn is_there(context: &Context, file: &str, name: &str) -> bool {
    let Some(source) = context.sources.iter().find(|source| source.path == file) else { return false };
    source.functions.iter().any(|found| found.name == name && is_marked(&source.text, found.line))
}

/// Whether one of the attributes right above this line makes it a test.
fn is_marked(text: &str, line: usize) -> bool {
    let above: Vec<&str> = text.lines().take(line - 1).map(str::trim).collect();
    let attributes = above.iter().rev().take_while(|line| line.starts_with("#[") || line.starts_with("//"));
    attributes.into_iter().any(|line| line.starts_with("#[test]") || line.starts_with("#[tokio::test"))
}
