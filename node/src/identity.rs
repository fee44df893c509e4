//! Who may come in: principals from the configuration, found by what they show. The one implementation of [`Authenticate`].
//!
//! Secrets are not here, only their SHA-256. Replaced as a whole at a reload; a connection that is open keeps the principal it
//! came in with. Takes the monotonic clock for the pace of failed tries; the locks are held for one look.

mod config;
mod register;
mod secret;
mod section;
mod tries;

pub(crate) use config::{Config, IdentityError};
pub(crate) use secret::{fresh_secret, print};
pub(crate) use section::SECTION;

use crate::identity::register::Register;
use crate::identity::tries::Tries;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::{Duration, Instant};
use tidegate_kernel_plug::{Authenticate, Credential, Family, Knock, Principal, Unauthenticated};

/// The principals, and how their knocks went.
#[derive(Debug)]
pub(crate) struct Identity {
    register: RwLock<Arc<Register>>,
    tries: Mutex<Tries>,
    let_in: AtomicU64,
    failures: Mutex<BTreeMap<&'static str, u64>>,
    began: Instant,
}

impl Identity {
    /// All that is wrong with `config`, or the principals.
    pub(crate) fn open(config: &Config) -> Result<Identity, Vec<IdentityError>> {
        Ok(Identity {
            register: RwLock::new(Arc::new(Register::new(config)?)),
            tries: Mutex::new(Tries::new()),
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
        vec![known, let_in, failed]
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
        let from = tries::From::new(knock.peer.ip(), register.known_name(credential));
        let tries = || self.tries.lock().unwrap_or_else(PoisonError::into_inner);
        tries().allow(&from, now).map_err(|wait| Unauthenticated::TooManyTries { wait })?;
        register.find(credential).ok_or_else(|| {
            tries().failed(from, now);
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
            Err(error) => {
                let mut failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
                *failures.entry(error.code()).or_default() += 1;
            }
        }
        found
    }
}

#[cfg(test)]
mod tests;
