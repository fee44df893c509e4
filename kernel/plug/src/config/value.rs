//! One value against one kind: the type, the form, the limits. Pure.

use crate::config::SECRET_BYTES_MAX;
use crate::config::edge::SecretSource;
use crate::config::fault::{FORM, Flaw, LIMIT, QUOTED, SECRET, TYPE, ZERO};
use crate::config::field::Kind;
use crate::config::setting::{Secret, Setting, quoted};
use crate::config::unit;
use std::path::PathBuf;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// Bytes of a path or a URL.
const REFERENCE_BYTES_MAX: usize = 4096;

/// A flaw, and the offset of the part that has it where that is not the whole value.
pub(super) type Flawed = (Option<usize>, Flaw);

/// How secrets are fetched.
pub(super) type Fetch<'a> = &'a dyn Fn(&SecretSource) -> Result<String, String>;

/// A value of the file.
pub(super) fn from_toml(kind: &Kind, value: &DeValue<'_>, fetch: Fetch<'_>) -> Result<Setting, Vec<Flawed>> {
    match (kind, value) {
        (Kind::List { of, items_max }, DeValue::Array(items)) => {
            let items: Vec<&Spanned<DeValue<'_>>> = items.iter().collect();
            list(of, *items_max, &items, fetch)
        }
        _ => one(kind, value, fetch).map_err(|flaw| vec![(None, flaw)]),
    }
}

/// A value of the table or the command line: as in the file, but without quotes.
pub(super) fn from_text(kind: &Kind, text: &str) -> Result<Setting, Flaw> {
    let literal = if kind.is_quoted() { quoted(text) } else { text.to_owned() };
    let parsed = DeValue::parse(&literal).map_err(|_| mistyped(kind, "text"))?;
    let no_secrets = |_: &SecretSource| Err("only the file can say so".to_owned());
    from_toml(kind, parsed.get_ref(), &no_secrets).map_err(|mut flaws| flaws.remove(0).1)
}

/// The same for what was given more than once, which is a list.
pub(super) fn from_texts(kind: &Kind, texts: &[String]) -> Result<Setting, Flaw> {
    match (kind, texts) {
        (Kind::List { of, items_max }, _) => {
            items_within(texts.len(), *items_max)?;
            texts.iter().map(|text| from_text(of, text)).collect::<Result<_, _>>().map(Setting::List)
        }
        (_, [text]) => from_text(kind, text),
        _ => Err(mistyped(kind, "list")),
    }
}

fn list(
    of: &Kind,
    items_max: usize,
    items: &[&Spanned<DeValue<'_>>],
    fetch: Fetch<'_>,
) -> Result<Setting, Vec<Flawed>> {
    let (mut settings, mut flaws) = (Vec::new(), Vec::new());
    if let Err(flaw) = items_within(items.len(), items_max) {
        flaws.push((None, flaw));
    }
    for item in items.iter().take(items_max) {
        match one(of, item.get_ref(), fetch) {
            Ok(setting) => settings.push(setting),
            Err(flaw) => flaws.push((Some(item.span().start), flaw)),
        }
    }
    if flaws.is_empty() { Ok(Setting::List(settings)) } else { Err(flaws) }
}

fn items_within(items: usize, items_max: usize) -> Result<(), Flaw> {
    if items <= items_max {
        return Ok(());
    }
    Err(Flaw::new(LIMIT, format!("{items} items, and at most {items_max} may be"), "leave some out"))
}

fn one(kind: &Kind, value: &DeValue<'_>, fetch: Fetch<'_>) -> Result<Setting, Flaw> {
    match (kind, value) {
        (Kind::Flag, DeValue::Boolean(flag)) => Ok(Setting::Flag(*flag)),
        (Kind::Integer { .. } | Kind::Real { .. } | Kind::Bytes { .. }, DeValue::Integer(number)) => {
            match i64::from_str_radix(number.as_str(), number.radix()) {
                Ok(number) => integer(kind, number),
                Err(_) => Err(Flaw::new(LIMIT, "the number is too large", limits(kind))),
            }
        }
        (Kind::Real { min, max }, DeValue::Float(number)) => real(*min, *max, number.as_str()),
        (Kind::Duration { .. }, DeValue::Integer(number)) => Err(Flaw::new(
            FORM,
            "a duration without a unit",
            format!("write \"{} ms\" or \"{} s\", as is meant", number.as_str(), number.as_str()),
        )),
        (Kind::Secret, DeValue::Table(table)) => fetched(table, fetch),
        (_, DeValue::String(text)) => worded(kind, text),
        _ => Err(mistyped(kind, value.type_str())),
    }
}

fn integer(kind: &Kind, number: i64) -> Result<Setting, Flaw> {
    let (setting, is_within) = match *kind {
        Kind::Integer { min, max } => (Setting::Integer(number), (min..=max).contains(&number)),
        Kind::Real { min, max } => (Setting::Real(number as f64), (min..=max).contains(&(number as f64))),
        Kind::Bytes { min, max } => {
            let bytes = u64::try_from(number).ok();
            (Setting::Bytes(bytes.unwrap_or(0)), bytes.is_some_and(|bytes| (min..=max).contains(&bytes)))
        }
        _ => unreachable!("asked for these three only"),
    };
    within(setting, is_within, kind)
}

fn real(min: f64, max: f64, text: &str) -> Result<Setting, Flaw> {
    let number: f64 = text.parse().unwrap_or(f64::NAN);
    within(Setting::Real(number), (min..=max).contains(&number), &Kind::Real { min, max })
}

fn within(setting: Setting, is_within: bool, kind: &Kind) -> Result<Setting, Flaw> {
    if is_within {
        return Ok(setting);
    }
    Err(Flaw::new(LIMIT, format!("{setting} is out of limits"), limits(kind)))
}

/// A value in quotes.
fn worded(kind: &Kind, text: &str) -> Result<Setting, Flaw> {
    let form = |hint: String| Flaw::new(FORM, format!("{} is not {}", quoted(text), noun(kind)), hint);
    match kind {
        Kind::Text { bytes_max } => bounded(text, *bytes_max).map(Setting::Text),
        Kind::Secret => bounded(text, SECRET_BYTES_MAX).map(|text| Setting::Secret(Secret::new(text, None))),
        Kind::Path if text.is_empty() => Err(form("write a path".to_owned())),
        Kind::Path => bounded(text, REFERENCE_BYTES_MAX).map(|text| Setting::Path(PathBuf::from(text))),
        Kind::Choice(words) if words.contains(&text) => Ok(Setting::Text(text.to_owned())),
        Kind::Choice(_) => Err(form(limits(kind))),
        Kind::Address => match text.parse() {
            Ok(address) => Ok(Setting::Address(address)),
            Err(_) => Err(form("write an IP address and a port, \"127.0.0.1:1883\"".to_owned())),
        },
        Kind::Url(schemes) if is_url(text, schemes) => bounded(text, REFERENCE_BYTES_MAX).map(Setting::Text),
        Kind::Url(schemes) => Err(form(format!("write {}://host", schemes.join("://host or ")))),
        Kind::Bytes { min, max } => match unit::bytes(text) {
            Some(bytes) => within(Setting::Bytes(bytes), (*min..=*max).contains(&bytes), kind),
            None => Err(form("write a number of bytes, or \"64 KiB\", \"64 MiB\"".to_owned())),
        },
        Kind::Duration { .. } => match unit::duration(text) {
            Some(found) => duration(kind, found),
            None => Err(form("write a whole number and a unit: \"250 ms\", \"2 s\", \"10 min\"".to_owned())),
        },
        Kind::Flag | Kind::Integer { .. } | Kind::Real { .. } | Kind::List { .. } => {
            Err(unquoted(kind, text))
        }
    }
}

fn duration(kind: &Kind, found: std::time::Duration) -> Result<Setting, Flaw> {
    let Kind::Duration { min_ms, max_ms } = *kind else { unreachable!("asked for durations only") };
    if found.is_zero() && min_ms > 0 {
        return Err(Flaw::new(ZERO, "the duration is zero", limits(kind)));
    }
    let is_within = (u128::from(min_ms)..=u128::from(max_ms)).contains(&found.as_millis());
    within(Setting::Duration(found), is_within, kind)
}

fn bounded(text: &str, bytes_max: usize) -> Result<String, Flaw> {
    if text.len() <= bytes_max {
        return Ok(text.to_owned());
    }
    let message = format!("the text has {} bytes, and at most {bytes_max} may be", text.len());
    Err(Flaw::new(LIMIT, message, "make it shorter"))
}

fn is_url(text: &str, schemes: &[&str]) -> bool {
    let Some((scheme, rest)) = text.split_once("://") else { return false };
    let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
    schemes.contains(&scheme)
        && !host.is_empty()
        && !text.contains(|c: char| c.is_whitespace() || c.is_control())
}

/// Text where a bare word was wanted; a number in quotes has a name of its own.
fn unquoted(kind: &Kind, text: &str) -> Flaw {
    let is_bare = match kind {
        Kind::Flag => text.parse::<bool>().is_ok(),
        Kind::Integer { .. } | Kind::Real { .. } => text.replace('_', "").parse::<f64>().is_ok(),
        _ => false,
    };
    if !is_bare {
        return mistyped(kind, "string");
    }
    let noun = if matches!(kind, Kind::Flag) { "flag" } else { "number" };
    Flaw::new(
        QUOTED,
        format!("a quoted {noun}: {}", quoted(text)),
        format!("write {text} without the quotes"),
    )
}

/// `{ file = "..." }` or `{ env = "..." }`.
fn fetched(table: &DeTable<'_>, fetch: Fetch<'_>) -> Result<Setting, Flaw> {
    let mut entries = table.iter().map(|(key, value)| (key.get_ref().as_ref(), value.get_ref()));
    let source = match (entries.next(), entries.next()) {
        (Some(("file", DeValue::String(path))), None) => SecretSource::File(path.to_string()),
        (Some(("env", DeValue::String(name))), None) => SecretSource::Env(name.to_string()),
        _ => return Err(mistyped(&Kind::Secret, "table")),
    };
    let unread = |why: String| {
        let hint = "let the process read it; a trailing line break is left out";
        Flaw::new(SECRET, format!("the secret {source} could not be read: {why}"), hint)
    };
    let text = fetch(&source).map_err(unread)?;
    let text = bounded(text.trim_end_matches(['\r', '\n']), SECRET_BYTES_MAX)?;
    Ok(Setting::Secret(Secret::new(text, Some(source))))
}

fn mistyped(kind: &Kind, found: &str) -> Flaw {
    Flaw::new(TYPE, format!("{} is wanted, and this is of type {found}", noun(kind)), limits(kind))
}

/// What a value of the kind is called, with its article.
fn noun(kind: &Kind) -> &'static str {
    match kind {
        Kind::Flag => "a flag",
        Kind::Integer { .. } => "an integer",
        Kind::Real { .. } => "a number",
        Kind::Bytes { .. } => "a number of bytes",
        Kind::Duration { .. } => "a duration",
        Kind::Text { .. } => "text",
        Kind::Choice(_) => "one of the choices",
        Kind::Address => "an address",
        Kind::Url(_) => "a URL",
        Kind::Path => "a path",
        Kind::Secret => "a secret",
        Kind::List { .. } => "a list",
    }
}

/// What may be written, in words.
pub(super) fn limits(kind: &Kind) -> String {
    match kind {
        Kind::Flag => "true or false".to_owned(),
        Kind::Integer { min, max } => format!("{min} to {max}"),
        Kind::Real { min, max } => format!("{min} to {max}"),
        Kind::Bytes { min, max } => {
            format!("\"{}\" to \"{}\"", unit::bytes_text(*min), unit::bytes_text(*max))
        }
        Kind::Duration { min_ms, max_ms } => {
            let text = |ms| unit::duration_text(std::time::Duration::from_millis(ms));
            format!("\"{}\" to \"{}\"", text(*min_ms), text(*max_ms))
        }
        Kind::Text { bytes_max } => format!("text of at most {bytes_max} bytes"),
        Kind::Choice(words) => format!("\"{}\"", words.join("\", \"")),
        Kind::Address => "an IP address and a port, \"127.0.0.1:1883\"".to_owned(),
        Kind::Url(schemes) => format!("{}://host", schemes.join("://host or ")),
        Kind::Path => "a path".to_owned(),
        Kind::Secret => "text, { file = \"...\" } or { env = \"...\" }".to_owned(),
        Kind::List { of, items_max } => format!("a list of at most {items_max}, each {}", limits(of)),
    }
}
