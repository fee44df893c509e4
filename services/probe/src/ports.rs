//! What the watchdog needs of others: what goes into a dump, and who is told.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

/// Makes the text of one file of a dump. It is asked on a thread of its own and given up when that takes too long, since it may need
/// what is stuck.
pub type Tell = Arc<dyn Fn() -> String + Send + Sync>;

/// Why something is dumped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    /// The processor quota is used up.
    Cpu,
    /// A runtime does not move, or a task keeps its thread.
    Stall,
}

/// What people are told.
#[derive(Debug, Clone)]
pub struct Incident {
    pub cause: Cause,
    /// Milliseconds since 1970.
    pub at_ms: u64,
    /// What was seen, in words and numbers: `1.94 of 2.00 processors (97 %)`.
    pub evidence: String,
    /// The functions that took most, with their part of all; nothing without a profile.
    pub hottest: Vec<(String, f64)>,
    /// Where the dump is, or why there is none.
    pub dump: Result<PathBuf, String>,
}

/// Whoever tells people. May block the thread it is called on.
pub trait Herald: Send + Sync {
    fn tell(&self, incident: &Incident) -> Result<(), String>;
}

/// What the node joins the watchdog to.
#[derive(Clone)]
pub struct Ports {
    /// All measures, as the metrics page has them.
    pub metrics: Tell,
    /// How far behind each reader of a queue is, and since when; as JSON.
    pub queues: Tell,
    /// Nothing where nobody is to be told.
    pub herald: Option<Arc<dyn Herald>>,
}

impl Cause {
    /// As names of dumps and metrics have it.
    pub fn name(self) -> &'static str {
        match self {
            Cause::Cpu => "cpu",
            Cause::Stall => "stall",
        }
    }

    pub(crate) fn code(self) -> &'static str {
        match self {
            Cause::Cpu => "TG-PB-010",
            Cause::Stall => "TG-PB-011",
        }
    }
}

impl fmt::Debug for Ports {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ports").field("herald", &self.herald.is_some()).finish_non_exhaustive()
    }
}
