//! `cargo xtask tidy`: the rules of the source tree that a program can check, one module each.
//!
//! Rules read a [`Context`] and return findings; none writes, none runs a process. Each has a planted violation among
//! xtask's tests that must turn it red. The one thing that writes is [`ratchet::lower`], when asked.

pub mod adr;
pub mod capability;
pub mod clauses;
pub mod context;
pub mod errors;
pub mod finding;
pub mod headings;
pub mod languages;
pub mod layers;
pub mod lints;
pub mod machine;
pub mod marks;
pub mod metrics;
pub mod naming;
pub mod purity;
pub mod ratchet;
pub mod senses;
pub mod sharing;
pub mod source;
pub mod unsafety;

use anyhow::Result;

pub use context::Context;
pub use finding::Finding;

/// A rule by the name that its findings carry.
#[derive(Debug)]
pub struct Rule {
    pub name: &'static str,
    pub check: fn(&Context) -> Result<Vec<Finding>>,
}

pub const RULES: &[Rule] = &[
    Rule { name: layers::NAME, check: layers::check },
    Rule { name: naming::NAME, check: naming::check },
    Rule { name: purity::NAME, check: purity::check },
    Rule { name: lints::NAME, check: lints::check },
    Rule { name: unsafety::NAME, check: unsafety::check },
    Rule { name: senses::NAME, check: senses::check },
    Rule { name: sharing::NAME, check: sharing::check },
    Rule { name: capability::NAME, check: capability::check },
    Rule { name: headings::NAME, check: headings::check },
    Rule { name: marks::NAME, check: marks::check },
    Rule { name: ratchet::NAME, check: ratchet::check },
    Rule { name: errors::NAME, check: errors::check },
    Rule { name: metrics::NAME, check: metrics::check },
    Rule { name: languages::NAME, check: languages::check },
    Rule { name: clauses::NAME, check: clauses::check },
    Rule { name: adr::NAME, check: adr::check },
    Rule { name: machine::NAME, check: machine::check },
];

/// Every finding of every rule, in the order of their places.
pub fn check(context: &Context) -> Result<Vec<Finding>> {
    let mut findings = Vec::new();
    for rule in RULES {
        findings.extend((rule.check)(context)?);
    }
    findings.sort();
    Ok(findings)
}
