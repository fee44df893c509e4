//! One page per error code: each `"TG-XX-NNN"` in product code has `docs/errors/TG-XX-NNN.md`, and each page its code.
//!
//! A code counts wherever it stands inside a string literal outside tests and doc comments. This tool's own sources are
//! left out: its tests name codes that no product has.

use std::collections::BTreeMap;

use anyhow::Result;

use super::Context;
use super::finding::{Finding, line_of};
use super::source::Kind;

pub const NAME: &str = "error-pages";

const FOLDER: &str = "docs/errors";
const HEADINGS: &[&str] = &["## What happened", "## Why", "## What to do", "## 中文"];
const CODE_LEN: usize = "TG-XX-NNN".len();

pub fn check(context: &Context) -> Result<Vec<Finding>> {
    let codes = codes_used(context);
    let mut findings: Vec<Finding> =
        codes.iter().filter_map(|(code, place)| missing(context, code, place)).collect();
    for path in context.tree.under(FOLDER).filter(|path| *path != "docs/errors/README.md") {
        findings.extend(page(context, &codes, path));
    }
    Ok(findings)
}

type Place = (String, usize);

/// Every code with the first place that names it.
fn codes_used(context: &Context) -> BTreeMap<String, Place> {
    let mut codes = BTreeMap::new();
    for source in context.sources.iter().filter(|source| !source.path.starts_with("tools/")) {
        for token in &source.tokens {
            let Kind::Literal(literal) = &token.kind else { continue };
            for code in codes_in(literal) {
                codes.entry(code.to_owned()).or_insert_with(|| (source.path.clone(), token.line));
            }
        }
    }
    codes
}

fn codes_in(literal: &str) -> impl Iterator<Item = &str> {
    literal
        .match_indices("TG-")
        .filter_map(|(at, _)| literal.get(at..at + CODE_LEN))
        .filter(|code| is_code(code))
}

fn is_code(text: &str) -> bool {
    let parts: Vec<&str> = text.split('-').collect();
    match parts[..] {
        ["TG", area, number] => {
            let is_area = area.len() == 2 && area.bytes().all(|byte| byte.is_ascii_uppercase());
            is_area && number.len() == 3 && number.bytes().all(|byte| byte.is_ascii_digit())
        }
        _ => false,
    }
}

fn missing(context: &Context, code: &str, place: &Place) -> Option<Finding> {
    let path = format!("{FOLDER}/{code}.md");
    (!context.tree.has(&path)).then(|| Finding {
        path: place.0.clone(),
        line: place.1,
        rule: NAME,
        message: format!("{code} has no page"),
        hint: format!("write {path} with the headings {}", HEADINGS.join(", ")),
    })
}

fn page(context: &Context, codes: &BTreeMap<String, Place>, path: &str) -> Vec<Finding> {
    let finding = |line, message: String, hint: &str| Finding {
        path: path.to_owned(),
        line,
        rule: NAME,
        message,
        hint: hint.to_owned(),
    };
    let name = path.strip_prefix(FOLDER).unwrap_or(path).trim_start_matches('/').trim_end_matches(".md");
    if !is_code(name) {
        return vec![finding(1, "the page is not named after a code".into(), "call it TG-XX-NNN.md")];
    }
    let text = context.tree.read(path).unwrap_or_default();
    let mut findings = Vec::new();
    if !codes.contains_key(name) {
        findings.push(finding(
            1,
            format!("no code uses {name}"),
            "remove the page, or the code was mistyped",
        ));
    }
    let title = text.lines().next().and_then(|line| line.strip_prefix(&format!("# {name}: ")));
    if title.is_none_or(|title| title.trim().is_empty()) {
        let line = line_of(&text, "# ");
        findings.push(finding(
            line,
            "the title is missing".into(),
            &format!("begin with \"# {name}: title\""),
        ));
    }
    for heading in HEADINGS.iter().filter(|heading| !text.lines().any(|line| line.trim_end() == **heading)) {
        findings.push(finding(
            1,
            format!("the heading {heading:?} is missing"),
            "every page answers the same questions",
        ));
    }
    findings
}
