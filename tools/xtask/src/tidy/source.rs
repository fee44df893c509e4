//! A Rust file taken apart: its tokens outside tests, and its functions with their lengths.
//!
//! Parsed with `syn`, for a regular expression is wrong about strings, comments and nesting. A file that does not parse
//! has neither tokens nor functions: the compiler says more about it than a rule could.

use std::ops::RangeInclusive;

use proc_macro2::{Delimiter, LineColumn, TokenStream, TokenTree};
use quote::ToTokens as _;
use syn::spanned::Spanned as _;

#[derive(Debug)]
pub struct Source {
    pub path: String,
    pub text: String,
    /// Lies in a folder or file of tests, benches, examples or fuzz targets.
    pub is_test: bool,
    /// Outside tests and without doc comments, groups opened up.
    pub tokens: Vec<Token>,
    pub functions: Vec<Function>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token {
    pub kind: Kind,
    pub line: usize,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    Ident(String),
    /// As written, quotes included.
    Literal(String),
    Punct(char),
    Open(char),
    Close(char),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Function {
    pub name: String,
    pub line: usize,
    /// From `fn` to the closing brace, without attributes and doc comments.
    pub lines: usize,
    pub is_test: bool,
}

impl Source {
    pub fn parse(path: String, text: String) -> Self {
        let is_test = is_test_path(&path);
        let mut source = Self { path, text, is_test, tokens: Vec::new(), functions: Vec::new() };
        if let Ok(file) = syn::parse_file(&source.text) {
            source.take_attributes(&file.attrs, is_test);
            source.take_items(&file.items, is_test);
        }
        source
    }

    pub fn line_count(&self) -> usize {
        self.text.lines().count()
    }

    fn take_items(&mut self, items: &[syn::Item], in_test: bool) {
        for item in items {
            let in_test = in_test || attributes(item).iter().any(marks_test);
            match item {
                syn::Item::Mod(module) => {
                    self.take_attributes(&module.attrs, in_test);
                    for (_, items) in module.content.iter() {
                        self.take_items(items, in_test);
                    }
                }
                _ => self.take_tokens(item.to_token_stream(), in_test),
            }
        }
    }

    fn take_attributes(&mut self, attributes: &[syn::Attribute], in_test: bool) {
        for attribute in attributes {
            self.take_tokens(attribute.to_token_stream(), in_test);
        }
    }

    fn take_tokens(&mut self, stream: TokenStream, in_test: bool) {
        let mut flat = Vec::new();
        flatten(stream.clone(), &mut flat);
        self.functions.extend(functions(stream, in_test));
        if !in_test {
            self.tokens.extend(flat);
        }
    }
}

/// The lines of what is marked as a test in `text`, numbered from one; nothing of a file that does not parse.
pub fn test_lines(text: &str) -> Vec<RangeInclusive<usize>> {
    let file = syn::parse_file(text);
    let mut ranges = Vec::new();
    file.iter().for_each(|file| take_test_lines(&file.items, &mut ranges));
    ranges
}

fn take_test_lines(items: &[syn::Item], ranges: &mut Vec<RangeInclusive<usize>>) {
    for item in items {
        if attributes(item).iter().any(marks_test) {
            let span = item.span();
            ranges.push(span.start().line..=span.end().line);
        } else if let syn::Item::Mod(syn::ItemMod { content: Some((_, items)), .. }) = item {
            take_test_lines(items, ranges);
        }
    }
}

/// Whether a path holds tests by its folders or its name. The crates in the root's `examples/` are held to what the product is held to.
pub fn is_test_path(path: &str) -> bool {
    let path = path.strip_prefix("examples/").unwrap_or(path);
    let folders = ["tests", "benches", "examples", "fuzz"];
    let stem = path.rsplit('/').next().unwrap_or_default().trim_end_matches(".rs");
    path.split('/').any(|part| folders.contains(&part)) || stem == "tests" || stem.ends_with("_tests")
}

fn attributes(item: &syn::Item) -> &[syn::Attribute] {
    match item {
        syn::Item::Const(item) => &item.attrs,
        syn::Item::Fn(item) => &item.attrs,
        syn::Item::Impl(item) => &item.attrs,
        syn::Item::Macro(item) => &item.attrs,
        syn::Item::Mod(item) => &item.attrs,
        syn::Item::Static(item) => &item.attrs,
        syn::Item::Struct(item) => &item.attrs,
        syn::Item::Use(item) => &item.attrs,
        _ => &[],
    }
}

/// `#[cfg(test)]`, `#[cfg(all(test, ...))]`, `#[test]`, `#[tokio::test]`; not `any(test, ...)`, which ships as well.
fn marks_test(attribute: &syn::Attribute) -> bool {
    if attribute.path().segments.last().is_some_and(|segment| segment.ident == "test") {
        return true;
    }
    let words = attribute.meta.to_token_stream().to_string().replace(' ', "");
    words == "cfg(test)" || words.starts_with("cfg(all(test,")
}

fn flatten(stream: TokenStream, flat: &mut Vec<Token>) {
    let trees: Vec<TokenTree> = stream.into_iter().collect();
    let mut rest = trees.as_slice();
    while let Some((tree, after)) = rest.split_first() {
        rest = match doc_comment_len(rest) {
            0 => {
                push(tree, flat);
                after
            }
            len => &rest[len..],
        };
    }
}

fn push(tree: &TokenTree, flat: &mut Vec<Token>) {
    let line = tree.span().start().line;
    let kind = match tree {
        TokenTree::Ident(ident) => Kind::Ident(ident.to_string()),
        TokenTree::Literal(literal) => Kind::Literal(literal.to_string()),
        TokenTree::Punct(punct) => Kind::Punct(punct.as_char()),
        TokenTree::Group(group) => {
            let (open, close) = brackets(group.delimiter());
            flat.push(Token { kind: Kind::Open(open), line });
            flatten(group.stream(), flat);
            flat.push(Token { kind: Kind::Close(close), line: group.span_close().end().line });
            return;
        }
    };
    flat.push(Token { kind, line });
}

/// How many trees the doc comment at the start takes up: `#[doc = ...]` two, `#![doc = ...]` three, none otherwise.
fn doc_comment_len(trees: &[TokenTree]) -> usize {
    let is_punct = |tree: Option<&TokenTree>, wanted: char| matches!(tree, Some(TokenTree::Punct(punct)) if punct.as_char() == wanted);
    if !is_punct(trees.first(), '#') {
        return 0;
    }
    let at = if is_punct(trees.get(1), '!') { 2 } else { 1 };
    match trees.get(at) {
        Some(TokenTree::Group(group)) => {
            let first = group.stream().into_iter().next();
            if first.is_some_and(|first| first.to_string() == "doc") { at + 1 } else { 0 }
        }
        _ => 0,
    }
}

fn brackets(delimiter: Delimiter) -> (char, char) {
    match delimiter {
        Delimiter::Brace => ('{', '}'),
        Delimiter::Bracket => ('[', ']'),
        Delimiter::Parenthesis => ('(', ')'),
        Delimiter::None => (' ', ' '),
    }
}

/// Every `fn name ... { ... }` in the tokens, at any depth: methods, nested functions, and those inside macro calls.
fn functions(stream: TokenStream, in_test: bool) -> Vec<Function> {
    let mut found = Vec::new();
    let trees: Vec<TokenTree> = stream.into_iter().collect();
    for (index, tree) in trees.iter().enumerate() {
        match tree {
            TokenTree::Group(group) => found.extend(functions(group.stream(), in_test)),
            TokenTree::Ident(word) if word == "fn" => {
                found.extend(function(word.span().start(), &trees[index + 1..], in_test));
            }
            _ => {}
        }
    }
    found
}

/// The function whose `fn` stands at `start`; `None` for a type or a trait's method without a body.
fn function(start: LineColumn, rest: &[TokenTree], is_test: bool) -> Option<Function> {
    let TokenTree::Ident(name) = rest.first()? else { return None };
    let body = rest.iter().find_map(|tree| match tree {
        TokenTree::Group(group) if group.delimiter() == Delimiter::Brace => Some(Some(group)),
        TokenTree::Punct(punct) if punct.as_char() == ';' => Some(None),
        _ => None,
    })??;
    let lines = body.span_close().end().line - start.line + 1;
    Some(Function { name: name.to_string(), line: start.line, lines, is_test })
}
