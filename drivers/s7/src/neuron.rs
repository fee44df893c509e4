//! Addresses as EMQX Neuron writes them, `DB10.DBW10`, `M6`, `DB1.DBW10.0`, as this driver does. Pure.
//!
//! There the type says how wide a value is, whatever letter stands in front of the number.

/// The address of a tag of one of Neuron's types; or what of it this driver does not have.
///
/// What comes out has yet to be understood: a place that is none is told by whoever reads it.
pub fn from_neuron(address: &str, of: &str) -> Result<String, &'static str> {
    let text = address.trim().to_ascii_uppercase();
    let (area, place) = area(&text)?;
    let (at, part) = place.split_once('.').map_or((place, None), |(at, part)| (at, Some(part)));
    let (letter, tail) = match (of, part) {
        ("BIT" | "BOOL", Some(bit)) => ("X", format!(".{bit}")),
        ("BIT" | "BOOL", None) => return Err("a bit says which: DB1.DBW10.0"),
        ("STRING", Some(bytes)) if bytes.bytes().all(|byte| byte.is_ascii_digit()) => {
            ("B", format!(":STRING[{bytes}]"))
        }
        ("STRING", Some(_)) => return Err("texts of two bytes a letter are not read here"),
        ("STRING", None) => return Err("a text says how long it is: DB1.DBW12.20"),
        (_, Some(_)) => return Err("a number has no part behind a second point"),
        (_, None) => number(of)?,
    };
    // A bit of a flag, input or output has no letter.
    let letter = if letter == "X" && !area.ends_with("DB") { "" } else { letter };
    Ok(format!("{area}{letter}{at}{tail}"))
}

/// The area, and what is left behind it: a number and perhaps a part.
fn area(text: &str) -> Result<(String, &str), &'static str> {
    if let Some((block, rest)) = text.strip_prefix("DB").and_then(|block| block.split_once(".DB")) {
        let place = rest.trim_start_matches(['X', 'B', 'W', 'D']);
        return Ok((format!("DB{block}.DB"), place));
    }
    let area = match text.as_bytes().first() {
        Some(b'I' | b'E') => "I",
        Some(b'O' | b'Q' | b'A') => "Q",
        Some(b'F' | b'M') => "M",
        Some(b'T' | b'C') => return Err("timers and counters are read by copying them to a block"),
        _ => return Err("it is in none of the areas DB, I, Q and M"),
    };
    Ok((area.to_owned(), &text[1..]))
}

fn number(of: &str) -> Result<(&'static str, String), &'static str> {
    let (letter, name) = match of {
        "INT8" => ("B", "SINT"),
        "UINT8" => ("B", "USINT"),
        "INT16" => ("W", "INT"),
        "UINT16" => ("W", "UINT"),
        "INT32" => ("D", "DINT"),
        "UINT32" => ("D", "UDINT"),
        "INT64" => ("B", "LINT"),
        "UINT64" => ("B", "ULINT"),
        "FLOAT" => ("D", "REAL"),
        "DOUBLE" => ("B", "LREAL"),
        _ => return Err("values of this type are not read here"),
    };
    Ok((letter, format!(":{name}")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use tidegate_codec_s7::Tag;

    #[test]
    fn each_kind_of_address_has_its_counterpart() {
        for (address, of, expected) in [
            ("DB10.DBW10", "INT16", "DB10.DBW10:INT"),
            ("DB10.DBW10", "FLOAT", "DB10.DBD10:REAL"),
            ("DB11.DBW10", "DOUBLE", "DB11.DBB10:LREAL"),
            ("DB1.DBW10.0", "BIT", "DB1.DBX10.0"),
            ("DB1.DBX10.7", "BIT", "DB1.DBX10.7"),
            ("DB1.DBW12.20", "STRING", "DB1.DBB12:STRING[20]"),
            ("I0", "INT16", "IW0:INT"),
            ("O3", "UINT16", "QW3:UINT"),
            ("F4", "INT8", "MB4:SINT"),
            ("M6", "UINT32", "MD6:UDINT"),
            ("I0.1", "BIT", "I0.1"),
            ("O1.2", "BIT", "Q1.2"),
            ("F2.1", "BIT", "M2.1"),
        ] {
            assert_eq!(from_neuron(address, of), Ok(expected.to_owned()), "{address}");
            assert!(Tag::parse(expected).is_ok(), "{expected}");
        }
    }

    #[test]
    fn what_has_no_counterpart_is_told_and_nothing_is_guessed() {
        for (address, of) in [
            ("T6", "INT32"),
            ("C8", "UINT16"),
            ("X1", "INT16"),
            ("", "INT16"),
            ("DB1.DBW1", "BIT"),
            ("DB1.DBW12", "STRING"),
            ("DB1.DBW12.20D", "STRING"),
            ("DB1.DBW12.20", "ARRAY_CHAR"),
            ("DB1.DBW10.0", "INT16"),
        ] {
            assert!(from_neuron(address, of).is_err(), "{address} {of}");
        }
    }
}
