//! `cargo xtask pkgcheck`: what every request and every wait of the product has to keep to, read off its syntax.
//!
//! Three rules, one module each. Only product code is looked at: no tests, no tools, and no commands that play the other side. An
//! exception stands in the line above with its reason, `// pkgcheck: RULE: why`; one without a reason is none. Syntax knows no types, so
//! a rule goes by names; what it cannot see is said at its head.

mod echo;
mod guards;
mod outbound;
mod routes;
mod sarif;

use anyhow::Result;

pub use echo::echoes;
pub use sarif::sarif;

use crate::tidy::source::Source;
use crate::tidy::{Context, Finding};

/// Commands that measure the product or play devices and peers for it, on this machine; they are no part of a node's work.
const PLAYS: &[&str] = &["node/src/bench", "node/src/demo", "node/src/sim"];

#[derive(Debug)]
pub struct Rule {
    pub name: &'static str,
    pub what: &'static str,
    check: fn(&Source) -> Vec<Finding>,
}

pub const RULES: &[Rule] = &[
    Rule { name: routes::NAME, what: routes::WHAT, check: routes::check },
    Rule { name: outbound::NAME, what: outbound::WHAT, check: outbound::check },
    Rule { name: guards::NAME, what: guards::WHAT, check: guards::check },
];

/// Every finding that no exception covers, in the order of their places.
pub fn check(context: &Context) -> Result<Vec<Finding>> {
    let mut findings = Vec::new();
    for source in context.sources.iter().filter(|source| is_product(context, source)) {
        let found = RULES.iter().flat_map(|rule| (rule.check)(source));
        findings.extend(found.filter(|finding| !is_excepted(source, finding)));
    }
    findings.sort();
    findings.dedup();
    Ok(findings)
}

fn is_product(context: &Context, source: &Source) -> bool {
    let in_crate = |folder: &str| source.path.starts_with(&format!("{folder}/src/"));
    let is_member = context.crates.members.iter().any(|member| in_crate(&member.folder));
    is_member && !source.is_test && !PLAYS.iter().any(|folder| source.path.starts_with(folder))
}

fn is_excepted(source: &Source, finding: &Finding) -> bool {
    let above = finding.line.checked_sub(2).and_then(|index| source.text.lines().nth(index));
    let mark = format!("// pkgcheck: {}: ", finding.rule);
    above.is_some_and(|line| line.trim_start().strip_prefix(&mark).is_some_and(|why| why.trim().len() > 3))
}

fn finding(source: &Source, line: usize, rule: &'static str, message: String, hint: &str) -> Finding {
    Finding { path: source.path.clone(), line, rule, message, hint: hint.to_owned() }
}
