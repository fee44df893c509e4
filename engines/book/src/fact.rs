//! What was decided: all that ever changes a [`State`](crate::State). A fact's meaning never changes. Pure data.

use crate::account::{AccountNumber, Balance, Effect, Limits};
use crate::id::Id;
use crate::name::{Currency, Memo, Name};

/// One decided thing; times in milliseconds since 1970.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fact {
    Opened { account: AccountNumber, name: Name, currency: Currency, limits: Limits, at_ms: u64 },
    Limited { account: AccountNumber, limits: Limits, link: Link, at_ms: u64 },
    Posting(Posting),
}

/// One line in two accounts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Posting {
    /// Of the order; of the reservation where its time is over.
    pub id: Id,
    pub step: Step,
    pub debit: AccountNumber,
    pub credit: AccountNumber,
    /// What was moved, reserved or let go.
    pub amount: i64,
    pub at_ms: u64,
    /// Tells a retry from an id used again for something else.
    pub print: u64,
    /// The last fact before this one that touched the debited, and the credited account.
    pub links: [Link; 2],
    /// Both balances with this posting in them.
    pub after: [Balance; 2],
    pub memo: Memo,
}

/// What a posting is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    Move,
    /// `u64::MAX` where no time was set.
    Reserve {
        expires_ms: u64,
    },
    /// `held` is all that was reserved; what was not moved of it is free again.
    Post {
        reservation: Id,
        held: i64,
    },
    Void {
        reservation: Id,
    },
    Expire,
}

/// Where the account's fact before this one is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Link {
    /// The fact with this number.
    At(u64),
    /// So many facts back in the same batch, whose numbers were not known when it was decided.
    Back(u32),
}

impl Fact {
    pub fn at_ms(&self) -> u64 {
        match self {
            Fact::Opened { at_ms, .. } | Fact::Limited { at_ms, .. } => *at_ms,
            Fact::Posting(posting) => posting.at_ms,
        }
    }
}

impl Link {
    /// The number it means in a fact that has the number `seq` itself.
    pub fn seq(self, seq: u64) -> u64 {
        match self {
            Link::At(previous) => previous,
            Link::Back(distance) => seq.saturating_sub(u64::from(distance)),
        }
    }
}

impl Posting {
    pub(crate) fn effect(&self) -> Effect {
        match self.step {
            Step::Move => Effect::Move(self.amount),
            Step::Reserve { .. } => Effect::Hold(self.amount),
            Step::Post { held, .. } => Effect::Settle { moved: self.amount, held },
            Step::Void { .. } | Step::Expire => Effect::Settle { moved: 0, held: self.amount },
        }
    }

    /// Both balances without it.
    fn before(&self) -> [Balance; 2] {
        self.effect().undone(self.after)
    }

    /// The balance behind it, and before it, of one of its accounts, and the link to what touched that one last.
    pub fn side(&self, account: AccountNumber) -> Option<(Balance, Balance, Link)> {
        let side = [self.debit, self.credit].iter().position(|number| *number == account)?;
        Some((self.after[side], self.before()[side], self.links[side]))
    }

    /// The reservation that ends with it.
    pub fn ended(&self) -> Option<Id> {
        match self.step {
            Step::Move | Step::Reserve { .. } => None,
            Step::Post { reservation, .. } | Step::Void { reservation } => Some(reservation),
            Step::Expire => Some(self.id),
        }
    }
}
