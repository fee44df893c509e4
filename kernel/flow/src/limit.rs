//! How many deliveries may be under way at once: found out by trying, or fixed.
//!
//! The adaptive one is additive increase, multiplicative decrease, with the time of a round trip as the signal beside failure:
//! one more while round trips stay near their moving average, a tenth less when they leave it. The forms and the numbers are
//! those of Vector's adaptive concurrency, but for the round trips' average, which is taken per outcome. Pure: times are handed in.

use std::time::Duration;

/// Weight of the newest round trip in the moving averages.
const ALPHA: f64 = 0.4;
/// A round trip so many mean deviations above the average is a sign of a queue at the other side.
const DEVIATIONS: f64 = 2.5;
/// The factor on the way down.
const DECREASE: f64 = 0.9;
/// Below this a difference between round trips says nothing.
const NOISE: Duration = Duration::from_millis(2);

/// The settings of a limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LimitKind {
    /// Always so many; 0 counts as 1.
    Fixed(usize),
    /// Starts at one and stays between one and `max`.
    Adaptive { max: usize },
}

/// What a delivery told about the other side.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signal {
    /// It was taken, after so long.
    Took(Duration),
    /// It was turned away or failed: less at once is the safe answer.
    Overloaded,
}

/// A number of deliveries that may be under way.
#[derive(Debug, Clone, PartialEq)]
pub struct Limit {
    kind: LimitKind,
    current: f64,
    average_s: Option<f64>,
    deviation_s: f64,
}

impl Limit {
    pub fn new(kind: LimitKind) -> Limit {
        let current = match kind {
            LimitKind::Fixed(fixed) => fixed.max(1) as f64,
            LimitKind::Adaptive { .. } => 1.0,
        };
        Limit { kind, current, average_s: None, deviation_s: 0.0 }
    }

    /// At least one.
    pub fn current(&self) -> usize {
        self.current as usize
    }

    /// Takes an outcome in. `in_flight` is how many were under way, this one included: a limit that is not used up is not raised.
    pub fn observe(&mut self, signal: Signal, in_flight: usize) {
        let LimitKind::Adaptive { max } = self.kind else { return };
        let is_slow = match signal {
            Signal::Took(took) => self.learn(took),
            Signal::Overloaded => true,
        };
        if is_slow {
            self.current = (self.current * DECREASE).max(1.0);
        } else if in_flight >= self.current() {
            // A whole one more per round of `current` outcomes.
            self.current = (self.current + 1.0 / self.current).min(max.max(1) as f64);
        }
    }

    /// Moves the averages; whether this round trip was out of line with those before it.
    fn learn(&mut self, took: Duration) -> bool {
        let took_s = took.as_secs_f64();
        let Some(average_s) = self.average_s else {
            self.average_s = Some(took_s);
            return false;
        };
        let above_s = took_s - average_s;
        let is_slow = above_s > (DEVIATIONS * self.deviation_s).max(NOISE.as_secs_f64());
        self.average_s = Some(average_s + ALPHA * above_s);
        self.deviation_s += ALPHA * (above_s.abs() - self.deviation_s);
        is_slow
    }
}
