//! The book once more, as plainly as it can be said: facts in, the first contradiction out. For whoever verifies a history and trusts
//! neither the state it was decided with nor what was kept of it. Pure.
//!
//! Shares no code with `State` but the form of facts. Forgets nothing: 24 bytes for each order, to see at the end that no id was applied
//! twice.

mod kept;

pub use kept::Difference;

use crate::account::{AccountNumber, Limits};
use crate::fact::{Fact, Posting, Step};
use crate::id::Id;
use crate::name::{Currency, Name};
use crate::trial::Trial;
use std::collections::{BTreeMap, BTreeSet};

/// Posted, outgoing, incoming.
type Sums = [i64; 3];

/// An account as its entries come to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reckoned {
    pub name: Name,
    pub currency: Currency,
    pub posted: i64,
    pub outgoing: i64,
    pub incoming: i64,
    limits: Limits,
    last_seq: u64,
}

/// What is held, and until when.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Held {
    sides: [AccountNumber; 2],
    amount: i64,
    expires_ms: u64,
}

/// Why a fact cannot follow from those before it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Contradiction {
    #[error("it is of an earlier time than the fact before it")]
    Time,
    #[error("it opens account {0}, which is not the next one")]
    NotNext(AccountNumber),
    #[error("it opens an account under the name {0}, which there is already")]
    NameTaken(Name),
    #[error("its lower limit is above its upper one")]
    Limits,
    #[error("there is no account {0}")]
    NoAccount(AccountNumber),
    #[error("both its sides are account {0}")]
    OneAccount(AccountNumber),
    #[error("its accounts are in {0} and in {1}")]
    Currencies(Currency, Currency),
    #[error("its amount is {0}")]
    Amount(i64),
    #[error("it says that record {said} touched account {account} last, and it was {is}")]
    Link { account: AccountNumber, said: u64, is: u64 },
    #[error(
        "it says that account {account} has posted, outgoing and incoming {said:?} behind it, and the entries come to {sums:?}"
    )]
    Balance { account: AccountNumber, said: Sums, sums: Sums },
    #[error("account {0} leaves the range of numbers")]
    Overflow(AccountNumber),
    #[error("account {0} leaves its limits")]
    OffLimits(AccountNumber),
    #[error("the reservation {0} is not open")]
    NotReserved(Id),
    #[error("the reservation {0} is of other accounts, another amount or another time")]
    OtherReservation(Id),
    #[error("the id {id} was applied by record {first} already")]
    Twice { id: Id, first: u64 },
}

/// A book as its facts come to.
#[derive(Debug, Clone, Default)]
pub struct Reckoning {
    accounts: Vec<Reckoned>,
    names: BTreeSet<Name>,
    open: BTreeMap<Id, Held>,
    /// With the numbers of the facts they were applied by.
    ids: Vec<(Id, u64)>,
    now_ms: u64,
    facts: u64,
}

impl Reckoning {
    /// Takes in the fact with this number. Behind a contradiction nothing that follows means anything.
    pub fn take(&mut self, seq: u64, fact: &Fact) -> Result<(), Contradiction> {
        self.facts += 1;
        match fact {
            Fact::Opened { account, name, currency, limits, at_ms } => {
                self.pass(*at_ms)?;
                let new = Reckoned {
                    name: name.clone(),
                    currency: *currency,
                    posted: 0,
                    outgoing: 0,
                    incoming: 0,
                    limits: *limits,
                    last_seq: seq,
                };
                self.begin(*account, new)
            }
            Fact::Limited { account, limits, link, at_ms } => {
                self.pass(*at_ms)?;
                sound(*limits)?;
                self.touch(*account, link.seq(seq), seq)?.limits = *limits;
                Ok(())
            }
            Fact::Posting(posting) => {
                self.pass(posting.at_ms)?;
                self.post(seq, posting)
            }
        }
    }

    fn pass(&mut self, at_ms: u64) -> Result<(), Contradiction> {
        let is_later = at_ms >= self.now_ms;
        self.now_ms = at_ms;
        is_later.then_some(()).ok_or(Contradiction::Time)
    }

    fn begin(&mut self, number: AccountNumber, new: Reckoned) -> Result<(), Contradiction> {
        sound(new.limits)?;
        if number as usize != self.accounts.len() {
            return Err(Contradiction::NotNext(number));
        }
        if !self.names.insert(new.name.clone()) {
            return Err(Contradiction::NameTaken(new.name));
        }
        self.accounts.push(new);
        Ok(())
    }

    /// The account, which a fact touches that says what touched it last.
    fn touch(&mut self, number: AccountNumber, said: u64, seq: u64) -> Result<&mut Reckoned, Contradiction> {
        let account = self.accounts.get_mut(number as usize).ok_or(Contradiction::NoAccount(number))?;
        let is = std::mem::replace(&mut account.last_seq, seq);
        if is == said { Ok(account) } else { Err(Contradiction::Link { account: number, said, is }) }
    }

    fn post(&mut self, seq: u64, posting: &Posting) -> Result<(), Contradiction> {
        self.judge(posting)?;
        let (moved, held) = self.settle(posting)?;
        let is_new = !matches!(posting.step, Step::Post { .. } | Step::Void { .. } | Step::Expire);
        for (side, number) in [posting.debit, posting.credit].into_iter().enumerate() {
            let account = self.touch(number, posting.links[side].seq(seq), seq)?;
            account.enter(side, moved, held).ok_or(Contradiction::Overflow(number))?;
            if is_new && !account.is_within(side) {
                return Err(Contradiction::OffLimits(number));
            }
            let after = posting.after[side];
            let (said, sums) = ([after.posted, after.outgoing, after.incoming], account.sums());
            if said != sums {
                return Err(Contradiction::Balance { account: number, said, sums });
            }
        }
        if posting.step != Step::Expire {
            self.ids.push((posting.id, seq));
        }
        Ok(())
    }

    fn judge(&self, posting: &Posting) -> Result<(), Contradiction> {
        let currency = |number: AccountNumber| {
            let account = self.accounts.get(number as usize);
            account.map(|account| account.currency).ok_or(Contradiction::NoAccount(number))
        };
        let (debit, credit) = (currency(posting.debit)?, currency(posting.credit)?);
        if posting.debit == posting.credit {
            return Err(Contradiction::OneAccount(posting.debit));
        }
        if debit != credit {
            return Err(Contradiction::Currencies(debit, credit));
        }
        if posting.amount <= 0 { Err(Contradiction::Amount(posting.amount)) } else { Ok(()) }
    }

    /// What it moves, and by how much what is held becomes more. Opens and ends the reservation it speaks of.
    fn settle(&mut self, posting: &Posting) -> Result<(i64, i64), Contradiction> {
        let Posting { id, amount, debit, credit, .. } = *posting;
        match posting.step {
            Step::Move => Ok((amount, 0)),
            Step::Reserve { expires_ms } => {
                let held = Held { sides: [debit, credit], amount, expires_ms };
                match self.open.insert(id, held) {
                    None => Ok((0, amount)),
                    Some(_) => Err(Contradiction::OtherReservation(id)),
                }
            }
            Step::Post { reservation, held } => {
                let open = self.end(reservation, posting)?;
                let fits = open.amount == held && amount <= held && self.now_ms < open.expires_ms;
                if fits { Ok((amount, -held)) } else { Err(Contradiction::OtherReservation(reservation)) }
            }
            Step::Void { reservation } => {
                let open = self.end(reservation, posting)?;
                let fits = open.amount == amount && self.now_ms < open.expires_ms;
                if fits { Ok((0, -amount)) } else { Err(Contradiction::OtherReservation(reservation)) }
            }
            Step::Expire => {
                let open = self.end(id, posting)?;
                let fits = open.amount == amount && open.expires_ms <= self.now_ms;
                if fits { Ok((0, -amount)) } else { Err(Contradiction::OtherReservation(id)) }
            }
        }
    }

    fn end(&mut self, reservation: Id, posting: &Posting) -> Result<Held, Contradiction> {
        let open = self.open.remove(&reservation).ok_or(Contradiction::NotReserved(reservation))?;
        let is_its = open.sides == [posting.debit, posting.credit];
        is_its.then_some(open).ok_or(Contradiction::OtherReservation(reservation))
    }
}

fn sound(limits: Limits) -> Result<(), Contradiction> {
    if limits.min <= limits.max { Ok(()) } else { Err(Contradiction::Limits) }
}

/// What it comes to.
impl Reckoning {
    /// That no id was applied twice; or the later one of the first two facts that were.
    pub fn close(&mut self) -> Result<(), (u64, Contradiction)> {
        self.ids.sort_unstable();
        let twice = self.ids.windows(2).filter(|pair| pair[0].0 == pair[1].0);
        match twice.min_by_key(|pair| pair[1].1) {
            None => Ok(()),
            Some(pair) => Err((pair[1].1, Contradiction::Twice { id: pair[0].0, first: pair[0].1 })),
        }
    }

    pub fn facts(&self) -> u64 {
        self.facts
    }

    /// By number.
    pub fn accounts(&self) -> &[Reckoned] {
        &self.accounts
    }

    pub fn reservations(&self) -> usize {
        self.open.len()
    }

    /// All balances added up, by currency.
    pub fn trial(&self) -> BTreeMap<Currency, Trial> {
        let mut trials: BTreeMap<Currency, Trial> = BTreeMap::new();
        for account in &self.accounts {
            let trial = trials.entry(account.currency).or_default();
            let posted = i128::from(account.posted);
            trial.accounts += 1;
            if posted < 0 {
                trial.debits += posted
            } else {
                trial.credits += posted
            }
            trial.outgoing += i128::from(account.outgoing);
            trial.incoming += i128::from(account.incoming);
        }
        trials
    }
}

impl Reckoned {
    fn sums(&self) -> Sums {
        [self.posted, self.outgoing, self.incoming]
    }

    /// Debit is side 0. Nothing where a number cannot hold it.
    fn enter(&mut self, side: usize, moved: i64, held: i64) -> Option<()> {
        if side == 0 {
            self.posted = self.posted.checked_sub(moved)?;
            self.outgoing = self.outgoing.checked_add(held)?;
        } else {
            self.posted = self.posted.checked_add(moved)?;
            self.incoming = self.incoming.checked_add(held)?;
        }
        Some(())
    }

    /// Whether what was just taken out, or put in, was within the limits.
    fn is_within(&self, side: usize) -> bool {
        let Reckoned { posted, outgoing, incoming, limits, .. } = self;
        match side {
            0 => posted.checked_sub(*outgoing).is_some_and(|available| available >= limits.min),
            _ => posted.checked_add(*incoming).is_some_and(|after| after <= limits.max),
        }
    }
}
