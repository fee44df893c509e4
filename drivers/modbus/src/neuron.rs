//! Addresses as EMQX Neuron writes them, `1!400001#BL`, as this driver does. Pure.

/// The unit and the address in it of a tag of one of Neuron's types; or what of it this driver does not have.
///
/// What comes out has yet to be understood: a register that is none is told by whoever reads it.
pub fn from_neuron(address: &str, of: &str) -> Result<(u8, String), &'static str> {
    let (unit, place) = address.split_once('!').ok_or("it has no station in front: 1!400001")?;
    let unit = unit.parse().map_err(|_| "its station is no number from 0 to 255")?;
    let (place, order) = place.split_once('#').map_or((place, ""), |(place, order)| (place, order));
    let (reference, part) =
        place.split_once('.').map_or((place, None), |(number, part)| (number, Some(part)));
    let form = form(of, part, order)?;
    Ok((unit, format!("{reference}{form}")))
}

/// What stands behind the reference.
fn form(of: &str, part: Option<&str>, order: &str) -> Result<String, &'static str> {
    match (of, part) {
        ("BIT" | "BOOL", _) if !order.is_empty() => Err("a bit has no order of bytes"),
        ("BIT" | "BOOL", part) => Ok(part.map_or_else(String::new, |bit| format!(".{bit}"))),
        ("STRING", Some(bytes)) => text(bytes),
        ("STRING", None) => Err("a text says how many bytes it has: 1!400001.20"),
        (_, Some(_)) => Err("a number has no part behind a point"),
        ("INT16" | "UINT16", None) => Ok(format!(":{of}{}", order16(order)?)),
        ("INT32" | "UINT32" | "INT64" | "UINT64" | "FLOAT" | "DOUBLE", None) => {
            Ok(format!(":{of}{}", order_of_words(order)?))
        }
        _ => Err("registers have no values of this type here"),
    }
}

/// Two bytes a register, the high one first unless it says so.
fn text(part: &str) -> Result<String, &'static str> {
    let (bytes, order) = match part.strip_suffix(['H', 'L', 'D', 'E']) {
        Some(bytes) => (bytes, &part[bytes.len()..]),
        None => (part, ""),
    };
    match order {
        "" | "H" => Ok(format!(":STRING{bytes}")),
        "L" => Ok(format!(":STRING{bytes}:BADC")),
        _ => Err("a text has two bytes in each register here"),
    }
}

fn order16(order: &str) -> Result<&'static str, &'static str> {
    match order {
        "" | "L" => Ok(""),
        "B" => Ok(":BADC"),
        _ => Err("the order of two bytes is #B or #L"),
    }
}

fn order_of_words(order: &str) -> Result<&'static str, &'static str> {
    match order {
        "" | "LL" => Ok(""),
        "LB" => Ok(":BADC"),
        "BL" => Ok(":CDAB"),
        "BB" => Ok(":DCBA"),
        _ => Err("the order of four or eight bytes is #LL, #LB, #BL or #BB"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::address::Address;

    #[test]
    fn each_kind_of_address_has_its_counterpart() {
        for (address, of, expected) in [
            ("1!00001", "BIT", "00001"),
            ("1!100003", "BIT", "100003"),
            ("1!400010.15", "BIT", "400010.15"),
            ("1!300004", "INT16", "300004:INT16"),
            ("1!300004#B", "UINT16", "300004:UINT16:BADC"),
            ("1!40001", "FLOAT", "40001:FLOAT"),
            ("1!400004#LL", "INT32", "400004:INT32"),
            ("1!400004#LB", "UINT32", "400004:UINT32:BADC"),
            ("1!400004#BL", "FLOAT", "400004:FLOAT:CDAB"),
            ("1!400004#BB", "DOUBLE", "400004:DOUBLE:DCBA"),
            ("1!400001.10", "STRING", "400001:STRING10"),
            ("1!400001.10H", "STRING", "400001:STRING10"),
            ("1!400001.10L", "STRING", "400001:STRING10:BADC"),
        ] {
            assert_eq!(from_neuron(address, of), Ok((1, expected.to_owned())), "{address}");
            assert!(Address::parse(expected).is_ok(), "{expected}");
        }
        assert_eq!(from_neuron("247!400001", "UINT64").map(|(unit, _)| unit), Ok(247));
    }

    #[test]
    fn what_has_no_counterpart_is_told_and_nothing_is_guessed() {
        for (address, of) in [
            ("400001", "INT16"),
            ("256!400001", "INT16"),
            ("1!400001#LL", "INT16"),
            ("1!400001#L", "INT32"),
            ("1!400001.3", "INT16"),
            ("1!400001#B", "BIT"),
            ("1!400001", "STRING"),
            ("1!400001.10D", "STRING"),
            ("1!400001.10E", "STRING"),
            ("1!400001.10", "BYTES"),
            ("1!400001", "INT8"),
        ] {
            assert!(from_neuron(address, of).is_err(), "{address} {of}");
        }
    }
}
