//! Lines to points. Each line stands for itself: a broken one says what is wrong at which byte, and the next one is read.
//!
//! A byte in a name is escaped by a backslash right before it, whatever is before that; in a quoted text `\"` and `\\` are the only
//! escapes. A line end inside a quoted text belongs to it. Pure.

use crate::point::{FieldValue, Point};

/// Bytes of one line.
pub const LINE_BYTES_MAX: usize = 64 << 10;
/// Tags of one point.
pub const TAGS_MAX: usize = 64;
/// Fields of one point.
pub const FIELDS_MAX: usize = 256;

/// What is wrong with a line, and where.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{fault}, at byte {at} of the line")]
pub struct LineError {
    /// Counted from 0.
    pub at: usize,
    pub fault: LineFault,
}

/// What can be wrong with a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LineFault {
    #[error("the line has more than {LINE_BYTES_MAX} bytes")]
    TooLong,
    #[error("the line is no UTF-8")]
    NotUtf8,
    #[error("there is no measurement")]
    NoMeasurement,
    #[error("there is a tag without a key or a value")]
    BrokenTag,
    #[error("a tag is given twice")]
    TagTwice,
    #[error("there are more than {TAGS_MAX} tags")]
    TooManyTags,
    #[error("there is no field")]
    NoField,
    #[error("there is a field without a key or a value")]
    BrokenField,
    #[error("there are more than {FIELDS_MAX} fields")]
    TooManyFields,
    #[error("a quoted text does not end")]
    OpenText,
    #[error("the value of a field is no number, boolean or quoted text")]
    NotAValue,
    #[error("the number is too large for its type, or not finite")]
    OutOfRange,
    #[error("the time is no whole number")]
    NotATime,
    #[error("there is something behind the time")]
    Trailing,
}

/// The lines of a body with their numbers, counted from 1; without those that are empty or a comment.
pub fn lines(body: &[u8]) -> impl Iterator<Item = (usize, &[u8])> {
    let (mut rest, mut number) = (body, 1);
    std::iter::from_fn(move || {
        while !rest.is_empty() {
            let end = line_end(rest);
            let (line, at) = (&rest[..end], number);
            number += line.iter().filter(|byte| **byte == b'\n').count() + 1;
            rest = rest.get(end + 1..).unwrap_or_default();
            let line = line.trim_ascii();
            if !line.is_empty() && line[0] != b'#' {
                return Some((at, line));
            }
        }
        None
    })
}

/// Where the first line ends. A quoted text that never ends is no reason to swallow the lines behind it.
fn line_end(bytes: &[u8]) -> usize {
    let first = |bytes: &[u8]| bytes.iter().position(|byte| *byte == b'\n');
    if bytes.trim_ascii_start().starts_with(b"#") {
        return first(bytes).unwrap_or(bytes.len());
    }
    let mut at = first_unescaped_space(bytes);
    while at < bytes.len() {
        match bytes[at] {
            b'\n' => return at,
            b'"' if bytes[..at].ends_with(b"=") && !bytes[..at].ends_with(b"\\=") => {
                match text_end(&bytes[at + 1..]) {
                    Some(length) => at += length + 2,
                    None => return first(&bytes[at..]).map_or(bytes.len(), |more| at + more),
                }
            }
            _ => at += 1,
        }
    }
    bytes.len()
}

/// The end of measurement and tags, in which a quote is a letter like others; or of the line, if that comes first.
fn first_unescaped_space(bytes: &[u8]) -> usize {
    let mut before = 0;
    let is_end = |byte: &u8| {
        let ends = *byte == b'\n' || (*byte == b' ' && before != b'\\');
        before = *byte;
        ends
    };
    bytes.iter().position(is_end).unwrap_or(bytes.len())
}

/// Bytes of a quoted text up to its closing quote.
fn text_end(bytes: &[u8]) -> Option<usize> {
    let mut at = 0;
    loop {
        match *bytes.get(at)? {
            b'"' => return Some(at),
            b'\\' if matches!(bytes.get(at + 1), Some(b'"' | b'\\')) => at += 2,
            _ => at += 1,
        }
    }
}

/// Reads one line, without its end.
pub fn parse(line: &[u8]) -> Result<Point, LineError> {
    let fault = |at, fault| Err(LineError { at, fault });
    if line.len() > LINE_BYTES_MAX {
        return fault(LINE_BYTES_MAX, LineFault::TooLong);
    }
    let text = match std::str::from_utf8(line) {
        Ok(text) => text.trim_end_matches(['\r', '\n', ' ']),
        Err(error) => return fault(error.valid_up_to(), LineFault::NotUtf8),
    };
    let mut reader = Reader { text, at: 0 };
    let measurement = reader.name(b", ", b", ").unwrap_or_default();
    if measurement.is_empty() {
        return fault(reader.at, LineFault::NoMeasurement);
    }
    let tags = reader.tags()?;
    let fields = reader.fields()?;
    let time = reader.time()?;
    Ok(Point { measurement, tags, fields, time })
}

/// What is left of a line.
struct Reader<'a> {
    text: &'a str,
    at: usize,
}

impl Reader<'_> {
    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn take(&mut self, wanted: u8) -> bool {
        let is_there = self.peek() == Some(wanted);
        self.at += usize::from(is_there);
        is_there
    }

    fn fail<T>(&self, fault: LineFault) -> Result<T, LineError> {
        Err(LineError { at: self.at, fault })
    }

    /// A name up to one of `ends`, or to the end of the line; nothing if it is empty. `escaped` lose their backslash.
    fn name(&mut self, ends: &[u8], escaped: &[u8]) -> Option<String> {
        let (mut name, from) = (Vec::new(), self.at);
        while let Some(byte) = self.peek() {
            let is_escaped = self.at > from && self.text.as_bytes()[self.at - 1] == b'\\';
            if ends.contains(&byte) && !is_escaped {
                break;
            }
            if is_escaped && escaped.contains(&byte) {
                name.pop();
            }
            name.push(byte);
            self.at += 1;
        }
        // Only whole ASCII bytes were taken away.
        String::from_utf8(name).ok().filter(|name| !name.is_empty())
    }

    fn tags(&mut self) -> Result<Vec<(String, String)>, LineError> {
        let mut tags: Vec<(String, String)> = Vec::new();
        while self.take(b',') {
            if tags.len() == TAGS_MAX {
                return self.fail(LineFault::TooManyTags);
            }
            let from = self.at;
            let (key, value) = self.pair(b"=, ", LineFault::BrokenTag, |reader| {
                reader.name(b", ", b",= ").ok_or(LineFault::BrokenTag)
            })?;
            if tags.iter().any(|(other, _)| *other == key) {
                return Err(LineError { at: from, fault: LineFault::TagTwice });
            }
            tags.push((key, value));
        }
        Ok(tags)
    }

    fn fields(&mut self) -> Result<Vec<(String, FieldValue)>, LineError> {
        self.skip_spaces();
        if self.peek().is_none() {
            return self.fail(LineFault::NoField);
        }
        let mut fields = Vec::new();
        loop {
            if fields.len() == FIELDS_MAX {
                return self.fail(LineFault::TooManyFields);
            }
            fields.push(self.pair(b"=, ", LineFault::BrokenField, Reader::value)?);
            if !self.take(b',') {
                return Ok(fields);
            }
        }
    }

    /// `key=value`.
    fn pair<T>(
        &mut self,
        ends: &[u8],
        fault: LineFault,
        value: impl Fn(&mut Self) -> Result<T, LineFault>,
    ) -> Result<(String, T), LineError> {
        let key = self.name(ends, b",= ");
        let Some(key) = key.filter(|_| self.take(b'=')) else { return self.fail(fault) };
        let from = self.at;
        let value = value(self).map_err(|fault| LineError { at: from, fault })?;
        Ok((key, value))
    }

    fn value(&mut self) -> Result<FieldValue, LineFault> {
        if self.take(b'"') {
            return self.quoted().map(FieldValue::Text).ok_or(LineFault::OpenText);
        }
        let from = self.at;
        while self.peek().is_some_and(|byte| byte != b',' && byte != b' ') {
            self.at += 1;
        }
        match &self.text[from..self.at] {
            "" => Err(LineFault::BrokenField),
            "t" | "T" | "true" | "True" | "TRUE" => Ok(FieldValue::Bool(true)),
            "f" | "F" | "false" | "False" | "FALSE" => Ok(FieldValue::Bool(false)),
            word => number(word),
        }
    }

    /// The rest of a quoted text, whose first quote is taken.
    fn quoted(&mut self) -> Option<String> {
        let rest = &self.text[self.at..];
        let length = text_end(rest.as_bytes())?;
        let mut text = String::with_capacity(length);
        let mut letters = rest[..length].chars().peekable();
        while let Some(letter) = letters.next() {
            let escaped = letters.next_if(|next| letter == '\\' && matches!(next, '"' | '\\'));
            text.push(escaped.unwrap_or(letter));
        }
        self.at += length + 1;
        Some(text)
    }

    fn time(&mut self) -> Result<Option<i64>, LineError> {
        let from = self.at;
        self.skip_spaces();
        if self.peek().is_none() {
            return Ok(None);
        }
        if self.at == from {
            return self.fail(LineFault::NotAValue);
        }
        let (at, rest) = (self.at, &self.text[self.at..]);
        let word = rest.split(' ').next().unwrap_or_default();
        let fault = if word.len() < rest.len() { LineFault::Trailing } else { LineFault::NotATime };
        let is_number = word.len() == rest.len() && is_whole(word);
        is_number.then(|| word.parse().ok()).flatten().map(Some).ok_or(LineError { at, fault })
    }

    fn skip_spaces(&mut self) {
        while self.take(b' ') {}
    }
}

fn number(word: &str) -> Result<FieldValue, LineFault> {
    if let Some(digits) = word.strip_suffix('i').filter(|digits| is_whole(digits)) {
        return digits.parse().map(FieldValue::Integer).map_err(|_| LineFault::OutOfRange);
    }
    if let Some(digits) = word.strip_suffix('u').filter(|digits| is_whole(digits) && !digits.starts_with('-'))
    {
        return digits.parse().map(FieldValue::Unsigned).map_err(|_| LineFault::OutOfRange);
    }
    // Words such as `inf` and `nan` are numbers to the standard library.
    let is_number = word.bytes().all(|byte| byte.is_ascii_digit() || b"+-.eE".contains(&byte));
    match word.parse::<f64>() {
        Ok(real) if is_number && real.is_finite() => Ok(FieldValue::Real(real)),
        Ok(_) if is_number => Err(LineFault::OutOfRange),
        _ => Err(LineFault::NotAValue),
    }
}

fn is_whole(digits: &str) -> bool {
    let digits = digits.strip_prefix('-').unwrap_or(digits);
    !digits.is_empty() && digits.bytes().all(|digit| digit.is_ascii_digit())
}
