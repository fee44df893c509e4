//! What a line of upsd's says, as RFC 9271 has it: `VAR <ups> <name> "<value>"`, `OK` or `ERR <word>`. Pure.

use crate::address::Address;
use crate::error;
use crate::place::Place;
use tidegate_service_plant::{Blame, Found, Trouble, Value};

/// The answer to `GET VAR`. An error is of the whole read.
pub(crate) fn found(line: &[u8], place: &Place, address: &Address) -> Result<Found, Trouble> {
    match value(line, place, address) {
        Ok(value) => Ok(value.into()),
        Err(trouble) if trouble.blame == Blame::Tag => Ok(Found::Bad(trouble)),
        Err(trouble) => Err(trouble),
    }
}

fn value(line: &[u8], place: &Place, address: &Address) -> Result<Value, Trouble> {
    if let Some(word) = refusal(line) {
        return Err(error::unread(&word, place, address));
    }
    let head = format!("VAR {} {} ", place.ups, address.name);
    let text = line.strip_prefix(head.as_bytes()).and_then(unquoted);
    address.value(&text.ok_or_else(|| error::unusable(&place.endpoint, line))?)
}

/// The answer to `SET VAR`.
pub(crate) fn taken(line: &[u8], place: &Place, address: &Address) -> Result<(), Trouble> {
    match refusal(line) {
        Some(word) => Err(error::unwritten(address, &format!("{place}: upsd says {word:?}"))),
        None if line == b"OK" => Ok(()),
        None => Err(error::unusable(&place.endpoint, line)),
    }
}

fn refusal(line: &[u8]) -> Option<String> {
    line.strip_prefix(b"ERR ").map(|word| String::from_utf8_lossy(word).into_owned())
}

/// In quotes, with a backslash before a quote and a backslash.
pub(crate) fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

/// Whether it gets there whole: NUT leaves out other characters without a word.
pub(crate) fn is_printable(text: &str) -> bool {
    text.bytes().all(|byte| (b' '..=b'~').contains(&byte))
}

fn unquoted(text: &[u8]) -> Option<Vec<u8>> {
    let mut bytes = text.strip_prefix(b"\"")?.strip_suffix(b"\"")?.iter().copied();
    let mut plain = Vec::new();
    while let Some(byte) = bytes.next() {
        match byte {
            b'\\' => plain.push(bytes.next()?),
            b'"' => return None,
            _ => plain.push(byte),
        }
    }
    Some(plain)
}
