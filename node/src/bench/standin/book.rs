//! What a stand-in was given: which numbers, how late, in windows of numbers. Pure; the time is handed in.
//!
//! A number counts when it comes for the first time. A window begins at a number and ends where the next one begins; while numbers
//! from before a window are missing, what comes of the window itself is *beside a backlog*.

use serde::{Deserialize, Serialize};
use std::time::Duration;
use tidegate_kernel_lab::Latencies;

/// Of so many numbers in a row...
pub(crate) const DEVICES: u64 = 2000;
/// ...the first so many are critical, because of their topic.
pub(crate) const CRITICAL_DEVICES: u64 = 100;

/// All that came.
#[derive(Debug)]
pub(super) struct Book {
    /// A bit for each number.
    seen: Vec<u64>,
    windows: Vec<Window>,
    repeated: u64,
    /// Numbers seen from before the last window.
    before_last: u64,
}

#[derive(Debug, Default)]
struct Window {
    from: u64,
    seen: u64,
    critical_seen: u64,
    all: Latencies,
    critical: Latencies,
    /// Of all: those that came while numbers from before the window were missing.
    beside: Latencies,
    critical_beside: Latencies,
    /// Since the epoch: when no number from before the window was missing any more.
    caught_up: Option<Duration>,
}

/// A book as it is told.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Told {
    pub(crate) seen: u64,
    pub(crate) critical_seen: u64,
    pub(crate) repeated: u64,
    pub(crate) windows: Vec<ToldWindow>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct ToldWindow {
    pub(crate) all: Quantiles,
    pub(crate) critical: Quantiles,
    pub(crate) beside: Quantiles,
    pub(crate) critical_beside: Quantiles,
    pub(crate) caught_up: Option<Duration>,
}

/// In microseconds.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) struct Quantiles {
    pub(crate) count: u64,
    pub(crate) p50: f64,
    pub(crate) p99: f64,
    pub(crate) p999: f64,
}

impl Book {
    /// With one window, from the first number on.
    pub(super) fn new() -> Book {
        let window = Window { caught_up: Some(Duration::ZERO), ..Window::default() };
        Book { seen: Vec::new(), windows: vec![window], repeated: 0, before_last: 0 }
    }

    /// From this number on it is another window, in which there is a backlog if a number before it is missing.
    pub(super) fn open_window(&mut self, from: u64, now: Duration) {
        self.before_last = (0..from).filter(|number| self.has(*number)).count() as u64;
        let caught_up = (self.before_last == from).then_some(now);
        self.windows.push(Window { from, caught_up, ..Window::default() });
    }

    /// A number came that was due then.
    pub(super) fn take(&mut self, number: u64, due: Duration, now: Duration) {
        if !self.mark(number) {
            self.repeated += 1;
            return;
        }
        let (late, is_critical) = (now.saturating_sub(due), number % DEVICES < CRITICAL_DEVICES);
        let at = self.windows.iter().rposition(|window| window.from <= number).unwrap_or(0);
        self.windows[at].add(late, is_critical);
        let last = self.windows.last_mut().expect("there is a window from the beginning");
        if number < last.from {
            self.before_last += 1;
            last.caught_up = (self.before_last == last.from).then_some(now);
        }
    }

    pub(super) fn told(&self) -> Told {
        let sum = |of: fn(&Window) -> u64| self.windows.iter().map(of).sum();
        Told {
            seen: sum(|window| window.seen),
            critical_seen: sum(|window| window.critical_seen),
            repeated: self.repeated,
            windows: self.windows.iter().map(Window::told).collect(),
        }
    }

    fn has(&self, number: u64) -> bool {
        self.seen.get((number / 64) as usize).is_some_and(|word| word & bit(number) != 0)
    }

    /// Whether it is new.
    fn mark(&mut self, number: u64) -> bool {
        let (at, is_new) = ((number / 64) as usize, !self.has(number));
        if self.seen.len() <= at {
            self.seen.resize(at + 1, 0);
        }
        self.seen[at] |= bit(number);
        is_new
    }
}

impl Window {
    fn add(&mut self, late: Duration, is_critical: bool) {
        self.seen += 1;
        self.critical_seen += u64::from(is_critical);
        let is_beside = self.caught_up.is_none();
        let of_all = [(&mut self.all, true), (&mut self.beside, is_beside)];
        let of_critical =
            [(&mut self.critical, is_critical), (&mut self.critical_beside, is_critical && is_beside)];
        for (latencies, counts) in of_all.into_iter().chain(of_critical) {
            if counts {
                latencies.record(late);
            }
        }
    }

    fn told(&self) -> ToldWindow {
        ToldWindow {
            all: quantiles(&self.all),
            critical: quantiles(&self.critical),
            beside: quantiles(&self.beside),
            critical_beside: quantiles(&self.critical_beside),
            caught_up: self.caught_up,
        }
    }
}

fn quantiles(latencies: &Latencies) -> Quantiles {
    let of = |share| latencies.quantile_us(share);
    Quantiles { count: latencies.count(), p50: of(0.5), p99: of(0.99), p999: of(0.999) }
}

fn bit(number: u64) -> u64 {
    1 << (number % 64)
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn ms(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    #[test]
    fn a_number_counts_once_in_the_window_it_belongs_to() {
        let mut book = Book::new();
        book.take(0, ms(0), ms(1));
        book.take(5000, ms(0), ms(2));
        book.open_window(4000, ms(3));
        book.take(4000, ms(0), ms(9));
        book.take(0, ms(0), ms(9));
        let told = book.told();
        assert_eq!((told.seen, told.critical_seen, told.repeated), (3, 2, 1));
        assert_eq!((told.windows[0].all.count, told.windows[1].all.count), (2, 1));
        let late = told.windows[1].critical;
        assert!(late.count == 1 && (8_990.0..=9_000.0).contains(&late.p99), "{late:?}");
    }

    #[test]
    fn what_comes_beside_a_backlog_is_told_apart_until_the_backlog_is_there() {
        let mut book = Book::new();
        book.take(0, ms(0), ms(1));
        book.open_window(3, ms(10));
        book.take(3, ms(10), ms(12));
        book.take(1, ms(1), ms(13));
        assert_eq!(book.told().windows[1].caught_up, None);
        book.take(2, ms(2), ms(20));
        book.take(4, ms(10), ms(21));
        let window = &book.told().windows[1];
        assert_eq!((window.beside.count, window.all.count, window.caught_up), (1, 2, Some(ms(20))));
        assert_eq!(book.told().windows[0].beside.count, 0);
    }

    #[test]
    fn a_window_without_a_backlog_has_caught_up_at_its_beginning() {
        let mut book = Book::new();
        (0..3).for_each(|number| book.take(number, ms(0), ms(1)));
        book.open_window(3, ms(7));
        assert_eq!(book.told().windows[1].caught_up, Some(ms(7)));
    }
}
