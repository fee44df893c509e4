//! The life of an alarm as ANSI/ISA-18.2 has it, and its bytes.

use proptest::prelude::*;
use tidegate_engine_rules::{AlarmCounts, AlarmFact, AlarmRefusal, AlarmState, Alarms, Severity};

const HOUR_MS: u64 = 3_600_000;

fn raise(alarms: &mut Alarms, at: u64) -> usize {
    let fact = alarms.raise("hot", Severity::High, "too hot", at).unwrap();
    fact.iter().for_each(|fact| alarms.apply(fact));
    usize::from(fact.is_some())
}

fn clear(alarms: &mut Alarms, at: u64) -> usize {
    let fact = alarms.clear("hot", at);
    fact.iter().for_each(|fact| alarms.apply(fact));
    usize::from(fact.is_some())
}

fn does(alarms: &mut Alarms, fact: Result<AlarmFact, AlarmRefusal>) {
    alarms.apply(&fact.unwrap());
}

fn state(alarms: &Alarms) -> Option<AlarmState> {
    alarms.iter().next().map(|(_, alarm)| alarm.state())
}

#[test]
fn an_alarm_is_raised_acknowledged_and_gone_when_it_clears() {
    let mut alarms = Alarms::default();
    raise(&mut alarms, 1);
    assert_eq!(state(&alarms), Some(AlarmState::Unacknowledged));
    let fact = alarms.acknowledge("hot", "li", 2);
    does(&mut alarms, fact);
    assert_eq!(state(&alarms), Some(AlarmState::Acknowledged));
    assert_eq!(alarms.acknowledge("hot", "li", 3), Err(AlarmRefusal::Acknowledged));
    clear(&mut alarms, 4);
    assert_eq!(state(&alarms), None);
    assert_eq!(alarms.acknowledge("hot", "li", 5), Err(AlarmRefusal::NoAlarm));
}

#[test]
fn an_alarm_nobody_saw_stays_until_somebody_has() {
    let mut alarms = Alarms::default();
    raise(&mut alarms, 1);
    clear(&mut alarms, 2);
    assert_eq!(state(&alarms), Some(AlarmState::Returned));
    raise(&mut alarms, 3);
    let (_, alarm) = alarms.iter().next().unwrap();
    assert_eq!((alarm.state(), alarm.occurrences), (AlarmState::Unacknowledged, 2));
    clear(&mut alarms, 4);
    let fact = alarms.acknowledge("hot", "li", 5);
    does(&mut alarms, fact);
    assert_eq!(alarms, Alarms::default());
}

#[test]
fn what_is_raised_twice_is_one_alarm() {
    let mut alarms = Alarms::default();
    assert_eq!((raise(&mut alarms, 1), raise(&mut alarms, 2)), (1, 0));
    assert_eq!((clear(&mut alarms, 3), clear(&mut alarms, 4)), (1, 0));
}

#[test]
fn a_shelved_alarm_goes_its_way_and_comes_back_by_itself() {
    let mut alarms = Alarms::default();
    raise(&mut alarms, 1);
    let too_long = alarms.shelve("hot", "li", 1 + 2 * HOUR_MS, 1, HOUR_MS);
    assert_eq!(too_long, Err(AlarmRefusal::ShelfSpan { max_ms: HOUR_MS }));
    let fact = alarms.shelve("hot", "li", 10_000, 1, HOUR_MS);
    does(&mut alarms, fact);
    clear(&mut alarms, 2);
    raise(&mut alarms, 3);
    assert_eq!((state(&alarms), alarms.next_expiry()), (Some(AlarmState::Shelved), Some(10_000)));
    assert_eq!(alarms.counts(), AlarmCounts { active: 1, unacknowledged: 1, shelved: 1 });
    assert_eq!(alarms.expire(9999), []);
    alarms.expire(10_000).iter().for_each(|fact| alarms.apply(fact));
    assert_eq!(state(&alarms), Some(AlarmState::Unacknowledged));
    assert_eq!(alarms.unshelve("hot", "li", 10_001), Err(AlarmRefusal::NotShelved));
}

#[derive(Debug, Clone, Copy)]
enum Step {
    Raise,
    Clear,
    Acknowledge,
    Shelve,
    Unshelve,
    Expire,
}

fn steps() -> impl Strategy<Value = Vec<(bool, Step)>> {
    let step = prop_oneof![
        3 => Just(Step::Raise),
        3 => Just(Step::Clear),
        2 => Just(Step::Acknowledge),
        1 => Just(Step::Shelve),
        1 => Just(Step::Unshelve),
        1 => Just(Step::Expire),
    ];
    prop::collection::vec((any::<bool>(), step), 0..60)
}

fn decide(alarms: &Alarms, key: &str, step: Step, at: u64) -> Vec<AlarmFact> {
    let done = |fact: Result<AlarmFact, AlarmRefusal>| fact.into_iter().collect();
    match step {
        Step::Raise => alarms.raise(key, Severity::Low, "text", at).unwrap().into_iter().collect(),
        Step::Clear => alarms.clear(key, at).into_iter().collect(),
        Step::Acknowledge => done(alarms.acknowledge(key, "li", at)),
        Step::Shelve => done(alarms.shelve(key, "li", at + 3000, at, HOUR_MS)),
        Step::Unshelve => done(alarms.unshelve(key, "li", at)),
        Step::Expire => alarms.expire(at),
    }
}

proptest! {
    #[test]
    fn any_history_reads_back_and_its_facts_alone_make_the_state(steps in steps()) {
        let (mut alarms, mut log) = (Alarms::default(), Vec::new());
        for (at, (which, step)) in (0..).zip(steps) {
            let key = if which { "one" } else { "two" };
            for fact in decide(&alarms, key, step, at * 1000) {
                alarms.apply(&fact);
                log.push((fact.kind(), fact.encode()));
            }
            prop_assert!(alarms.iter().all(|(_, alarm)| alarm.active || !alarm.acknowledged || alarm.shelved.is_some()));
        }
        let mut replayed = Alarms::default();
        for (kind, bytes) in &log {
            replayed.apply(&AlarmFact::decode(*kind, bytes).unwrap());
            prop_assert!((0..bytes.len()).all(|end| AlarmFact::decode(*kind, &bytes[..end]).is_none()));
        }
        prop_assert_eq!(&replayed, &alarms);
        prop_assert_eq!(Alarms::decode(&alarms.encode()), Some(alarms));
    }

    #[test]
    fn any_bytes_are_a_fact_or_nothing_and_never_a_panic(kind in 0..8_u16, bytes in prop::collection::vec(any::<u8>(), 0..60)) {
        let _ = AlarmFact::decode(kind, &bytes);
        let _ = Alarms::decode(&bytes);
    }
}
