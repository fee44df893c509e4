//! What follows from a command: facts, or why not. Changes nothing.
//!
//! Linked orders are judged one after the other, each with what those before it did, in a draft that is thrown away. One order alone
//! has an empty draft, and then nothing is allocated but what a memo takes.

use crate::account::{Account, AccountNumber, Effect, Limits};
use crate::draft::Draft;
use crate::fact::{Fact, Link, Posting, Step};
use crate::id::Id;
use crate::name::{Currency, Memo, Name};
use crate::order::{Action, Command, LINKED_MAX, Order, group_print};
use crate::refusal::{Conflict, Refusal, Refused};
use crate::state::{Reservation, State};
use crate::window::{AHEAD_MS_MAX, Fate};

/// What is to be done about a command that was not refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// The facts that were added are to be kept and applied.
    Fresh,
    /// It is done already: there are no facts, and the answer is what it was.
    Known,
}

impl State {
    /// Adds the facts that follow from a command at `now_ms` to `facts`; none if it is refused. A time that runs backwards counts as
    /// the latest one.
    pub fn decide(&self, now_ms: u64, command: &Command, facts: &mut Vec<Fact>) -> Result<Answer, Refused> {
        let now_ms = now_ms.max(self.now_ms);
        match command {
            Command::Open { name, currency, limits } => {
                alone(self.opened(now_ms, name, *currency, *limits, facts))
            }
            Command::Limit { account, limits } => alone(self.limited(now_ms, *account, *limits, facts)),
            Command::One(order) => self.ordered(now_ms, std::slice::from_ref(order), facts),
            Command::Linked(orders) if (1..=LINKED_MAX).contains(&orders.len()) => {
                self.ordered(now_ms, orders, facts)
            }
            Command::Linked(orders) => alone(Err(Refusal::Links(orders.len()))),
        }
    }

    /// Adds what time alone brings to `facts`: the end of up to `most` reservations.
    pub fn expire(&self, now_ms: u64, most: usize, facts: &mut Vec<Fact>) {
        let mut draft = Draft::new(self);
        let due = self.deadlines.iter().take_while(|(at_ms, _)| *at_ms <= now_ms.min(u64::MAX - 1));
        for (_, id) in due.take(most) {
            let Some(Reservation { debit, credit, amount, .. }) = self.reservations.get(id) else { continue };
            let step = Step::Expire;
            let at_ms = now_ms.max(self.now_ms);
            let line =
                Line { id: *id, step, debit: *debit, credit: *credit, amount: *amount, at_ms, print: 0 };
            if let Ok(posting) = draft.write(line, Memo::default()) {
                draft.keep(&posting);
                facts.push(Fact::Posting(posting));
            }
        }
    }

    fn opened(
        &self,
        at_ms: u64,
        name: &Name,
        currency: Currency,
        limits: Limits,
        facts: &mut Vec<Fact>,
    ) -> Result<Answer, Refusal> {
        if let Some(account) = self.number(name.as_str()).and_then(|number| self.account(number)) {
            let same = account.currency == currency && account.limits == limits;
            return if same { Ok(Answer::Known) } else { Err(Refusal::NameTaken(name.clone())) };
        }
        sound(limits)?;
        if self.accounts.len() >= self.limit.accounts {
            return Err(Refusal::ManyAccounts(self.accounts.len()));
        }
        let account = self.accounts.len() as AccountNumber;
        facts.push(Fact::Opened { account, name: name.clone(), currency, limits, at_ms });
        Ok(Answer::Fresh)
    }

    fn limited(
        &self,
        at_ms: u64,
        account: AccountNumber,
        limits: Limits,
        facts: &mut Vec<Fact>,
    ) -> Result<Answer, Refusal> {
        let known = self.account(account).ok_or(Refusal::UnknownAccount(account))?;
        sound(limits)?;
        if known.limits == limits {
            return Ok(Answer::Known);
        }
        facts.push(Fact::Limited { account, limits, link: Link::At(known.last_seq), at_ms });
        Ok(Answer::Fresh)
    }

    fn ordered(&self, now_ms: u64, orders: &[Order], facts: &mut Vec<Fact>) -> Result<Answer, Refused> {
        let (group, begin) = (group_print(orders), facts.len());
        let mut draft = Draft::new(self);
        for (at, order) in orders.iter().enumerate() {
            match draft.order(now_ms, order, order.print(group)) {
                Ok(Some(posting)) => {
                    if orders.len() > 1 {
                        draft.keep(&posting);
                    }
                    facts.push(Fact::Posting(posting));
                }
                // Ids are remembered in order and the group's print is made of all of them, so all are known with the first one.
                Ok(None) => return Ok(Answer::Known),
                Err(why) => {
                    facts.truncate(begin);
                    return Err(Refused { at, why });
                }
            }
        }
        Ok(Answer::Fresh)
    }

    /// Whether an id is new, accepted for the same, or neither.
    fn judge_id(&self, now_ms: u64, order: &Order, print: u64) -> Result<Answer, Refusal> {
        let id = order.id;
        match self.window.find(id) {
            Some(receipt) if receipt.print == print => Ok(Answer::Known),
            Some(receipt) => {
                Err(Refusal::Conflict(Box::new(Conflict { accepted: *receipt, asked: order.clone() })))
            }
            None if self.window.is_too_old(id) => {
                Err(Refusal::TooOld { id, floor_ms: self.window.floor_ms() })
            }
            None if id.unix_ms() > now_ms.saturating_add(AHEAD_MS_MAX) => Err(Refusal::Ahead { id }),
            None => Ok(Answer::Fresh),
        }
    }

    fn gone(&self, reservation: Id) -> Refusal {
        match self.receipt(reservation).map(|receipt| receipt.fate) {
            Some(Fate::Expired) => Refusal::Expired(reservation),
            Some(Fate::Settled) => Refusal::Settled(reservation),
            Some(Fate::Final | Fate::Open) | None => Refusal::UnknownReservation(reservation),
        }
    }
}

fn alone(answer: Result<Answer, Refusal>) -> Result<Answer, Refused> {
    answer.map_err(|why| Refused { at: 0, why })
}

fn sound(limits: Limits) -> Result<(), Refusal> {
    if limits.min <= limits.max { Ok(()) } else { Err(Refusal::Limits(limits)) }
}

/// A posting before it is known what it does.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Line {
    pub(crate) id: Id,
    pub(crate) step: Step,
    pub(crate) debit: AccountNumber,
    pub(crate) credit: AccountNumber,
    pub(crate) amount: i64,
    pub(crate) at_ms: u64,
    pub(crate) print: u64,
}

impl Draft<'_> {
    /// The posting that follows from an order; none if it was accepted before.
    fn order(&mut self, at_ms: u64, order: &Order, print: u64) -> Result<Option<Posting>, Refusal> {
        self.first_use(order.id)?;
        if self.state.judge_id(at_ms, order, print)? == Answer::Known {
            return Ok(None);
        }
        let id = order.id;
        let (step, debit, credit, amount) = match order.action {
            Action::Transfer { debit, credit, amount } => (Step::Move, debit, credit, amount),
            Action::Reserve { debit, credit, amount, timeout_ms } => {
                self.room()?;
                let expires_ms = timeout_ms.map_or(u64::MAX, |ms| at_ms.saturating_add(ms).min(u64::MAX - 1));
                (Step::Reserve { expires_ms }, debit, credit, amount)
            }
            Action::Post { reservation, amount } => {
                let Reservation { debit, credit, amount: held, .. } = self.open(reservation, at_ms)?;
                let asked = amount.unwrap_or(held);
                if asked > held {
                    return Err(Refusal::MoreThanReserved { asked, held });
                }
                (Step::Post { reservation, held }, debit, credit, asked)
            }
            Action::Void { reservation } => {
                let Reservation { debit, credit, amount, .. } = self.open(reservation, at_ms)?;
                (Step::Void { reservation }, debit, credit, amount)
            }
        };
        let line = Line { id, step, debit, credit, amount, at_ms, print };
        self.write(line, order.memo.clone()).map(Some)
    }

    fn room(&self) -> Result<(), Refusal> {
        let open = self.reservations();
        if open < self.state.limit.reservations { Ok(()) } else { Err(Refusal::ManyReservations(open)) }
    }

    fn open(&self, reservation: Id, now_ms: u64) -> Result<Reservation, Refusal> {
        match self.reservation(reservation) {
            Some(open) if open.expires_ms <= now_ms => Err(Refusal::Expired(reservation)),
            Some(open) => Ok(open),
            None if self.ended(reservation) => Err(Refusal::Settled(reservation)),
            None => Err(self.state.gone(reservation)),
        }
    }

    fn write(&self, line: Line, memo: Memo) -> Result<Posting, Refusal> {
        let Line { id, step, debit, credit, amount, at_ms, print } = line;
        if amount <= 0 {
            return Err(Refusal::Zero(amount));
        }
        let (from, from_link) = self.account(debit)?;
        let (into, into_link) = self.account(credit)?;
        if debit == credit {
            return Err(Refusal::SameAccount(debit));
        }
        if from.currency != into.currency {
            return Err(Refusal::WrongCurrency { debit: from.currency, credit: into.currency });
        }
        let (links, memo) = ([from_link, into_link], memo);
        let before = [from.balance, into.balance];
        let mut posting =
            Posting { id, step, debit, credit, amount, at_ms, print, links, after: before, memo };
        let effect = posting.effect();
        if matches!(effect, Effect::Move(_) | Effect::Hold(_)) {
            affordable(debit, &from, amount)?;
            acceptable(credit, &into, amount)?;
        }
        posting.after = effect.on(before);
        Ok(posting)
    }
}

/// With this, and [`acceptable`], neither a balance nor what is available of it can leave the range of a number.
fn affordable(number: AccountNumber, account: &Account, amount: i64) -> Result<(), Refusal> {
    let (available, min) = (account.balance.available(), account.limits.min);
    let left = available.checked_sub(amount).ok_or(Refusal::Overflow(number))?;
    account.balance.outgoing.checked_add(amount).ok_or(Refusal::Overflow(number))?;
    if left < min {
        return Err(Refusal::Overdraft { account: number, available, amount, min });
    }
    Ok(())
}

fn acceptable(number: AccountNumber, account: &Account, amount: i64) -> Result<(), Refusal> {
    let (balance, max) = (&account.balance, account.limits.max);
    balance.incoming.checked_add(amount).ok_or(Refusal::Overflow(number))?;
    let after = balance.posted.checked_add(balance.incoming).and_then(|sum| sum.checked_add(amount));
    let after = after.ok_or(Refusal::Overflow(number))?;
    if after > max { Err(Refusal::Limit { account: number, after, max }) } else { Ok(()) }
}
