//! What texts mean: names, numbers, precedence, how a rule prints.

use crate::site::{alarm, catalog, derive, engine, number};
use std::sync::Arc;
use tidegate_engine_rules::{Catalog, Engine, Fault, Kind, Limits, RuleSpec, Unknown, Value, compile, read};

fn printed(text: &str) -> String {
    read(text).unwrap().to_string()
}

/// The number a rule makes of `a` and `b`.
fn value(text: &str, a: f64, b: f64) -> Result<f64, Unknown> {
    let mut engine = engine(text);
    number(&mut engine, 1, "a", a);
    number(&mut engine, 1, "b", b);
    engine.state.verdict(0)
}

#[test]
fn operators_bind_as_in_arithmetic_and_logic() {
    assert_eq!(value("a + b * 2 - 4 / 2", 1.0, 3.0), Ok(5.0));
    assert_eq!(value("(a + b) * 2 - -a", 1.0, 3.0), Ok(9.0));
    assert_eq!(value("a - b - 1", 9.0, 3.0), Ok(5.0));
    assert_eq!(value("not a > b and b < 2 or a == 7", 7.0, 3.0), Ok(1.0));
    assert_eq!(value("if(a > b, a, b) + min(a, 2) + max(b, 10) + abs(0 - a)", 7.0, 3.0), Ok(26.0));
}

#[test]
fn only_parentheses_that_are_needed_are_printed() {
    assert_eq!(printed("((a + (b * 2)))>(3)"), "a + b * 2.0 > 3.0");
    assert_eq!(printed("(a or b) and not (a and b)"), "(a or b) and not (a and b)");
    assert_eq!(printed("a-(b - 1) - 2"), "a - (b - 1.0) - 2.0");
}

#[test]
fn a_time_is_printed_in_the_largest_unit_that_leaves_nothing_over() {
    assert_eq!(
        printed("avg(a, 90 s) > 0.5 min for 3600000 ms clear for 1.5 s"),
        "avg(a, 90 s) > 30 s for 1 h clear for 1500 ms"
    );
}

#[test]
fn a_name_may_hold_a_minus_and_anything_else_stands_in_backticks() {
    assert_eq!(printed("press-7.temp > 1"), "press-7.temp > 1.0");
    assert_eq!(printed("`line/7/temp` > 1"), "`line/7/temp` > 1.0");
    assert_eq!(printed("`and` or `a b`"), "`and` or `a b`");
}

#[test]
fn a_topic_takes_the_kind_of_its_first_use() {
    let rules = [
        RuleSpec { name: "one".to_owned(), ..alarm("`line/7/state` == \"run\"") },
        RuleSpec { name: "two".to_owned(), ..alarm("`line/7/on` and `line/7/temp` > 80") },
    ];
    let set = compile(&rules, &Catalog::of_topics(), &Limits::default()).unwrap();
    let kinds: Vec<_> = set.tags().iter().map(|(name, kind)| (name.as_str(), *kind)).collect();
    let expected =
        [("line/7/state", Kind::Text), ("line/7/on", Kind::Boolean), ("line/7/temp", Kind::Number)];
    assert_eq!(kinds, expected);
}

#[test]
fn a_pattern_takes_in_all_tags_of_the_model_that_match() {
    let tags = ["p-1.temp", "p-2.temp", "p-2.speed"].map(|name| (name.to_owned(), Kind::Number));
    let set = compile(&[alarm("avg(`+.temp`, 1 min) > 2")], &Catalog::new(tags), &Limits::default()).unwrap();
    let mut engine = Engine::new(Arc::new(set), 0);
    number(&mut engine, 1, "p-1.temp", 1.0);
    number(&mut engine, 2, "p-2.temp", 4.0);
    number(&mut engine, 3, "p-2.speed", 99.0);
    assert_eq!((engine.set.tags().len(), engine.state.phase(0).is_high()), (2, true));
}

/// `press-7` is named; any device may have a number `temp`, a boolean `on`, and something called `state`.
fn fleet() -> Catalog {
    let mut catalog = Catalog::new([("press-7.temp".to_owned(), Kind::Number)]);
    [("temp", Kind::Number), ("vib.rms", Kind::Number), ("on", Kind::Boolean)]
        .iter()
        .for_each(|(tag, kind)| catalog.insert_open(tag, *kind));
    [Kind::Text, Kind::Boolean, Kind::Text].iter().for_each(|kind| catalog.insert_open("state", *kind));
    catalog
}

fn compiled(rules: &[RuleSpec]) -> Result<Engine, Vec<String>> {
    let told =
        |faults: Vec<Fault>| faults.iter().map(|fault| fault.what.code().to_owned()).collect::<Vec<_>>();
    let set = compile(rules, &fleet(), &Limits::default()).map_err(told)?;
    Ok(Engine::new(Arc::new(set), 0))
}

#[test]
fn a_tag_that_any_device_may_have_is_known_with_its_kind() {
    assert!(compiled(&[alarm("a-1.temp > 2 and a-1.on and b.c.vib.rms > 1")]).is_ok());
    assert_eq!(compiled(&[alarm("a-1.tmp > 2")]).unwrap_err(), ["TG-RU-002"]);
    assert_eq!(compiled(&[alarm("a-1.on > 2")]).unwrap_err(), ["TG-RU-003"]);
    assert_eq!(compiled(&[alarm("a-1.state == \"run\"")]).unwrap_err(), ["TG-RU-017"]);
    assert_eq!(compiled(&[derive("d", "a-1.temp * 2", "b-2.temp")]).unwrap_err(), ["TG-RU-008"]);
}

#[test]
fn a_pattern_takes_in_devices_that_come_later_and_each_value_once() {
    let rules = [
        alarm("avg(`+.temp`, 1 min) > 2"),
        derive("one", "press-8.temp * 2", "x.double"),
        derive("many", "count(`#`, 1 min)", "x.count"),
    ];
    let mut engine = compiled(&rules).unwrap();
    let sets = ["press-7.temp", "press-8.temp", "press-9.temp"].map(|tag| engine.set.slots(tag).count());
    assert_eq!(sets, [1, 1, 2], "one that a rule names has a slot of its own, in every window it belongs to");
    (1..).zip(["press-7.temp", "press-8.temp", "press-9.temp"]).for_each(|(at, tag)| {
        number(&mut engine, at, tag, at as f64);
    });
    number(&mut engine, 4, "press-9.vib.rms", 1.0);
    number(&mut engine, 5, "x.double", 99.0);
    assert_eq!(engine.state.verdict(2), Ok(4.0), "what a rule derives is in no pattern");
    assert_eq!(engine.set.measure(&engine.state, 0).0, Ok(0.0), "the mean of 1, 2 and 3 is not above 2");
}

#[test]
fn a_pattern_over_devices_to_come_is_held_to_the_cost_of_an_update() {
    let rules = ["+.temp", "press-9.+", "#"]
        .map(|pattern| derive(pattern, &format!("avg(`{pattern}`, 1 s)"), &format!("x.{}", pattern.len())));
    let cost = compile(&rules, &fleet(), &Limits { cost_per_update_max: 70, ..Limits::default() });
    assert!(cost.unwrap_err().iter().any(|fault| fault.to_string().contains("an update of temp costs 84")));
}

#[test]
fn a_template_becomes_one_rule_for_each_device() {
    let tags = ["p-1.temp", "p-2.temp"].map(|name| (name.to_owned(), Kind::Number));
    let devices = vec!["p-1".to_owned(), "p-2".to_owned()];
    let spec = RuleSpec { devices, ..derive("hot", "$device.temp > 80", "$device.hot") };
    let set = compile(&[spec], &Catalog::new(tags), &Limits::default()).unwrap();
    let names: Vec<&str> = set.rules().iter().map(|rule| rule.name.as_str()).collect();
    assert_eq!(names, ["hot@p-1", "hot@p-2"]);
    assert_eq!(set.readers(set.slot("p-2.temp").unwrap()), [1]);
}

#[test]
fn a_rule_may_read_what_another_derives_wherever_that_stands() {
    let rules =
        [alarm("mean > 2 and hot"), derive("mean", "a / 2", "mean"), derive("hot", "mean > 9", "hot")];
    let set = compile(&rules, &catalog(), &Limits::default()).unwrap();
    assert_eq!(set.rules()[0].name, "rule");
    assert_eq!(set.tags()[set.slot("hot").unwrap() as usize].1, Kind::Boolean);
}

#[test]
fn texts_are_equal_or_not() {
    let mut engine = engine("t == \"run\" or t != \"stop\" and t == t");
    let text = |text: &str| Ok(Value::Text(text.into()));
    crate::site::feed(&mut engine, 1, "t", text("stop"));
    assert_eq!(engine.state.verdict(0), Ok(0.0));
    crate::site::feed(&mut engine, 2, "t", text("run"));
    assert_eq!(engine.state.verdict(0), Ok(1.0));
}

#[test]
fn what_cannot_be_computed_is_unknown_with_its_reason_and_counted() {
    assert_eq!(value("a / b", 1.0, 0.0), Err(Unknown::DivideByZero));
    assert_eq!(value("a * b", 1e300, 1e300), Err(Unknown::NotFinite));
    assert_eq!(value("a + rate(b, 10 s)", 1.0, 2.0), Err(Unknown::TooFew));
    let mut engine = engine("a / b > 1");
    number(&mut engine, 1, "a", 1.0);
    number(&mut engine, 2, "b", 0.0);
    number(&mut engine, 3, "a", f64::NAN);
    let counts = engine.state.counts(0);
    let reasons = Unknown::ALL.map(Unknown::name).into_iter().zip(counts.unknown);
    let counted: Vec<_> = reasons.filter(|(_, count)| *count > 0).collect();
    assert_eq!(counted, [("no_value", 1), ("divide_by_zero", 1), ("not_finite", 1)]);
}

#[test]
fn what_is_decided_already_is_not_looked_at() {
    assert_eq!(value("a == 1 or 1 / b > 0", 1.0, 0.0), Ok(1.0));
    assert_eq!(value("a > 1 and 1 / b > 0", 1.0, 0.0), Ok(0.0));
    assert_eq!(value("if(b == 0, a, a / b)", 3.0, 0.0), Ok(3.0));
}
