//! Truth tables: hysteresis, hold times, silence, and what leaves the engine when.

use crate::site::{alarm, derive, feed, number, pass, set};
use tidegate_engine_rules::{Engine, Fact, Output, Phase, RuleSpec, State, Unknown, Value};

fn engine(text: &str) -> Engine {
    Engine::new(set(&[alarm(text)]), 0)
}

/// Whether the alarm is up after each of these values of `a`, a second apart.
fn ups(text: &str, values: &[f64]) -> String {
    let mut engine = engine(text);
    let mut up = |(at, value): (u64, &f64)| {
        number(&mut engine, at * 1000, "a", *value);
        if engine.state.phase(0).is_high() { '#' } else { '.' }
    };
    (1..).zip(values).map(&mut up).collect()
}

#[test]
fn hysteresis_keeps_what_is_between_as_it_was() {
    let values = [74.0, 76.0, 80.0, 81.0, 76.0, 75.0, 74.9, 79.0, 80.1];
    assert_eq!(ups("a raise > 80 clear < 75", &values), "...###..#");
    assert_eq!(ups("raise a > 80 clear a < 75", &values), "...###..#");
    assert_eq!(ups("a > 80", &values), "...#....#");
}

#[test]
fn a_condition_has_to_hold_for_its_time_without_a_break() {
    assert_eq!(ups("a > 80 for 2 s", &[81.0, 81.0, 81.0, 1.0, 81.0, 81.0, 1.0]), "..#....");
    assert_eq!(ups("a > 80 for 2 s clear for 1 s", &[81.0, 81.0, 81.0, 1.0, 1.0, 81.0]), "..##..");
    assert_eq!(ups("a > 80 for 2 s clear for 1500 ms", &[81.0, 81.0, 81.0, 1.0, 81.0, 1.0, 1.0]), "..#####");
    let band = "a raise > 80 clear < 75 for 1 s clear for 2500 ms";
    assert_eq!(ups(band, &[81.0, 81.0, 1.0, 1.0, 77.0, 1.0, 1.0, 1.0, 1.0]), ".#######.");
}

#[test]
fn a_hold_time_runs_out_when_nothing_comes_at_its_own_time() {
    let mut engine = engine("a > 80 for 5 s");
    number(&mut engine, 1000, "a", 81.0);
    assert_eq!(engine.state.next_deadline(), Some(6000));
    assert_eq!(pass(&mut engine, 5999), []);
    assert_eq!(pass(&mut engine, 60_000), [Fact::AlarmRaised { rule: 0, output: 0, at: 6000 }]);
    assert_eq!((engine.state.next_deadline(), engine.state.now()), (None, 6000));
}

#[test]
fn an_unknown_verdict_breaks_a_hold_time_and_moves_nothing_else() {
    let mut engine = engine("a > 80 for 5 s");
    number(&mut engine, 1000, "a", 81.0);
    feed(&mut engine, 2000, "a", Err(Unknown::BadQuality));
    assert_eq!(engine.state.phase(0), Phase::Low);
    number(&mut engine, 3000, "a", 81.0);
    number(&mut engine, 8000, "a", 81.0);
    assert_eq!(feed(&mut engine, 9000, "a", Err(Unknown::BadQuality)), []);
    assert_eq!((engine.state.phase(0), engine.state.verdict(0)), (Phase::High, Err(Unknown::BadQuality)));
}

#[test]
fn silence_is_noticed_at_its_end_and_over_with_the_next_value() {
    let mut engine = engine("missing(a, 30 s)");
    assert_eq!(engine.state.next_deadline(), Some(30_000));
    number(&mut engine, 10_000, "a", 1.0);
    assert_eq!(pass(&mut engine, 39_999), []);
    assert_eq!(pass(&mut engine, 40_000), [Fact::AlarmRaised { rule: 0, output: 0, at: 40_000 }]);
    let cleared = number(&mut engine, 41_000, "a", 1.0);
    assert_eq!(cleared, [Fact::AlarmCleared { rule: 0, output: 0, at: 41_000 }]);
    assert_eq!(engine.state.next_deadline(), Some(71_000));
}

#[test]
fn a_bad_value_is_silence_as_well() {
    let mut engine = engine("missing(a, 30 s)");
    for at in 0..40 {
        feed(&mut engine, at * 1000, "a", Err(Unknown::BadQuality));
    }
    assert!(engine.state.phase(0).is_high());
}

#[test]
fn what_was_due_before_a_sample_is_decided_before_it() {
    let mut engine = engine("a > 80 for 5 s");
    number(&mut engine, 1000, "a", 81.0);
    let facts = number(&mut engine, 9000, "a", 1.0);
    let raised = Fact::AlarmRaised { rule: 0, output: 0, at: 6000 };
    assert_eq!(facts, [raised, Fact::AlarmCleared { rule: 0, output: 0, at: 9000 }]);
}

#[test]
fn a_tag_that_is_updated_often_arms_nothing_anew() {
    let mut engine = engine("missing(a, 30 s)");
    let mut facts = Vec::new();
    for at in 1..1000 {
        let sample = engine.set.sample(0, Ok(Value::Number(1.0)));
        engine.observe(at, &sample, &mut facts);
    }
    assert!(!facts.iter().any(|fact| matches!(fact, Fact::Armed { .. })));
}

#[test]
fn time_that_runs_backwards_stands_still() {
    let mut engine = engine("a > 80 for 5 s");
    number(&mut engine, 10_000, "a", 81.0);
    number(&mut engine, 2000, "a", 81.0);
    assert_eq!(engine.state.now(), 10_000);
    assert_eq!(number(&mut engine, 15_000, "a", 81.0).len(), 1);
}

#[test]
fn only_rules_that_read_the_tag_are_evaluated() {
    let mut engine =
        Engine::new(set(&[alarm("a > 1"), RuleSpec { name: "other".to_owned(), ..alarm("b > 1") }]), 0);
    number(&mut engine, 1, "a", 2.0);
    assert_eq!((engine.state.counts(0).evaluations, engine.state.counts(1).evaluations), (1, 0));
}

#[test]
fn a_derived_number_comes_at_most_as_often_as_asked() {
    let mut spec = derive("double", "a * 2", "twice");
    spec.outputs = vec![Output::Derive { tag: "twice".to_owned(), every_ms: 100 }];
    let mut engine = Engine::new(set(&[spec]), 0);
    let times: Vec<u64> = (1..30).filter(|at| !number(&mut engine, at * 10, "a", 1.0).is_empty()).collect();
    assert_eq!(times, [1, 11, 21]);
}

#[test]
fn a_derived_condition_comes_once_and_then_when_it_changes() {
    let mut engine = Engine::new(set(&[derive("hot", "a > 80", "is-hot")]), 0);
    let values: Vec<usize> =
        [1.0, 2.0, 81.0, 82.0, 3.0].map(|value| number(&mut engine, 1, "a", value).len()).into();
    assert_eq!(values, [1, 0, 1, 0, 1]);
}

#[test]
fn a_command_is_due_when_the_condition_comes_and_when_it_goes() {
    let output = Output::Command { topic: "line/stop".to_owned(), came: Some("1".to_owned()), went: None };
    let mut engine = Engine::new(set(&[RuleSpec { outputs: vec![output], ..alarm("a > 80") }]), 0);
    assert_eq!(
        number(&mut engine, 1, "a", 81.0),
        [Fact::CommandDue { rule: 0, output: 0, came: true, at: 1 }]
    );
    assert_eq!(
        number(&mut engine, 2, "a", 1.0),
        [Fact::CommandDue { rule: 0, output: 0, came: false, at: 2 }]
    );
}

fn heard(engine: &mut Engine, now: u64, value: f64) -> Vec<Fact> {
    let (set, mut facts) = (engine.set.clone(), Vec::new());
    let sample = set.sample(set.slot("a").unwrap(), Ok(Value::Number(value)));
    engine.observe(now, &sample.volatile(), &mut facts);
    facts.retain(|fact| fact.is_outcome() || matches!(fact, Fact::Stands { .. }));
    facts
}

#[test]
fn a_rule_that_reads_what_nobody_keeps_says_where_it_stands_before_what_follows() {
    let mut engine = Engine::new(set(&[alarm("a > 80")]), 0);
    let stands = |high, at| Fact::Stands { rule: 0, high, at };
    assert_eq!(heard(&mut engine, 1, 70.0), [stands(false, 1)]);
    let came = [stands(true, 2), Fact::AlarmRaised { rule: 0, output: 0, at: 2 }];
    assert_eq!(heard(&mut engine, 2, 90.0), came);
    assert_eq!(heard(&mut engine, 3, 91.0), []);
    assert_eq!(heard(&mut engine, 4, 70.0)[0], stands(false, 4));
}

#[test]
fn after_a_start_it_goes_on_from_where_it_stood_with_nothing_else_of_what_it_knew() {
    let mut engine = Engine::new(set(&[alarm("count(a, 1 h) > 1 for 5 s")]), 0);
    [1, 2, 9000].iter().for_each(|at| drop(heard(&mut engine, *at, 90.0)));
    assert!(engine.state.phase(0).is_high());
    let bytes = engine.state.encode(&engine.set);
    let mut state = State::decode(&bytes, &engine.set, 0).unwrap();
    assert_eq!(state.stands(), [(0, true)].into());
    state.begin_anew(&engine.set, &[(0, true)].into(), 20_000);
    let mut again = Engine { set: engine.set.clone(), state };
    assert_eq!((again.state.phase(0), again.set.measure(&again.state, 0).0), (Phase::High, Ok(0.0)));
    let gone = Fact::Stands { rule: 0, high: false, at: 20_001 };
    assert_eq!(heard(&mut again, 20_001, 90.0)[0], gone, "a window of one value");
    assert_eq!(again.state.counts(0).raised, 1);
}
