//! Why an order was not taken. Nothing was changed, and the same id may be used again.

use crate::account::{AccountNumber, Limits};
use crate::id::Id;
use crate::name::{Currency, Name};
use crate::order::{LINKED_MAX, Order};
use crate::window::Receipt;

/// Which of the linked orders is the reason, from 0, and why.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{why}")]
pub struct Refused {
    pub at: usize,
    pub why: Refusal,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    #[error(
        "account {account} has {available} to spend, {amount} are asked for, and at least {min} must stay"
    )]
    Overdraft { account: AccountNumber, available: i64, amount: i64, min: i64 },
    #[error("there is no account {0}")]
    UnknownAccount(AccountNumber),
    #[error("an amount must be above zero, and {0} is not")]
    Zero(i64),
    #[error("account {0} would hold more than a number can")]
    Overflow(AccountNumber),
    #[error("one account counts {debit}, the other one {credit}")]
    WrongCurrency { debit: Currency, credit: Currency },
    #[error("the id {} was accepted before with different content, as number {}", .0.accepted.id, .0.accepted.seq)]
    Conflict(Box<Conflict>),
    #[error("the id {id} is older than the ids that are remembered, which begin after {floor_ms} ms")]
    TooOld { id: Id, floor_ms: u64 },
    #[error("the id {id} was made more than five minutes in the future")]
    Ahead { id: Id },
    #[error("the time of the reservation {0} is over")]
    Expired(Id),
    #[error("account {account} would come to {after}, and at most {max} are allowed")]
    Limit { account: AccountNumber, after: i64, max: i64 },
    #[error("there is no reservation {0}")]
    UnknownReservation(Id),
    #[error("the reservation {0} was posted or made void before")]
    Settled(Id),
    #[error("{asked} are to be posted, and {held} are reserved")]
    MoreThanReserved { asked: i64, held: i64 },
    #[error("both sides are account {0}")]
    SameAccount(AccountNumber),
    #[error("the name {0} is taken by an account with another currency or other limits")]
    NameTaken(Name),
    #[error("the lower limit {} is above the upper one {}", .0.min, .0.max)]
    Limits(Limits),
    #[error("1 to {LINKED_MAX} orders may be linked, and {0} are")]
    Links(usize),
    #[error("the id {0} stands twice among linked orders")]
    Twice(Id),
    #[error("the book has {0} accounts already")]
    ManyAccounts(usize),
    #[error("the book has {0} open reservations already")]
    ManyReservations(usize),
}

/// An id, what it was accepted for, and what it is asked for now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conflict {
    pub accepted: Receipt,
    pub asked: Order,
}

impl Refusal {
    pub fn code(&self) -> &'static str {
        match self {
            Refusal::Overdraft { .. } => "TG-LE-001",
            Refusal::UnknownAccount(_) => "TG-LE-002",
            Refusal::Zero(_) => "TG-LE-003",
            Refusal::Overflow(_) => "TG-LE-004",
            Refusal::WrongCurrency { .. } => "TG-LE-005",
            Refusal::Conflict(_) => "TG-LE-006",
            Refusal::TooOld { .. } => "TG-LE-007",
            Refusal::Ahead { .. } => "TG-LE-008",
            Refusal::Expired(_) => "TG-LE-009",
            Refusal::Limit { .. } => "TG-LE-010",
            Refusal::UnknownReservation(_) => "TG-LE-011",
            Refusal::Settled(_) => "TG-LE-012",
            Refusal::MoreThanReserved { .. } => "TG-LE-013",
            Refusal::SameAccount(_) => "TG-LE-014",
            Refusal::NameTaken(_) => "TG-LE-015",
            Refusal::Limits(_) => "TG-LE-016",
            Refusal::Links(_) => "TG-LE-017",
            Refusal::Twice(_) => "TG-LE-018",
            Refusal::ManyAccounts(_) => "TG-LE-019",
            Refusal::ManyReservations(_) => "TG-LE-020",
        }
    }

    /// What to do about it, in one line.
    pub fn hint(&self) -> &'static str {
        match self {
            Refusal::Overdraft { .. } => "move less, or lower the account's limit min",
            Refusal::UnknownAccount(_) => "open the account first, or compare its name",
            Refusal::Zero(_) => "swap debit and credit to move an amount back",
            Refusal::Overflow(_) => "count in a larger unit, or spread the amount over accounts",
            Refusal::WrongCurrency { .. } => {
                "exchange through one account in each currency, with linked orders"
            }
            Refusal::Conflict(_) => "give a new order a new id, and send an old one as it was",
            Refusal::TooOld { .. } => {
                "ask for the transfer by its id; if it is not there, send it with a new id"
            }
            Refusal::Ahead { .. } => "set the clock of whoever makes the ids, which are UUIDv7",
            Refusal::Expired(_) => "reserve again, with a longer time if need be",
            Refusal::Limit { .. } => "move less, or raise the account's limit max",
            Refusal::UnknownReservation(_) => "compare the id with the one it was reserved by",
            Refusal::Settled(_) => "ask for the reservation by its id to see how it ended",
            Refusal::MoreThanReserved { .. } => "post what is reserved, and transfer the rest",
            Refusal::SameAccount(_) => "name two accounts",
            Refusal::NameTaken(_) => "take another name, or change the limits of the account that is there",
            Refusal::Limits(_) => "give a lower limit that is not above the upper one",
            Refusal::Links(_) => "send them in several groups",
            Refusal::Twice(_) => "give each order its own id",
            Refusal::ManyAccounts(_) => "raise accounts_max of the book",
            Refusal::ManyReservations(_) => "post or void some, or raise reservations_max of the book",
        }
    }
}
