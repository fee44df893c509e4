//! Registers to a value and back. Pure.

use crate::address::{Address, Form, Order};
use crate::error;
use tidegate_service_plant::{Trouble, Value};

/// What these registers say; there are as many as the address takes.
pub(crate) fn of_words(address: &Address, words: &[u16]) -> Result<Value, Trouble> {
    let bytes = bytes(address.order, words);
    let value = match address.form {
        Form::Flag => Value::Boolean(words[0] != 0),
        Form::Bit(bit) => Value::Boolean(number(&bytes) >> bit & 1 == 1),
        Form::U16 | Form::U32 => Value::Integer(number(&bytes) as i64),
        Form::U64 => Value::Integer(i64::try_from(number(&bytes)).map_err(|_| error::too_large(address))?),
        Form::I16 => Value::Integer(number(&bytes) as i16 as i64),
        Form::I32 => Value::Integer(number(&bytes) as i32 as i64),
        Form::I64 => Value::Integer(number(&bytes) as i64),
        Form::F32 => Value::Real(f64::from(f32::from_bits(number(&bytes) as u32))),
        Form::F64 => Value::Real(f64::from_bits(number(&bytes))),
        Form::Text(len) => text(address, &bytes[..usize::from(len)])?,
    };
    Ok(value)
}

/// The highest byte first, whatever order they stood in.
fn bytes(order: Order, words: &[u16]) -> Vec<u8> {
    let one = |word: &u16| if order.swaps_bytes { word.to_le_bytes() } else { word.to_be_bytes() };
    match order.swaps_words {
        true => words.iter().rev().flat_map(one).collect(),
        false => words.iter().flat_map(one).collect(),
    }
}

/// At most eight bytes.
fn number(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0, |number, byte| number << 8 | u64::from(*byte))
}

/// Up to the first zero.
fn text(address: &Address, bytes: &[u8]) -> Result<Value, Trouble> {
    let end = bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len());
    let text = std::str::from_utf8(&bytes[..end]).map_err(|_| error::no_text(address))?;
    Ok(Value::from(text))
}

/// The registers that say this value; for what is no flag and no bit.
pub(crate) fn to_words(address: &Address, value: &Value) -> Result<Vec<u16>, Trouble> {
    let unfit = || error::unfit_value(address, value);
    let bytes = match (address.form, value) {
        (Form::F32, Value::Real(real)) => (*real as f32).to_be_bytes().to_vec(),
        (Form::F64, Value::Real(real)) => real.to_be_bytes().to_vec(),
        (Form::F32 | Form::F64, Value::Integer(integer)) => {
            return to_words(address, &Value::Real(*integer as f64));
        }
        (Form::Text(len), Value::Text(text)) if text.len() <= usize::from(len) => {
            let mut bytes = text.as_bytes().to_vec();
            bytes.resize(usize::from(address.len()) * 2, 0);
            bytes
        }
        (_, Value::Integer(integer)) => of_integer(address.form, *integer).ok_or_else(unfit)?,
        _ => return Err(unfit()),
    };
    Ok(words(address.order, &bytes))
}

/// Nothing where the form cannot hold it.
fn of_integer(form: Form, integer: i64) -> Option<Vec<u8>> {
    let bytes = match form {
        Form::U16 => u16::try_from(integer).ok()?.to_be_bytes().to_vec(),
        Form::I16 => i16::try_from(integer).ok()?.to_be_bytes().to_vec(),
        Form::U32 => u32::try_from(integer).ok()?.to_be_bytes().to_vec(),
        Form::I32 => i32::try_from(integer).ok()?.to_be_bytes().to_vec(),
        Form::U64 => u64::try_from(integer).ok()?.to_be_bytes().to_vec(),
        Form::I64 => integer.to_be_bytes().to_vec(),
        _ => return None,
    };
    Some(bytes)
}

fn words(order: Order, bytes: &[u8]) -> Vec<u16> {
    let one = |pair: &[u8]| {
        let pair = [pair[0], pair[1]];
        if order.swaps_bytes { u16::from_le_bytes(pair) } else { u16::from_be_bytes(pair) }
    };
    let mut words: Vec<u16> = bytes.chunks_exact(2).map(one).collect();
    if order.swaps_words {
        words.reverse();
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn address(text: &str) -> Address {
        Address::parse(text).unwrap().0
    }

    #[test]
    fn a_value_is_read_in_each_order_of_its_bytes() {
        // 21.5 is 0x41AC0000, and its bytes are A to D.
        let words = |order: &str| match order {
            "ABCD" => [0x41ac, 0x0000],
            "CDAB" => [0x0000, 0x41ac],
            "BADC" => [0xac41, 0x0000],
            _ => [0x0000, 0xac41],
        };
        for order in ["ABCD", "CDAB", "BADC", "DCBA"] {
            let address = address(&format!("40001:FLOAT:{order}"));
            assert_eq!(of_words(&address, &words(order)), Ok(Value::Real(21.5)), "{order}");
            assert_eq!(to_words(&address, &Value::Real(21.5)).unwrap(), words(order), "{order}");
        }
        let long = address("40001:INT64:CDAB");
        assert_eq!(of_words(&long, &[0xfffe, 0xffff, 0xffff, 0xffff]), Ok(Value::Integer(-2)));
    }

    #[test]
    fn each_type_has_its_sign_its_bits_and_its_end() {
        let read =
            |text: &str, words: &[u16]| of_words(&address(text), words).map_err(|trouble| trouble.code);
        assert_eq!(read("40001:INT16", &[0xffff]), Ok(Value::Integer(-1)));
        assert_eq!(read("40001", &[0xffff]), Ok(Value::Integer(65_535)));
        assert_eq!(read("40001:UINT32", &[0xffff, 0xffff]), Ok(Value::Integer(4_294_967_295)));
        assert_eq!(read("40001:UINT64", &[0xffff; 4]), Err("TG-MB-015"));
        assert_eq!(read("40001.3", &[8]), Ok(Value::Boolean(true)));
        assert_eq!(read("40001.2", &[8]), Ok(Value::Boolean(false)));
        assert_eq!(read("40001:STRING5", &[0x6162, 0x6300, 0x6566]), Ok("abc".into()));
        assert_eq!(read("40001:STRING2:BADC", &[0x6261]), Ok("ab".into()));
        assert_eq!(read("40001:STRING2", &[0xffff]), Err("TG-MB-015"));
    }

    #[test]
    fn what_a_type_cannot_hold_is_not_written() {
        let write =
            |text: &str, value: Value| to_words(&address(text), &value).map_err(|trouble| trouble.code);
        assert_eq!(write("40001", Value::Integer(65_536)), Err("TG-MB-016"));
        assert_eq!(write("40001:INT16", Value::Real(1.0)), Err("TG-MB-016"));
        assert_eq!(write("40001:STRING2", "abc".into()), Err("TG-MB-016"));
        assert_eq!(write("40001:DOUBLE", Value::Integer(1)).unwrap(), [0x3ff0, 0, 0, 0]);
    }

    proptest! {
        #[test]
        fn what_is_written_is_what_is_read(
            integer: i64, real: f64, form in 0..8_usize, order in 0..4_usize,
        ) {
            let form = ["UINT16", "INT16", "UINT32", "INT32", "UINT64", "INT64", "FLOAT", "DOUBLE"][form];
            let order = if form.ends_with("16") { "BADC" } else { ["ABCD", "CDAB", "BADC", "DCBA"][order] };
            let address = address(&format!("40001:{form}:{order}"));
            let value = match form {
                "FLOAT" => Value::Real(f64::from(real as f32)),
                "DOUBLE" => Value::Real(real),
                _ => Value::Integer(integer),
            };
            if let Ok(words) = to_words(&address, &value) {
                prop_assert_eq!(words.len(), usize::from(address.len()));
                prop_assert_eq!(of_words(&address, &words), Ok(value));
            }
        }
    }
}
