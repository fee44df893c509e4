//! Who may come in: principals from the configuration, found by what they show. The one implementation of [`Authenticate`].
//!
//! Secrets are not here, only their SHA-256, and argon2id of passwords. Replaced as a whole at a reload; a connection that is open
//! keeps the principal it came in with. Takes the monotonic clock for the pace of failed tries; the locks are held for one look.

mod config;
mod key;
pub(crate) mod key_file;
mod lockout;
mod login;
mod password;
mod prompt;
mod register;
mod secret;
mod section;
mod sessions;
mod tries;

pub(crate) use config::{Config, IdentityError};
pub(crate) use key::{NODE_KEY, NodeKey};
pub(crate) use login::{Login, LoginRefused, Opened};
pub(crate) use secret::{fresh_secret, print};
pub(crate) use section::SECTION;

use crate::identity::lockout::Lockout;
use crate::identity::register::{Digest, Register};
use crate::identity::sessions::Sessions;
use crate::identity::tries::Tries;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::{Duration, Instant};
use tidegate_kernel_plug::{Authenticate, Credential, Family, Knock, Principal, Unauthenticated};
use tokio::sync::Semaphore;

/// The principals, and how their knocks went.
#[derive(Debug)]
pub(crate) struct Identity {
    register: RwLock<Arc<Register>>,
    tries: Mutex<Tries>,
    desk: Desk,
    let_in: AtomicU64,
    failures: Mutex<BTreeMap<&'static str, u64>>,
    began: Instant,
}

/// Where people log in.
#[derive(Debug)]
struct Desk {
    lockout: Mutex<Lockout>,
    sessions: Mutex<Sessions>,
    /// One password is worked on at a time, and so many more wait for that.
    turn: Semaphore,
    waiting: Semaphore,
}

impl Identity {
    /// All that is wrong with `config`, or the principals.
    pub(crate) fn open(config: &Config) -> Result<Identity, Vec<IdentityError>> {
        Ok(Identity {
            register: RwLock::new(Arc::new(Register::new(config)?)),
            tries: Mutex::new(Tries::new()),
            desk: Desk {
                lockout: Mutex::default(),
                sessions: Mutex::default(),
                turn: Semaphore::new(1),
                waiting: Semaphore::new(login::WAITING_MAX),
            },
            let_in: AtomicU64::new(0),
            failures: Mutex::default(),
            began: Instant::now(),
        })
    }

    /// From now on these and no others; nothing changes where something is wrong with them.
    pub(crate) fn replace(&self, config: &Config) -> Result<(), Vec<IdentityError>> {
        let register = Arc::new(Register::new(config)?);
        *self.register.write().unwrap_or_else(PoisonError::into_inner) = register;
        Ok(())
    }

    pub(crate) fn metrics(&self) -> Vec<Family> {
        let known = Family::gauge("tidegate_identity_principals", "Names that are known.")
            .with(&[], self.register().len() as u64);
        let help = "Credentials that were known, and anonymous clients that were let in.";
        let let_in = Family::counter("tidegate_identity_authentications_total", help)
            .with(&[], self.let_in.load(Ordering::Relaxed));
        let help = "Clients that were not let in, by error code.";
        let mut failed = Family::counter("tidegate_identity_failed_authentications_total", help);
        for (code, count) in self.failures.lock().unwrap_or_else(PoisonError::into_inner).iter() {
            failed.push(&[("code", code)], *count);
        }
        let now = self.began.elapsed();
        let sessions = Family::gauge("tidegate_identity_sessions", "People who are logged in, by session.")
            .with(&[], self.sessions().len(now) as u64);
        let locks = Family::gauge(
            "tidegate_identity_locked_names",
            "Names locked out, by the address they came from.",
        )
        .with(&[], self.lockout().held(now) as u64);
        vec![known, let_in, failed, sessions, locks]
    }

    fn tries(&self) -> MutexGuard<'_, Tries> {
        self.tries.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn count_failure(&self, code: &'static str) {
        let mut failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        *failures.entry(code).or_default() += 1;
    }

    /// Who has logged in and shows the session's cookie.
    fn person_of(&self, cookie: &str, now: Duration) -> Option<Arc<Principal>> {
        let digest = Digest::of(cookie.as_bytes());
        let name = self.sessions().use_one(&digest, now)?.to_owned();
        self.register().person(&name).map(|(_, principal)| principal)
    }

    /// Where somebody without a name is let in, and everybody else, by name.
    pub(crate) fn known(&self) -> (&'static str, Vec<Arc<Principal>>) {
        self.register().known()
    }

    fn register(&self) -> Arc<Register> {
        self.register.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The same as [`Authenticate::authenticate`], `now` since any one origin.
    fn find(
        &self,
        credential: Credential<'_>,
        knock: Knock,
        now: Duration,
    ) -> Result<Arc<Principal>, Unauthenticated> {
        let register = self.register();
        if matches!(credential, Credential::Anonymous) {
            return register.anonymous(knock.listener).ok_or(Unauthenticated::Missing);
        }
        // Nobody guesses 256 bits, and a page that was left open is no attack.
        if let Credential::Session(cookie) = credential {
            return self.person_of(cookie, now).ok_or(Unauthenticated::Unknown);
        }
        let from = tries::From::new(knock.peer.ip(), register.known_name(credential));
        self.tries().allow(&from, now).map_err(|wait| Unauthenticated::TooManyTries { wait })?;
        register.find(credential).ok_or_else(|| {
            self.tries().failed(from, now);
            Unauthenticated::Unknown
        })
    }
}

impl Authenticate for Identity {
    fn authenticate(
        &self,
        credential: Credential<'_>,
        knock: Knock,
    ) -> Result<Arc<Principal>, Unauthenticated> {
        let found = self.find(credential, knock, self.began.elapsed());
        match &found {
            Ok(_) => _ = self.let_in.fetch_add(1, Ordering::Relaxed),
            Err(error) => self.count_failure(error.code()),
        }
        found
    }
}

#[cfg(test)]
mod tests;
