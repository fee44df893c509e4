//! What is asked of a book, by the names of accounts; and those names replaced by their numbers. Pure.

use crate::error::Setback;
use tidegate_engine_book::{
    Account, AccountNumber, Action, Balance, Command, Currency, Id, Limits, Memo, Name, Order, State,
};

/// One thing asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ask {
    Open { name: Name, currency: Currency, limits: Limits },
    Limit { account: String, limits: Limits },
    One(NamedOrder),
    Linked(Vec<NamedOrder>),
}

/// An order that names its accounts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamedOrder {
    pub id: Id,
    pub action: NamedAction,
    pub memo: Memo,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NamedAction {
    Transfer { debit: String, credit: String, amount: i64 },
    Reserve { debit: String, credit: String, amount: i64, timeout_ms: Option<u64> },
    Post { reservation: Id, amount: Option<i64> },
    Void { reservation: Id },
}

/// What became of it.
pub type Outcome = Result<Done, Setback>;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Done {
    /// The number of the fact; of linked ones the last.
    pub seq: u64,
    /// It had been done before.
    pub known: bool,
}

/// An account as it is at a number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    pub name: String,
    pub currency: Currency,
    pub limits: Limits,
    pub balance: Balance,
    /// Everything up to this number is in it.
    pub as_of_seq: u64,
    /// The last fact that touched it.
    pub last_seq: u64,
}

impl Standing {
    pub(crate) fn of(state: &State, number: AccountNumber, account: &Account) -> Standing {
        Standing {
            name: state.name(number).map_or_else(String::new, ToString::to_string),
            currency: account.currency,
            limits: account.limits,
            balance: account.balance,
            as_of_seq: state.seq(),
            last_seq: account.last_seq,
        }
    }
}

impl Ask {
    pub(crate) fn resolve(&self, state: &State) -> Result<Command, Setback> {
        match self {
            Ask::Open { name, currency, limits } => {
                Ok(Command::Open { name: name.clone(), currency: *currency, limits: *limits })
            }
            Ask::Limit { account, limits } => {
                Ok(Command::Limit { account: number(state, 0, account)?, limits: *limits })
            }
            Ask::One(order) => order.resolve(state, 0).map(Command::One),
            Ask::Linked(orders) => {
                let each = orders.iter().enumerate().map(|(at, order)| order.resolve(state, at));
                each.collect::<Result<_, _>>().map(Command::Linked)
            }
        }
    }

    /// The id that says which fact answers it; none of what is no order.
    pub(crate) fn last_id(&self) -> Option<Id> {
        match self {
            Ask::Open { .. } | Ask::Limit { .. } => None,
            Ask::One(order) => Some(order.id),
            Ask::Linked(orders) => orders.last().map(|order| order.id),
        }
    }
}

impl NamedOrder {
    fn resolve(&self, state: &State, at: usize) -> Result<Order, Setback> {
        let action = match &self.action {
            NamedAction::Transfer { debit, credit, amount } => {
                let (debit, credit) = (number(state, at, debit)?, number(state, at, credit)?);
                Action::Transfer { debit, credit, amount: *amount }
            }
            NamedAction::Reserve { debit, credit, amount, timeout_ms } => {
                let (debit, credit) = (number(state, at, debit)?, number(state, at, credit)?);
                Action::Reserve { debit, credit, amount: *amount, timeout_ms: *timeout_ms }
            }
            NamedAction::Post { reservation, amount } => {
                Action::Post { reservation: *reservation, amount: *amount }
            }
            NamedAction::Void { reservation } => Action::Void { reservation: *reservation },
        };
        Ok(Order { id: self.id, action, memo: self.memo.clone() })
    }
}

fn number(state: &State, at: usize, name: &str) -> Result<AccountNumber, Setback> {
    state.number(name).ok_or_else(|| Setback::NoAccount { at, name: name.to_owned() })
}
