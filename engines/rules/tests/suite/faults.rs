//! What is refused, with its place, its code and what to do: planted faults, all of them found at once.

use crate::site::{alarm, catalog, derive, faults};
use tidegate_engine_rules::{Catalog, Fault, Limits, Output, RuleSpec, compile};

/// Every fault of one rule as `line:column code message`.
fn found(text: &str) -> Vec<String> {
    let line = |fault: &Fault| {
        let (place, what) = (fault.place, &fault.what);
        format!("{}:{} {} {what}", place.line, place.column, what.code())
    };
    faults(&[alarm(text)]).iter().map(line).collect()
}

fn limited(text: &str, limits: Limits) -> Vec<String> {
    let faults = compile(&[alarm(text)], &catalog(), &limits).unwrap_err();
    faults.iter().map(|fault| format!("{} {}", fault.what.code(), fault.what)).collect()
}

#[test]
fn all_faults_of_a_rule_come_at_once_each_at_its_place() {
    let text = "aa > 80 and\n  c + 1 > avq(b, 1 s) or a / 0 > \"run\"";
    let expected = [
        "1:1 TG-RU-002 no tag is called aa",
        "2:3 TG-RU-003 expected a number, and this is a boolean",
        "2:11 TG-RU-002 no function is called avq",
        "2:30 TG-RU-004 divides by a constant zero",
        "2:34 TG-RU-003 expected a number, and this is a text",
    ];
    assert_eq!(found(text), expected);
}

#[test]
fn a_name_that_is_nearly_right_gets_the_right_one_as_hint() {
    let tags = [("press-7.temp".to_owned(), tidegate_engine_rules::Kind::Number)];
    let rules = [
        alarm("pres-7.temp > 1"),
        RuleSpec { name: "two".to_owned(), ..alarm("rat(press-7.temp, 1 s) > 1") },
    ];
    let faults = compile(&rules, &Catalog::new(tags), &Limits::default()).unwrap_err();
    let hints: Vec<String> = faults.iter().map(|fault| fault.what.hint()).collect();
    assert_eq!(hints, ["did you mean press-7.temp?", "did you mean rate?"]);
    assert_eq!(faults[0].to_string(), "rule rule, line 1, column 1: no tag is called pres-7.temp");
}

#[test]
fn what_is_no_sentence_is_refused_where_it_stops_to_be_one() {
    for (text, expected) in [
        ("a >", "1:4 TG-RU-001 expected a value, found the end"),
        ("a > 1 b", "1:7 TG-RU-001 expected the end of the rule, found b"),
        ("a < b < 3", "1:7 TG-RU-001 expected the end of the rule, found <"),
        ("avg(a 1 s)", "1:7 TG-RU-001 expected ) or a comma, found 1"),
        ("a raise > 80", "1:13 TG-RU-001 expected clear and a bound, found the end"),
        ("a > 1 for b", "1:11 TG-RU-001 expected a time such as 5 s, found b"),
        ("a ; b", "1:3 TG-RU-001 expected a number, a tag or a sign, found ';'"),
        ("t == \"run", "1:6 TG-RU-001 expected \" at the end of the text, found the end"),
        ("5 s > a", "1:1 TG-RU-001 expected a value, found a time"),
        ("a > 1e999", "1:5 TG-RU-004 this constant is no finite number"),
    ] {
        assert_eq!(found(text), [expected], "{text}");
    }
}

#[test]
fn a_constant_that_can_only_be_unknown_is_refused() {
    assert_eq!(found("a / (2 - 2) > 1"), ["1:6 TG-RU-004 divides by a constant zero"]);
    assert_eq!(found("a > 1e300 * 1e300"), ["1:5 TG-RU-004 this constant is no finite number"]);
}

#[test]
fn a_band_that_would_flap_is_refused() {
    assert_eq!(
        found("a raise > 80 clear < 85")[0],
        "1:1 TG-RU-010 raise and clear overlap, so the rule would flap between them"
    );
    assert_eq!(found("a raise >= 80 clear <= 80").len(), 1);
    assert_eq!(found("a raise < 10 clear > 5").len(), 1);
}

#[test]
fn what_costs_too_much_is_refused_with_both_numbers() {
    let limits = Limits { cost_per_evaluation_max: 20, ..Limits::default() };
    let text = "avg(a, 1 min) > 1";
    assert_eq!(
        limited(text, limits),
        ["TG-RU-005 one evaluation costs 22 units, and at most 20 are allowed"]
    );
    let limits = Limits { cost_per_update_max: 29, ..Limits::default() };
    let expected = "TG-RU-005 an update of a costs 30 units over all rules, and at most 29 are allowed";
    assert_eq!(limited(text, limits), [expected]);
    assert!(compile(&[alarm(text)], &catalog(), &Limits { cost_per_update_max: 30, ..limits }).is_ok());
}

#[test]
fn windows_are_bounded_in_span_number_tags_and_memory() {
    let limits =
        Limits { windows_per_rule_max: 1, span_ms_max: 60_000, window_bytes_max: 100, ..Limits::default() };
    assert_eq!(
        limited("avg(a, 2 min) > 1", limits),
        ["TG-RU-006 120000 ms are not within 16 ms and 60000 ms"]
    );
    assert_eq!(found("avg(a, 5 ms) > 1"), ["1:8 TG-RU-006 5 ms are not within 16 ms and 86400000 ms"]);
    let two = "avg(a, 1 s) > avg(a, 2 s)";
    assert_eq!(limited(two, limits), ["TG-RU-007 2 windows in one rule, and at most 1 are allowed"]);
    assert!(limited("avg(a, 1 s) > 1", limits)[0].ends_with("bytes of windows, and at most 100 are allowed"));
    let narrow = Limits { tags_per_window_max: 1, ..Limits::default() };
    assert_eq!(
        limited("avg(a, b, 1 s) > 1", narrow),
        ["TG-RU-007 2 tags in one window, and at most 1 are allowed"]
    );
}

#[test]
fn calls_are_held_to_what_a_function_takes() {
    for text in [
        "avg(a) > 1",
        "rate(a, b, 1 s) > 1",
        "missing(a)",
        "abs(a, b) > 1",
        "abs(a, 1 s) > 1",
        "if(c, 1) > 1",
        "avg(a + 1, 1 s) > 1",
    ] {
        let found = found(text);
        assert!(found.len() == 1 && found[0].contains("TG-RU-003"), "{text}: {found:?}");
    }
    assert_eq!(found("avg(c, 1 s) > 1"), ["1:5 TG-RU-003 expected a number, and this is a boolean"]);
}

#[test]
fn a_number_is_no_condition_and_a_condition_no_text() {
    assert!(found("a + 1")[0].contains("TG-RU-003 a number can be derived"));
    assert!(found("a + 1 for 5 s")[0].contains("TG-RU-003 a number has no hold time"));
    assert_eq!(found("t < \"run\""), ["1:1 TG-RU-003 a text can be compared with == and != alone"]);
    assert!(found("t")[0].contains("expected a boolean, and this is a text"));
    assert!(found("if(c, t, t) == t")[0].contains("TG-RU-003"));
}

#[test]
fn nothing_is_derived_twice_or_from_itself() {
    let codes = |specs: &[RuleSpec]| faults(specs).iter().map(|fault| fault.what.code()).collect::<Vec<_>>();
    let circle = [derive("one", "y + 1", "x"), derive("two", "x + 1", "y"), derive("three", "a", "z")];
    assert_eq!(codes(&circle), ["TG-RU-009", "TG-RU-009"]);
    assert_eq!(codes(&[derive("one", "a", "x"), derive("two", "b", "x")]), ["TG-RU-008"]);
    assert_eq!(codes(&[derive("one", "a", "b")]), ["TG-RU-008"]);
    assert_eq!(codes(&[derive("one", "a", "x"), derive("one", "b", "y")]), ["TG-RU-008"]);
}

#[test]
fn names_topics_and_devices_are_looked_at() {
    let command = |topic: &str| {
        let output = Output::Command { topic: topic.to_owned(), came: Some("1".to_owned()), went: None };
        RuleSpec { outputs: vec![output], ..alarm("a > 1") }
    };
    let code = |spec: RuleSpec| faults(&[spec])[0].what.code();
    assert_eq!(code(command("line/+/stop")), "TG-RU-008");
    assert_eq!(code(RuleSpec { name: "a\nb".to_owned(), ..alarm("a > 1") }), "TG-RU-008");
    assert_eq!(
        found("$device.temp > 1")[0],
        "1:1 TG-RU-002 $device stands only in a rule that is made for devices"
    );
}

#[test]
fn a_text_can_be_neither_long_nor_deep_without_end() {
    assert!(found(&"a ".repeat(3000))[0].contains("TG-RU-001 6000 bytes long, and at most 4096 are read"));
    assert!(
        found(&format!("{}a{} > 1", "(".repeat(40), ")".repeat(40)))[0].contains("nested deeper than 32")
    );
    assert!(found(&format!("{}c", "not ".repeat(40)))[0].contains("nested deeper than 32"));
    assert!(found(&format!("a{} > 1", " + a".repeat(400)))[0].contains("words and signs in one rule"));
}
