//! Transfers between random accounts, by a generator that gives the same ones each time. Pure.

use tidegate_engine_book::{
    Action, BookLimit, Command, Currency, Fact, Id, Limits, Memo, Name, Order, State, WindowLimit,
};

/// When the first order was made, milliseconds since 1970.
pub(super) const BEGAN_MS: u64 = 1_763_800_000_000;
/// Orders of one millisecond.
const PER_MS: u64 = 2000;

pub(super) struct Orders {
    random: u64,
    made: u64,
    accounts: u64,
}

impl Orders {
    pub(super) fn among(accounts: u64) -> Orders {
        Orders { random: 0x139_408d_cbbf_7a44, made: 0, accounts }
    }

    fn random(&mut self) -> u64 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        self.random
    }

    /// The millisecond of the next order.
    pub(super) fn now_ms(&self) -> u64 {
        BEGAN_MS + self.made / PER_MS
    }

    pub(super) fn next(&mut self) -> Order {
        let id = u128::from(self.now_ms()) << 80 | 7 << 76 | 2 << 62 | u128::from(self.random() >> 2);
        let debit = self.random() % self.accounts;
        let credit = (debit + 1 + self.random() % (self.accounts - 1)) % self.accounts;
        let amount = 1 + (self.random() % 1000) as i64;
        self.made += 1;
        let action = Action::Transfer { debit: debit as u32, credit: credit as u32, amount };
        Order { id: Id(id.to_be_bytes()), action, memo: Memo::default() }
    }
}

pub(super) fn limit(ids: usize) -> BookLimit {
    BookLimit { window: WindowLimit { ids, ..WindowLimit::default() }, ..BookLimit::default() }
}

pub(super) fn name(number: u64) -> String {
    format!("account:{number}")
}

/// A book with accounts that may all go below zero, and the facts that opened them.
pub(super) fn book(ids: usize, accounts: u64) -> (State, Vec<Fact>) {
    let (mut state, mut opened) = (State::new(limit(ids), 0x5dee_ce66_d1ce_4e5b), Vec::new());
    for number in 0..accounts {
        let name = Name::new(&name(number)).expect("letters and digits");
        let currency = Currency::new("CNY").expect("letters");
        let limits = Limits { min: i64::MIN, max: i64::MAX };
        let begin = opened.len();
        let command = Command::Open { name, currency, limits };
        state.decide(BEGAN_MS, &command, &mut opened).expect("a new name");
        opened[begin..].iter().for_each(|fact| state.apply(number + 1, fact));
    }
    (state, opened)
}
