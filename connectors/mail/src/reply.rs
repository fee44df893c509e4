//! What a mail server says: three digits and lines of text (RFC 5321 §4.2), and what that means for a message. Pure.

use tidegate_service_notice::{CourierError, Setback};

const UNREACHABLE: &str = "TG-NO-001";
const BROKEN: &str = "TG-NO-003";
const REFUSED: &str = "TG-NO-004";

/// One reply, its lines joined.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Reply {
    pub(crate) code: u16,
    pub(crate) text: String,
}

/// How far the exchange had come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stage {
    /// Greeting, TLS, login, sender, receivers: what is refused here is refused for every message.
    Setting,
    /// The message itself.
    Message,
}

/// The code of a line, its text, and whether it is the last one.
pub(crate) fn line(text: &str) -> Option<(u16, &str, bool)> {
    let text = text.trim_end_matches(['\r', '\n']);
    let code: u16 = text.get(..3)?.parse().ok().filter(|code| (200..600).contains(code))?;
    match text.as_bytes().get(3) {
        None => Some((code, "", true)),
        Some(b' ') => Some((code, &text[4..], true)),
        Some(b'-') => Some((code, &text[4..], false)),
        Some(_) => None,
    }
}

impl Reply {
    /// Whether the server offers an extension, and its parameters.
    pub(crate) fn offers(&self, keyword: &str) -> Option<&str> {
        let mut each = self.text.lines().map(|line| line.split_once(' ').unwrap_or((line, "")));
        each.find(|(name, _)| name.eq_ignore_ascii_case(keyword)).map(|(_, parameters)| parameters)
    }

    pub(crate) fn setback(&self, host: &str, attempt: &str, stage: Stage) -> Setback {
        let text = self.text.replace(|letter: char| letter.is_control(), " ");
        let said = format!("mail server {host} answered {attempt} with {} {text}", self.code);
        match (self.code, stage) {
            (..500, _) => Setback::Retry { error: CourierError::new(UNREACHABLE, said), after: None },
            (_, Stage::Setting) => Setback::Broken(CourierError::new(BROKEN, said)),
            (_, Stage::Message) => Setback::Refused(CourierError::new(REFUSED, said)),
        }
    }
}

/// Something that no server says, or that a configuration asks for and a server has not.
pub(crate) fn broken(host: &str, what: &str) -> Setback {
    Setback::Broken(CourierError::new(BROKEN, format!("mail server {host} {what}")))
}

/// No connection, or none any more.
pub(crate) fn unreachable(
    host: &str,
    what: &str,
    source: Option<Box<dyn std::error::Error + Send + Sync>>,
) -> Setback {
    let attempt = format!("mail server {host}: {what}");
    Setback::Retry { error: CourierError { code: UNREACHABLE, attempt, source }, after: None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_a_code_and_a_text() {
        assert_eq!(line("250-SIZE 100\r\n"), Some((250, "SIZE 100", false)));
        assert_eq!(line("250 OK\r\n"), Some((250, "OK", true)));
        assert_eq!(line("354"), Some((354, "", true)));
        for wrong in ["", "25", "abc ok", "250_x", "999 x", "温度"] {
            assert_eq!(line(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn the_stage_decides_whether_a_refusal_is_of_the_message_or_of_the_channel() {
        let reply = |code| Reply { code, text: "x".to_owned() };
        assert!(matches!(reply(451).setback("h", "DATA", Stage::Message), Setback::Retry { .. }));
        assert!(matches!(reply(535).setback("h", "AUTH", Stage::Setting), Setback::Broken(_)));
        assert!(matches!(reply(554).setback("h", "DATA", Stage::Message), Setback::Refused(_)));
    }
}
