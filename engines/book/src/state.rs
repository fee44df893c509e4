//! A book as all its facts up to a number made it. Facts alone change it, and applying one cannot fail. Pure.

use crate::account::{Account, AccountNumber, Balance, Limits};
use crate::fact::{Fact, Posting, Step};
use crate::id::Id;
use crate::name::{Currency, Name};
use crate::window::{Fate, Receipt, Window, WindowLimit};
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;

/// How large a book may become.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BookLimit {
    pub accounts: usize,
    pub reservations: usize,
    pub window: WindowLimit,
}

impl Default for BookLimit {
    fn default() -> BookLimit {
        BookLimit { accounts: 1 << 17, reservations: 1 << 16, window: WindowLimit::default() }
    }
}

/// An amount that is held in two accounts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reservation {
    pub debit: AccountNumber,
    pub credit: AccountNumber,
    pub amount: i64,
    /// `u64::MAX` where no time was set.
    pub expires_ms: u64,
}

/// One book.
#[derive(Debug, Clone)]
pub struct State {
    pub(crate) limit: BookLimit,
    pub(crate) accounts: Vec<Account>,
    pub(crate) names: Vec<Name>,
    pub(crate) by_name: BTreeMap<Name, AccountNumber>,
    pub(crate) reservations: BTreeMap<Id, Reservation>,
    pub(crate) deadlines: BTreeSet<(u64, Id)>,
    pub(crate) window: Window,
    pub(crate) now_ms: u64,
    pub(crate) seq: u64,
    pub(crate) strays: u64,
}

impl State {
    /// An empty book. The seed only decides where ids lie in memory; it should be one that nobody can guess.
    pub fn new(limit: BookLimit, seed: u64) -> State {
        State {
            limit,
            accounts: Vec::new(),
            names: Vec::new(),
            by_name: BTreeMap::new(),
            reservations: BTreeMap::new(),
            deadlines: BTreeSet::new(),
            window: Window::new(limit.window, seed),
            now_ms: 0,
            seq: 0,
            strays: 0,
        }
    }

    /// Takes in the fact with this number. Numbers rise.
    pub fn apply(&mut self, seq: u64, fact: &Fact) {
        self.seq = seq;
        match fact {
            Fact::Opened { account, name, currency, limits, at_ms } => {
                self.passed(*at_ms);
                self.open(*account, name, *currency, *limits, seq);
            }
            Fact::Limited { account, limits, at_ms, .. } => {
                self.passed(*at_ms);
                match self.accounts.get_mut(*account as usize) {
                    Some(account) => (account.limits, account.last_seq) = (*limits, seq),
                    None => self.strays += 1,
                }
            }
            Fact::Posting(posting) => {
                self.passed(posting.at_ms);
                self.post(seq, posting);
            }
        }
    }

    fn passed(&mut self, at_ms: u64) {
        self.now_ms = self.now_ms.max(at_ms);
    }

    fn open(&mut self, account: AccountNumber, name: &Name, currency: Currency, limits: Limits, seq: u64) {
        if account as usize != self.accounts.len() || self.by_name.contains_key(name) {
            self.strays += 1;
            return;
        }
        self.accounts.push(Account { balance: Balance::default(), limits, currency, last_seq: seq });
        self.names.push(name.clone());
        self.by_name.insert(name.clone(), account);
    }

    fn post(&mut self, seq: u64, posting: &Posting) {
        let sides = [posting.debit as usize, posting.credit as usize];
        let [Some(debit), Some(credit)] = sides.map(|side| self.accounts.get(side)) else {
            self.strays += 1;
            return;
        };
        let after = posting.effect().on([debit.balance, credit.balance]);
        self.strays += u64::from(after != posting.after);
        for (side, balance) in sides.into_iter().zip(after) {
            (self.accounts[side].balance, self.accounts[side].last_seq) = (balance, seq);
        }
        self.follow(seq, posting);
    }

    /// Reservations come and go with postings; so do ids, but for what time alone did.
    fn follow(&mut self, seq: u64, posting: &Posting) {
        if let Some(ended) = posting.ended() {
            self.end(ended, posting.step);
        }
        let Posting { id, debit, credit, amount, .. } = *posting;
        match posting.step {
            Step::Expire => return,
            Step::Reserve { expires_ms } => {
                self.reservations.insert(id, Reservation { debit, credit, amount, expires_ms });
                self.deadlines.insert((expires_ms, id));
            }
            Step::Move | Step::Post { .. } | Step::Void { .. } => {}
        }
        self.window.remember(Receipt::of(seq, posting));
    }

    fn end(&mut self, reservation: Id, step: Step) {
        let fate = if step == Step::Expire { Fate::Expired } else { Fate::Settled };
        self.window.set_fate(reservation, fate);
        match self.reservations.remove(&reservation) {
            Some(ended) => {
                self.deadlines.remove(&(ended.expires_ms, reservation));
            }
            None => self.strays += 1,
        }
    }
}

/// Reading.
impl State {
    /// Has the memory fetched that deciding about orders with these ids will read, all at once; worth it from some ten orders on. Changes
    /// nothing, and the number means nothing. With four million ids it makes a transfer a third cheaper.
    pub fn touch(&self, ids: &[Id]) -> u64 {
        self.window.touch(ids)
    }

    /// The number of the last fact in it.
    pub fn seq(&self) -> u64 {
        self.seq
    }

    /// The latest time of any fact.
    pub fn now_ms(&self) -> u64 {
        self.now_ms
    }

    /// Facts that did not fit to what was there before them. Of a history that this crate decided there is none; a book with one must
    /// not be served.
    pub fn strays(&self) -> u64 {
        self.strays
    }

    pub fn account(&self, number: AccountNumber) -> Option<&Account> {
        self.accounts.get(number as usize)
    }

    pub fn name(&self, number: AccountNumber) -> Option<&Name> {
        self.names.get(number as usize)
    }

    pub fn number(&self, name: &str) -> Option<AccountNumber> {
        self.by_name.get(name).copied()
    }

    /// All of them, by number.
    pub fn accounts(&self) -> &[Account] {
        &self.accounts
    }

    /// Accounts whose names come behind this text, by name.
    pub fn names_behind<'a>(&'a self, text: &str) -> impl Iterator<Item = AccountNumber> + use<'a> {
        let bounds = (Bound::Excluded(text), Bound::Unbounded);
        self.by_name.range::<str, _>(bounds).map(|(_, number)| *number)
    }

    pub fn reservation(&self, id: Id) -> Option<&Reservation> {
        self.reservations.get(&id)
    }

    pub fn reservations(&self) -> usize {
        self.reservations.len()
    }

    /// When the next reservation's time is over.
    pub fn next_deadline_ms(&self) -> Option<u64> {
        self.deadlines.first().map(|(at_ms, _)| *at_ms).filter(|at_ms| *at_ms < u64::MAX)
    }

    /// What this id was accepted for, if it is remembered.
    pub fn receipt(&self, id: Id) -> Option<&Receipt> {
        self.window.find(id)
    }

    /// How many ids are remembered, and since when.
    pub fn remembered(&self) -> (usize, Option<u64>) {
        (self.window.len(), self.window.oldest_ms())
    }
}
