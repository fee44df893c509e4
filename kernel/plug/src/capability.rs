//! A capability as the node sees it: measures, readiness, and how it ends.
//!
//! The order of draining is the order of [`Stage`]: what brings work in ends first, what keeps it ends last. Reads no clock; the
//! deadline is handed through.

use crate::metric::Family;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::time::Instant;

/// When a capability drains, in this order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    /// Stops taking work in and answers what it took.
    Intake,
    /// Delivers what is waiting.
    Delivery,
    /// Writes down what is left, and closes.
    Storage,
}

/// Whether a capability does what it is there for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Readiness {
    Ready,
    /// Not, and why: for a person who reads `/readyz`.
    Unready(String),
}

/// Something a capability could not finish before the deadline.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Leftover {
    /// Which part of the capability, `sink file` for one.
    pub part: String,
    pub count: u64,
    /// What there are so many of and what becomes of them, `readings not delivered; ...`.
    pub what: &'static str,
}

/// A drain under way.
pub type Draining<'a> = Pin<Box<dyn Future<Output = Vec<Leftover>> + Send + 'a>>;

/// One capability of the node.
pub trait Capability: Send + Sync {
    /// The noun its metrics carry.
    fn name(&self) -> &'static str;

    fn stage(&self) -> Stage;

    fn metrics(&self) -> Vec<Family>;

    fn readiness(&self) -> Readiness;

    /// Ends it. Resolves when it has ended, with what it left, at the latest soon after `deadline`.
    fn drain(&self, deadline: Instant) -> Draining<'_>;
}

/// What was left behind, in the order of draining.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct DrainReport {
    pub leftovers: Vec<(&'static str, Leftover)>,
}

impl DrainReport {
    pub fn is_clean(&self) -> bool {
        self.leftovers.is_empty()
    }
}

impl fmt::Display for DrainReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (capability, leftover) in &self.leftovers {
            writeln!(f, "  {capability}: {}: {} {}", leftover.part, leftover.count, leftover.what)?;
        }
        Ok(())
    }
}

/// Drains one capability after another, by stage and then in the order given, all against one deadline.
pub async fn drain_all(capabilities: &[&dyn Capability], deadline: Instant) -> DrainReport {
    let mut order: Vec<_> = capabilities.to_vec();
    order.sort_by_key(|capability| capability.stage());
    let mut report = DrainReport::default();
    for capability in order {
        let left = capability.drain(deadline).await;
        report.leftovers.extend(left.into_iter().map(|leftover| (capability.name(), leftover)));
    }
    report
}
