//! Each value against what they promise, over random histories.

use proptest::prelude::*;
use std::num::NonZeroU32;
use std::time::Duration;
use tidegate_kernel_flow::{
    Backoff, BatchLimits, Batcher, Breaker, BreakerLimits, BreakerState, BreakerWindow, Bucket, Lane, Limit,
    LimitKind, Rate, Rates, Share, Signal,
};

const LIMITS: BreakerLimits = BreakerLimits { failures_max: 3, open: Duration::from_millis(1000) };

#[test]
fn the_ceiling_doubles_up_to_the_cap_and_starts_anew_after_a_success() {
    let mut backoff = Backoff::new(Duration::from_millis(100), Duration::from_millis(500));
    let ceilings: Vec<u128> = (0..5)
        .map(|_| {
            let ceiling = backoff.ceiling().as_millis();
            backoff.next_wait(7);
            ceiling
        })
        .collect();
    assert_eq!(ceilings, [100, 200, 400, 500, 500]);
    backoff.reset();
    assert_eq!(backoff.ceiling().as_millis(), 100);
}

#[test]
fn jitter_reaches_from_nothing_to_the_ceiling() {
    let mut backoff = Backoff::new(Duration::from_millis(100), Duration::from_secs(1));
    assert_eq!(backoff.clone().next_wait(0), Duration::ZERO);
    assert!(backoff.next_wait(u64::MAX) > Duration::from_micros(99_999));
}

#[test]
fn a_breaker_opens_after_failures_in_a_row_and_one_attempt_decides_on_closing() {
    let mut breaker = Breaker::new(LIMITS);
    let at = Duration::from_millis;
    breaker.failed(at(0));
    breaker.failed(at(1));
    assert_eq!(breaker.state(at(1)), BreakerState::Closed);
    breaker.failed(at(2));
    assert_eq!((breaker.state(at(2)), breaker.remaining(at(2))), (BreakerState::Open, at(1000)));
    assert!(!breaker.admits(at(1001)));
    assert!(breaker.admits(at(1002)), "the first one in the half-open state");
    assert!(!breaker.admits(at(1003)), "the second one waits for the first one's outcome");
    breaker.failed(at(1004));
    assert_eq!(breaker.state(at(1500)), BreakerState::Open);
    assert!(breaker.admits(at(2004)));
    breaker.worked();
    assert_eq!(breaker.state(at(2004)), BreakerState::Closed);
}

#[test]
fn a_success_in_between_keeps_a_breaker_closed() {
    let mut breaker = Breaker::new(LIMITS);
    for at in 0..10 {
        breaker.failed(Duration::from_millis(at));
        breaker.failed(Duration::from_millis(at));
        breaker.worked();
    }
    assert_eq!(breaker.state(Duration::from_millis(9)), BreakerState::Closed);
}

proptest! {
    #[test]
    fn no_wait_is_longer_than_its_ceiling_or_the_cap(
        base_ms in 0..100_000_u64, cap_ms in 0..100_000_u64, randoms in prop::collection::vec(any::<u64>(), 1..80)
    ) {
        let cap = Duration::from_millis(cap_ms);
        let mut backoff = Backoff::new(Duration::from_millis(base_ms), cap);
        for random in randoms {
            let ceiling = backoff.ceiling();
            let wait = backoff.next_wait(random);
            prop_assert!(wait <= ceiling && ceiling <= cap);
        }
    }

    /// A reference model that keeps the whole history: open means that the last `failures_max` outcomes, or the last probe,
    /// failed less than `open` ago.
    #[test]
    fn a_breaker_follows_its_state_machine_whatever_happens(steps in prop::collection::vec((0..700_u64, any::<bool>()), 1..60)) {
        let mut breaker = Breaker::new(LIMITS);
        let (mut now, mut row, mut opened_at) = (Duration::ZERO, 0, None::<Duration>);
        for (pause_ms, works) in steps {
            now += Duration::from_millis(pause_ms);
            let expected = match opened_at {
                None => BreakerState::Closed,
                Some(at) if now < at + LIMITS.open => BreakerState::Open,
                Some(_) => BreakerState::HalfOpen,
            };
            prop_assert_eq!(breaker.state(now), expected);
            prop_assert_eq!(breaker.remaining(now).is_zero(), expected != BreakerState::Open);
            let admitted = breaker.admits(now);
            prop_assert_eq!(admitted, expected != BreakerState::Open);
            if !admitted {
                continue;
            }
            if works {
                breaker.worked();
                (row, opened_at) = (0, None);
            } else {
                breaker.failed(now);
                row += 1;
                if opened_at.is_some() || row >= LIMITS.failures_max {
                    opened_at = Some(now);
                }
            }
        }
    }
}

const fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

#[test]
fn every_other_failure_opens_a_breaker_with_a_window_and_so_do_slow_answers() {
    let window = BreakerWindow { outcomes: 10, bad_max: 5, slow: ms(100) };
    let mut breaker = Breaker::new(LIMITS).with_window(window);
    for at in 0..4 {
        breaker.worked_in(ms(5), ms(at));
        breaker.failed(ms(at));
    }
    assert_eq!(breaker.state(ms(4)), BreakerState::Closed);
    breaker.worked_in(ms(101), ms(5));
    assert_eq!(breaker.state(ms(5)), BreakerState::Open);
    assert!(breaker.admits(ms(1005)));
    breaker.worked_in(ms(5), ms(1006));
    breaker.failed(ms(1007));
    assert_eq!(breaker.state(ms(1007)), BreakerState::Closed, "what was before the recovery is forgotten");
}

#[test]
fn a_limit_rises_while_round_trips_stay_and_is_used_up() {
    let mut limit = Limit::new(LimitKind::Adaptive { max: 8 });
    assert_eq!(limit.current(), 1);
    (0..200).for_each(|_| limit.observe(Signal::Took(ms(10)), limit.current()));
    assert_eq!(limit.current(), 8);
    let mut unused = Limit::new(LimitKind::Adaptive { max: 8 });
    (0..200).for_each(|_| unused.observe(Signal::Took(ms(10)), 0));
    assert_eq!(unused.current(), 1);
}

#[test]
fn a_limit_falls_with_a_round_trip_out_of_line_and_with_every_refusal() {
    let mut limit = Limit::new(LimitKind::Adaptive { max: 20 });
    (0..400).for_each(|_| limit.observe(Signal::Took(ms(10)), limit.current()));
    limit.observe(Signal::Took(ms(300)), 20);
    assert_eq!(limit.current(), 18);
    (0..100).for_each(|_| limit.observe(Signal::Overloaded, 1));
    assert_eq!(limit.current(), 1);
    let mut fixed = Limit::new(LimitKind::Fixed(0));
    fixed.observe(Signal::Overloaded, 1);
    assert_eq!(fixed.current(), 1);
}

#[test]
fn a_batch_goes_at_its_rows_its_bytes_or_its_age() {
    let limits = BatchLimits { rows_max: 3, bytes_max: 100, age_max: ms(20) };
    let mut batcher = Batcher::new(limits);
    assert_eq!((batcher.due_in(ms(9)), batcher.room()), (None, (3, 100)));
    batcher.push(1, 10, ms(100));
    batcher.push(1, 10, ms(110));
    assert_eq!((batcher.due_in(ms(110)), batcher.due_in(ms(130))), (Some(ms(10)), Some(ms(0))));
    batcher.push(1, 10, ms(111));
    assert_eq!((batcher.is_full(), batcher.due_in(ms(111))), (true, Some(ms(0))));
    let mut batcher = Batcher::new(limits);
    batcher.push(1, 500, ms(200));
    assert!(batcher.is_full());
}

/// What is sent over many turns with both lanes ready all the time, in percent of rows that were live.
fn live_percent(share: u8, batch_rows: u64) -> u64 {
    let (mut turns, mut live) = (Share::new(share), 0);
    for _ in 0..1000 {
        let lane = turns.turn(true, true).expect("both lanes are ready");
        live += u64::from(lane == Lane::Live);
        turns.spend(lane, batch_rows, false);
    }
    live / 10
}

#[test]
fn both_lanes_get_their_share_and_neither_starves() {
    assert_eq!((live_percent(80, 512), live_percent(20, 7)), (80, 20));
    assert_eq!((live_percent(100, 1), live_percent(0, 1)), (99, 1));
}

#[test]
fn a_lane_that_had_nothing_to_send_earns_no_credit() {
    let mut turns = Share::new(80);
    for _ in 0..1000 {
        assert_eq!(turns.turn(false, true), Some(Lane::Backlog));
        turns.spend(Lane::Backlog, 512, true);
    }
    assert_eq!(turns.turn(true, true), Some(Lane::Live));
    turns.spend(Lane::Live, 512, false);
    assert_eq!(turns.turn(true, true), Some(Lane::Backlog), "the live lane owes no thousand batches");
    assert_eq!(turns.turn(false, false), None);
}

proptest! {
    #[test]
    fn a_limit_stays_between_one_and_its_maximum(
        max in 0..40_usize, signals in prop::collection::vec((any::<bool>(), 0..5000_u64, 0..50_usize), 1..300)
    ) {
        let mut limit = Limit::new(LimitKind::Adaptive { max });
        for (took, time_ms, in_flight) in signals {
            limit.observe(if took { Signal::Took(ms(time_ms)) } else { Signal::Overloaded }, in_flight);
            prop_assert!((1..=max.max(1)).contains(&limit.current()));
        }
    }
}

fn rate(per_s: u32, burst: u32) -> Rate {
    Rate {
        per_s: NonZeroU32::new(per_s).expect("not zero"),
        burst: NonZeroU32::new(burst).expect("not zero"),
    }
}

#[test]
fn a_full_bucket_gives_its_burst_at_once_and_then_its_rate() {
    let (mut bucket, rate) = (Bucket::default(), rate(10, 3));
    let now = Duration::from_secs(1);
    (0..3).for_each(|_| bucket.take(rate, 1, now).unwrap());
    assert_eq!(bucket.take(rate, 1, now), Err(Duration::from_millis(100)));
    assert_eq!(bucket.take(rate, 1, now + Duration::from_millis(100)), Ok(()));
    assert!(!bucket.is_full(now + Duration::from_millis(300)));
    assert!(bucket.is_full(now + Duration::from_millis(400)));
}

#[test]
fn more_than_the_burst_passes_a_full_bucket_and_is_paid_off_afterwards() {
    let (mut bucket, rate) = (Bucket::default(), rate(10, 10));
    assert_eq!(bucket.take(rate, 100, Duration::ZERO), Ok(()));
    assert_eq!(bucket.take(rate, 1, Duration::from_secs(5)), Err(Duration::from_millis(4100)));
    assert_eq!(bucket.take(rate, 100, Duration::from_secs(9)), Err(Duration::from_secs(1)));
    assert_eq!(bucket.take(rate, 100, Duration::from_secs(10)), Ok(()));
}

#[test]
fn keys_beyond_the_limit_share_a_bucket_until_others_are_full_again() {
    let (mut rates, rate) = (Rates::new(2), rate(1, 1));
    let now = Duration::from_secs(10);
    (0..3).for_each(|key| rates.take(key, rate, 1, now).unwrap());
    assert!((0..100).all(|key| rates.peek(&key, rate, 1, now).is_err()));
    assert!((0..100).all(|key| rates.take(key, rate, 1, now).is_err()));
    assert_eq!(rates.len(), 2);
    assert_eq!(rates.take(7, rate, 1, now + Duration::from_secs(1)), Ok(()));
    assert_eq!(rates.len(), 1);
}

proptest! {
    /// Whatever the steps, no window of time lets through more than its rate and one burst.
    #[test]
    fn a_bucket_never_gives_more_than_rate_and_burst(per_s in 1..1000_u32, burst in 1..1000_u32, steps in prop::collection::vec((0..50_u64, 1..5_u64), 1..300)) {
        let (mut bucket, rate) = (Bucket::default(), rate(per_s, burst));
        let (mut now, mut given) = (Duration::ZERO, 0);
        for (wait_ms, amount) in steps {
            now += Duration::from_millis(wait_ms);
            let amount = amount.min(u64::from(burst));
            match bucket.take(rate, amount, now) {
                Ok(()) => given += amount,
                Err(wait) => {
                    let mut later = bucket;
                    prop_assert_eq!(later.take(rate, amount, now + wait), Ok(()));
                }
            }
            let most = f64::from(burst) + f64::from(per_s) * now.as_secs_f64();
            prop_assert!(given as f64 <= most + 1e-3);
        }
    }
}
