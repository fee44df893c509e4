//! No implicit shared memory. Nowhere in the product `static mut`; in `engines/` no `unsafe`, no static that can be changed and nothing that is
//! changed through a shared reference, but for the one file that publishes balances.
//!
//! Reads names of types, so one that is renamed on its way in is seen where it comes in. Tests may do as they like.

use anyhow::Result;

use super::Context;
use super::finding::Finding;
use super::source::{Kind, Source};

pub const NAME: &str = "sharing";

const HOME: &str = "engines/book/src/board.rs";
const CHANGEABLE: &[&str] = &[
    "Cell",
    "RefCell",
    "UnsafeCell",
    "OnceCell",
    "LazyCell",
    "SyncUnsafeCell",
    "Mutex",
    "RwLock",
    "OnceLock",
    "LazyLock",
    "Once",
    "Condvar",
    "Barrier",
    "mpsc",
    "thread_local",
    "unsafe",
];

pub fn check(context: &Context) -> Result<Vec<Finding>> {
    let product = context.sources.iter().filter(|source| !source.path.starts_with("tools/"));
    Ok(product.flat_map(of_source).collect())
}

fn of_source(source: &Source) -> Vec<Finding> {
    let is_engine = source.path.starts_with("engines/") && source.path != HOME;
    let mut findings = Vec::new();
    for (index, token) in source.tokens.iter().enumerate() {
        let Kind::Ident(word) = &token.kind else { continue };
        let next = source.tokens.get(index + 1).map(|token| &token.kind);
        let what = match word.as_str() {
            "static" if matches!(next, Some(Kind::Ident(next)) if next == "mut") => "static mut".to_owned(),
            word if is_engine && (CHANGEABLE.contains(&word) || word.starts_with("Atomic")) => {
                word.to_owned()
            }
            _ => continue,
        };
        findings.push(Finding {
            path: source.path.clone(),
            line: token.line,
            rule: NAME,
            message: format!("memory is shared by {what}"),
            hint: format!("hand the value over; balances for readers are published by {HOME} alone"),
        });
    }
    findings
}
