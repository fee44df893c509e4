//! Facts as the columns that one transaction writes. Pure.

use std::collections::BTreeMap;
use tidegate_engine_book::{AccountNumber, Balance, Fact, Limits};

/// What the table of facts gets.
#[derive(Debug, Default)]
pub(crate) struct FactRows {
    pub(crate) seqs: Vec<i64>,
    pub(crate) leaves: Vec<i64>,
    pub(crate) facts: Vec<Vec<u8>>,
}

/// Accounts that are new.
#[derive(Debug, Default)]
pub(crate) struct OpenedRows {
    pub(crate) numbers: Vec<i64>,
    pub(crate) names: Vec<String>,
    pub(crate) currencies: Vec<String>,
    pub(crate) mins: Vec<i64>,
    pub(crate) maxes: Vec<i64>,
    pub(crate) seqs: Vec<i64>,
}

/// Accounts that changed, in the order of their numbers, so that rows are always locked in one order. What did not change is nothing.
#[derive(Debug, Default)]
pub(crate) struct ChangedRows {
    pub(crate) numbers: Vec<i64>,
    pub(crate) posted: Vec<Option<i64>>,
    pub(crate) outgoing: Vec<Option<i64>>,
    pub(crate) incoming: Vec<Option<i64>>,
    pub(crate) mins: Vec<Option<i64>>,
    pub(crate) maxes: Vec<Option<i64>>,
    pub(crate) seqs: Vec<i64>,
}

#[derive(Debug, Default)]
pub(crate) struct Rows {
    pub(crate) facts: FactRows,
    pub(crate) opened: OpenedRows,
    pub(crate) changed: ChangedRows,
}

#[derive(Debug, Default)]
struct Change {
    balance: Option<Balance>,
    limits: Option<Limits>,
    seq: u64,
}

impl Rows {
    /// Of facts with their numbers; the first one becomes this leaf.
    pub(crate) fn of<'a>(facts: impl Iterator<Item = (u64, &'a Fact)>, first_leaf: u64) -> Rows {
        let (mut rows, mut changes) = (Rows::default(), BTreeMap::new());
        for (leaf, (seq, fact)) in (first_leaf..).zip(facts) {
            rows.facts.push(seq, leaf, fact);
            rows.note(seq, fact, &mut changes);
        }
        changes.into_iter().for_each(|(account, change)| rows.changed.push(account, &change));
        rows
    }

    fn note(&mut self, seq: u64, fact: &Fact, changes: &mut BTreeMap<AccountNumber, Change>) {
        match fact {
            Fact::Opened { account, name, currency, limits, .. } => {
                self.opened.push(*account, name.as_str(), currency.as_str(), *limits, seq);
            }
            Fact::Limited { account, limits, .. } => {
                let change = changes.entry(*account).or_default();
                (change.limits, change.seq) = (Some(*limits), seq);
            }
            Fact::Posting(posting) => {
                for (account, balance) in [posting.debit, posting.credit].into_iter().zip(posting.after) {
                    let change = changes.entry(account).or_default();
                    (change.balance, change.seq) = (Some(balance), seq);
                }
            }
        }
    }
}

impl FactRows {
    fn push(&mut self, seq: u64, leaf: u64, fact: &Fact) {
        let mut bytes = Vec::with_capacity(160);
        fact.encode(&mut bytes);
        self.seqs.push(seq as i64);
        self.leaves.push(leaf as i64);
        self.facts.push(bytes);
    }
}

impl OpenedRows {
    fn push(&mut self, account: AccountNumber, name: &str, currency: &str, limits: Limits, seq: u64) {
        self.numbers.push(i64::from(account));
        self.names.push(name.to_owned());
        self.currencies.push(currency.to_owned());
        self.mins.push(limits.min);
        self.maxes.push(limits.max);
        self.seqs.push(seq as i64);
    }
}

impl ChangedRows {
    fn push(&mut self, account: AccountNumber, Change { balance, limits, seq }: &Change) {
        self.numbers.push(i64::from(account));
        self.posted.push(balance.map(|balance| balance.posted));
        self.outgoing.push(balance.map(|balance| balance.outgoing));
        self.incoming.push(balance.map(|balance| balance.incoming));
        self.mins.push(limits.map(|limits| limits.min));
        self.maxes.push(limits.map(|limits| limits.max));
        self.seqs.push(*seq as i64);
    }
}
