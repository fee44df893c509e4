//! A circuit breaker: after some failures in a row nothing is tried for a while, then one attempt decides.
//!
//! Pure: the time is handed in, as the duration since any one origin.
//!
//! ```text
//!            failures_max in a row                  open has passed
//!   closed ─────────────────────────> open ──────────────────────────> half-open
//!     ^                                ^                                 │   │
//!     │                                └────────── failed ───────────────┘   │
//!     └──────────────────────────────────────────── worked ─────────────────┘
//! ```

use std::time::Duration;

/// When a breaker opens, and for how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BreakerLimits {
    /// Failures in a row that open it; 0 counts as 1.
    pub failures_max: u32,
    /// How long nothing is tried.
    pub open: Duration,
}

/// What a breaker does with an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BreakerState {
    /// Lets everything through.
    Closed,
    /// Lets nothing through.
    Open,
    /// Lets one attempt through and waits for its outcome.
    HalfOpen,
}

impl BreakerState {
    /// As a number for a metric: 0 closed, 1 half-open, 2 open.
    pub fn level(self) -> u8 {
        match self {
            BreakerState::Closed => 0,
            BreakerState::HalfOpen => 1,
            BreakerState::Open => 2,
        }
    }

    pub fn name(self) -> &'static str {
        match self {
            BreakerState::Closed => "closed",
            BreakerState::HalfOpen => "half-open",
            BreakerState::Open => "open",
        }
    }
}

/// Decides whether an attempt is worth making.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Breaker {
    limits: BreakerLimits,
    failures: u32,
    /// Set while it is not closed.
    opened_at: Option<Duration>,
    /// The one attempt of the half-open state is under way.
    probing: bool,
}

impl Breaker {
    pub fn new(limits: BreakerLimits) -> Breaker {
        Breaker { limits, failures: 0, opened_at: None, probing: false }
    }

    pub fn state(&self, now: Duration) -> BreakerState {
        match self.opened_at {
            None => BreakerState::Closed,
            Some(at) if now < at.saturating_add(self.limits.open) => BreakerState::Open,
            Some(_) => BreakerState::HalfOpen,
        }
    }

    /// Whether an attempt may be made now. In the half-open state the first to ask gets it, and owes its outcome.
    pub fn admits(&mut self, now: Duration) -> bool {
        match self.state(now) {
            BreakerState::Closed => true,
            BreakerState::Open => false,
            BreakerState::HalfOpen => !std::mem::replace(&mut self.probing, true),
        }
    }

    /// How long until an attempt is admitted again; nothing while it is not open.
    pub fn remaining(&self, now: Duration) -> Duration {
        let until = self.opened_at.map_or(Duration::ZERO, |at| at.saturating_add(self.limits.open));
        until.saturating_sub(now)
    }

    pub fn worked(&mut self) {
        *self = Breaker::new(self.limits);
    }

    pub fn failed(&mut self, now: Duration) {
        self.failures = self.failures.saturating_add(1);
        if self.probing || self.failures >= self.limits.failures_max {
            self.opened_at = Some(now);
            self.probing = false;
        }
    }
}
