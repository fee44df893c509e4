//! How many messages a robot may get: never more than its limit in any minute, and never all of it for single alarms.
//!
//! The time of each send of the last minute is kept, so the limit holds for every sliding minute and not only on average. The last
//! quarter is for merged messages, spread out: in a flood of alarms the next message is seconds away, not a minute. Pure: the time
//! is handed in, in milliseconds of a clock that nobody sets.

use std::collections::VecDeque;

/// A minute, and what the network may shift between two messages.
const WINDOW_MS: u64 = 62_000;

/// What a robot takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// In any minute; at least 1.
    pub per_minute_max: u32,
    /// Between two messages.
    pub gap_ms_min: u64,
}

/// What may be sent now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Turn {
    /// A message for one alarm.
    Single,
    /// One message for all that wait.
    Merged,
    /// Nothing before this time.
    NotBefore(u64),
}

/// The sends of the last minute.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Pace {
    rate: Rate,
    sent_ms: VecDeque<u64>,
}

impl Pace {
    pub(crate) fn new(rate: Rate) -> Pace {
        Pace { rate, sent_ms: VecDeque::new() }
    }

    /// What may be sent at `now`, where more than one alarm waits or only one.
    pub(crate) fn turn(&mut self, now: u64, is_alone: bool) -> Turn {
        self.forget(now);
        let (used, limit) = (self.sent_ms.len() as u64, u64::from(self.rate.per_minute_max.max(1)));
        let singles = limit - limit / 4;
        let Some(last) = self.sent_ms.back().copied() else { return Turn::Single };
        let spread = WINDOW_MS / (limit - singles + 1);
        let not_before = match used {
            _ if used >= limit => self.sent_ms[(used - limit) as usize] + WINDOW_MS,
            _ if used >= singles => last + spread.max(self.rate.gap_ms_min),
            _ => last + self.rate.gap_ms_min,
        };
        match not_before {
            at if at > now => Turn::NotBefore(at),
            _ if used >= singles && !is_alone => Turn::Merged,
            _ => Turn::Single,
        }
    }

    /// A message goes out now, whatever becomes of it.
    pub(crate) fn spend(&mut self, now: u64) {
        self.forget(now);
        self.sent_ms.push_back(now);
    }

    fn forget(&mut self, now: u64) {
        while self.sent_ms.front().is_some_and(|sent| sent + WINDOW_MS <= now) {
            self.sent_ms.pop_front();
        }
    }

    /// For a register: what is known after a restart.
    pub(crate) fn encode(&self) -> Vec<u8> {
        self.sent_ms.iter().flat_map(|sent| sent.to_le_bytes()).collect()
    }

    /// Times that lie ahead are of a machine that has started anew since, whose last minute is over by now.
    pub(crate) fn recall(&mut self, kept: &[u8], now: u64) {
        let times = kept
            .chunks_exact(8)
            .map(|chunk| u64::from_le_bytes(chunk.try_into().expect("a chunk of eight bytes")));
        self.sent_ms = times.filter(|sent| *sent <= now && sent + WINDOW_MS > now).collect();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn pace(per_minute_max: u32, gap_ms_min: u64) -> Pace {
        Pace::new(Rate { per_minute_max, gap_ms_min })
    }

    /// Sends as soon as it may, from `now` on, until `end`, with so many alarms waiting.
    fn flood(pace: &mut Pace, mut now: u64, end: u64) -> Vec<(u64, Turn)> {
        let mut sends = Vec::new();
        while now < end {
            match pace.turn(now, false) {
                Turn::NotBefore(at) => now = at,
                turn => {
                    pace.spend(now);
                    sends.push((now, turn));
                }
            }
        }
        sends
    }

    #[test]
    fn a_flood_gets_fifteen_single_messages_and_then_merged_ones_spread_out() {
        let sends = flood(&mut pace(20, 0), 0, 60_000);
        let singles = sends.iter().filter(|(_, turn)| *turn == Turn::Single).count();
        assert_eq!((singles, sends.len()), (15, 20));
        assert!(sends[15..].windows(2).all(|pair| pair[1].0 - pair[0].0 >= 10_000));
    }

    #[test]
    fn one_a_minute_is_one_a_minute() {
        let times: Vec<_> = flood(&mut pace(1, 0), 0, 190_000).iter().map(|(at, _)| *at).collect();
        assert_eq!(times, [0, 62_000, 124_000, 186_000]);
    }

    #[test]
    fn a_restart_knows_the_last_minute_and_a_new_boot_has_none() {
        let mut before = pace(3, 0);
        (0..3).for_each(|at| before.spend(100_000 + at));
        let mut after = pace(3, 0);
        after.recall(&before.encode(), 101_000);
        assert_eq!(after.turn(101_000, true), Turn::NotBefore(162_000));
        after.recall(&before.encode(), 500);
        assert_eq!(after.turn(500, true), Turn::Single);
    }

    proptest! {
        #[test]
        fn no_sliding_minute_has_more_than_the_limit(
            limit in 1..40_u32, gap in 0..500_u64, pauses in prop::collection::vec(0..20_000_u64, 1..200), alone: bool
        ) {
            let (mut pace, mut now, mut sent) = (pace(limit, gap), 1_000_u64, Vec::new());
            for pause in pauses {
                now += pause;
                if !matches!(pace.turn(now, alone), Turn::NotBefore(_)) {
                    pace.spend(now);
                    sent.push(now);
                }
            }
            sent.extend(flood(&mut pace, now, now + 200_000).iter().map(|(at, _)| *at));
            for (at, begin) in sent.iter().enumerate() {
                let within = sent[at..].iter().take_while(|time| **time < begin + 60_000).count();
                prop_assert!(within <= limit as usize, "{within} messages from {begin}");
            }
            prop_assert!(sent.windows(2).all(|pair| pair[1] - pair[0] >= gap));
        }
    }
}
