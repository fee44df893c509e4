//! The sample file: every setting with its help, its limits and its default. Read back, it is the defaults. Pure.

use crate::config::field::{Field, Kind, Preset, Reload};
use crate::config::table::{Node, Table};
use crate::config::value;

const WIDTH: usize = 110;

impl Table {
    /// The text of a file that says what holds without one.
    pub fn sample(&self) -> String {
        let mut out = String::from(
            "# Every setting of tidegate with its default. What is left out keeps its default.\n\
             # Check it: tidegate config check FILE. See what holds and why: tidegate config show --origin.\n",
        );
        self.root.groups.iter().for_each(|node| group(node, "", false, &mut out));
        out
    }

    /// The same for one section, if there is one of that name.
    pub fn sample_of(&self, path: &str) -> Option<String> {
        let mut out = String::new();
        let node = path.split('.').try_fold(&self.root, |node, name| node.group(name))?;
        let parent = path.rsplit_once('.').map_or("", |(parent, _)| parent);
        group(node, parent, false, &mut out);
        Some(out.trim_start().to_owned())
    }
}

/// A group that the file would have to name is shown as a comment, and so is one that cannot stand without its required fields.
fn group(node: &Node, parent: &str, is_comment: bool, out: &mut String) {
    let dot = if parent.is_empty() { "" } else { "." };
    let path = match node.many {
        Some(_) => format!("{parent}{dot}{}.NAME", node.name),
        None => format!("{parent}{dot}{}", node.name),
    };
    let needs = node.fields.iter().any(|field| field.preset == Preset::Required);
    let is_comment = is_comment || node.many.is_some() || needs;
    if !node.fields.is_empty() || !node.help.is_empty() {
        out.push('\n');
        comment(node.help, out);
    }
    if !node.fields.is_empty() {
        out.push_str(&format!("{}[{path}]\n", if is_comment { "# " } else { "" }));
        node.fields.iter().for_each(|field| line(field, is_comment, out));
    }
    node.groups.iter().for_each(|inner| group(inner, &path, is_comment, out));
}

fn line(field: &Field, is_comment: bool, out: &mut String) {
    let when = if field.reload == Reload::Live { " Taken up by a reload." } else { "" };
    let must = if field.preset == Preset::Required { " Must be given." } else { "" };
    comment(&format!("{} ({}){must}{when}", field.help, value::limits(&field.kind)), out);
    let is_comment = is_comment || field.preset == Preset::Absent;
    let mark = if is_comment { "# " } else { "" };
    out.push_str(&format!("{mark}{} = {}\n", field.key, written(field)));
}

/// The default as the file writes it, or something of the right form.
pub(super) fn written(field: &Field) -> String {
    match (field.preset, field.kind) {
        (Preset::Is(text), kind) => {
            value::from_text(&kind, text).expect("checked when the table was made").to_string()
        }
        (_, Kind::Choice(words)) => format!("\"{}\"", words.first().unwrap_or(&"")),
        (_, Kind::Url(schemes)) => format!("\"{}://host\"", schemes.first().unwrap_or(&"")),
        (_, Kind::Address) => "\"127.0.0.1:1\"".to_owned(),
        (_, Kind::Flag) => "false".to_owned(),
        (_, Kind::Integer { min, .. }) => min.to_string(),
        (_, Kind::Real { min, .. }) => format!("{min:?}"),
        (_, Kind::List { .. }) => "[]".to_owned(),
        (_, Kind::Duration { .. }) => "\"1 s\"".to_owned(),
        (_, Kind::Bytes { .. }) => "\"1 MiB\"".to_owned(),
        _ => "\"...\"".to_owned(),
    }
}

fn comment(text: &str, out: &mut String) {
    let mut line = String::from("#");
    for word in text.split_whitespace() {
        if line.chars().count() + 1 + word.chars().count() > WIDTH {
            out.push_str(&line);
            out.push('\n');
            line = String::from("#");
        }
        line.push(' ');
        line.push_str(word);
    }
    if line.len() > 1 {
        out.push_str(&line);
        out.push('\n');
    }
}
