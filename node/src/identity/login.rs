//! A name and a password held against what is known, away from the data plane and one at a time; a session where they fit.

use crate::identity::password::{Kept, PASSWORD_BYTES_MAX};
use crate::identity::register::Digest;
use crate::identity::sessions::LIFE_MAX;
use crate::identity::tries;
use crate::identity::{Identity, secret};
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};
use std::time::Duration;
use tidegate_kernel_plug::{Knock, Principal};

/// Logins that wait for their turn; one more is told to come again.
pub(super) const WAITING_MAX: usize = 16;

/// What somebody shows to log in.
pub(crate) struct Login {
    pub(crate) name: String,
    pub(crate) password: String,
    pub(crate) knock: Knock,
}

/// A session that began.
pub(crate) struct Opened {
    pub(crate) cookie: String,
    pub(crate) principal: Arc<Principal>,
    pub(crate) life: Duration,
}

/// Why there is none. Whether the name is known is not told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum LoginRefused {
    #[error("the name or the password is not known")]
    Wrong,
    #[error("too many wrong passwords came for this name from there")]
    Locked { wait: Duration },
    #[error("too many are logging in at once")]
    Busy,
}

impl LoginRefused {
    pub(crate) fn code(&self) -> &'static str {
        match self {
            LoginRefused::Wrong => "TG-ID-002",
            LoginRefused::Locked { .. } => "TG-ID-005",
            LoginRefused::Busy => "TG-ID-007",
        }
    }

    /// What to do about it, in one line.
    pub(crate) fn hint(&self) -> &'static str {
        match self {
            LoginRefused::Wrong => "compare the name with the ones under [identity.people]",
            LoginRefused::Locked { .. } => {
                "wait as long as `retry-after` says; each further wrong one doubles it"
            }
            LoginRefused::Busy => "try again in a moment",
        }
    }

    pub(crate) fn wait(&self) -> Option<Duration> {
        match self {
            LoginRefused::Wrong => None,
            LoginRefused::Locked { wait } => Some(*wait),
            LoginRefused::Busy => Some(Duration::from_secs(1)),
        }
    }
}

impl Identity {
    /// Begins a session for whoever has the right password.
    pub(crate) async fn log_in(self: Arc<Self>, login: Login) -> Result<Opened, LoginRefused> {
        let opened = self.clone().judge(login).await;
        if let Err(why) = &opened {
            self.count_failure(why.code());
        }
        opened
    }

    async fn judge(self: Arc<Self>, login: Login) -> Result<Opened, LoginRefused> {
        let from = tries::From::new(login.knock.peer.ip(), Some(&login.name));
        let anyone = tries::From::new(login.knock.peer.ip(), None);
        let locked = |wait| LoginRefused::Locked { wait };
        self.lockout().allow(&from, self.began.elapsed()).map_err(locked)?;
        self.tries().allow(&anyone, self.began.elapsed()).map_err(locked)?;
        let _waiting = self.desk.waiting.try_acquire().map_err(|_| LoginRefused::Busy)?;
        let _turn = self.desk.turn.acquire().await.expect("the semaphore is never closed");
        // Of those that waited beside this one, some may have been wrong.
        self.lockout().allow(&from, self.began.elapsed()).map_err(locked)?;
        let found = self.register().person(&login.name);
        let is_right = fits(found.as_ref().map(|(kept, _)| kept.clone()), login.password).await;
        let now = self.began.elapsed();
        match found.filter(|_| is_right) {
            Some((_, principal)) => {
                self.lockout().succeeded(&from);
                Ok(self.begin_session(principal, now))
            }
            None => {
                self.tries().failed(anyone, now);
                if let Some(lock) = self.lockout().failed(from, now) {
                    let (code, name) = ("TG-ID-005", login.name.escape_debug().to_string());
                    tracing::warn!(code, name, peer = %login.knock.peer.ip(), lock_s = lock.as_secs(), "locked out");
                }
                Err(LoginRefused::Wrong)
            }
        }
    }

    fn begin_session(&self, principal: Arc<Principal>, now: Duration) -> Opened {
        let cookie = secret::made_up();
        let digest = Digest::of(cookie.as_bytes());
        self.sessions().begin(digest, &principal.name, now);
        self.let_in.fetch_add(1, Ordering::Relaxed);
        Opened { cookie, principal, life: LIFE_MAX }
    }

    /// Ends the session with this cookie, if there is one.
    pub(crate) fn log_out(&self, cookie: &str) {
        self.sessions().end(&Digest::of(cookie.as_bytes()));
    }

    pub(super) fn sessions(&self) -> std::sync::MutexGuard<'_, super::sessions::Sessions> {
        self.desk.sessions.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn lockout(&self) -> std::sync::MutexGuard<'_, super::lockout::Lockout> {
        self.desk.lockout.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// On a thread that may block: it is work, and the data plane has none to spare. For a name that is not known it takes as long.
async fn fits(kept: Option<Kept>, password: String) -> bool {
    if password.len() > PASSWORD_BYTES_MAX {
        return false;
    }
    let work = tokio::task::spawn_blocking(move || match kept {
        Some(kept) => kept.is(password.as_bytes()),
        None => {
            Kept::make(password.as_bytes());
            false
        }
    });
    work.await.unwrap_or(false)
}
