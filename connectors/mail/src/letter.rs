//! A message as a mail (RFC 5322, with MIME of RFC 2045 and 2047): ASCII in lines of 76, whatever letters it has. Pure.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use jiff::fmt::rfc2822;
use jiff::tz::TimeZone;
use tidegate_service_notice::Message;

const LINE_BYTES_MAX: usize = 76;
/// Bytes in one encoded word of a header, so that it stays below 75 characters.
const WORD_BYTES_MAX: usize = 42;

/// The text after DATA, without the final dot. No line of it begins with one, for all of the body is Base64.
pub(crate) fn letter(from: &str, to: &[String], message: &Message) -> String {
    let mut out = String::new();
    let id = message.notices.first().map_or_else(|| "test".to_owned(), |notice| notice.id.to_string());
    let domain = from.rsplit('@').next().unwrap_or("localhost");
    for (name, value) in [
        ("Date", date(message.at_ms)),
        ("From", format!("<{from}>")),
        ("To", to.iter().map(|to| format!("<{to}>")).collect::<Vec<_>>().join(",\r\n ")),
        ("Subject", words(&message.subject)),
        ("Message-ID", format!("<{id}.{}@{domain}>", message.at_ms)),
        ("Auto-Submitted", "auto-generated".to_owned()),
        ("MIME-Version", "1.0".to_owned()),
        ("Content-Type", "text/plain; charset=utf-8".to_owned()),
        ("Content-Transfer-Encoding", "base64".to_owned()),
    ] {
        out.push_str(&format!("{name}: {value}\r\n"));
    }
    out.push_str("\r\n");
    let body = STANDARD.encode(message.text.replace('\n', "\r\n"));
    for at in (0..body.len()).step_by(LINE_BYTES_MAX) {
        out.push_str(&body[at..body.len().min(at + LINE_BYTES_MAX)]);
        out.push_str("\r\n");
    }
    out
}

fn date(at_ms: u64) -> String {
    let ms = i64::try_from(at_ms).unwrap_or(0);
    let time = Timestamp::from_millisecond(ms).unwrap_or(Timestamp::UNIX_EPOCH).to_zoned(TimeZone::UTC);
    rfc2822::to_string(&time).unwrap_or_else(|_| "Thu, 1 Jan 1970 00:00:00 +0000".to_owned())
}

/// A header's text as encoded words, none of which ends in half a character.
fn words(text: &str) -> String {
    let (mut rest, mut out) = (text, Vec::new());
    while !rest.is_empty() {
        let (word, behind) = rest.split_at(rest.floor_char_boundary(WORD_BYTES_MAX));
        out.push(format!("=?utf-8?B?{}?=", STANDARD.encode(word)));
        rest = behind;
    }
    out.join("\r\n ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use tidegate_service_notice::BySeverity;

    #[test]
    fn a_letter_is_ascii_in_short_lines_and_injects_no_header() {
        let message = Message {
            subject: "温度过高\r\nBcc: all@plant.example".repeat(4),
            text: "第一行\n.\n".repeat(40),
            notices: Vec::new(),
            more: BySeverity::default(),
            expired: None,
            at_ms: 1_784_000_000_000,
        };
        let letter = letter("node@plant.example", &["ops@plant.example".to_owned()], &message);
        assert!(letter.is_ascii() && letter.lines().all(|line| line.len() <= 90 && !line.starts_with('.')));
        assert!(letter.starts_with("Date: Tue, 14 Jul 2026 03:33:20 "), "{letter}");
        assert!(!letter.contains("Bcc"));
        assert!(letter.contains("Message-ID: <test.1784000000000@plant.example>\r\n"));
    }
}
