//! Rule sets as tests want them: few words, three tags of each kind.

use std::sync::Arc;
use tidegate_engine_rules::{
    Catalog, Engine, Fact, Fault, Kind, Limits, Output, RuleSet, RuleSpec, Severity, Unknown, Value, compile,
};

/// Two numbers, a boolean and a text.
pub(crate) fn catalog() -> Catalog {
    let tags = [("a", Kind::Number), ("b", Kind::Number), ("c", Kind::Boolean), ("t", Kind::Text)];
    Catalog::new(tags.map(|(name, kind)| (name.to_owned(), kind)))
}

pub(crate) fn alarm(text: &str) -> RuleSpec {
    let output = Output::Alarm { severity: Severity::High, text: "too high".to_owned() };
    RuleSpec { name: "rule".to_owned(), text: text.to_owned(), devices: vec![], outputs: vec![output] }
}

pub(crate) fn derive(name: &str, text: &str, tag: &str) -> RuleSpec {
    let output = Output::Derive { tag: tag.to_owned(), every_ms: 0 };
    RuleSpec { name: name.to_owned(), text: text.to_owned(), devices: vec![], outputs: vec![output] }
}

pub(crate) fn set(specs: &[RuleSpec]) -> Arc<RuleSet> {
    Arc::new(compile(specs, &catalog(), &Limits::default()).unwrap())
}

pub(crate) fn faults(specs: &[RuleSpec]) -> Vec<Fault> {
    compile(specs, &catalog(), &Limits::default()).unwrap_err()
}

/// One rule of this text, without outputs.
pub(crate) fn engine(text: &str) -> Engine {
    let spec = RuleSpec { outputs: vec![], ..alarm(text) };
    Engine::new(set(&[spec]), 0)
}

/// Feeds a tag that some rule may read, and gives back what leaves the engine.
pub(crate) fn feed(engine: &mut Engine, now: u64, tag: &str, value: Result<Value, Unknown>) -> Vec<Fact> {
    let (mut facts, set) = (Vec::new(), engine.set.clone());
    engine.pass(now, &mut facts);
    for slot in set.slots(tag) {
        engine.observe(now, &set.sample(slot, value.clone()), &mut facts);
    }
    facts.retain(Fact::is_outcome);
    facts
}

pub(crate) fn number(engine: &mut Engine, now: u64, tag: &str, value: f64) -> Vec<Fact> {
    feed(engine, now, tag, Ok(Value::Number(value)))
}

pub(crate) fn pass(engine: &mut Engine, now: u64) -> Vec<Fact> {
    feed(engine, now, "nothing reads this", Err(Unknown::NoValue))
}
