//! All devices: which topic is whose, and what a payload on it means. Pure.

use crate::error::Malformed;
use crate::interpret::Interpreted;
use crate::plan::Plan;
use crate::topic::Topics;
use std::sync::Arc;

/// A compiled model. Cheap to ask, from any number of threads.
#[derive(Debug)]
pub struct Model {
    pub(crate) known: Vec<Known>,
    pub(crate) topics: Topics,
}

/// One device, or as many as a `+` stands for.
#[derive(Debug)]
pub(crate) struct Known {
    pub(crate) name: Arc<str>,
    /// The name is in the topic, and every device there has its own.
    pub(crate) is_pattern: bool,
    pub(crate) plan: Arc<Plan>,
}

/// A topic's device.
#[derive(Debug, Clone, Copy)]
pub struct Located<'a> {
    pub device: &'a str,
    pub plan: &'a Arc<Plan>,
}

/// What a message means.
#[derive(Debug)]
pub enum Interpretation<'a> {
    /// Points of a device.
    Points(Located<'a>, Interpreted),
    /// The topic is no device's.
    Unknown,
    /// The topic is a device's, and the payload is not what its template says.
    Malformed(Located<'a>, Malformed),
}

impl Model {
    /// A model that knows no device.
    pub fn empty() -> Model {
        Model { known: Vec::new(), topics: Topics::default() }
    }

    /// How many devices and patterns there are.
    pub fn len(&self) -> usize {
        self.known.len()
    }

    pub fn is_empty(&self) -> bool {
        self.known.is_empty()
    }

    /// The devices with what they are read by; one without a name stands for as many as come.
    pub fn devices(&self) -> impl Iterator<Item = (Option<&str>, &Plan)> {
        self.known.iter().map(|known| ((!known.is_pattern).then_some(&*known.name), &*known.plan))
    }

    /// Whose topic this is. One that many messages come on is better asked for once.
    pub fn locate<'a>(&'a self, topic: &'a str) -> Option<Located<'a>> {
        let found = self.topics.find(topic)?;
        let known = &self.known[found.device as usize];
        Some(Located { device: found.level.unwrap_or(&known.name), plan: &known.plan })
    }

    /// The plans that messages of this device are read by: its own first, then those of patterns it may be one of.
    pub fn plans_of<'a>(&'a self, device: &'a str) -> impl Iterator<Item = &'a Arc<Plan>> {
        let named = self.known.iter().filter(move |known| &*known.name == device);
        let patterns = self.topics.patterns().map(|at| &self.known[at as usize]);
        named.chain(patterns).map(|known| &known.plan)
    }

    /// What the message says. `received_ms` is when it came, in milliseconds since 1970, and stands where the payload has no time.
    pub fn interpret<'a>(&'a self, topic: &'a str, payload: &[u8], received_ms: u64) -> Interpretation<'a> {
        let Some(located) = self.locate(topic) else { return Interpretation::Unknown };
        match located.plan.interpret(payload, None, received_ms) {
            Ok(interpreted) => Interpretation::Points(located, interpreted),
            Err(malformed) => Interpretation::Malformed(located, malformed),
        }
    }
}
