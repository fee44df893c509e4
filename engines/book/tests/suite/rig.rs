//! A book with its facts, for tests.

use tidegate_engine_book::{
    Action, Answer, BookLimit, Command, Currency, Fact, Id, Limits, Memo, Name, Order, Refusal, Refused,
    State, WindowLimit,
};

pub(crate) const LIMIT: BookLimit =
    BookLimit { accounts: 6, reservations: 4, window: WindowLimit { ids: 8, age_ms: 50_000 } };

/// An id made at this millisecond.
pub(crate) fn id(ms: u64, nth: u64) -> Id {
    Id((u128::from(ms) << 80 | 7 << 76 | u128::from(nth)).to_be_bytes())
}

pub(crate) fn currency(text: &str) -> Currency {
    Currency::new(text).unwrap()
}

pub(crate) fn open(name: &str, unit: &str, min: i64, max: i64) -> Command {
    Command::Open { name: Name::new(name).unwrap(), currency: currency(unit), limits: Limits { min, max } }
}

pub(crate) fn order(id: Id, action: Action) -> Order {
    Order { id, action, memo: Memo::default() }
}

pub(crate) fn transfer(debit: u32, credit: u32, amount: i64) -> Action {
    Action::Transfer { debit, credit, amount }
}

/// A state, and every fact that made it in whole batches.
pub(crate) struct Rig {
    pub(crate) state: State,
    pub(crate) batches: Vec<Vec<Fact>>,
    pub(crate) now_ms: u64,
}

impl Rig {
    pub(crate) fn new() -> Rig {
        Rig { state: State::new(LIMIT, 1), batches: Vec::new(), now_ms: 1000 }
    }

    /// Account 0 is the source of all yuan, 1 and 2 hold yuan, 3 holds up to 100, 4 is in dollars.
    pub(crate) fn with_accounts() -> Rig {
        let mut rig = Rig::new();
        let accounts = [
            open("source", "CNY", i64::MIN, i64::MAX),
            open("till:1", "CNY", 0, i64::MAX),
            open("till:2", "CNY", 0, i64::MAX),
            open("small", "CNY", -10, 100),
            open("dollars", "USD", i64::MIN, i64::MAX),
        ];
        accounts.iter().for_each(|command| {
            rig.run(command).unwrap();
        });
        rig
    }

    pub(crate) fn run(&mut self, command: &Command) -> Result<Answer, Refused> {
        let mut facts = Vec::new();
        let answer = self.state.decide(self.now_ms, command, &mut facts)?;
        assert_eq!(answer == Answer::Known, facts.is_empty());
        self.take(facts);
        Ok(answer)
    }

    pub(crate) fn one(&mut self, id: Id, action: Action) -> Result<Answer, Refusal> {
        self.run(&Command::One(order(id, action))).map_err(|refused| refused.why)
    }

    pub(crate) fn expire(&mut self) {
        let mut facts = Vec::new();
        self.state.expire(self.now_ms, 100, &mut facts);
        self.take(facts);
    }

    fn take(&mut self, facts: Vec<Fact>) {
        if !facts.is_empty() {
            apply(&mut self.state, &facts);
            self.batches.push(facts);
        }
    }

    pub(crate) fn balance(&self, account: u32) -> [i64; 3] {
        let balance = self.state.account(account).unwrap().balance;
        [balance.posted, balance.outgoing, balance.incoming]
    }
}

/// Numbers leave gaps between batches, as they do in a journal with other streams.
pub(crate) fn apply(state: &mut State, batch: &[Fact]) {
    let first = state.seq() + 3;
    (first..).zip(batch).for_each(|(seq, fact)| state.apply(seq, fact));
}
