//! The longest function and the longest file may not grow: `tools/xtask/ratchet.toml` holds today's records.
//!
//! Product code and tests have records of their own; a function under `#[cfg(test)]` is a test's, a file is what its
//! path says. Records only fall: `cargo xtask tidy --ratchet` writes the smaller of each record and today's longest.
//! Functions built by a macro's own rules are not seen.

use anyhow::{Context as _, Result};

use super::Context;
use super::finding::Finding;

pub const NAME: &str = "ratchet";

pub const FILE: &str = "tools/xtask/ratchet.toml";

const HEADER: &str = "\
# The longest function and file there may be, in lines: the longest of the day this was written.
# `cargo xtask tidy --ratchet` lowers these numbers and never raises them.
";

/// Lengths of one kind of code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Lengths {
    function_lines: usize,
    file_lines: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Records {
    product: Lengths,
    tests: Lengths,
}

impl Records {
    fn of(&self, is_test: bool) -> Lengths {
        if is_test { self.tests } else { self.product }
    }

    fn of_mut(&mut self, is_test: bool) -> &mut Lengths {
        if is_test { &mut self.tests } else { &mut self.product }
    }
}

pub fn check(context: &Context) -> Result<Vec<Finding>> {
    if context.sources.is_empty() {
        return Ok(Vec::new());
    }
    let records = recorded(context)?;
    let mut findings = Vec::new();
    for source in &context.sources {
        let (lines, limit) = (source.line_count(), records.of(source.is_test).file_lines);
        if lines > limit {
            let message = format!("{lines} lines, and the longest file has {limit}");
            findings.push(finding(
                &source.path,
                1,
                message,
                "move one of its thoughts into a file of its own",
            ));
        }
        for function in &source.functions {
            let limit = records.of(function.is_test).function_lines;
            if function.lines > limit {
                let message =
                    format!("fn {} has {} lines, the longest has {limit}", function.name, function.lines);
                findings.push(finding(
                    &source.path,
                    function.line,
                    message,
                    "one thought each: move the leaves out",
                ));
            }
        }
    }
    Ok(findings)
}

fn finding(path: &str, line: usize, message: String, hint: &str) -> Finding {
    Finding { path: path.to_owned(), line, rule: NAME, message, hint: hint.to_owned() }
}

/// Lowers the records to today's longest and says what changed.
pub fn lower(context: &Context) -> Result<String> {
    let (records, today) = (recorded(context)?, longest(context));
    let lowered = Records {
        product: smaller(records.product, today.product),
        tests: smaller(records.tests, today.tests),
    };
    std::fs::write(context.tree.root.join(FILE), render(&lowered))
        .with_context(|| format!("cannot write {FILE}"))?;
    Ok(if lowered == records { "the records stay".into() } else { format!("lowered:\n{}", render(&lowered)) })
}

fn smaller(one: Lengths, other: Lengths) -> Lengths {
    Lengths {
        function_lines: one.function_lines.min(other.function_lines),
        file_lines: one.file_lines.min(other.file_lines),
    }
}

fn longest(context: &Context) -> Records {
    let mut longest = Records::default();
    for source in &context.sources {
        let of_files = longest.of_mut(source.is_test);
        of_files.file_lines = of_files.file_lines.max(source.line_count());
        for function in &source.functions {
            let of_functions = longest.of_mut(function.is_test);
            of_functions.function_lines = of_functions.function_lines.max(function.lines);
        }
    }
    longest
}

fn recorded(context: &Context) -> Result<Records> {
    let text = std::fs::read_to_string(context.tree.root.join(FILE))
        .with_context(|| format!("cannot read {FILE}"))?;
    let table: toml::Table = text.parse().with_context(|| format!("cannot parse {FILE}"))?;
    let number = |kind: &str, name: &str| {
        let value = table.get(kind).and_then(|kind| kind.get(name)).and_then(toml::Value::as_integer);
        let number = value.and_then(|number| usize::try_from(number).ok());
        number.with_context(|| format!("{FILE} has no number {kind}.{name}"))
    };
    let lengths = |kind| -> Result<Lengths> {
        Ok(Lengths {
            function_lines: number(kind, "function_lines")?,
            file_lines: number(kind, "file_lines")?,
        })
    };
    Ok(Records { product: lengths("product")?, tests: lengths("tests")? })
}

fn render(records: &Records) -> String {
    let section = |name: &str, lengths: Lengths| {
        format!(
            "\n[{name}]\nfunction_lines = {}\nfile_lines = {}\n",
            lengths.function_lines, lengths.file_lines
        )
    };
    format!("{HEADER}{}{}", section("product", records.product), section("tests", records.tests))
}
