//! Panics that tests plant to prove that a panic is contained. Without the feature `faults`, which no shipped binary has, nothing here
//! does anything.
//!
//! Opening an account named `planted.panic.deciding` panics before it is in the journal, `planted.panic.applying` behind that,
//! `planted.panic.showing` whenever readers are to be shown it, `planted.panic.scrubbing` whenever the scrubber has it.

use crate::ask::Ask;
use tidegate_engine_book::{Fact, Name, State};

#[cfg(not(any(test, feature = "faults")))]
const fn panics(_: &Name, _: &str) {}

#[cfg(any(test, feature = "faults"))]
fn panics(name: &Name, place: &str) {
    let planted = name.as_str().strip_prefix("planted.panic.");
    assert!(planted != Some(place), "a panic that was planted");
}

pub(crate) fn deciding(ask: &Ask) {
    if let Ask::Open { name, .. } = ask {
        panics(name, "deciding");
    }
}

pub(crate) fn applying(facts: &[Fact]) {
    facts.iter().for_each(|fact| at(fact, "applying"));
}

pub(crate) fn showing(fact: &Fact) {
    at(fact, "showing");
}

pub(crate) fn scrubbing(state: &State) {
    if cfg!(any(test, feature = "faults")) {
        (0..).map_while(|number| state.name(number)).for_each(|name| panics(name, "scrubbing"));
    }
}

fn at(fact: &Fact, place: &str) {
    if let Fact::Opened { name, .. } = fact {
        panics(name, place);
    }
}
