//! A circuit breaker: after some failures in a row, or too many bad outcomes among the last ones, nothing is tried for a while;
//! then one attempt decides.
//!
//! Pure: the time is handed in, as the duration since any one origin.
//!
//! ```text
//!     failures_max in a row, bad_max in window      open has passed
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

/// The last outcomes a breaker looks at, beside those in a row: a side that fails every other time, or answers too slowly, is no
/// better than one that is gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BreakerWindow {
    /// How many outcomes; at most 64, and 0 looks at none.
    pub outcomes: u32,
    /// Bad ones among them that open it.
    pub bad_max: u32,
    /// An attempt that worked counts as bad when it took longer.
    pub slow: Duration,
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
    window: Option<BreakerWindow>,
    failures: u32,
    /// The newest outcome is the lowest bit; a bad one is set.
    outcomes: u64,
    /// Set while it is not closed.
    opened_at: Option<Duration>,
    /// The one attempt of the half-open state is under way.
    probing: bool,
}

impl Breaker {
    pub fn new(limits: BreakerLimits) -> Breaker {
        Breaker { limits, window: None, failures: 0, outcomes: 0, opened_at: None, probing: false }
    }

    /// The same breaker with a window of outcomes.
    #[must_use]
    pub fn with_window(self, window: BreakerWindow) -> Breaker {
        Breaker { window: Some(window), ..self }
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

    /// An attempt worked; how long it took is of no interest.
    pub fn worked(&mut self) {
        self.failures = 0;
        if self.opened_at.take().is_some() {
            (self.outcomes, self.probing) = (0, false);
        }
        self.outcomes <<= 1;
    }

    /// An attempt worked, after so long. Too many slow ones open it as failures do.
    pub fn worked_in(&mut self, took: Duration, now: Duration) {
        self.worked();
        if self.window.is_some_and(|window| took > window.slow) {
            self.outcomes |= 1;
            self.open_if_bad(now);
        }
    }

    pub fn failed(&mut self, now: Duration) {
        self.failures = self.failures.saturating_add(1);
        self.outcomes = self.outcomes << 1 | 1;
        if self.probing || self.failures >= self.limits.failures_max {
            self.open(now);
        }
        self.open_if_bad(now);
    }

    /// Nothing is tried from now on, as after too many failures: somebody said that it would be in vain.
    pub fn open(&mut self, now: Duration) {
        self.opened_at = Some(now);
        self.probing = false;
    }

    fn open_if_bad(&mut self, now: Duration) {
        let Some(window) = self.window.filter(|window| window.outcomes > 0) else { return };
        let seen = self.outcomes & (u64::MAX >> (64 - window.outcomes.min(64)));
        if self.opened_at.is_none() && seen.count_ones() >= window.bad_max.max(1) {
            self.open(now);
        }
    }
}
