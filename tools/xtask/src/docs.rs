//! `cargo xtask docs`: refuses settings, metrics, error codes and routes that the documentation does not say, and what it says of none.
//!
//! Has no check of its own: these are rules of `tidy` and tests of the product, under one name.

use std::path::Path;

use anyhow::Result;

use crate::process;
use crate::tidy::{self, Context, Finding, errors, languages, metrics};

/// The rules of `tidy` that are about documentation.
const RULES: [&str; 3] = [errors::NAME, metrics::NAME, languages::NAME];
/// The tests that are, by parts of their names: the reference of settings, that of metrics with kind and help, that of routes, pages and
/// their twins, blocks that are to be typed.
const TESTS: [&str; 3] = ["the_committed_reference_page", "docs::", "every_route_"];

/// What a reader of the tree alone can see.
pub fn check(context: &Context) -> Result<Vec<Finding>> {
    let mut findings = tidy::check(context)?;
    findings.retain(|finding| RULES.contains(&finding.rule));
    Ok(findings)
}

/// True if nothing is undocumented.
pub fn run(root: &Path) -> Result<bool> {
    let findings = check(&Context::open(root)?)?;
    findings.iter().for_each(|finding| println!("{finding}"));
    eprintln!("docs: {} findings by {} rules; now the product's own tests", findings.len(), RULES.len());
    let mut tests = process::cargo(root);
    tests.args(["test", "--workspace", "--all-features", "--"]).args(TESTS);
    Ok(process::succeeds(&mut tests)? && findings.is_empty())
}
