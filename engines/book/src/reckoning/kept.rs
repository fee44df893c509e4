//! A reckoning beside a state that somebody keeps: whether the state is what the facts come to, and, where those facts are pruned, going on
//! from it. Pure.

use super::{Held, Reckoned, Reckoning};
use crate::id::Id;
use crate::name::Name;
use crate::state::{Reservation, State};

/// How a kept state differs from what the facts up to its number come to.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Difference {
    #[error("it has {there} accounts, and the facts come to {here}")]
    Accounts { there: usize, here: usize },
    #[error("its account {0} is another one than the facts come to")]
    Account(Name),
    #[error("its open reservations are other ones than the facts come to")]
    Reservations,
    #[error("the ids it remembers are not those that were applied last")]
    Ids,
    #[error("it is of another time than the last fact")]
    Time,
    #[error("it was made of facts that contradicted each other")]
    Strays,
}

impl Reckoning {
    /// Takes note of a fact that is pruned: of this kind, and with this id. Behind it only [`Reckoning::resume`] goes on.
    pub fn pass_over(&mut self, seq: u64, kind: u16, id: Id) {
        self.facts += 1;
        if is_order(kind) {
            self.ids.push((id, seq));
        }
    }

    /// Goes on from the state that stands for all facts before.
    pub fn resume(&mut self, state: &State) {
        let accounts = state.accounts.iter().zip(&state.names);
        self.accounts = accounts
            .map(|(account, name)| Reckoned {
                name: name.clone(),
                currency: account.currency,
                posted: account.balance.posted,
                outgoing: account.balance.outgoing,
                incoming: account.balance.incoming,
                limits: account.limits,
                last_seq: account.last_seq,
            })
            .collect();
        self.names = state.names.iter().cloned().collect();
        self.open = state.reservations.iter().map(|(id, reservation)| (*id, held(reservation))).collect();
        self.now_ms = state.now_ms;
    }

    /// What first differs between a state and these facts, all of those up to its number.
    pub fn difference(&self, state: &State) -> Option<Difference> {
        let mut same = Reckoning::default();
        same.resume(state);
        let mut accounts = self.accounts.iter().zip(&same.accounts);
        let (there, here) = (same.accounts.len(), self.accounts.len());
        match accounts.find(|(here, there)| here != there) {
            _ if state.strays > 0 => Some(Difference::Strays),
            _ if there != here => Some(Difference::Accounts { there, here }),
            Some((_, there)) => Some(Difference::Account(there.name.clone())),
            None if same.open != self.open => Some(Difference::Reservations),
            None if same.now_ms != self.now_ms => Some(Difference::Time),
            None if !self.has_last(state) => Some(Difference::Ids),
            None => None,
        }
    }

    fn has_last(&self, state: &State) -> bool {
        let receipts = state.window.receipts().map(|receipt| (receipt.id, receipt.seq));
        let last = self.ids.len().checked_sub(state.window.len());
        last.is_some_and(|first| receipts.eq(self.ids[first..].iter().copied()))
    }
}

/// Whether the id of a fact of this kind, in the numbers of [`Fact::kind`](crate::Fact::kind), is that of an order.
fn is_order(kind: u16) -> bool {
    (3..=6).contains(&kind)
}

fn held(reservation: &Reservation) -> Held {
    let Reservation { debit, credit, amount, expires_ms } = *reservation;
    Held { sides: [debit, credit], amount, expires_ms }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::account::Limits;
    use crate::fact::Fact;
    use crate::name::{Currency, Memo};
    use crate::order::{Action, Command, Order};
    use crate::state::BookLimit;

    fn id(nth: u64) -> Id {
        Id((u128::from(1_000_000 + nth) << 80 | 7 << 76 | 2 << 62 | u128::from(nth)).to_be_bytes())
    }

    fn order(nth: u64, action: Action) -> Command {
        Command::One(Order { id: id(nth), action, memo: Memo::default() })
    }

    /// Facts with transfers, a reservation that is open and one that is posted.
    fn facts() -> Vec<Fact> {
        let open = |name: &str, min| {
            let (name, currency) = (Name::new(name).unwrap(), Currency::new("CNY").unwrap());
            Command::Open { name, currency, limits: Limits { min, ..Limits::default() } }
        };
        let reserve = |amount| Action::Reserve { debit: 1, credit: 0, amount, timeout_ms: None };
        let commands = [
            open("source", i64::MIN),
            open("till", 0),
            order(1, Action::Transfer { debit: 0, credit: 1, amount: 50 }),
            order(2, reserve(5)),
            order(3, reserve(7)),
            order(4, Action::Post { reservation: id(2), amount: Some(4) }),
            order(5, Action::Transfer { debit: 1, credit: 0, amount: 1 }),
        ];
        let (mut book, mut facts) = (State::new(BookLimit::default(), 0), Vec::new());
        for command in &commands {
            let before = facts.len();
            book.decide(1_000_000, command, &mut facts).unwrap();
            for (seq, fact) in (before as u64 + 1..).zip(&facts[before..]) {
                book.apply(seq, fact);
            }
        }
        facts
    }

    fn state_of(facts: &[Fact]) -> State {
        let mut state = State::new(BookLimit::default(), 0);
        (1..).zip(facts).for_each(|(seq, fact)| state.apply(seq, fact));
        state
    }

    fn reckoned(facts: &[Fact]) -> Reckoning {
        let mut reckoning = Reckoning::default();
        (1..).zip(facts).for_each(|(seq, fact)| reckoning.take(seq, fact).unwrap());
        reckoning
    }

    #[test]
    fn a_state_is_what_its_facts_come_to_and_what_is_changed_in_it_is_named() {
        let facts = facts();
        for end in 0..=facts.len() {
            assert_eq!(reckoned(&facts[..end]).difference(&state_of(&facts[..end])), None, "{end} facts");
        }
        let here = reckoned(&facts);
        assert_eq!(here.difference(&state_of(&facts[..1])), Some(Difference::Accounts { there: 1, here: 2 }));
        let (mut limits, mut balance, mut held) = (state_of(&facts), state_of(&facts), state_of(&facts));
        limits.accounts[1].limits.max = 99;
        balance.accounts[0].balance.posted += 1;
        held.reservations.get_mut(&id(3)).unwrap().amount = 6;
        let named = |name| Some(Difference::Account(Name::new(name).unwrap()));
        assert_eq!(
            [&limits, &balance, &held].map(|state| here.difference(state)),
            [named("till"), named("source"), Some(Difference::Reservations)]
        );
        let mut forgot = state_of(&facts);
        forgot.window = state_of(&facts[..6]).window;
        assert_eq!(here.difference(&forgot), Some(Difference::Ids));
        let (mut time, mut strays) = (state_of(&facts), state_of(&facts));
        (time.now_ms, strays.strays) = (time.now_ms + 1, 1);
        assert_eq!(here.difference(&time), Some(Difference::Time));
        assert_eq!(here.difference(&strays), Some(Difference::Strays));
    }

    #[test]
    fn it_goes_on_from_a_state_and_still_sees_an_id_that_a_pruned_fact_had() {
        let facts = facts();
        let mut resumed = Reckoning::default();
        for (seq, fact) in (1..).zip(&facts[..6]) {
            let id = if let Fact::Posting(posting) = fact { posting.id } else { Id::default() };
            resumed.pass_over(seq, u16::from(fact.kind()), id);
        }
        resumed.resume(&state_of(&facts[..6]));
        resumed.take(7, &facts[6]).unwrap();
        let whole = reckoned(&facts);
        assert_eq!((resumed.accounts(), resumed.facts()), (whole.accounts(), whole.facts()));
        assert_eq!(resumed.difference(&state_of(&facts)), None);
        assert_eq!(resumed.close(), Ok(()));
        resumed.pass_over(8, 3, id(2));
        assert!(resumed.close().is_err_and(|(seq, _)| seq == 8));
    }
}
