//! What a book is asked to do. Pure data.

use crate::account::{AccountNumber, Limits};
use crate::id::Id;
use crate::mix::mix;
use crate::name::{Currency, Memo, Name};

/// Orders that may be linked.
pub const LINKED_MAX: usize = 1024;

/// One thing asked of a book.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// Opens an account. Asking again for what is there changes nothing.
    Open {
        name: Name,
        currency: Currency,
        limits: Limits,
    },
    /// Sets the limits of an account. Asking again changes nothing.
    Limit {
        account: AccountNumber,
        limits: Limits,
    },
    One(Order),
    /// All of them, or none, in this order.
    Linked(Vec<Order>),
}

/// An order for amounts to be moved, reserved or settled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Order {
    pub id: Id,
    pub action: Action,
    pub memo: Memo,
}

/// What an order is for. Amounts are in minor units and above zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Out of `debit`, into `credit`.
    Transfer { debit: AccountNumber, credit: AccountNumber, amount: i64 },
    /// Holds the amount in both accounts, until it is posted or void, or the time is over.
    Reserve { debit: AccountNumber, credit: AccountNumber, amount: i64, timeout_ms: Option<u64> },
    /// Moves what was reserved, or a part of it, and lets go of the rest.
    Post { reservation: Id, amount: Option<i64> },
    /// Lets go of all that was reserved.
    Void { reservation: Id },
}

impl Order {
    /// Sixty-four bits of all that was asked, so that an id used again for something else is told from a retry. They are on disk, so
    /// how they are made never changes.
    pub(crate) fn print(&self, group: u64) -> u64 {
        let words = match self.action {
            Action::Transfer { debit, credit, amount } => [1, pair(debit, credit), amount as u64, 0],
            Action::Reserve { debit, credit, amount, timeout_ms } => {
                [2, pair(debit, credit), amount as u64, timeout_ms.map_or(0, |ms| ms.wrapping_add(1))]
            }
            Action::Post { reservation, amount } => settled(3, reservation, amount.unwrap_or(0)),
            Action::Void { reservation } => settled(4, reservation, 0),
        };
        let print = words.into_iter().fold(group, mix);
        self.memo.bytes().chunks(8).fold(mix(print, self.memo.bytes().len() as u64), |print, chunk| {
            let mut word = [0; 8];
            word[..chunk.len()].copy_from_slice(chunk);
            mix(print, u64::from_le_bytes(word))
        })
    }
}

fn pair(debit: AccountNumber, credit: AccountNumber) -> u64 {
    u64::from(debit) << 32 | u64::from(credit)
}

fn settled(kind: u64, reservation: Id, amount: i64) -> [u64; 4] {
    let [high, low] = reservation.halves();
    [kind, high, low, amount as u64]
}

/// What linked orders have in common; of one order alone it is zero.
pub(crate) fn group_print(orders: &[Order]) -> u64 {
    if orders.len() < 2 {
        return 0;
    }
    orders.iter().flat_map(|order| order.id.halves()).fold(orders.len() as u64, mix)
}
