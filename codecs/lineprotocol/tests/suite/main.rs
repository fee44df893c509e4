//! Lines as the protocol's own description has them, lines that are none, and what the encoder writes.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on should say where")]

use proptest::prelude::*;
use tidegate_codec_lineprotocol::{
    FIELDS_MAX, FieldValue, LINE_BYTES_MAX, LineFault, Point, Precision, TAGS_MAX, lines, parse,
};

fn read(line: &str) -> Point {
    parse(line.as_bytes()).unwrap_or_else(|error| panic!("{error} in {line}"))
}

fn field(line: &str) -> FieldValue {
    read(line).fields.remove(0).1
}

fn pairs(tags: &[(String, String)]) -> Vec<(&str, &str)> {
    tags.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect()
}

#[test]
fn a_line_is_measurement_tags_fields_and_a_time() {
    let point =
        read("weather,location=us-midwest,season=summer temperature=82,humidity=71i 1465839830100400200");
    assert_eq!(point.measurement, "weather");
    assert_eq!(pairs(&point.tags), [("location", "us-midwest"), ("season", "summer")]);
    assert_eq!(point.fields[1], ("humidity".to_owned(), FieldValue::Integer(71)));
    assert_eq!(point.time, Some(1_465_839_830_100_400_200));
    assert_eq!(read("weather temperature=82").time, None);
    assert_eq!(read("a b=1 -5\r\n").time, Some(-5));
}

#[test]
fn a_field_has_the_type_its_spelling_says() {
    for (text, value) in [
        ("1", FieldValue::Real(1.0)),
        ("-1.5e3", FieldValue::Real(-1500.0)),
        ("1i", FieldValue::Integer(1)),
        ("-9223372036854775808i", FieldValue::Integer(i64::MIN)),
        ("18446744073709551615u", FieldValue::Unsigned(u64::MAX)),
        ("t", FieldValue::Bool(true)),
        ("FALSE", FieldValue::Bool(false)),
        (r#""""#, FieldValue::Text(String::new())),
        (r#""a, b=c \"d\" \\ \n""#, FieldValue::Text(r#"a, b=c "d" \ \n"#.to_owned())),
        ("\"two\nlines\"", FieldValue::Text("two\nlines".to_owned())),
    ] {
        assert_eq!(field(&format!("m f={text}")), value, "{text}");
    }
}

#[test]
fn what_is_escaped_is_a_letter_like_others() {
    let point = read(r#"my\ mea\,s\=ure=1,a\,b\=c\ d=e\,f\=g\ h "i\ j"=1,k=2"#);
    assert_eq!(point.measurement, r"my mea,s\=ure=1");
    assert_eq!(pairs(&point.tags), [("a,b=c d", "e,f=g h")]);
    assert_eq!(point.fields[0].0, "\"i j\"");
    assert_eq!(pairs(&read(r"m,path=C:\\temp\new f=1").tags), [("path", r"C:\\temp\new")]);
    assert_eq!(read("测量,车间=七 温度=1").tags[0].1, "七");
}

#[test]
fn a_broken_line_says_what_is_wrong_and_where() {
    for (line, fault, at) in [
        ("", LineFault::NoMeasurement, 0),
        (",a=b c=1", LineFault::NoMeasurement, 0),
        ("m", LineFault::NoField, 1),
        ("m,a=b", LineFault::NoField, 5),
        ("m,a c=1", LineFault::BrokenTag, 3),
        ("m,a= c=1", LineFault::BrokenTag, 4),
        ("m,=b c=1", LineFault::BrokenTag, 2),
        ("m,a=b,a=c d=1", LineFault::TagTwice, 6),
        ("m a", LineFault::BrokenField, 3),
        ("m a=", LineFault::BrokenField, 4),
        ("m a=1,", LineFault::BrokenField, 6),
        ("m a=1,,b=2", LineFault::BrokenField, 6),
        ("m a=\"b", LineFault::OpenText, 4),
        ("m a=\"b\"c", LineFault::NotAValue, 7),
        ("m a=b", LineFault::NotAValue, 4),
        ("m a=nan", LineFault::NotAValue, 4),
        ("m a=inf", LineFault::NotAValue, 4),
        ("m a=1.5i", LineFault::NotAValue, 4),
        ("m a=-1u", LineFault::NotAValue, 4),
        ("m a=1e999", LineFault::OutOfRange, 4),
        ("m a=9223372036854775808i", LineFault::OutOfRange, 4),
        ("m a=1 now", LineFault::NotATime, 6),
        ("m a=1 1.5", LineFault::NotATime, 6),
        ("m a=1 99999999999999999999", LineFault::NotATime, 6),
        ("m a=1 1 2", LineFault::Trailing, 6),
    ] {
        let error = parse(line.as_bytes()).unwrap_err();
        assert_eq!((error.fault, error.at), (fault, at), "{line}");
    }
    assert_eq!(parse(b"m a=\xff").unwrap_err().fault, LineFault::NotUtf8);
}

#[test]
fn a_line_has_its_limits() {
    let long = format!("m a=\"{}\"", "x".repeat(LINE_BYTES_MAX));
    assert_eq!(parse(long.as_bytes()).unwrap_err().fault, LineFault::TooLong);
    let tags: String = (0..=TAGS_MAX).map(|at| format!(",t{at}=1")).collect();
    assert_eq!(parse(format!("m{tags} a=1").as_bytes()).unwrap_err().fault, LineFault::TooManyTags);
    let fields: Vec<_> = (0..=FIELDS_MAX).map(|at| format!("f{at}=1")).collect();
    assert_eq!(
        parse(format!("m {}", fields.join(",")).as_bytes()).unwrap_err().fault,
        LineFault::TooManyFields
    );
}

#[test]
fn lines_are_numbered_and_what_is_none_is_left_out() {
    let body = b"\n# a=\"comment\nm a=1\r\n\n  m a=\"x\ny\" \nm,\"=\"q a=1\nm a=2";
    let found: Vec<_> =
        lines(body).map(|(number, line)| (number, std::str::from_utf8(line).unwrap())).collect();
    assert_eq!(found, [(3, "m a=1"), (5, "m a=\"x\ny\""), (7, "m,\"=\"q a=1"), (8, "m a=2")]);
}

#[test]
fn a_text_that_does_not_end_spoils_its_own_line_only() {
    let outcomes: Vec<_> =
        lines(b"m a=\"x\nm a=1\nm a=2").map(|(number, line)| (number, parse(line).is_ok())).collect();
    assert_eq!(outcomes, [(1, false), (2, true), (3, true)]);
}

#[test]
fn a_precision_has_the_names_of_both_versions() {
    let ms = |name: &str, time| name.parse::<Precision>().unwrap().unix_ms(time);
    for (name, time) in [("ns", 1_999_999), ("n", 1_000_000), ("us", 1999), ("u", 1000), ("ms", 1)] {
        assert_eq!(ms(name, time), Some(1), "{name}");
    }
    assert_eq!((ms("s", 2), ms("m", 2), ms("h", 2)), (Some(2000), Some(120_000), Some(7_200_000)));
    assert_eq!((ms("s", -1), ms("h", i64::MAX)), (None, None));
    assert!("d".parse::<Precision>().is_err() && "".parse::<Precision>().is_err());
}

fn names() -> impl Strategy<Value = String> {
    "[a-z, =\"\\\\\u{e9}#]{0,8}[a-z, =\"#]"
}

fn values() -> impl Strategy<Value = FieldValue> {
    prop_oneof![
        prop::num::f64::NORMAL.prop_map(FieldValue::Real),
        any::<i64>().prop_map(FieldValue::Integer),
        any::<u64>().prop_map(FieldValue::Unsigned),
        any::<bool>().prop_map(FieldValue::Bool),
        "[a-z,= \"\\\\\n]{0,12}".prop_map(FieldValue::Text),
    ]
}

fn points() -> impl Strategy<Value = Point> {
    let tags = prop::collection::btree_map(names(), names(), 0..4);
    let fields = prop::collection::vec((names(), values()), 1..4);
    ("[a-z][a-z, =\"\\\\]{0,6}[a-z]", tags, fields, any::<Option<i64>>()).prop_map(
        |(measurement, tags, fields, time)| Point {
            measurement,
            tags: tags.into_iter().collect(),
            fields,
            time,
        },
    )
}

/// The line of a point, by the rules of the protocol's description.
fn written(point: &Point) -> String {
    let escaped = |name: &str, of: &[char]| -> String {
        name.chars()
            .flat_map(|letter| of.contains(&letter).then_some('\\').into_iter().chain([letter]))
            .collect()
    };
    let key = |name: &str| escaped(name, &[',', '=', ' ']);
    let value = |value: &FieldValue| match value {
        FieldValue::Real(real) => format!("{real:e}"),
        FieldValue::Integer(integer) => format!("{integer}i"),
        FieldValue::Unsigned(unsigned) => format!("{unsigned}u"),
        FieldValue::Bool(boolean) => boolean.to_string(),
        FieldValue::Text(text) => format!("\"{}\"", escaped(text, &['"', '\\'])),
    };
    let tags: String = point.tags.iter().map(|(tag, text)| format!(",{}={}", key(tag), key(text))).collect();
    let fields: Vec<_> =
        point.fields.iter().map(|(field, of)| format!("{}={}", key(field), value(of))).collect();
    let time = point.time.map(|time| format!(" {time}")).unwrap_or_default();
    format!("{}{tags} {}{time}\n", escaped(&point.measurement, &[',', ' ']), fields.join(","))
}

proptest! {
    #[test]
    fn what_was_written_reads_back(points in prop::collection::vec(points(), 1..5)) {
        let text: String = points.iter().map(written).collect();
        let read: Vec<_> = lines(text.as_bytes()).map(|(_, line)| parse(line).unwrap()).collect();
        prop_assert_eq!(read, points);
    }

    #[test]
    fn any_bytes_are_points_or_faults_inside_the_line(bytes in prop::collection::vec(prop::sample::select(&b"m,= \"\\\n\r#1ite.-\xc3\xa9\xff"[..]), 0..80)) {
        for (number, line) in lines(&bytes) {
            prop_assert!(number >= 1 && number <= bytes.len());
            if let Err(error) = parse(line) {
                prop_assert!(error.at <= line.len());
            }
        }
    }

    /// A good line is found whatever broken lines without a quote stand before it.
    #[test]
    fn a_good_line_is_read_whatever_was_before_it(before in "[a-z,= \\\\0-9\n]{0,60}") {
        let body = format!("{before}\nlast a=1");
        let (_, line) = lines(body.as_bytes()).last().unwrap();
        prop_assert_eq!(parse(line).unwrap().measurement, "last");
    }
}
