//! Sessions of people who logged in: who shows this cookie is that person, for a while. Pure: the time is handed in.
//!
//! In memory alone, so they end with the process. Kept under the SHA-256 of the cookie. A person is looked up anew at each use, so who is
//! taken out of the configuration is out.

use crate::identity::register::Digest;
use std::collections::BTreeMap;
use std::time::Duration;

/// Sessions at once, in all and of one person; beyond that the one used longest ago ends.
const SESSIONS_MAX: usize = 256;
const SESSIONS_EACH_MAX: usize = 8;
/// From the login, and from the last use.
pub(crate) const LIFE_MAX: Duration = Duration::from_secs(12 * 3600);
const IDLE_MAX: Duration = Duration::from_secs(30 * 60);

#[derive(Debug, Clone)]
struct Session {
    name: String,
    began: Duration,
    used: Duration,
}

#[derive(Debug, Default)]
pub(crate) struct Sessions(BTreeMap<Digest, Session>);

impl Sessions {
    /// Begins one under the digest of its cookie.
    pub(crate) fn begin(&mut self, cookie: Digest, name: &str, now: Duration) {
        self.0.retain(|_, session| session.lives(now));
        while self.0.values().filter(|session| session.name == name).count() >= SESSIONS_EACH_MAX {
            self.end_oldest(|session| session.name == name);
        }
        if self.0.len() >= SESSIONS_MAX {
            self.end_oldest(|_| true);
        }
        self.0.insert(cookie, Session { name: name.to_owned(), began: now, used: now });
    }

    /// Whose it is, if it lives; using it keeps it alive.
    pub(crate) fn use_one(&mut self, cookie: &Digest, now: Duration) -> Option<&str> {
        if !self.0.get(cookie)?.lives(now) {
            self.0.remove(cookie);
            return None;
        }
        let session = self.0.get_mut(cookie)?;
        session.used = now;
        Some(&session.name)
    }

    pub(crate) fn end(&mut self, cookie: &Digest) {
        self.0.remove(cookie);
    }

    pub(crate) fn len(&self, now: Duration) -> usize {
        self.0.values().filter(|session| session.lives(now)).count()
    }

    fn end_oldest(&mut self, among: impl Fn(&Session) -> bool) {
        let theirs = self.0.iter().filter(|(_, session)| among(session));
        if let Some(oldest) = theirs.min_by_key(|(_, session)| session.used).map(|(cookie, _)| *cookie) {
            self.0.remove(&oldest);
        }
    }
}

impl Session {
    fn lives(&self, now: Duration) -> bool {
        now < self.began + LIFE_MAX && now < self.used + IDLE_MAX
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cookie(text: &str) -> Digest {
        Digest::of(text.as_bytes())
    }

    #[test]
    fn a_session_ends_when_it_is_idle_old_or_told_to() {
        let (mut sessions, start) = (Sessions::default(), Duration::from_secs(100));
        sessions.begin(cookie("a"), "ada", start);
        assert_eq!(sessions.use_one(&cookie("a"), start + IDLE_MAX / 2), Some("ada"));
        assert_eq!(sessions.use_one(&cookie("b"), start), None);
        assert_eq!(sessions.use_one(&cookie("a"), start + IDLE_MAX / 2 + IDLE_MAX), None);
        sessions.begin(cookie("a"), "ada", start);
        let mut now = start;
        while now < start + LIFE_MAX {
            assert!(sessions.use_one(&cookie("a"), now).is_some());
            now += IDLE_MAX / 2;
        }
        assert_eq!(sessions.use_one(&cookie("a"), start + LIFE_MAX), None);
        sessions.begin(cookie("a"), "ada", now);
        sessions.end(&cookie("a"));
        assert_eq!(sessions.use_one(&cookie("a"), now), None);
        assert_eq!(sessions.len(now), 0);
    }

    #[test]
    fn one_session_too_many_ends_the_one_used_longest_ago() {
        let mut sessions = Sessions::default();
        for number in 0..=SESSIONS_EACH_MAX as u64 {
            sessions.begin(cookie(&number.to_string()), "ada", Duration::from_secs(number));
        }
        let now = Duration::from_secs(20);
        assert_eq!(sessions.len(now), SESSIONS_EACH_MAX);
        assert_eq!(sessions.use_one(&cookie("0"), now), None);
        for number in 0..SESSIONS_MAX {
            sessions.begin(cookie(&format!("of {number}")), &number.to_string(), now);
        }
        assert_eq!(sessions.len(now), SESSIONS_MAX);
    }
}
