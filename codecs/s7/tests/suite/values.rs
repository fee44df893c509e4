//! Bytes as a station has them, to values and back.

use proptest::prelude::*;
use tidegate_codec_s7::{Extent, Item, Tag, Value, ValueError};

#[track_caller]
fn tag(text: &str) -> Tag {
    Tag::parse(text).unwrap()
}

/// These bytes are read as this value, and written as the same bytes.
#[track_caller]
fn check(address: &str, bytes: &[u8], value: Value) {
    assert_eq!(tag(address).value(bytes), Ok(value.clone()), "{address}");
    let write = tag(address).write(&value).unwrap();
    let written = if address.contains("STRING") { &bytes[1..2 + usize::from(bytes[1])] } else { bytes };
    assert_eq!(&write.bytes[..], written, "{address}");
    assert_eq!(write.item.bytes(), write.bytes.len());
}

fn text(text: &str) -> Value {
    Value::Text(text.to_owned())
}

#[test]
fn values_are_read_and_written_as_a_station_has_them() {
    check("MB0", &[0xff], Value::Unsigned(255));
    check("MB0:SINT", &[0xff], Value::Signed(-1));
    check("MW0", &[0x12, 0x34], Value::Unsigned(0x1234));
    check("MW0:INT", &[0x80, 0x00], Value::Signed(-32768));
    check("MD0:DINT", &[0xff, 0xff, 0xff, 0xfe], Value::Signed(-2));
    check("MD0:UDINT", &[0xff, 0xff, 0xff, 0xfe], Value::Unsigned(0xffff_fffe));
    check("MB0:LINT", &[0xff; 8], Value::Signed(-1));
    check("MB0:ULINT", &[0xff; 8], Value::Unsigned(u64::MAX));
    check("MD0:REAL", &[0x41, 0xac, 0x00, 0x00], Value::Real(21.5));
    check("MB0:LREAL", &[0x40, 0x35, 0x80, 0, 0, 0, 0, 0], Value::Real(21.5));
    check("MB0:CHAR", b"A", text("A"));
    check("MD0:TIME", &[0xff, 0xff, 0xfc, 0x18], Value::Signed(-1000));
    check("MW0:S5TIME", &[0x01, 0x27], Value::Unsigned(1270));
    check("MW0:S5TIME", &[0x39, 0x99], Value::Unsigned(9_990_000));
    check("MB0:STRING[4]", &[4, 2, b'h', 0xe9, 0, 0], text("hé"));
}

#[test]
fn a_bit_is_read_from_its_byte_and_written_alone() {
    assert_eq!(tag("M7.3").value(&[0b0000_1000]), Ok(Value::Bool(true)));
    assert_eq!(tag("M7.3").value(&[0b1111_0111]), Ok(Value::Bool(false)));
    let write = tag("M7.3").write(&Value::Bool(true)).unwrap();
    assert_eq!(write.item, Item { area: tag("M7.3").area, at: 7, extent: Extent::Bit(3) });
    assert_eq!(&write.bytes[..], [1]);
    assert_eq!(tag("M7.3").write(&Value::Real(0.0)).unwrap().bytes[..], [0]);
}

#[test]
fn a_text_is_written_behind_its_capacity() {
    let write = tag("DB2.DBB10:STRING[20]").write(&text("pump")).unwrap();
    assert_eq!((write.item.at, &write.bytes[..]), (11, &b"\x04pump"[..]));
}

#[test]
fn date_and_time_is_read_and_not_written() {
    let bytes = [0x26, 0x11, 0x26, 0x20, 0x53, 0x58, 0x12, 0x35];
    assert_eq!(tag("MB0:DT").value(&bytes), Ok(text("2026-11-26T20:53:58.123")));
    assert_eq!(tag("MB0:DT").value(&[0x90, 1, 1, 0, 0, 0, 0, 0]), Ok(text("1990-01-01T00:00:00.000")));
    assert_eq!(tag("MB0:DT").write(&text("2026-11-26T20:53:58.123")), Err(ValueError::ReadOnly));
}

#[test]
fn bytes_that_are_no_value_of_their_type_give_none() {
    for (address, bytes) in [
        ("MW0:S5TIME", &[0x0a, 0x00][..]),
        ("MB0:DT", &[0x26, 0x13, 1, 0, 0, 0, 0, 0]),
        ("MB0:DT", &[0x26, 0x1a, 1, 0, 0, 0, 0, 0]),
        ("MB0:STRING[4]", &[2, 3, 0, 0, 0, 0]),
        ("MB0:STRING[4]", &[254, 5, 0, 0, 0, 0]),
        ("MW0", &[1]),
        ("MW0", &[1, 2, 3]),
    ] {
        assert_eq!(tag(address).value(bytes), Err(ValueError::Read), "{address}");
    }
}

#[test]
fn a_value_that_a_type_does_not_have_is_not_written() {
    for (address, value) in [
        ("MB0", Value::Signed(-1)),
        ("MB0", Value::Unsigned(256)),
        ("MB0", Value::Real(0.5)),
        ("MB0", Value::Real(f64::NAN)),
        ("MB0:SINT", Value::Signed(128)),
        ("MB0:SINT", Value::Signed(-129)),
        ("MB0:ULINT", Value::Real(2f64.powi(64))),
        ("MD0:REAL", Value::Real(1e39)),
        ("MW0:S5TIME", Value::Unsigned(10_000_000)),
        ("MB0:CHAR", text("AB")),
        ("MB0:CHAR", text("闸")),
        ("MB0:STRING[2]", text("abc")),
        ("M0.0", Value::Unsigned(2)),
    ] {
        assert_eq!(tag(address).write(&value), Err(ValueError::Range), "{address} {value:?}");
    }
    for (address, value) in
        [("MB0", text("1")), ("MB0:CHAR", Value::Unsigned(65)), ("MD0:REAL", Value::Bool(true))]
    {
        assert_eq!(tag(address).write(&value), Err(ValueError::Type), "{address} {value:?}");
    }
}

proptest! {
    #[test]
    fn any_bytes_of_a_type_are_a_value_that_is_written_as_the_same_bytes(bytes: [u8; 8], kind in 0usize..12) {
        let address = ["MB0", "MB0:SINT", "MW0", "MW0:INT", "MD0", "MD0:DINT", "MB0:LWORD", "MB0:LINT", "MD0:TIME",
            "MD0:REAL", "MB0:LREAL", "MB0:CHAR"][kind];
        let bytes = &bytes[..tag(address).bytes().into()];
        let value = tag(address).value(bytes).unwrap();
        if !matches!(value, Value::Real(real) if real.is_nan()) {
            prop_assert_eq!(&tag(address).write(&value).unwrap().bytes[..], bytes);
        }
    }

    #[test]
    fn an_s5time_is_kept_to_three_digits(ms in 0u64..9_999_999) {
        let tag = tag("MW0:S5TIME");
        let Value::Unsigned(read) = tag.value(&tag.write(&Value::Unsigned(ms)).unwrap().bytes).unwrap() else { panic!() };
        prop_assert!(read <= ms && ms - read < (ms / 100).max(10));
    }
}
