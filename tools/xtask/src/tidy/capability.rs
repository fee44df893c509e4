//! A crate in `services/` is a capability: it says which shape it has, and has the files every capability has.
//!
//! The shape stands in its manifest, `[package.metadata.tidegate] capability = "pipeline"` or `"store"`. Every other
//! file exists only if it has content, so no other is asked for.

use anyhow::Result;

use super::Context;
use super::finding::{Finding, line_of};
use crate::workspace::Crate;

pub const NAME: &str = "capability";

const SHAPES: &[&str] = &["pipeline", "store"];
const REQUIRED: &[&str] = &["README.md", "sample.toml", "src/config.rs", "src/error.rs"];

pub fn check(context: &Context) -> Result<Vec<Finding>> {
    let services = context.crates.members.iter().filter(|member| member.layer() == "services");
    Ok(services.flat_map(|member| shape(context, member).into_iter().chain(files(context, member))).collect())
}

fn shape(context: &Context, member: &Crate) -> Option<Finding> {
    let declared = member.metadata["tidegate"]["capability"].as_str();
    if declared.is_some_and(|shape| SHAPES.contains(&shape)) {
        return None;
    }
    let manifest = context.tree.read(&member.manifest()).unwrap_or_default();
    Some(Finding {
        path: member.manifest(),
        line: line_of(&manifest, "capability"),
        rule: NAME,
        message: match declared {
            Some(shape) => format!("{shape:?} is no shape of a capability"),
            None => format!("{} does not say which shape of capability it is", member.folder),
        },
        hint: "set capability to \"pipeline\" or \"store\" in [package.metadata.tidegate]".to_owned(),
    })
}

fn files(context: &Context, member: &Crate) -> Vec<Finding> {
    let paths = REQUIRED.iter().map(|file| format!("{}/{file}", member.folder));
    paths
        .filter(|path| !context.tree.has(path))
        .map(|path| Finding {
            message: format!("the capability {} lacks it", member.name),
            path,
            line: 1,
            rule: NAME,
            hint: format!("every capability has {}", REQUIRED.join(", ")),
        })
        .collect()
}
