//! Random bytes of the operating system. Blocks only in the first seconds after the machine was switched on.

use rustix::io::Errno;
use rustix::rand::{GetRandomFlags, getrandom};
use std::cell::RefCell;

/// The system refused its call, which Linux has since 3.17: a filter around this process forbids it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the system gives this process no randomness: {0}")]
pub struct NoRandomness(pub Errno);

/// Bytes that cannot be guessed.
pub fn random<const BYTES: usize>() -> Result<[u8; BYTES], NoRandomness> {
    let mut bytes = [0; BYTES];
    fill_random(&mut bytes)?;
    Ok(bytes)
}

pub(crate) fn fill_random(bytes: &mut [u8]) -> Result<(), NoRandomness> {
    let mut filled = 0;
    while filled < bytes.len() {
        match getrandom(&mut bytes[filled..], GetRandomFlags::empty()) {
            Ok(more) => filled += more,
            Err(Errno::INTR) => {}
            Err(errno) => return Err(NoRandomness(errno)),
        }
    }
    Ok(())
}

/// Spreads waits, so that those who failed together do not come back together. Without randomness the wait is the longest.
pub fn jitter() -> u64 {
    SPREAD.with_borrow_mut(|spread| spread.pop().or_else(|| refill(spread))).unwrap_or(u64::MAX)
}

thread_local! {
    /// Drawn together, for a call of the system each would cost more than what is spread.
    static SPREAD: RefCell<Vec<u64>> = const { RefCell::new(Vec::new()) };
}

fn refill(spread: &mut Vec<u64>) -> Option<u64> {
    let bytes = random::<256>().ok()?;
    spread.extend(bytes.as_chunks().0.iter().map(|eight| u64::from_ne_bytes(*eight)));
    spread.pop()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_filled_to_the_last_and_differ_each_time() {
        let (one, other) = (random::<4096>().unwrap(), random::<4096>().unwrap());
        assert_ne!(one, other);
        for part in one.chunks(64) {
            assert!(part.iter().any(|byte| *byte != 0));
        }
        assert_ne!(jitter(), jitter());
    }
}
