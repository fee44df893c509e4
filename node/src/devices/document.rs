//! Rows as the file of devices has them, and which line of it is whose: what is wrong in the file is told where it stands in the
//! spreadsheet. Pure.

use crate::devices::row::{Key, Rows};
use serde_json::json;
use std::fmt::Write as _;
use tidegate_kernel_plug::config::Setting;

const HEAD: &str = "\
# Written by `tidegate ingest devices import`, and written anew by the next one; comments in here do not stay.
# What is written by hand belongs into the configuration file beside this one.
";

/// The text, and of each line its row and, where it is one setting's, the setting's key.
#[derive(Debug)]
pub(super) struct Document {
    pub(super) text: String,
    lines: Vec<Option<(Key, Option<&'static str>)>>,
}

impl Document {
    pub(super) fn of(rows: &Rows) -> Document {
        let mut document = Document { text: String::new(), lines: Vec::new() };
        HEAD.lines().for_each(|line| document.line(line, None));
        for (key, cells) in rows {
            document.line("", None);
            document.line(&format!("[{}]", key.path()), Some((key.clone(), None)));
            for (field, setting) in cells {
                document.line(&format!("{field} = {}", written(setting)), Some((key.clone(), Some(field))));
            }
        }
        document
    }

    fn line(&mut self, text: &str, of: Option<(Key, Option<&'static str>)>) {
        writeln!(self.text, "{text}").expect("a String takes it");
        self.lines.push(of);
    }

    /// Whose line it is, counted from 1.
    pub(super) fn at(&self, line: u32) -> Option<&(Key, Option<&'static str>)> {
        self.lines.get(usize::try_from(line).ok()?.checked_sub(1)?)?.as_ref()
    }
}

/// As the file has it: a secret that stands in a row is nowhere else, and is shown by nothing but this file.
fn written(setting: &Setting) -> String {
    let text = setting.to_string();
    match setting {
        // A string of JSON is one of TOML.
        Setting::Secret(secret) if !text.starts_with('{') => json!(secret.reveal()).to_string(),
        _ => text,
    }
}
