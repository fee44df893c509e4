//! Product code in `codecs/` and `engines/` names no clock, disk, network, thread, process or async of its own.
//!
//! Reads tokens, so `use std::{fs, io}` and a path inside a macro call are seen as well; strings and comments are not.
//! `std::time::Duration` is a number and allowed; addresses as values are `core::net`. Tests may do as they like.

use anyhow::Result;

use super::Context;
use super::finding::Finding;
use super::purity::is_pure_layer;
use super::source::{Kind, Source, Token};

pub const NAME: &str = "senses";

const BANNED_MODULES: &[&str] = &["env", "fs", "net", "process", "thread", "time"];

pub fn check(context: &Context) -> Result<Vec<Finding>> {
    let mut findings = Vec::new();
    for member in context.crates.members.iter().filter(|member| is_pure_layer(member)) {
        let prefix = format!("{}/", member.folder);
        for source in context.sources.iter().filter(|source| source.path.starts_with(&prefix)) {
            findings.extend(of_source(source));
        }
    }
    Ok(findings)
}

fn of_source(source: &Source) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (index, token) in source.tokens.iter().enumerate() {
        let Kind::Ident(word) = &token.kind else { continue };
        let named = match word.as_str() {
            "async" | "await" => vec![word.clone()],
            "std" => banned_paths(&source.tokens[index..]),
            _ => Vec::new(),
        };
        findings.extend(named.into_iter().map(|name| Finding {
            path: source.path.clone(),
            line: token.line,
            rule: NAME,
            message: format!("a pure crate uses {name}"),
            hint: "take the value as an argument; core::net and Duration are fine".to_owned(),
        }));
    }
    findings
}

/// The paths that begin with the first of these tokens, those of a `use` with braces one by one.
pub(crate) fn paths_from(tokens: &[Token]) -> Vec<String> {
    paths(tokens).iter().map(|path| path.join("::")).collect()
}

fn paths(tokens: &[Token]) -> Vec<Vec<String>> {
    let mut paths = Vec::new();
    use_tree(tokens, &mut Vec::new(), &mut paths);
    paths
}

fn banned_paths(tokens: &[Token]) -> Vec<String> {
    let mut paths = paths(tokens);
    paths.retain(|path| {
        let module = path.get(1).map(String::as_str).unwrap_or_default();
        let is_duration = module == "time" && path.get(2).is_some_and(|name| name == "Duration");
        BANNED_MODULES.contains(&module) && !is_duration
    });
    paths.iter().map(|path| path.join("::")).collect()
}

/// Reads `a::b::{c, d::e}` at the start of `tokens` as the paths it names, and gives back what follows it.
fn use_tree<'a>(tokens: &'a [Token], way: &mut Vec<String>, paths: &mut Vec<Vec<String>>) -> &'a [Token] {
    let Some((first, mut rest)) = tokens.split_first() else { return tokens };
    match &first.kind {
        Kind::Ident(name) => {
            way.push(name.clone());
            if let [Token { kind: Kind::Punct(':'), .. }, Token { kind: Kind::Punct(':'), .. }, after @ ..] =
                rest
            {
                rest = use_tree(after, way, paths);
            } else {
                paths.push(way.clone());
            }
            way.pop();
            rest
        }
        Kind::Open('{') => {
            while !matches!(rest.first().map(|token| &token.kind), None | Some(Kind::Close(_))) {
                rest = use_tree(rest, way, paths);
            }
            rest.get(1..).unwrap_or_default()
        }
        Kind::Punct(',') => rest,
        // A star or a turbofish ends the path.
        _ => {
            paths.push(way.clone());
            rest
        }
    }
}
