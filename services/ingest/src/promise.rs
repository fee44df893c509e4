//! How much a crash can take at most: a number that is on disk before it is used up.
//!
//! A register in the journal says "at most `ceiling` will have been received before the next such register is on disk". So after
//! a crash the ceiling found, less what is accounted for, bounds what was only in memory. An offer that would pass the ceiling
//! waits (it is declined as busy) until a higher one is synced; asking for it when half the headroom is used makes that rare.
//!
//! What is declined is counted too, and so waits like what is taken. Only what comes once in the life of a connection, at its end (a
//! packet that breaks the protocol, a reading given up), cannot be held back and draws on a reserve. Beyond it, which takes more than
//! [`RESERVE`] of them within one write, the bound does not count them; nor does it count what is refused after the journal has
//! stopped. Pure: the caller appends the register and hands in how far the journal is synced.

/// The smallest distance between a new ceiling and what was received: what a crash of an idle node may have taken.
pub(crate) const HEADROOM_MIN: u64 = 1024;
/// The largest: two seconds at 130,000 readings a second.
pub(crate) const HEADROOM_MAX: u64 = 262_144;
/// The part below the ceiling that offers leave alone.
pub(crate) const RESERVE: u64 = 256;

/// The ceiling in force, and the one on its way to the disk.
#[derive(Debug, Clone)]
pub(crate) struct Promise {
    ceiling: u64,
    asked: Option<Asked>,
    headroom: u64,
}

#[derive(Debug, Clone, Copy)]
struct Asked {
    /// The journal's number of the register that holds it.
    seq: u64,
    ceiling: u64,
}

impl Promise {
    /// Admits nothing until a first ceiling is synced.
    pub(crate) fn none() -> Promise {
        Promise { ceiling: 0, asked: None, headroom: HEADROOM_MIN }
    }

    /// Takes note of how far the journal is synced.
    pub(crate) fn settle(&mut self, synced_seq: u64) {
        if let Some(asked) = self.asked.take_if(|asked| asked.seq <= synced_seq) {
            self.ceiling = asked.ceiling;
        }
    }

    /// Whether one more reading stays below every ceiling that a crash could leave on disk.
    pub(crate) fn admits(&self, received: u64) -> bool {
        let asked = self.asked.map_or(u64::MAX, |asked| asked.ceiling);
        received + RESERVE < self.ceiling.min(asked)
    }

    /// Whether it is time to ask for a higher ceiling.
    pub(crate) fn runs_low(&self, received: u64) -> bool {
        self.asked.is_none() && received + self.headroom / 2 >= self.ceiling
    }

    /// Whether the ceiling is further away than it has to be, as it is when a burst is over.
    pub(crate) fn is_loose(&self, received: u64) -> bool {
        self.ceiling.saturating_sub(received) > 2 * self.headroom
    }

    pub(crate) fn is_asked(&self) -> bool {
        self.asked.is_some()
    }

    /// The ceiling to write next.
    pub(crate) fn next(&self, received: u64) -> u64 {
        received + self.headroom
    }

    /// The register with `ceiling` was appended as record `seq`.
    pub(crate) fn ask(&mut self, seq: u64, ceiling: u64) {
        self.asked = Some(Asked { seq, ceiling });
    }

    /// Readings come faster than the ceiling rises.
    pub(crate) fn widen(&mut self) {
        self.headroom = (self.headroom * 2).min(HEADROOM_MAX);
    }

    /// So many came in the last interval: leave room for twice as many in the next.
    pub(crate) fn fit(&mut self, arrivals: u64) {
        self.headroom = arrivals.saturating_mul(2).clamp(HEADROOM_MIN, HEADROOM_MAX);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn nothing_is_admitted_before_the_first_ceiling_is_synced() {
        let mut promise = Promise::none();
        promise.ask(5, promise.next(100));
        promise.settle(4);
        assert!(!promise.admits(100));
        promise.settle(5);
        assert!(promise.admits(100) && !promise.admits(100 + HEADROOM_MIN - RESERVE));
    }

    #[test]
    fn a_lower_ceiling_holds_from_the_moment_it_is_written() {
        let mut promise = Promise::none();
        promise.fit(10_000);
        promise.ask(1, promise.next(0));
        promise.settle(1);
        promise.fit(0);
        promise.ask(2, promise.next(0));
        assert!(!promise.admits(HEADROOM_MIN));
    }

    #[test]
    fn a_ceiling_is_loose_once_a_burst_is_over_and_not_after_it_was_lowered() {
        let mut promise = Promise::none();
        promise.fit(10_000);
        promise.ask(1, promise.next(0));
        promise.settle(1);
        assert!(!promise.is_loose(0));
        promise.fit(0);
        assert!(promise.is_loose(0));
        promise.ask(2, promise.next(0));
        promise.settle(2);
        assert!(!promise.is_loose(0));
    }

    proptest! {
        /// Readings arrive, registers are written and synced in any order; a crash leaves any register from the last synced one
        /// on. Whichever it is, its ceiling is not below what was received.
        #[test]
        fn no_crash_finds_a_ceiling_below_what_was_received(steps in prop::collection::vec((0..4_u8, 1..3000_u64), 1..200)) {
            let (mut promise, mut received, mut written) = (Promise::none(), 0, vec![u64::MAX]);
            for (step, many) in steps {
                match step {
                    0 => promise.settle(written.len() as u64),
                    1 => promise.fit(many),
                    2 if promise.is_asked() => {}
                    2 => {
                        written.push(promise.next(received));
                        promise.ask(written.len() as u64, promise.next(received));
                    }
                    _ => (0..many).for_each(|_| received += u64::from(promise.admits(received))),
                }
                let first_found = written.len() - 1 - usize::from(promise.is_asked());
                prop_assert!(written[first_found..].iter().all(|ceiling| *ceiling >= received));
            }
        }
    }
}
