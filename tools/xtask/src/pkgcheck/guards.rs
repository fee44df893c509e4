//! No lock is held while something is awaited: a task that waits would hold up every other one.
//!
//! A guard is what `.lock()`, `.read()` or `.write()` without arguments gives, awaited, unwrapped or not, or a method of the same file
//! whose return type says that it is one. It is held from its `let` to `drop` or the end of the block; one that is made in the head of
//! `match`, `if let`, `while let` or `for` is held for the body. A guard that is stored, returned or made among the arguments of a call is
//! not followed.

use std::collections::BTreeSet;

use quote::ToTokens as _;
use syn::spanned::Spanned as _;
use syn::visit::{self, Visit};

use super::{Finding, Source, finding};

pub(super) const NAME: &str = "guards";
pub(super) const WHAT: &str = "no lock guard is held over an await";

const MAKERS: &[&str] = &["lock", "read", "write"];
/// What leaves a guard a guard.
const WRAPPINGS: &[&str] = &["unwrap", "expect", "unwrap_or_else"];
const TYPES: &[&str] = &["MutexGuard", "RwLockReadGuard", "RwLockWriteGuard"];
const HINT: &str = "take what is needed out of the lock, or end the guard's block before the await";

pub(super) fn check(source: &Source) -> Vec<Finding> {
    let Ok(file) = syn::parse_file(&source.text) else { return Vec::new() };
    let mut makers = Makers::default();
    makers.visit_file(&file);
    let mut guards = Guards { source, makers: makers.names(), findings: Vec::new() };
    guards.visit_file(&file);
    guards.findings
}

/// Methods of the file, by what they give.
#[derive(Default)]
struct Makers {
    guards: BTreeSet<String>,
    others: BTreeSet<String>,
}

impl Makers {
    /// Names of methods that give a guard: those known everywhere, but for one that is something else in this file.
    fn names(self) -> BTreeSet<String> {
        let known = MAKERS.iter().map(|name| (*name).to_owned());
        known.filter(|name| !self.others.contains(name)).chain(self.guards.iter().cloned()).collect()
    }
}

impl<'ast> Visit<'ast> for Makers {
    fn visit_signature(&mut self, signature: &'ast syn::Signature) {
        let output = signature.output.to_token_stream().to_string();
        let is_guard = TYPES.iter().any(|name| output.contains(name));
        let names = if is_guard { &mut self.guards } else { &mut self.others };
        names.insert(signature.ident.to_string());
    }
}

struct Guards<'a> {
    source: &'a Source,
    makers: BTreeSet<String>,
    findings: Vec<Finding>,
}

impl Guards<'_> {
    fn is_guard(&self, expression: &syn::Expr) -> bool {
        match expression {
            syn::Expr::MethodCall(call) if WRAPPINGS.iter().any(|name| call.method == name) => {
                self.is_guard(&call.receiver)
            }
            syn::Expr::MethodCall(call) => {
                call.args.is_empty() && self.makers.contains(&call.method.to_string())
            }
            syn::Expr::Await(waiting) => self.is_guard(&waiting.base),
            syn::Expr::Try(tried) => self.is_guard(&tried.expr),
            _ => false,
        }
    }

    /// Whether a guard is made in it and lives as long as it does: somewhere down the chain of calls.
    fn makes_guard(&self, expression: &syn::Expr) -> bool {
        self.is_guard(expression)
            || match expression {
                syn::Expr::MethodCall(call) => self.makes_guard(&call.receiver),
                syn::Expr::Field(field) => self.makes_guard(&field.base),
                syn::Expr::Reference(reference) => self.makes_guard(&reference.expr),
                syn::Expr::Unary(unary) => self.makes_guard(&unary.expr),
                syn::Expr::Let(binding) => self.makes_guard(&binding.expr),
                _ => false,
            }
    }

    fn held(&mut self, line: usize, what: &str) {
        self.findings.push(finding(self.source, line, NAME, format!("{what} is held over an await"), HINT));
    }

    fn head(&mut self, head: &syn::Expr, awaits: bool) {
        if awaits && self.makes_guard(head) {
            self.held(head.span().start().line, "a lock made in the head of a block");
        }
    }
}

impl<'ast> Visit<'ast> for Guards<'_> {
    fn visit_item_mod(&mut self, module: &'ast syn::ItemMod) {
        if !is_test(&module.attrs) {
            visit::visit_item_mod(self, module);
        }
    }

    fn visit_block(&mut self, block: &'ast syn::Block) {
        for (at, statement) in block.stmts.iter().enumerate() {
            let syn::Stmt::Local(local) = statement else { continue };
            let Some(init) = local.init.as_ref().filter(|init| self.is_guard(&init.expr)) else { continue };
            let Some(name) = name_of(&local.pat) else { continue };
            let rest = block.stmts[at + 1..].iter();
            if rest.take_while(|statement| !drops(statement, &name)).any(statement_awaits) {
                self.held(init.expr.span().start().line, &format!("the lock `{name}`"));
            }
        }
        visit::visit_block(self, block);
    }

    fn visit_expr_match(&mut self, matching: &'ast syn::ExprMatch) {
        let awaits = matching.arms.iter().any(|arm| expression_awaits(&arm.body));
        self.head(&matching.expr, awaits);
        visit::visit_expr_match(self, matching);
    }

    fn visit_expr_if(&mut self, branch: &'ast syn::ExprIf) {
        if let syn::Expr::Let(binding) = &*branch.cond {
            self.head(&binding.expr, block_awaits(&branch.then_branch));
        }
        visit::visit_expr_if(self, branch);
    }

    fn visit_expr_while(&mut self, repeated: &'ast syn::ExprWhile) {
        if let syn::Expr::Let(binding) = &*repeated.cond {
            self.head(&binding.expr, block_awaits(&repeated.body));
        }
        visit::visit_expr_while(self, repeated);
    }

    fn visit_expr_for_loop(&mut self, repeated: &'ast syn::ExprForLoop) {
        self.head(&repeated.expr, block_awaits(&repeated.body));
        visit::visit_expr_for_loop(self, repeated);
    }
}

fn is_test(attributes: &[syn::Attribute]) -> bool {
    attributes
        .iter()
        .any(|attribute| attribute.to_token_stream().to_string().replace(' ', "").contains("cfg(test)"))
}

fn name_of(pattern: &syn::Pat) -> Option<String> {
    match pattern {
        syn::Pat::Ident(name) => Some(name.ident.to_string()),
        syn::Pat::Type(typed) => name_of(&typed.pat),
        _ => None,
    }
}

fn drops(statement: &syn::Stmt, name: &str) -> bool {
    statement.to_token_stream().to_string().replace(' ', "").contains(&format!("drop({name})"))
}

/// Looks for an await that belongs to the same task: not in an async block, a closure or a function inside.
#[derive(Default)]
struct Awaits(bool);

impl<'ast> Visit<'ast> for Awaits {
    fn visit_expr_await(&mut self, _: &'ast syn::ExprAwait) {
        self.0 = true;
    }
    fn visit_expr_async(&mut self, _: &'ast syn::ExprAsync) {}
    fn visit_expr_closure(&mut self, _: &'ast syn::ExprClosure) {}
    fn visit_item(&mut self, _: &'ast syn::Item) {}
    fn visit_macro(&mut self, called: &'ast syn::Macro) {
        // The arms of tokio::select! are no syntax of Rust's, and it waits by itself.
        self.0 |=
            called.path.segments.last().is_some_and(|name| name.ident == "select" || name.ident == "join")
                || called.tokens.to_string().contains(". await");
    }
}

fn statement_awaits(statement: &syn::Stmt) -> bool {
    let mut awaits = Awaits::default();
    awaits.visit_stmt(statement);
    awaits.0
}

fn expression_awaits(expression: &syn::Expr) -> bool {
    let mut awaits = Awaits::default();
    awaits.visit_expr(expression);
    awaits.0
}

fn block_awaits(block: &syn::Block) -> bool {
    block.stmts.iter().any(statement_awaits)
}
