//! The engine and the reference side by side over random rules and histories, and what holds for every text.

use crate::reference::{Reference, nodes};
use crate::site::{alarm, catalog, feed};
use crate::texts;
use proptest::prelude::*;
use std::sync::Arc;
use tidegate_engine_rules::{
    Body, Engine, Fact, FaultKind, Known, Limits, Node, Op, RuleSpec, State, Unknown, Value, compile, read,
};

#[derive(Debug, Clone)]
struct Event {
    wait_ms: u64,
    tag: &'static str,
    value: Known<Value>,
}

fn events() -> impl Strategy<Value = Vec<Event>> {
    let number = || (-4..5_i8).prop_map(|number| Ok(Value::Number(number.into())));
    let boolean = any::<bool>().prop_map(|boolean| Ok(Value::Boolean(boolean)));
    let text = prop_oneof![Just("run"), Just("stop")].prop_map(|text| Ok(Value::Text(text.into())));
    let news = prop_oneof![
        5 => number().prop_map(|value| ("a", value)),
        4 => number().prop_map(|value| ("b", value)),
        2 => boolean.prop_map(|value| ("c", value)),
        2 => text.prop_map(|value| ("t", value)),
        1 => Just(("a", Err(Unknown::BadQuality))),
    ];
    let wait = prop_oneof![1 => Just(0_u64), 4 => 0..12_u64, 1 => 12..90_u64];
    let event = (wait, news).prop_map(|(wait_ms, (tag, value))| Event { wait_ms, tag, value });
    prop::collection::vec(event, 1..60)
}

/// Nothing for a body the compiler rightly refuses.
fn engine_of(body: &Body) -> Option<Engine> {
    let spec = RuleSpec { outputs: vec![], ..alarm(&body.to_string()) };
    match compile(&[spec], &catalog(), &Limits::default()) {
        Ok(set) => Some(Engine::new(Arc::new(set), 0)),
        Err(faults) => {
            let constant = |what: &FaultKind| {
                matches!(what, FaultKind::DivideByZero | FaultKind::NotFinite | FaultKind::Overlap)
            };
            assert!(faults.iter().all(|fault| constant(&fault.what)), "{body}: {faults:?}");
            None
        }
    }
}

fn agree(body: Body, is_number: bool, events: &[Event]) -> Result<(), TestCaseError> {
    let Some(mut engine) = engine_of(&body) else { return Ok(()) };
    let mut reference = Reference::new(body.clone(), is_number);
    let mut now = 0;
    for event in events {
        now += event.wait_ms;
        let reads = nodes(&body).iter().any(|expr| expr.node == Node::Tag(event.tag.to_owned()));
        feed(&mut engine, now, event.tag, event.value.clone());
        reference.observe(now, event.tag, event.value.clone(), reads);
        prop_assert_eq!(engine.state.verdict(0), reference.verdict, "{} at {}: {:?}", &body, now, event);
        prop_assert_eq!(engine.state.phase(0).is_high(), reference.high, "{} at {}", &body, now);
        prop_assert_eq!(engine.state.counts(0).evaluations, reference.evaluations, "{} at {}", &body, now);
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn a_condition_comes_and_goes_as_in_the_reference(body in texts::conditions(), events in events()) {
        agree(body, false, &events)?;
    }

    #[test]
    fn a_number_is_that_of_the_reference(body in texts::number_bodies(), events in events()) {
        agree(body, true, &events)?;
    }

    #[test]
    fn a_rule_prints_as_text_that_reads_as_the_same_rule(body in texts::conditions()) {
        let text = body.to_string();
        prop_assert_eq!(read(&text), Ok(body), "{}", text);
    }

    #[test]
    fn no_evaluation_spends_more_than_the_cost_that_was_stated(body in texts::conditions(), events in events()) {
        let Some(mut engine) = engine_of(&body) else { return Ok(()) };
        let cost = engine.set.rule(0).form.raise.cost();
        let instructions = engine.set.rule(0).form.raise.ops().len() as u32;
        let mut now = 0;
        for event in &events {
            now += event.wait_ms;
            feed(&mut engine, now, event.tag, event.value.clone());
            let (_, spent) = engine.set.measure(&engine.state, 0);
            prop_assert!(spent <= cost, "{} spent {} of {}", &body, spent, cost);
        }
        let most: u32 = engine.set.rule(0).form.raise.ops().iter().map(Op::cost).sum();
        prop_assert!(cost <= most && cost <= instructions * 20);
    }

    #[test]
    fn a_state_reads_back_from_its_bytes_and_goes_on_as_before(body in texts::conditions(), events in events()) {
        let Some(mut engine) = engine_of(&body) else { return Ok(()) };
        let (before, after) = events.split_at(events.len() / 2);
        let mut now = 0;
        for event in before {
            now += event.wait_ms;
            feed(&mut engine, now, event.tag, event.value.clone());
        }
        let bytes = engine.state.encode(&engine.set);
        let state = State::decode(&bytes, &engine.set, 0).unwrap();
        prop_assert_eq!(&state, &engine.state);
        let mut again = Engine { set: engine.set.clone(), state };
        for event in after {
            now += event.wait_ms;
            let facts = feed(&mut engine, now, event.tag, event.value.clone());
            prop_assert_eq!(facts, feed(&mut again, now, event.tag, event.value.clone()));
        }
        prop_assert!((0..bytes.len()).all(|end| State::decode(&bytes[..end], &engine.set, 0).is_none()));
    }

    #[test]
    fn flipped_bytes_of_a_state_are_a_state_or_nothing_and_never_a_panic(at in 0..400_usize, to in any::<u8>()) {
        let engine = engine_of(&read("avg(a, 1 s) > 2 and missing(b, 3 s)").unwrap()).unwrap();
        let mut bytes = engine.state.encode(&engine.set);
        let at = at % bytes.len();
        bytes[at] = to;
        let _ = State::decode(&bytes, &engine.set, 0);
    }

    #[test]
    fn deciding_changes_nothing_and_applying_the_facts_is_all_there_is(body in texts::conditions(), events in events()) {
        let Some(mut engine) = engine_of(&body) else { return Ok(()) };
        let (mut log, mut now) = (Vec::new(), 0);
        for event in &events {
            now += event.wait_ms;
            let Some(slot) = engine.set.slot(event.tag) else { continue };
            let sample = engine.set.sample(slot, event.value.clone());
            let sample = if event.wait_ms % 3 == 0 { sample.volatile() } else { sample };
            engine.observe(now, &sample, &mut log);
        }
        let mut replayed = State::new(&engine.set, 0);
        log.iter().for_each(|fact| engine.set.apply(&mut replayed, fact));
        prop_assert_eq!(&replayed, &engine.state);
        let infinite = |fact: &Fact| matches!(fact, Fact::Evaluated { verdict: Ok(value), .. } if !value.is_finite());
        prop_assert!(!log.iter().any(infinite));
    }

    #[test]
    fn any_text_is_a_rule_or_a_fault_and_never_a_panic(text in ".{0,80}") {
        try_text(&text);
    }

    #[test]
    fn any_soup_of_words_is_a_rule_or_a_fault_and_never_a_panic(words in prop::collection::vec(words(), 0..30)) {
        try_text(&words.join(" "));
    }
}

fn words() -> impl Strategy<Value = &'static str> {
    let words = [
        "a",
        "b",
        "c",
        "t",
        "`line/7`",
        "(",
        ")",
        ",",
        "+",
        "-",
        "*",
        "/",
        "<",
        ">=",
        "==",
        "!=",
        "and",
        "or",
        "not",
        "raise",
        "clear",
        "for",
        "5 s",
        "1 min",
        "0",
        "80",
        "1e308",
        "\"run\"",
        "true",
        "avg(",
        "min(",
        "missing(",
        "rate(",
        "if(",
        "abs(",
        "10 s)",
        "$device.x",
        "`+`",
        "é",
    ];
    prop::sample::select(words.to_vec())
}

/// Whatever compiles is run as well.
fn try_text(text: &str) {
    let mut with_topics = catalog();
    with_topics.topics = true;
    let spec = RuleSpec { outputs: vec![], ..alarm(text) };
    let Ok(set) = compile(&[spec], &with_topics, &Limits::default()) else { return };
    let mut engine = Engine::new(Arc::new(set), 0);
    for (now, value) in (0..).step_by(7000).zip([1.0, 0.0, f64::NAN, f64::INFINITY, -1e308, 1e308]) {
        for tag in ["a", "b", "line/7"] {
            feed(&mut engine, now, tag, Ok(Value::Number(value)));
        }
        feed(&mut engine, now, "c", Ok(Value::Boolean(value > 0.0)));
        feed(&mut engine, now, "t", Ok(Value::Text("run".into())));
    }
}
