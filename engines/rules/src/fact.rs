//! What was decided. Facts are all that changes a [`State`](crate::State), and the outcomes among them are all that leaves it. Pure.

use crate::form::Slot;
use crate::value::{Known, Value};

/// The number of a rule in its set.
pub type RuleNumber = u32;

/// One decided thing; times in milliseconds.
#[derive(Debug, Clone, PartialEq)]
pub enum Fact {
    /// A tag has a value, or has it no more.
    Observed {
        slot: Slot,
        value: Known<Value>,
        at: u64,
        is_volatile: bool,
    },
    /// Where a rule stands that reads something nobody keeps: said when it first does, and before what follows each time its condition
    /// comes or goes. Whoever keeps these knows after a crash what was said, though not why.
    Stands {
        rule: RuleNumber,
        high: bool,
        at: u64,
    },
    /// Time has passed, and nothing came.
    Elapsed {
        at: u64,
    },
    /// A rule was evaluated: a number, or a condition as 0 or 1, or why neither.
    Evaluated {
        rule: RuleNumber,
        verdict: Known<f64>,
    },
    Moved {
        rule: RuleNumber,
        phase: Phase,
    },
    /// When the rule is to be looked at again if nothing arrives.
    Armed {
        rule: RuleNumber,
        at: Option<u64>,
    },
    /// An outcome: the derived tag has this value.
    Derived {
        rule: RuleNumber,
        output: u8,
        value: Value,
        at: u64,
    },
    /// An outcome.
    AlarmRaised {
        rule: RuleNumber,
        output: u8,
        at: u64,
    },
    /// An outcome.
    AlarmCleared {
        rule: RuleNumber,
        output: u8,
        at: u64,
    },
    /// An outcome: the condition came, or went.
    CommandDue {
        rule: RuleNumber,
        output: u8,
        came: bool,
        at: u64,
    },
}

/// Where a condition is.
///
/// ```text
///          raise            raise held for hold_ms
///    Low ────────> Rising ────────────────────────> High
///     ^  <────────                                   │ ^
///     │   not raise, or unknown         clear        v │  not clear, or unknown
///     └──────────────────────────────────────────  Falling
///                 clear held for clear_hold_ms
/// ```
/// With a hold time of nothing the middle is skipped. An unknown verdict never moves a rule out of Low or High.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Phase {
    #[default]
    Low,
    Rising {
        since: u64,
    },
    High,
    Falling {
        since: u64,
    },
}

impl Phase {
    /// Whether the condition counts as present.
    pub fn is_high(self) -> bool {
        matches!(self, Phase::High | Phase::Falling { .. })
    }
}

impl Fact {
    /// Whether it leaves the engine.
    pub fn is_outcome(&self) -> bool {
        self.outcome().is_some()
    }

    /// Rule and output of an outcome.
    pub fn outcome(&self) -> Option<(RuleNumber, u8)> {
        match *self {
            Fact::Derived { rule, output, .. }
            | Fact::AlarmRaised { rule, output, .. }
            | Fact::AlarmCleared { rule, output, .. }
            | Fact::CommandDue { rule, output, .. } => Some((rule, output)),
            _ => None,
        }
    }
}
