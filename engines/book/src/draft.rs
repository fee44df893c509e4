//! What linked orders did so far, before any of it is decided: a state with a few changes laid over it. Pure.

use crate::account::{Account, AccountNumber};
use crate::fact::{Link, Posting, Step};
use crate::id::Id;
use crate::refusal::Refusal;
use crate::state::{Reservation, State};
use std::collections::{BTreeMap, BTreeSet};

/// Empty, it allocates nothing.
#[derive(Debug)]
pub(crate) struct Draft<'a> {
    pub(crate) state: &'a State,
    /// Accounts as they would be, and which posting touched each last.
    accounts: BTreeMap<AccountNumber, (Account, u32)>,
    /// What would be open, or would not be any more.
    reservations: BTreeMap<Id, Option<Reservation>>,
    ids: BTreeSet<Id>,
    postings: u32,
}

impl<'a> Draft<'a> {
    pub(crate) fn new(state: &'a State) -> Draft<'a> {
        Draft {
            state,
            accounts: BTreeMap::new(),
            reservations: BTreeMap::new(),
            ids: BTreeSet::new(),
            postings: 0,
        }
    }

    pub(crate) fn first_use(&self, id: Id) -> Result<(), Refusal> {
        if self.ids.contains(&id) { Err(Refusal::Twice(id)) } else { Ok(()) }
    }

    /// The account, and the link a posting that touches it next has.
    pub(crate) fn account(&self, number: AccountNumber) -> Result<(Account, Link), Refusal> {
        if let Some((account, nth)) = self.accounts.get(&number) {
            return Ok((*account, Link::Back(self.postings - nth)));
        }
        let account = self.state.account(number).ok_or(Refusal::UnknownAccount(number))?;
        Ok((*account, Link::At(account.last_seq)))
    }

    pub(crate) fn reservation(&self, id: Id) -> Option<Reservation> {
        let drafted = self.reservations.get(&id).copied();
        drafted.unwrap_or_else(|| self.state.reservation(id).copied())
    }

    /// One of the orders before ended it.
    pub(crate) fn ended(&self, id: Id) -> bool {
        matches!(self.reservations.get(&id), Some(None))
    }

    /// How many would be open.
    pub(crate) fn reservations(&self) -> usize {
        let here = |id: &Id| self.state.reservation(*id).is_some();
        let made = self.reservations.iter().filter(|(id, now)| now.is_some() && !here(id)).count();
        let ended = self.reservations.iter().filter(|(id, now)| now.is_none() && here(id)).count();
        self.state.reservations() + made - ended
    }

    /// Lays a posting over what was there, for those behind it.
    pub(crate) fn keep(&mut self, posting: &Posting) {
        for (number, balance) in [posting.debit, posting.credit].into_iter().zip(posting.after) {
            if let Ok((account, _)) = self.account(number) {
                self.accounts.insert(number, (Account { balance, ..account }, self.postings));
            }
        }
        if let Some(ended) = posting.ended() {
            self.reservations.insert(ended, None);
        }
        if let Step::Reserve { expires_ms } = posting.step {
            let Posting { debit, credit, amount, .. } = *posting;
            self.reservations.insert(posting.id, Some(Reservation { debit, credit, amount, expires_ms }));
        }
        self.ids.insert(posting.id);
        self.postings += 1;
    }
}
