//! The trial balance: every balance added up again, by currency. Pure.

use crate::name::Currency;
use crate::state::State;
use std::collections::BTreeMap;

/// The sums of one currency. They are wider than a balance, so they cannot overflow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Trial {
    pub accounts: u64,
    /// Of the balances below zero.
    pub debits: i128,
    /// Of the balances above zero.
    pub credits: i128,
    pub outgoing: i128,
    pub incoming: i128,
}

impl Trial {
    /// What was debited was credited, and what is held in one account is held in another.
    pub fn is_even(&self) -> bool {
        self.debits + self.credits == 0 && self.outgoing == self.incoming
    }
}

impl State {
    /// One for each currency.
    pub fn trial(&self) -> BTreeMap<Currency, Trial> {
        let mut trials: BTreeMap<Currency, Trial> = BTreeMap::new();
        for account in self.accounts() {
            let trial = trials.entry(account.currency).or_default();
            let posted = i128::from(account.balance.posted);
            trial.accounts += 1;
            trial.debits += posted.min(0);
            trial.credits += posted.max(0);
            trial.outgoing += i128::from(account.balance.outgoing);
            trial.incoming += i128::from(account.balance.incoming);
        }
        trials
    }

    /// The first number that open reservations say otherwise than the accounts they are held in: the account, what it has and what
    /// they come to, going out and coming in.
    pub fn misheld(&self) -> Option<(u32, [i64; 2], [i128; 2])> {
        let mut held: BTreeMap<u32, [i128; 2]> = BTreeMap::new();
        for reservation in self.reservations.values() {
            held.entry(reservation.debit).or_default()[0] += i128::from(reservation.amount);
            held.entry(reservation.credit).or_default()[1] += i128::from(reservation.amount);
        }
        (0..).zip(self.accounts()).find_map(|(number, account)| {
            let has = [account.balance.outgoing, account.balance.incoming];
            let held = held.get(&number).copied().unwrap_or_default();
            (has.map(i128::from) != held).then_some((number, has, held))
        })
    }
}
