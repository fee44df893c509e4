//! Addresses as people write them, and what is said of those that are none.

use proptest::prelude::*;
use tidegate_codec_s7::{Area, Kind, Tag, TagError};

#[track_caller]
fn check(text: &str, area: Area, at: u32, kind: Kind) {
    assert_eq!(Tag::parse(text), Ok(Tag { area, at, kind }), "{text}");
}

#[test]
fn addresses_are_understood_in_english_and_german_in_capitals_or_not() {
    check("DB1.DBD4:REAL", Area::Block(1), 4, Kind::Real);
    check("DB1.DBX0.3:BOOL", Area::Block(1), 0, Kind::Bool(3));
    check("DB1.DBX0.3", Area::Block(1), 0, Kind::Bool(3));
    check("DB1.DBW2:INT", Area::Block(1), 2, Kind::Signed(2));
    check("db65535.dbb2097151", Area::Block(65535), 2_097_151, Kind::Unsigned(1));
    check("M0.1", Area::Flags, 0, Kind::Bool(1));
    check("MX0.1", Area::Flags, 0, Kind::Bool(1));
    check("MW10", Area::Flags, 10, Kind::Unsigned(2));
    check("%MD10:TIME", Area::Flags, 10, Kind::Time);
    check("I0.0", Area::Inputs, 0, Kind::Bool(0));
    check("E0.0", Area::Inputs, 0, Kind::Bool(0));
    check("EW64:INT", Area::Inputs, 64, Kind::Signed(2));
    check("Q4.1", Area::Outputs, 4, Kind::Bool(1));
    check("A4.1", Area::Outputs, 4, Kind::Bool(1));
    check(" DB2.DBB10:STRING[20] ", Area::Block(2), 10, Kind::Text(20));
    check("DB2.DBB10:STRING", Area::Block(2), 10, Kind::Text(254));
    check("DB2.DBB8:lreal", Area::Block(2), 8, Kind::Lreal);
    check("DB2.DBB8:LINT", Area::Block(2), 8, Kind::Signed(8));
    check("DB2.DBB8:DT", Area::Block(2), 8, Kind::DateAndTime);
    check("DB2.DBW8:S5TIME", Area::Block(2), 8, Kind::S5Time);
}

#[test]
fn every_type_has_the_width_its_letter_says() {
    for (letter, names) in [
        ("B", "BYTE USINT SINT CHAR LWORD ULINT LINT LREAL DATE_AND_TIME STRING[1]"),
        ("W", "WORD UINT INT S5TIME"),
        ("D", "DWORD UDINT DINT REAL TIME"),
    ] {
        for name in names.split(' ') {
            for other in ["B", "W", "D"] {
                let outcome = Tag::parse(&format!("DB1.DB{other}4:{name}"));
                assert_eq!(outcome.err(), (other != letter).then_some(TagError::Width), "{other} {name}");
            }
            assert_eq!(Tag::parse(&format!("M4.0:{name}")), Err(TagError::Width));
        }
    }
    assert_eq!(Tag::parse("DB1.DBB4:BOOL"), Err(TagError::Width));
}

#[test]
fn what_is_no_address_is_refused_with_a_code_and_a_hint() {
    for (text, code) in [
        ("", "TG-SI-001"),
        ("DB1", "TG-SI-001"),
        ("DB1.DBX4", "TG-SI-001"),
        ("DB1.DBD4.1:REAL", "TG-SI-001"),
        ("DB1.DBD", "TG-SI-001"),
        ("DB1.DBD-4", "TG-SI-001"),
        ("DB1.DBX+1.0", "TG-SI-001"),
        ("T5", "TG-SI-001"),
        ("M", "TG-SI-001"),
        ("\"Motor\".speed", "TG-SI-002"),
        ("DB1.speed", "TG-SI-002"),
        ("Motor.speed", "TG-SI-002"),
        ("DB_Motor.DBD4:REAL", "TG-SI-002"),
        ("电机.速度", "TG-SI-002"),
        ("DB1.DBD4:FLOAT", "TG-SI-003"),
        ("DB1.DBD4:", "TG-SI-003"),
        ("DB1.DBW4:REAL", "TG-SI-004"),
        ("DB0.DBD4:REAL", "TG-SI-005"),
        ("DB65536.DBD4:REAL", "TG-SI-005"),
        ("DB1.DBX0.8", "TG-SI-005"),
        ("DB1.DBX99999999999.0", "TG-SI-005"),
        ("DB1.DBD2097149:REAL", "TG-SI-005"),
        ("DB1.DBB0:STRING[0]", "TG-SI-005"),
        ("DB1.DBB0:STRING[255]", "TG-SI-005"),
    ] {
        let error = Tag::parse(text).expect_err(text);
        assert_eq!(error.code(), code, "{text}");
        assert!(!error.hint().is_empty() && !error.to_string().is_empty());
    }
    assert!(TagError::Symbolic.hint().contains("optimised access"));
}

proptest! {
    #[test]
    fn no_text_makes_the_parser_panic(text in "[DBXWMIQEA%:.\\[\\]0-9TRINGLé\"]{0,24}") {
        let _ = Tag::parse(&text);
    }
}
