//! Connections of principals that may have only so many. One lock, held for a look at a count.

use crate::principal::Principal;
use crate::routes::Refusal;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

/// How many connections each of them has open, over all listeners.
#[derive(Debug, Default)]
pub struct Stays(Mutex<BTreeMap<String, u32>>);

/// One connection, as each of its requests carries it. Whoever asked on it has a place among the stays until it is dropped.
#[derive(Debug)]
pub struct Visit {
    stays: Arc<Stays>,
    names: Mutex<BTreeSet<String>>,
}

impl Visit {
    pub fn new(stays: Arc<Stays>) -> Visit {
        Visit { stays, names: Mutex::default() }
    }

    /// Counts the connection as the principal's, unless it has as many as it may.
    pub(crate) fn admit(&self, principal: &Principal) -> Result<(), Refusal> {
        let Some(max) = principal.allowance.connections_max else { return Ok(()) };
        let mut names = self.names.lock().unwrap_or_else(PoisonError::into_inner);
        if names.contains(&principal.name) {
            return Ok(());
        }
        let mut stays = self.stays.0.lock().unwrap_or_else(PoisonError::into_inner);
        let open = stays.entry(principal.name.clone()).or_default();
        if *open >= max.get() {
            return Err(Refusal::too_many_connections(&principal.name));
        }
        *open += 1;
        names.insert(principal.name.clone());
        Ok(())
    }
}

impl Drop for Visit {
    fn drop(&mut self) {
        let names = std::mem::take(self.names.get_mut().unwrap_or_else(PoisonError::into_inner));
        let mut stays = self.stays.0.lock().unwrap_or_else(PoisonError::into_inner);
        for name in names {
            if let Some(open) = stays.get_mut(&name) {
                *open -= 1;
            }
        }
        stays.retain(|_, open| *open > 0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::principal::Allowance;
    use std::num::NonZeroU32;

    #[test]
    fn a_connection_counts_once_for_each_who_asks_on_it_and_until_it_is_gone() {
        let allowance = Allowance { connections_max: NonZeroU32::new(1), ..Allowance::default() };
        let named = |name: &str| Principal { name: name.to_owned(), allowance, ..Principal::anonymous() };
        let stays = Arc::new(Stays::default());
        let (first, second) = (Visit::new(stays.clone()), Visit::new(stays.clone()));
        assert!(first.admit(&named("ada")).is_ok() && first.admit(&named("ada")).is_ok());
        assert_eq!(second.admit(&named("ada")).map_err(|refusal| refusal.code), Err("TG-HT-010"));
        assert!(second.admit(&named("bob")).is_ok() && second.admit(&Principal::anonymous()).is_ok());
        drop(first);
        assert!(second.admit(&named("ada")).is_ok());
        drop(second);
        assert!(stays.0.lock().unwrap().is_empty());
    }
}
