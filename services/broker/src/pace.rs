//! The two clocks of a session: how long the client may be silent, and how long it may be kept waiting.
//!
//! While a connection is not read from, silence is the broker's doing, so only one of them runs at a time. Pure: the
//! instant is handed in.

use std::time::Duration;

use tokio::time::Instant;

use crate::reason::CloseReason;

#[derive(Debug)]
pub(crate) struct Pace {
    /// One and a half times the keep-alive [MQTT-3.1.2-24]; none where it is off.
    silence_max: Option<Duration>,
    hold_max: Duration,
    heard_at: Instant,
    held_since: Option<Instant>,
}

impl Pace {
    pub(crate) fn new(keep_alive_s: u16, hold_max: Duration, now: Instant) -> Self {
        let silence_max = (keep_alive_s > 0).then(|| Duration::from_millis(u64::from(keep_alive_s) * 1500));
        Self { silence_max, hold_max, heard_at: now, held_since: None }
    }

    /// After a pass over what was read: whether anything of it was taken, and whether there is room for more. Gives the
    /// length of a hold that ended.
    pub(crate) fn note(&mut self, progress: bool, room: bool, now: Instant) -> Option<Duration> {
        let ended = if progress || room { self.held_since.take() } else { None };
        if progress || ended.is_some() {
            self.heard_at = now;
        }
        if !room {
            self.held_since.get_or_insert(now);
        }
        ended.map(|since| now - since)
    }

    pub(crate) fn is_held(&self) -> bool {
        self.held_since.is_some()
    }

    /// When the connection ends unless something happens, and why.
    pub(crate) fn limit(&self) -> Option<(Instant, CloseReason)> {
        match (self.held_since, self.silence_max) {
            (Some(since), _) => Some((since + self.hold_max, CloseReason::HeldBack)),
            (None, Some(silence_max)) => Some((self.heard_at + silence_max, CloseReason::KeepAlive)),
            (None, None) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOLD: Duration = Duration::from_secs(4);

    fn at(start: Instant, seconds: u64) -> Instant {
        start + Duration::from_secs(seconds)
    }

    #[tokio::test(start_paused = true)]
    async fn silence_is_measured_from_the_last_packet_and_not_at_all_with_keep_alive_0() {
        let start = Instant::now();
        let mut pace = Pace::new(10, HOLD, start);
        pace.note(true, true, at(start, 3));
        pace.note(false, true, at(start, 5));
        assert_eq!(pace.limit(), Some((at(start, 18), CloseReason::KeepAlive)));
        assert_eq!(Pace::new(0, HOLD, start).limit(), None);
    }

    #[tokio::test(start_paused = true)]
    async fn a_hold_begins_once_and_ends_with_the_first_progress() {
        let start = Instant::now();
        let mut pace = Pace::new(10, HOLD, start);
        assert_eq!(pace.note(true, false, at(start, 1)), None);
        assert_eq!(pace.note(false, false, at(start, 2)), None);
        assert_eq!(pace.limit(), Some((at(start, 5), CloseReason::HeldBack)));
        assert_eq!(pace.note(true, false, at(start, 3)), Some(Duration::from_secs(2)));
        assert_eq!(pace.limit(), Some((at(start, 7), CloseReason::HeldBack)));
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_is_not_called_silent_for_the_time_it_was_not_read_from() {
        let start = Instant::now();
        let mut pace = Pace::new(10, HOLD, start);
        pace.note(true, false, at(start, 1));
        pace.note(false, true, at(start, 4));
        assert_eq!(pace.limit(), Some((at(start, 19), CloseReason::KeepAlive)));
    }
}
