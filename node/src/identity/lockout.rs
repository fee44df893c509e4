//! Wrong passwords: after a few of one name from one address, nobody is looked at there for a while. Pure: the time is handed in.
//!
//! A name has a lock of its own at each address, so that somebody elsewhere cannot lock a person out of their own desk.

use crate::identity::tries::From;
use std::collections::BTreeMap;
use std::time::Duration;

/// Names and addresses that are watched at once.
const WATCHED_MAX: usize = 10_000;
/// Wrong passwords in a row before the first lock.
const FREE_MAX: u32 = 5;
const LOCK_MIN: Duration = Duration::from_secs(60);
const LOCK_MAX: Duration = Duration::from_secs(3600);
/// Who has not failed for so long begins anew.
const FORGET: Duration = Duration::from_secs(24 * 3600);

#[derive(Debug, Clone, Copy, Default)]
struct Failures {
    many: u32,
    last: Duration,
    until: Duration,
}

/// Who failed lately.
#[derive(Debug, Default)]
pub(crate) struct Lockout(BTreeMap<From, Failures>);

impl Lockout {
    /// Whether a password may be looked at, or how long that takes.
    pub(crate) fn allow(&self, from: &From, now: Duration) -> Result<(), Duration> {
        match self.0.get(from).map_or(Duration::ZERO, |failures| failures.until.saturating_sub(now)) {
            Duration::ZERO => Ok(()),
            wait => Err(wait),
        }
    }

    /// Counts a wrong one; how long the lock is that it brought.
    pub(crate) fn failed(&mut self, from: From, now: Duration) -> Option<Duration> {
        self.make_room(&from, now);
        let failures = self.0.entry(from).or_default();
        if failures.last + FORGET <= now {
            failures.many = 0;
        }
        failures.many += 1;
        failures.last = now;
        let over = failures.many.checked_sub(FREE_MAX)?;
        let lock = LOCK_MIN.saturating_mul(1 << over.min(10)).min(LOCK_MAX);
        failures.until = now + lock;
        Some(lock)
    }

    /// The right one came.
    pub(crate) fn succeeded(&mut self, from: &From) {
        self.0.remove(from);
    }

    /// Locks that hold now.
    pub(crate) fn held(&self, now: Duration) -> usize {
        self.0.values().filter(|failures| failures.until > now).count()
    }

    /// The one that failed longest ago goes first.
    fn make_room(&mut self, from: &From, now: Duration) {
        if self.0.len() < WATCHED_MAX || self.0.contains_key(from) {
            return;
        }
        self.0.retain(|_, failures| failures.last + FORGET > now);
        if self.0.len() >= WATCHED_MAX
            && let Some(oldest) =
                self.0.iter().min_by_key(|(_, failures)| failures.last).map(|(from, _)| from.clone())
        {
            self.0.remove(&oldest);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn from(last: u8, name: &str) -> From {
        From::new([10, 0, 0, last].into(), Some(name))
    }

    #[test]
    fn the_fifth_wrong_password_locks_and_each_further_one_for_twice_as_long() {
        let (mut lockout, mut now) = (Lockout::default(), Duration::from_secs(100));
        let failed: Vec<_> = (0..5).map(|_| lockout.failed(from(1, "ada"), now)).collect();
        assert_eq!(failed, [None, None, None, None, Some(LOCK_MIN)]);
        assert_eq!(lockout.allow(&from(1, "ada"), now), Err(LOCK_MIN));
        assert!(lockout.allow(&from(2, "ada"), now).is_ok() && lockout.allow(&from(1, "bob"), now).is_ok());
        now += LOCK_MIN;
        assert!(lockout.allow(&from(1, "ada"), now).is_ok());
        assert_eq!(lockout.failed(from(1, "ada"), now), Some(2 * LOCK_MIN));
        let longest = (0..20).filter_map(|_| lockout.failed(from(1, "ada"), now)).max();
        assert_eq!((longest, lockout.held(now)), (Some(LOCK_MAX), 1));
        lockout.succeeded(&from(1, "ada"));
        assert!(lockout.allow(&from(1, "ada"), now).is_ok());
    }

    #[test]
    fn there_is_room_for_one_more_however_many_failed() {
        let mut lockout = Lockout::default();
        for number in 0..WATCHED_MAX + 10 {
            lockout.failed(from(1, &number.to_string()), Duration::from_secs(number as u64));
        }
        assert_eq!(lockout.0.len(), WATCHED_MAX);
    }
}
