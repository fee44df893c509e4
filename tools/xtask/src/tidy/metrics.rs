//! Each metric is explained: every name in product code that is one has a row in `docs/reference/metrics.md`, and each row its metric.
//!
//! A name counts where it is a whole string literal outside tests: `tidegate_<capability>_<noun>_<unit>`.

use std::collections::BTreeMap;

use anyhow::Result;

use super::Context;
use super::finding::Finding;
use super::source::Kind;

pub const NAME: &str = "metrics";

const PAGE: &str = "docs/reference/metrics.md";
const PREFIX: &str = "tidegate_";

pub fn check(context: &Context) -> Result<Vec<Finding>> {
    let used = names_used(context);
    let Some(page) = context.tree.read(PAGE) else {
        let missing = finding(PAGE, 1, "the page is missing".into(), "one row for each metric");
        return Ok(if used.is_empty() { Vec::new() } else { vec![missing] });
    };
    let told: BTreeMap<&str, usize> =
        page.lines().zip(1..).filter_map(|(line, at)| Some((row(line)?, at))).collect();
    let silent =
        used.iter().filter(|(name, _)| !told.contains_key(name.as_str())).map(|(name, (path, line))| {
            finding(path, *line, format!("{name} is not explained"), &format!("give it a row in {PAGE}"))
        });
    let gone = told.iter().filter(|(name, _)| !used.contains_key(**name)).map(|(name, line)| {
        finding(PAGE, *line, format!("nothing measures {name}"), "remove the row, or the name was mistyped")
    });
    Ok(silent.chain(gone).collect())
}

fn finding(path: &str, line: usize, message: String, hint: &str) -> Finding {
    Finding { path: path.to_owned(), line, rule: NAME, message, hint: hint.to_owned() }
}

/// Every name with the first place that has it.
fn names_used(context: &Context) -> BTreeMap<String, (String, usize)> {
    let mut names = BTreeMap::new();
    for source in context.sources.iter().filter(|source| !source.path.starts_with("tools/")) {
        for token in &source.tokens {
            let Kind::Literal(literal) = &token.kind else { continue };
            let text = literal.trim_matches('"');
            if is_name(text) {
                names.entry(text.to_owned()).or_insert_with(|| (source.path.clone(), token.line));
            }
        }
    }
    names
}

fn is_name(text: &str) -> bool {
    let letter = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
    let parts =
        text.strip_prefix(PREFIX).map_or(0, |rest| rest.split('_').filter(|part| !part.is_empty()).count());
    parts >= 2 && text.bytes().all(letter)
}

/// A row begins with the name in backticks.
fn row(line: &str) -> Option<&str> {
    line.strip_prefix("| `")?.split('`').next().filter(|name| is_name(name))
}
