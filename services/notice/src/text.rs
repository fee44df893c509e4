//! What people read: one alarm in a few lines, many in one message, within so many bytes and never half a character. Pure.

use crate::notice::{Change, Notice, Severity};
use crate::zone::Zone;
use std::fmt::Write as _;

/// Fields of a notice in a message of many; what is longer is cut.
const FIELD_BYTES_MAX: usize = 200;
const ELLIPSIS: &str = "…";

/// The language of messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Language {
    #[default]
    English,
    Chinese,
}

/// How messages are written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Style {
    /// What every message begins with: the site, or the word a robot looks for.
    pub title: String,
    pub language: Language,
    pub zone: Zone,
}

/// Numbers of notices by severity.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct BySeverity(pub [u64; 4]);

impl BySeverity {
    pub fn of<'a>(notices: impl IntoIterator<Item = &'a Notice>) -> BySeverity {
        let mut counts = BySeverity::default();
        notices.into_iter().for_each(|notice| counts.0[notice.severity as usize] += 1);
        counts
    }

    pub fn total(&self) -> u64 {
        self.0.iter().sum()
    }

    fn written(&self, language: Language) -> String {
        let each = Severity::ALL.into_iter().rev().zip(self.0.iter().rev()).filter(|(_, many)| **many > 0);
        let each: Vec<_> = each
            .map(|(severity, many)| match language {
                Language::English => format!("{many} {severity}"),
                Language::Chinese => format!("{} {many}", word(severity, language)),
            })
            .collect();
        each.join(if language == Language::English { ", " } else { "，" })
    }
}

/// The text of several notices, and how many of them have a line of their own in it, in the order given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Merged {
    pub(crate) text: String,
    pub(crate) shown: usize,
}

/// Notices too old to be told one by one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Expired {
    pub counts: BySeverity,
    pub from_ms: u64,
    pub to_ms: u64,
}

impl Style {
    /// One notice.
    pub(crate) fn single(&self, notice: &Notice, bytes_max: usize) -> String {
        let mut text = format!(
            "[{}] [{}] {} {}\n",
            plain(&self.title),
            word(notice.severity, self.language),
            done(notice.change, self.language),
            short(&plain(&notice.alarm))
        );
        let id = match self.language {
            Language::English => format!("{}\nid {}", self.zone.written(notice.at_ms), notice.id),
            Language::Chinese => format!("{}\n编号 {}", self.zone.written(notice.at_ms), notice.id),
        };
        let mut lines = vec![cause(notice), plain(&notice.text), by(notice, self.language)];
        lines.retain(|line| !line.is_empty());
        let rest = bytes_max.saturating_sub(text.len() + id.len() + 1);
        let body = cut(&lines.join("\n"), rest).to_owned();
        if !body.is_empty() {
            text.push_str(&body);
            text.push('\n');
        }
        text.push_str(&id);
        cut(&text, bytes_max).to_owned()
    }

    /// Many notices, in this order, as far as they find room; the others as numbers.
    pub(crate) fn merged(&self, notices: &[&Notice], expired: Option<&Expired>, bytes_max: usize) -> Merged {
        let headline = format!("[{}] {}", plain(&self.title), self.headline(notices.len()));
        let mut text = format!("{}\n", headline.trim_end());
        if let Some(expired) = expired {
            let _ = writeln!(text, "{}", self.expired(expired));
        }
        let mut shown = 0;
        for (at, notice) in notices.iter().enumerate() {
            let line = self.line(notice);
            let after = BySeverity::of(notices[at + 1..].iter().copied());
            // Room for this line, and for the numbers of those behind it.
            let needed = text.len() + line.len() + 1 + self.more(&after).len();
            if needed > bytes_max {
                break;
            }
            text.push_str(&line);
            text.push('\n');
            shown = at + 1;
        }
        let rest = BySeverity::of(notices[shown..].iter().copied());
        text.push_str(&self.more(&rest));
        Merged { text: cut(text.trim_end(), bytes_max).to_owned(), shown }
    }

    /// What `tidegate notice test` sends.
    pub(crate) fn test(&self, at_ms: u64, bytes_max: usize) -> String {
        let said = match self.language {
            Language::English => "A test message; there is no alarm.",
            Language::Chinese => "测试消息，并无告警。",
        };
        cut(&format!("[{}] {said}\n{}", plain(&self.title), self.zone.written(at_ms)), bytes_max).to_owned()
    }

    fn headline(&self, many: usize) -> String {
        match self.language {
            _ if many == 0 => String::new(),
            Language::English => format!("{many} notices"),
            Language::Chinese => format!("{many} 条通知"),
        }
    }

    fn line(&self, notice: &Notice) -> String {
        let (cause, text) = (cause(notice), plain(&notice.text));
        let mut line = format!(
            "- [{}] {} {}",
            word(notice.severity, self.language),
            done(notice.change, self.language),
            short(&plain(&notice.alarm))
        );
        for part in [short(&cause), short(&text), short(&by(notice, self.language))] {
            if !part.is_empty() {
                let _ = write!(line, "; {part}");
            }
        }
        let _ = write!(line, "; {}; {}", self.zone.written(notice.at_ms), notice.id);
        line
    }

    /// The last line of a merged message, where something is left to say.
    fn more(&self, counts: &BySeverity) -> String {
        let (many, by) = (counts.total(), counts.written(self.language));
        match self.language {
            _ if many == 0 => String::new(),
            Language::English => format!("{many} more: {by}"),
            Language::Chinese => format!("另有 {many} 条：{by}"),
        }
    }

    fn expired(&self, expired: &Expired) -> String {
        let (many, by) = (expired.counts.total(), expired.counts.written(self.language));
        let (from, to) = (self.zone.written(expired.from_ms), self.zone.written(expired.to_ms));
        match self.language {
            Language::English => format!("{many} could not be sent in time: {by}; from {from} to {to}"),
            Language::Chinese => format!("{many} 条未能及时发送：{by}；{from} 至 {to}"),
        }
    }
}

fn word(severity: Severity, language: Language) -> &'static str {
    match (language, severity) {
        (Language::English, severity) => severity.name(),
        (Language::Chinese, Severity::Low) => "低",
        (Language::Chinese, Severity::Medium) => "中",
        (Language::Chinese, Severity::High) => "高",
        (Language::Chinese, Severity::Critical) => "严重",
    }
}

fn done(change: Change, language: Language) -> &'static str {
    match (language, change) {
        (Language::English, Change::Raised) => "RAISED",
        (Language::English, Change::Cleared) => "cleared",
        (Language::English, Change::Acknowledged) => "acknowledged",
        (Language::Chinese, Change::Raised) => "告警",
        (Language::Chinese, Change::Cleared) => "恢复",
        (Language::Chinese, Change::Acknowledged) => "已确认",
    }
}

fn cause(notice: &Notice) -> String {
    match (plain(&notice.origin), plain(&notice.value)) {
        (origin, value) if value.is_empty() => origin,
        (origin, value) if origin.is_empty() => value,
        (origin, value) => format!("{origin} = {value}"),
    }
}

fn by(notice: &Notice, language: Language) -> String {
    match language {
        _ if notice.by.is_empty() => String::new(),
        Language::English => format!("by {}", plain(&notice.by)),
        Language::Chinese => format!("确认人 {}", plain(&notice.by)),
    }
}

/// One line that mentions nobody: robots read `<@all>` and `<at user_id="all">` as a call to everybody, and a device may have any name.
fn plain(text: &str) -> String {
    let mut letters = text.chars().peekable();
    let mut out = String::with_capacity(text.len());
    while let Some(letter) = letters.next() {
        let begins_tag =
            letter == '<' && letters.peek().is_some_and(|next| next.is_alphabetic() || "@/!".contains(*next));
        out.push(match letter {
            '<' if begins_tag => '＜',
            letter if letter.is_control() => ' ',
            letter => letter,
        });
    }
    out.trim().to_owned()
}

fn short(text: &str) -> String {
    if text.len() <= FIELD_BYTES_MAX {
        return text.to_owned();
    }
    format!("{}{ELLIPSIS}", &text[..text.floor_char_boundary(FIELD_BYTES_MAX)])
}

/// At most so many bytes of it, whole characters.
fn cut(text: &str, bytes_max: usize) -> &str {
    &text[..text.floor_char_boundary(bytes_max)]
}

#[cfg(test)]
mod tests;
