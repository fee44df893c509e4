//! Every crate has a README.md that is titled with its name and says what it does, what it never does, and its use.

use anyhow::Result;

use super::Context;
use super::finding::Finding;

pub const NAME: &str = "headings";

const HEADINGS: &[&str] = &["## What it does", "## What it never does", "## Use"];

pub fn check(context: &Context) -> Result<Vec<Finding>> {
    let members = context.crates.members.iter().map(|member| (member.folder.as_str(), member.name.as_str()));
    let own = context.tree.has("tools/xtask/Cargo.toml").then_some(("tools/xtask", "xtask"));
    Ok(members.chain(own).flat_map(|(folder, name)| of_crate(context, folder, name)).collect())
}

fn of_crate(context: &Context, folder: &str, name: &str) -> Vec<Finding> {
    let path = format!("{folder}/README.md");
    let finding = |message: String, hint: &str| Finding {
        path: path.clone(),
        line: 1,
        rule: NAME,
        message,
        hint: hint.to_owned(),
    };
    let Some(text) = context.tree.read(&path) else {
        return vec![finding(
            format!("{name} has no README.md"),
            "write one; its headings are in CONTRIBUTING.md",
        )];
    };
    let mut findings = Vec::new();
    let title = format!("# {name}");
    if text.lines().next() != Some(title.as_str()) {
        findings
            .push(finding("the first line is not the crate's name".into(), &format!("begin with {title:?}")));
    }
    for heading in HEADINGS.iter().filter(|heading| !text.lines().any(|line| line.trim_end() == **heading)) {
        findings.push(finding(
            format!("the heading {heading:?} is missing"),
            "these three stand in every README",
        ));
    }
    findings
}
