//! A rule's text cut into tokens, with the byte each begins at. Pure.
//!
//! A name may hold `-` and `.` between its characters (`press-7.temp`), so a minus between two names needs spaces. Anything else
//! that is a tag, such as an MQTT topic, stands in backticks.

use crate::fault::FaultKind;

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Token {
    Number(f64),
    Text(String),
    /// A name, a word of the language or a unit.
    Name(String),
    /// A name in backticks, which is none of the others.
    Quoted(String),
    Sign(&'static str),
    End,
}

impl Token {
    pub(crate) fn words(&self) -> String {
        match self {
            Token::Number(number) => number.to_string(),
            Token::Text(_) => "a text".to_owned(),
            Token::Name(name) => name.clone(),
            Token::Quoted(name) => format!("`{name}`"),
            Token::Sign(sign) => (*sign).to_owned(),
            Token::End => "the end".to_owned(),
        }
    }
}

/// A fault and the byte it is at.
pub(crate) type Misread = (usize, FaultKind);

/// Longer ones first, so that `<=` is not read as `<`.
const SIGNS: &[&str] = &["<=", ">=", "==", "!=", "<", ">", "(", ")", ",", "+", "-", "*", "/"];

pub(crate) fn tokens(text: &str) -> Result<Vec<(usize, Token)>, Misread> {
    let (mut found, mut at) = (Vec::new(), 0);
    loop {
        at += text[at..].len() - text[at..].trim_start().len();
        let (token, bytes) = next(&text[at..]).map_err(|what| (at, what))?;
        let is_end = token == Token::End;
        found.push((at, token));
        if is_end {
            return Ok(found);
        }
        at += bytes;
    }
}

fn next(rest: &str) -> Result<(Token, usize), FaultKind> {
    let Some(first) = rest.chars().next() else { return Ok((Token::End, 0)) };
    match first {
        '0'..='9' => number(rest),
        '"' => text(rest),
        '`' => quoted(rest),
        'a'..='z' | 'A'..='Z' | '_' | '$' => Ok(name(rest)),
        _ => match SIGNS.iter().find(|sign| rest.starts_with(**sign)) {
            Some(sign) => Ok((Token::Sign(sign), sign.len())),
            None => {
                Err(FaultKind::Syntax { expected: "a number, a tag or a sign", found: format!("{first:?}") })
            }
        },
    }
}

fn number(rest: &str) -> Result<(Token, usize), FaultKind> {
    let digits = |from: usize| rest[from..].bytes().take_while(u8::is_ascii_digit).count();
    let mut end = digits(0);
    if rest[end..].starts_with('.') && digits(end + 1) > 0 {
        end += 1 + digits(end + 1);
    }
    if rest[end..].starts_with(['e', 'E']) {
        let sign = usize::from(rest[end + 1..].starts_with(['-', '+']));
        let exponent = digits(end + 1 + sign);
        end += if exponent > 0 { 1 + sign + exponent } else { 0 };
    }
    match rest[..end].parse::<f64>() {
        Ok(number) if number.is_finite() => Ok((Token::Number(number), end)),
        _ => Err(FaultKind::NotFinite),
    }
}

fn text(rest: &str) -> Result<(Token, usize), FaultKind> {
    let mut text = String::new();
    let mut chars = rest.char_indices().skip(1);
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => return Ok((Token::Text(text), at + 1)),
            '\\' => match chars.next() {
                Some((_, escaped @ ('"' | '\\'))) => text.push(escaped),
                _ => return Err(FaultKind::Syntax { expected: "\\\" or \\\\", found: "\\".to_owned() }),
            },
            _ => text.push(c),
        }
    }
    Err(FaultKind::Syntax { expected: "\" at the end of the text", found: "the end".to_owned() })
}

fn quoted(rest: &str) -> Result<(Token, usize), FaultKind> {
    match rest[1..].split_once('`') {
        Some((name, _)) if !name.is_empty() && !name.contains(char::is_control) => {
            Ok((Token::Quoted(name.to_owned()), name.len() + 2))
        }
        _ => Err(FaultKind::Syntax { expected: "a tag between backticks", found: "`".to_owned() }),
    }
}

fn name(rest: &str) -> (Token, usize) {
    let is_part = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'$');
    let bytes = rest.as_bytes();
    let mut end = 0;
    while end < bytes.len() {
        let joins =
            matches!(bytes[end], b'-' | b'.') && bytes.get(end + 1).is_some_and(|next| is_part(*next));
        if !is_part(bytes[end]) && !joins {
            break;
        }
        end += 1;
    }
    (Token::Name(rest[..end].to_owned()), end)
}
