//! README.md and README.zh-CN.md say the same: as many sections, and the same commands in the same order.
//!
//! Compares code blocks marked as shell; pictures and sample outputs may be translated. Holds once there is a binary.

use anyhow::Result;

use super::Context;
use super::finding::Finding;

pub const NAME: &str = "languages";

const ENGLISH: &str = "README.md";
const CHINESE: &str = "README.zh-CN.md";
const SHELLS: &[&str] = &["sh", "bash", "shell", "console"];

pub fn check(context: &Context) -> Result<Vec<Finding>> {
    if !context.tree.has_folder("node") {
        return Ok(Vec::new());
    }
    let texts = [ENGLISH, CHINESE].map(|path| context.tree.read(path));
    if let [Some(english), Some(chinese)] = &texts {
        return Ok(compare(english, chinese));
    }
    let absent = [ENGLISH, CHINESE].into_iter().zip(&texts).filter(|(_, text)| text.is_none());
    Ok(absent
        .map(|(path, _)| finding(path, 1, "the file is missing".into(), "both languages, or neither"))
        .collect())
}

fn finding(path: &str, line: usize, message: String, hint: &str) -> Finding {
    Finding { path: path.to_owned(), line, rule: NAME, message, hint: hint.to_owned() }
}

fn compare(english: &str, chinese: &str) -> Vec<Finding> {
    let (english, chinese) = (Page::read(english), Page::read(chinese));
    let mut findings = Vec::new();
    if english.sections != chinese.sections {
        let message = format!("{} sections here, {} in {ENGLISH}", chinese.sections, english.sections);
        findings.push(finding(CHINESE, 1, message, "translate section by section"));
    }
    if english.commands != chinese.commands {
        let differs = |(one, other): &(&Command, &Command)| one.text != other.text;
        let first = english.commands.iter().zip(&chinese.commands).find(differs);
        let line =
            first.or(english.commands.last().zip(chinese.commands.last())).map_or(1, |(_, other)| other.line);
        findings.push(finding(
            CHINESE,
            line,
            format!("the commands differ from {ENGLISH}"),
            "commands are not translated",
        ));
    }
    findings
}

#[derive(Debug, Default)]
struct Page {
    sections: usize,
    commands: Vec<Command>,
}

#[derive(Debug)]
struct Command {
    text: String,
    line: usize,
}

/// Two commands are the same wherever they stand.
impl PartialEq for Command {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Page {
    fn read(text: &str) -> Self {
        let mut page = Self::default();
        let mut block: Option<&str> = None;
        for (index, line) in text.lines().map(str::trim).enumerate() {
            match (line.strip_prefix("```"), block) {
                (Some(language), None) => block = Some(language),
                (Some(_), Some(_)) => block = None,
                (None, None) => page.sections += usize::from(line.starts_with("## ")),
                (None, Some(language)) if SHELLS.contains(&language) => {
                    page.commands.extend(command(line, index + 1))
                }
                (None, Some(_)) => {}
            }
        }
        page
    }
}

/// A line of a shell block without its comment, which is translated.
fn command(line: &str, number: usize) -> Option<Command> {
    let text = line.split(" #").next().unwrap_or_default().trim();
    let is_command = !text.is_empty() && !text.starts_with('#');
    is_command.then(|| Command { text: text.to_owned(), line: number })
}
