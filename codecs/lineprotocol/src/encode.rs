//! Points to lines, with the escapes that both versions of the protocol take. Pure.
//!
//! What cannot be said in a line is refused by name rather than written as something else: a name that is empty or ends in a
//! backslash, a line end in a name, a number that is not finite, a point without a field.

use crate::point::{FieldValue, Point};
use std::fmt::Write;

/// Bytes of a measurement, a tag's key or value, or a field's key.
pub const NAME_BYTES_MAX: usize = 64 << 10;

const WRITES: &str = "writing to a string does not fail";

/// Why a point is no line.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Unsayable {
    /// An empty name, one that is too long, one with a line end, or one that ends in a backslash.
    #[error("{:?} cannot be a name in line protocol", shortened(.0))]
    Name(String),
    /// Not a number, or infinite.
    #[error("field {:?} is no finite number", shortened(.0))]
    NotFinite(String),
    #[error("there is no field")]
    NoField,
}

/// Appends one line with its end, or nothing.
pub fn encode(out: &mut String, point: &Point) -> Result<(), Unsayable> {
    let before = out.len();
    let outcome = put(out, point);
    if outcome.is_err() {
        out.truncate(before);
    }
    outcome
}

fn put(out: &mut String, point: &Point) -> Result<(), Unsayable> {
    put_name(out, &point.measurement, &[',', ' '])?;
    for (key, value) in &point.tags {
        out.push(',');
        put_name(out, key, &[',', '=', ' '])?;
        out.push('=');
        put_name(out, value, &[',', '=', ' '])?;
    }
    let mut separator = ' ';
    for (key, value) in &point.fields {
        out.push(std::mem::replace(&mut separator, ','));
        put_name(out, key, &[',', '=', ' '])?;
        out.push('=');
        put_value(out, key, value)?;
    }
    if separator == ' ' {
        return Err(Unsayable::NoField);
    }
    if let Some(time) = point.time {
        write!(out, " {time}").expect(WRITES);
    }
    out.push('\n');
    Ok(())
}

fn put_name(out: &mut String, name: &str, escaped: &[char]) -> Result<(), Unsayable> {
    let is_bad =
        name.is_empty() || name.len() > NAME_BYTES_MAX || name.ends_with('\\') || name.contains(['\n', '\r']);
    if is_bad {
        return Err(Unsayable::Name(name.to_owned()));
    }
    for letter in name.chars() {
        if escaped.contains(&letter) {
            out.push('\\');
        }
        out.push(letter);
    }
    Ok(())
}

fn put_value(out: &mut String, key: &str, value: &FieldValue) -> Result<(), Unsayable> {
    match value {
        FieldValue::Real(real) if !real.is_finite() => return Err(Unsayable::NotFinite(key.to_owned())),
        FieldValue::Real(real) => write!(out, "{real:?}"),
        FieldValue::Integer(integer) => write!(out, "{integer}i"),
        FieldValue::Unsigned(unsigned) => write!(out, "{unsigned}u"),
        FieldValue::Bool(true) => out.write_str("true"),
        FieldValue::Bool(false) => out.write_str("false"),
        FieldValue::Text(text) => {
            put_text(out, text);
            Ok(())
        }
    }
    .expect(WRITES);
    Ok(())
}

/// In quotes, a line end is part of the text.
fn put_text(out: &mut String, text: &str) {
    out.push('"');
    for letter in text.chars() {
        if matches!(letter, '"' | '\\') {
            out.push('\\');
        }
        out.push(letter);
    }
    out.push('"');
}

fn shortened(name: &str) -> &str {
    &name[..name.floor_char_boundary(64)]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(point: &Point) -> Result<String, Unsayable> {
        let mut out = String::from("before\n");
        let outcome = encode(&mut out, point);
        let rest = out.strip_prefix("before\n").expect("what was there stays").to_owned();
        assert_eq!(outcome.is_err(), rest.is_empty());
        outcome.map(|()| rest)
    }

    fn point(field: FieldValue) -> Point {
        Point { measurement: "m".into(), fields: vec![("v".into(), field)], ..Point::default() }
    }

    #[test]
    fn names_are_escaped_each_in_its_way_and_types_are_told_apart() {
        let point = Point {
            measurement: "line 7,a=b".into(),
            tags: vec![("de vice".into(), "press=7,8".into())],
            fields: vec![
                ("temp".into(), FieldValue::Real(61.0)),
                ("n".into(), FieldValue::Integer(-3)),
                ("on".into(), FieldValue::Bool(true)),
                ("text".into(), FieldValue::Text("a \"b\" \\ c\nd".into())),
            ],
            time: Some(1_795_341_600_123),
        };
        let expected = "line\\ 7\\,a=b,de\\ vice=press\\=7\\,8 temp=61.0,n=-3i,on=true,text=\"a \\\"b\\\" \\\\ c\nd\" 1795341600123\n";
        assert_eq!(line(&point).unwrap(), expected);
    }

    #[test]
    fn what_cannot_be_said_is_refused() {
        for real in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            assert_eq!(line(&point(FieldValue::Real(real))), Err(Unsayable::NotFinite("v".into())));
        }
        for name in ["", "a\nb", "a\\"] {
            let bad = Point { measurement: name.into(), ..point(FieldValue::Bool(true)) };
            assert_eq!(line(&bad), Err(Unsayable::Name(name.into())));
        }
        assert_eq!(line(&Point { fields: vec![], ..point(FieldValue::Bool(true)) }), Err(Unsayable::NoField));
    }

    #[test]
    fn large_and_small_numbers_keep_every_digit() {
        for real in [1e300, -1e-300, 0.1 + 0.2, 1e21, -0.0] {
            let text = line(&point(FieldValue::Real(real))).unwrap();
            let digits = text.trim_end().strip_prefix("m v=").unwrap();
            assert_eq!(digits.parse::<f64>().unwrap().to_bits(), real.to_bits());
        }
    }
}
