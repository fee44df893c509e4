//! What devices send that is wrong: a code, or a point with its fault, and never a panic.

use crate::press::{NOW_MS, model, read, window_names};
use proptest::prelude::*;
use tidegate_engine_tags::{Interpretation, MalformedKind, Model, Quality, Value};

const TOPIC: &str = "line/press-7/data";

fn code(payload: &str) -> &'static str {
    read(&model(), TOPIC, payload).unwrap_err()
}

/// The one point of `temp`, and the codes of what is wrong.
fn temp(payload: &str) -> (Value, Quality, u64, Vec<&'static str>) {
    let (points, faults) = read(&model(), TOPIC, payload).unwrap();
    let (name, value, quality, source_ms) = points.into_iter().next().unwrap();
    assert_eq!(name, "temp");
    (value, quality, source_ms, faults)
}

#[test]
fn broken_json_is_malformed_with_its_place() {
    for payload in [
        "",
        "{",
        "{\"temp\":1,}",
        "{\"temp\":1}x",
        "{temp:1}",
        "\u{feff}{}",
        "{\"temp\":NaN}",
        "{\"temp\":01}",
    ] {
        assert_eq!(code(payload), "TG-TA-010", "{payload}");
    }
    let model = model();
    let Interpretation::Malformed(located, malformed) = model.interpret(TOPIC, b"{\n\"temp\":tru}", 0) else {
        panic!("malformed")
    };
    assert_eq!((located.device, malformed.line, malformed.kind), ("press-7", 2, MalformedKind::NotJson));
    assert_eq!(malformed.to_string(), "the payload is not JSON, line 2 column 11");
}

#[test]
fn a_number_that_no_real_can_hold_is_malformed_where_a_tag_asks_for_it() {
    assert_eq!(code("{\"temp\":1e999}"), "TG-TA-012");
    assert_eq!(code("{\"vib\":[1,-1e999]}"), "TG-TA-012");
    assert_eq!(temp("{\"temp\":1,\"other\":1e999}").0, Value::Real(1.0));
}

#[test]
fn a_key_that_stands_twice_is_malformed_if_it_is_a_tag() {
    assert_eq!(code("{\"temp\":1,\"temp\":2}"), "TG-TA-013");
    assert_eq!(code("{\"state\":{\"stop\":true},\"state\":{\"stop\":false}}"), "TG-TA-013");
    assert_eq!(code("{\"t\":1,\"temp\":2,\"t\":3}"), "TG-TA-013");
    assert_eq!(temp("{\"x\":1,\"x\":2,\"temp\":3}").0, Value::Real(3.0));
}

#[test]
fn a_payload_without_a_tag_is_malformed() {
    for payload in ["{}", "[]", "7", "null", "\"temp\"", "[{\"temp\":1}]", "{\"temp\":null}", "{\"state\":7}"]
    {
        assert_eq!(code(payload), "TG-TA-014", "{payload}");
    }
}

#[test]
fn a_wrong_type_costs_that_tag_alone() {
    let (value, quality, _, faults) = temp("{\"temp\":20,\"count\":\"7\",\"mode\":1,\"state\":{\"stop\":2}}");
    assert_eq!((value, quality), (Value::Real(20.0), Quality::Good));
    assert_eq!(faults, ["TG-TA-020"; 3]);
    assert_eq!(code("{\"temp\":\"20\"}"), "TG-TA-020");
    assert_eq!(code("{\"temp\":{\"value\":[20]}}"), "TG-TA-020");
    assert_eq!(code("{\"vib\":[1,\"2\"]}"), "TG-TA-020");
    assert_eq!(code("{\"count\":1.5}"), "TG-TA-020");
    assert_eq!(code("{\"count\":18446744073709551615}"), "TG-TA-021");
    assert_eq!(code("{\"count\":1e300}"), "TG-TA-021");
}

#[test]
fn arrays_and_texts_beyond_their_limit_cost_that_tag_alone() {
    let window = |len: usize| format!("{{\"temp\":1,\"vib\":[{}1]}}", "0.5,".repeat(len - 1));
    assert_eq!(temp(&window(10_000)).3, ["TG-TA-022"]);
    let (points, faults) = read(&model(), TOPIC, &window(8192)).unwrap();
    let names: Vec<_> = points.iter().skip(1).map(|point| point.0.clone()).collect();
    assert_eq!((names, faults), (window_names(), vec![]));
    assert_eq!(code("{\"vib\":[]}"), "TG-TA-022");
    assert_eq!(code(&format!("{{\"mode\":\"{}\"}}", "x".repeat(4097))), "TG-TA-022");
}

#[test]
fn a_payload_bomb_is_refused_by_size_and_deep_nesting_is_skipped() {
    assert_eq!(code(&format!("{{\"x\":\"{}\"}}", "x".repeat(262_144))), "TG-TA-011");
    let deep = format!("{{\"x\":{}{},\"temp\":1}}", "[".repeat(100_000), "]".repeat(100_000));
    assert_eq!(temp(&deep).0, Value::Real(1.0));
    let under_a_tag = format!("{{\"temp\":{}{}}}", "[".repeat(100_000), "]".repeat(100_000));
    assert_eq!(code(&under_a_tag), "TG-TA-020");
    assert_eq!(code(&"[".repeat(100_000)), "TG-TA-010");
}

#[test]
fn an_implausible_value_is_kept_and_is_bad() {
    assert_eq!(temp("{\"temp\":201}"), (Value::Real(201.0), Quality::Bad, NOW_MS, vec!["TG-TA-023"]));
}

#[test]
fn a_time_far_off_is_replaced_and_makes_the_quality_uncertain() {
    let at = |ms: u64| temp(&format!("{{\"temp\":1,\"t\":{}}}", ms * 1_000_000));
    assert_eq!(at(NOW_MS - 1000), (Value::Real(1.0), Quality::Good, NOW_MS - 1000, vec![]));
    let replaced = (Value::Real(1.0), Quality::Uncertain, NOW_MS, vec!["TG-TA-024"]);
    for ms in [0, NOW_MS + 300_001, NOW_MS - 604_800_001] {
        assert_eq!(at(ms), replaced, "{ms}");
    }
    for t in ["-5", "\"now\"", "true", "1e300", "18446744073709551615"] {
        assert_eq!(temp(&format!("{{\"temp\":1,\"t\":{t}}}")), replaced, "{t}");
    }
}

#[test]
fn the_device_says_how_far_its_values_can_be_trusted() {
    let quality = |q: &str| temp(&format!("{{\"q\":{q},\"temp\":1}}")).1;
    assert!(["192", "true", "\"Good\""].iter().all(|q| quality(q) == Quality::Good));
    assert!(
        ["64", "\"uncertain\"", "999", "\"fine\"", "[1]"].iter().all(|q| quality(q) == Quality::Uncertain)
    );
    assert!(["0", "false", "\"BAD\""].iter().all(|q| quality(q) == Quality::Bad));
    assert_eq!(temp("{\"q\":\"fine\",\"temp\":1}").3, ["TG-TA-025"]);
}

#[test]
fn a_topic_that_climbs_is_no_device_s() {
    for topic in ["line/../data", "line/./data", "line//data", "line/a/b/data", "", "line/press-7/data/.."] {
        assert_eq!(read(&model(), topic, "{\"temp\":1}").unwrap_err(), "unknown", "{topic}");
    }
}

fn total(model: &Model, payload: &[u8]) {
    if let Interpretation::Points(_, made) = model.interpret(TOPIC, payload, NOW_MS) {
        assert!(!made.points.is_empty() && made.points.iter().all(|point| point.value.is_finite()));
    }
}

proptest! {
    #[test]
    fn no_payload_makes_it_panic_or_give_a_value_that_is_none(payload in prop_oneof![
        prop::collection::vec(any::<u8>(), 0..80),
        "(\\{\"(temp|count|vib|t|q|state)\":){0,3}[-0-9eE.\\[\\],\"{}a-z:]{0,30}\\}{0,3}".prop_map(String::into_bytes),
    ]) {
        total(&model(), &payload);
    }
}
