//! The reference page: a heading for each group, a row for each setting. Pure.

use crate::config::field::{Field, Many, Preset, Reload};
use crate::config::sample::written;
use crate::config::table::{Node, Table};
use crate::config::value;

impl Table {
    /// The page as Markdown.
    pub fn reference(&self) -> String {
        let mut out = String::from(
            "# Configuration reference\n\n\
             Made from the field table; `cargo test -p tidegate` says so when it no longer is what the table makes. How to use\n\
             the file: [the guide](../guides/config.md).\n\n\
             A setting marked *live* takes effect at a reload; a reload that changes any other one is refused.\n",
        );
        self.root.groups.iter().for_each(|node| group(node, "", &mut out));
        out
    }
}

fn group(node: &Node, parent: &str, out: &mut String) {
    let dot = if parent.is_empty() { "" } else { "." };
    let name = if node.many.is_some() { ".NAME" } else { "" };
    let path = format!("{parent}{dot}{}{name}", node.name);
    if !node.fields.is_empty() || !node.help.is_empty() {
        out.push_str(&format!("\n## `[{path}]`\n\n{}\n", node.help));
        if let Some(Many { groups_max, reload }) = node.many {
            let when = if reload == Reload::Live { "at a reload" } else { "at a restart" };
            out.push_str(&format!(
                "\nAt most {groups_max}, each with a name; added and taken away {when}.\n"
            ));
        }
    }
    if !node.fields.is_empty() {
        out.push_str("\n| key | may be | default | | what it does |\n|---|---|---|---|---|\n");
        node.fields.iter().for_each(|field| row(field, out));
    }
    node.groups.iter().for_each(|inner| group(inner, &path, out));
}

fn row(field: &Field, out: &mut String) {
    let preset = match field.preset {
        Preset::Is(_) => format!("`{}`", written(field)),
        Preset::Absent => "none".to_owned(),
        Preset::Required => "must be given".to_owned(),
    };
    let live = if field.reload == Reload::Live { "*live*" } else { "" };
    let limits = value::limits(&field.kind).replace('|', "\\|");
    let help = field.help.replace('|', "\\|");
    out.push_str(&format!("| `{}` | {limits} | {preset} | {live} | {help} |\n", field.key));
}
