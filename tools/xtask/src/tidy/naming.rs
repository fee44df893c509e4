//! A package is named `tidegate-<layer>-<name>` after its folder, so that one log filter covers the product.

use anyhow::Result;

use super::Context;
use super::finding::{Finding, line_of};

pub const NAME: &str = "naming";

pub fn check(context: &Context) -> Result<Vec<Finding>> {
    let mut findings = Vec::new();
    for member in &context.crates.members {
        let expected = expected(&member.folder);
        if expected.as_ref() == Some(&member.name) {
            continue;
        }
        let manifest = context.tree.read(&member.manifest()).unwrap_or_default();
        findings.push(Finding {
            path: member.manifest(),
            line: line_of(&manifest, "name"),
            rule: NAME,
            message: format!("the crate in {} is called {}", member.folder, member.name),
            hint: match expected {
                Some(expected) => format!("call it {expected}"),
                None => "a crate lies in <layer>/<name>".to_owned(),
            },
        });
    }
    Ok(findings)
}

/// The name of the package in a folder: `tidegate-codec-mqtt` for `codecs/mqtt`, `tidegate` for `node`.
pub fn expected(folder: &str) -> Option<String> {
    if folder == "node" {
        return Some("tidegate".to_owned());
    }
    match folder.split('/').collect::<Vec<_>>()[..] {
        [layer, name] => Some(format!("tidegate-{}-{name}", layer.strip_suffix('s').unwrap_or(layer))),
        _ => None,
    }
}
