//! A changed rule set: what it keeps, and how a shadow run compares the two.

use crate::site::{alarm, number, set};
use tidegate_engine_rules::{Agreement, Engine, Fact, RuleSpec, Shadow, ShadowTerm, State, Value};

const TERM: ShadowTerm = ShadowTerm { duration_ms: 60_000, evaluations_max: 1000, automatic: true };

fn named(name: &str, text: &str) -> RuleSpec {
    RuleSpec { name: name.to_owned(), ..alarm(text) }
}

fn show(shadow: &mut Shadow, old: &Engine, at: u64, value: f64) {
    let set = shadow.engine.set.clone();
    let sample = set.sample(set.slot("a").unwrap(), Ok(Value::Number(value)));
    shadow.observe(old, at, &sample);
}

fn running(specs: &[RuleSpec]) -> Engine {
    let mut engine = Engine::new(set(specs), 0);
    for at in 1..10 {
        number(&mut engine, at * 1000, "a", 90.0);
    }
    engine
}

#[test]
fn a_rule_that_says_the_same_keeps_its_phase_its_windows_and_its_counts() {
    let old = running(&[named("one", "avg(a, 10 s) > 80"), named("two", "a > 80")]);
    let new = old.succeeded_by(
        set(&[named("two", "a > 81"), named("three", "b > 1"), named("one", "avg(a,10 s)>80")]),
        9000,
    );
    assert_eq!(new.state.counts(2), old.state.counts(0));
    assert!(new.state.phase(2).is_high());
    assert!(!new.state.phase(0).is_high(), "it was changed");
    assert_eq!(new.set.measure(&new.state, 0).0, Ok(1.0), "and the tag's latest value is known all the same");
}

#[test]
fn a_state_is_taken_up_by_a_changed_set_out_of_its_bytes_too() {
    let old = running(&[named("one", "avg(a, 10 s) > 80"), named("two", "a > 80")]);
    let next = set(&[named("two", "a > 81"), named("one", "avg(a, 10 s) > 80")]);
    let kept = State::decode(&old.state.encode(&old.set), &next, 0).unwrap();
    assert_eq!((kept.counts(1), kept.phase(0)), (old.state.counts(0), tidegate_engine_rules::Phase::Low));
}

#[test]
fn a_shadow_run_counts_where_the_two_sets_agree_and_puts_nothing_out() {
    let mut old = Engine::new(set(&[named("hot", "a > 80"), named("gone", "b > 1")]), 0);
    let next = set(&[named("hot", "a > 85"), named("new", "a > 1")]);
    let mut shadow = Shadow::new(&old, next, TERM, 0);
    for (at, value) in (1..).zip([70.0, 82.0, 84.0, 90.0]) {
        number(&mut old, at, "a", value);
        show(&mut shadow, &old, at, value);
    }
    let counts: Vec<_> = shadow.agreements().collect();
    let hot = Agreement { agreed: 2, disagreed: 2, alone: 0 };
    assert_eq!(counts, [("hot", hot), ("new", Agreement { alone: 4, ..Agreement::default() })]);
    assert!(!shadow.takes_over(4) && shadow.takes_over(60_000));
    let manual = Shadow::new(&old, shadow.engine.set.clone(), ShadowTerm { automatic: false, ..TERM }, 0);
    assert!(manual.is_over(60_000) && !manual.takes_over(60_000));
}

#[test]
fn a_shadow_run_ends_after_so_many_evaluations_as_well() {
    let mut old = Engine::new(set(&[named("hot", "a > 80")]), 0);
    let mut shadow = Shadow::new(&old, old.set.clone(), ShadowTerm { evaluations_max: 3, ..TERM }, 0);
    for at in 1..4 {
        assert!(!shadow.is_over(at));
        number(&mut old, at, "a", 1.0);
        show(&mut shadow, &old, at, 1.0);
    }
    assert!(shadow.is_over(3));
}

#[test]
fn what_was_raised_and_is_not_any_more_is_cleared_with_the_change() {
    let old = running(&[named("hot", "a > 80"), named("gone", "a > 70"), named("same", "a > 60")]);
    let mut next = old
        .succeeded_by(set(&[named("hot", "a > 95"), named("new", "a > 50"), named("same", "a > 60")]), 9000);
    number(&mut next, 9001, "a", 90.0);
    let (cleared, raised) = old.differences(&next, 9001);
    let rules = |facts: &[Fact]| facts.iter().map(|fact| fact.outcome().unwrap().0).collect::<Vec<_>>();
    assert_eq!(rules(&cleared), [0, 1], "by the numbers of the old set");
    assert_eq!(rules(&raised), [1], "by those of the new one");
}
