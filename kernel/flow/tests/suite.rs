//! Backoff and breaker against what they promise, over random histories.

use proptest::prelude::*;
use std::num::NonZeroU32;
use std::time::Duration;
use tidegate_kernel_flow::{Backoff, Breaker, BreakerLimits, BreakerState, Bucket, Rate, Rates};

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
