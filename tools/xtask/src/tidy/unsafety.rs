//! `unsafe` code of the product has one home; no other file may name the lint that keeps it out. docs/adr/0005-profiler.md says why.

use anyhow::Result;

use super::Context;
use super::finding::Finding;
use super::source::Kind;

pub const NAME: &str = "unsafe";

const HOME: &str = "services/probe/src/sampler.rs";
const LINT: &str = "unsafe_code";

pub fn check(context: &Context) -> Result<Vec<Finding>> {
    let elsewhere =
        context.sources.iter().filter(|source| source.path != HOME && !source.path.starts_with("tools/"));
    let named = elsewhere.flat_map(|source| {
        let named = source.tokens.iter().filter(|token| token.kind == Kind::Ident(LINT.to_owned()));
        named.map(|token| Finding {
            path: source.path.clone(),
            line: token.line,
            rule: NAME,
            message: "unsafe code is allowed here".to_owned(),
            hint: format!(
                "use a safe interface; what has none belongs into {HOME}, with a reason in the ADR"
            ),
        })
    });
    Ok(named.collect())
}
