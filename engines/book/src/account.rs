//! An account's numbers, and how a step of a transfer changes those of two. Pure; nothing here can fail.

use crate::name::Currency;

/// The place of an account in its book, given in the order of opening.
pub type AccountNumber = u32;

/// Amounts in minor units. What was credited less what was debited, and what reservations hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Balance {
    pub posted: i64,
    /// Reserved to go out; never negative.
    pub outgoing: i64,
    /// Reserved to come in; never negative.
    pub incoming: i64,
}

impl Balance {
    /// What can be spent: the posted balance less what is reserved to go out.
    pub fn available(&self) -> i64 {
        self.posted.wrapping_sub(self.outgoing)
    }
}

/// What a balance may become. Holds for movements decided later, not for what is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// The available balance does not fall below this.
    pub min: i64,
    /// The posted balance, with all that may still come in, does not rise above this.
    pub max: i64,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits { min: 0, max: i64::MAX }
    }
}

/// One account; 56 bytes, so that a hundred thousand fit into a cache.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Account {
    pub balance: Balance,
    pub limits: Limits,
    pub currency: Currency,
    /// The number of the last fact that touched it: where a statement begins.
    pub last_seq: u64,
}

/// What a posting does to both its accounts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Effect {
    Move(i64),
    Hold(i64),
    /// Moves the first of what the second held, and lets go of the rest.
    Settle {
        moved: i64,
        held: i64,
    },
}

impl Effect {
    /// The balances after it, debit and credit. Whoever decided made sure that nothing wraps.
    pub(crate) fn on(self, balances: [Balance; 2]) -> [Balance; 2] {
        let (moved, held) = self.amounts();
        changed(balances, moved, held)
    }

    /// The balances before it.
    pub(crate) fn undone(self, balances: [Balance; 2]) -> [Balance; 2] {
        let (moved, held) = self.amounts();
        changed(balances, moved.wrapping_neg(), held.wrapping_neg())
    }

    fn amounts(self) -> (i64, i64) {
        match self {
            Effect::Move(amount) => (amount, 0),
            Effect::Hold(amount) => (0, amount),
            Effect::Settle { moved, held } => (moved, held.wrapping_neg()),
        }
    }
}

fn changed([mut debit, mut credit]: [Balance; 2], moved: i64, held: i64) -> [Balance; 2] {
    debit.posted = debit.posted.wrapping_sub(moved);
    debit.outgoing = debit.outgoing.wrapping_add(held);
    credit.posted = credit.posted.wrapping_add(moved);
    credit.incoming = credit.incoming.wrapping_add(held);
    [debit, credit]
}
