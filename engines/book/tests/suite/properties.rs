//! Random orders against the model, with crashes in between: whole batches are found again, an unfinished one is not.

use crate::model::{Model, Said};
use crate::rig::{LIMIT, Rig, apply, currency, id};
use proptest::prelude::*;
use tidegate_engine_book::{
    Action, Answer, Command, Contradiction, Fact, Limits, Link, Memo, Name, Order, Reckoned, Reckoning,
    Refusal, Refused, State,
};

#[derive(Debug, Clone)]
enum Deed {
    Run(Command),
    Wait(u64),
    Expire,
    /// Loses so many of the last batches, and begins again from a snapshot taken so many batches before the end.
    Crash {
        lost: usize,
        snapshot: usize,
    },
}

fn amounts() -> impl Strategy<Value = i64> {
    prop_oneof![
        8 => 1..60_i64,
        1 => Just(0),
        1 => Just(-5),
        1 => prop::sample::select(vec![i64::MAX, i64::MAX - 20, i64::MIN, i64::MAX / 2])
    ]
}

fn ids() -> impl Strategy<Value = tidegate_engine_book::Id> {
    prop_oneof![
        12 => (995..1080_u64, 0..2_u64).prop_map(|(ms, nth)| id(ms, nth)),
        1 => Just(id(400_000, 0))
    ]
}

fn actions() -> impl Strategy<Value = Action> {
    let sides = || (0..6_u32, 0..6_u32, amounts());
    let timeout = prop::option::of(0..40_u64);
    prop_oneof![
        4 => sides().prop_map(|(debit, credit, amount)| Action::Transfer { debit, credit, amount }),
        4 => (sides(), timeout).prop_map(|((debit, credit, amount), timeout_ms)| Action::Reserve { debit, credit, amount, timeout_ms }),
        3 => (ids(), prop::option::of(amounts())).prop_map(|(reservation, amount)| Action::Post { reservation, amount }),
        2 => ids().prop_map(|reservation| Action::Void { reservation })
    ]
}

fn orders() -> impl Strategy<Value = Order> {
    let memo = prop_oneof![3 => Just(vec![]), 1 => prop::collection::vec(any::<u8>(), 0..20)];
    (ids(), actions(), memo).prop_map(|(id, action, memo)| Order {
        id,
        action,
        memo: Memo::new(memo).unwrap(),
    })
}

fn limits() -> impl Strategy<Value = Limits> {
    let min = prop::sample::select(vec![i64::MIN, -30, 0, 200]);
    let max = prop::sample::select(vec![i64::MAX, 100, 50]);
    (min, max).prop_map(|(min, max)| Limits { min, max })
}

fn commands() -> impl Strategy<Value = Command> {
    let unit = prop::sample::select(vec!["CNY", "CNY", "CNY", "USD"]);
    let opening = (0..7_u32, unit, limits()).prop_map(|(number, unit, limits)| Command::Open {
        name: Name::new(&format!("a{number}")).unwrap(),
        currency: currency(unit),
        limits,
    });
    prop_oneof![
        3 => opening,
        1 => (0..7_u32, limits()).prop_map(|(account, limits)| Command::Limit { account, limits }),
        10 => orders().prop_map(Command::One),
        3 => prop::collection::vec(orders(), 1..4).prop_map(Command::Linked)
    ]
}

fn deeds() -> impl Strategy<Value = Vec<Deed>> {
    let deed = prop_oneof![
        20 => commands().prop_map(Deed::Run),
        3 => (0..30_u64).prop_map(Deed::Wait),
        1 => Just(Deed::Wait(60_000)),
        2 => Just(Deed::Expire),
        2 => (0..3_usize, 0..9_usize).prop_map(|(lost, snapshot)| Deed::Crash { lost, snapshot })
    ];
    // The same deed again is a retry, now or much later.
    let again = (deed, 0..4_u8).prop_map(|(deed, again)| (deed, again == 0));
    prop::collection::vec(again, 1..60).prop_map(|deeds| {
        deeds.into_iter().flat_map(|(deed, again)| vec![deed; 1 + usize::from(again)]).collect()
    })
}

fn word(refused: Refused) -> &'static str {
    match refused.why {
        Refusal::Overdraft { .. } => "overdraft",
        Refusal::UnknownAccount(_) => "unknown account",
        Refusal::Zero(_) => "zero",
        Refusal::Overflow(_) => "overflow",
        Refusal::WrongCurrency { .. } => "wrong currency",
        Refusal::Conflict(_) => "conflict",
        Refusal::TooOld { .. } => "too old",
        Refusal::Ahead { .. } => "ahead",
        Refusal::Expired(_) => "expired",
        Refusal::Limit { .. } => "limit",
        Refusal::UnknownReservation(_) => "unknown reservation",
        Refusal::Settled(_) => "settled",
        Refusal::MoreThanReserved { .. } => "more than reserved",
        Refusal::SameAccount(_) => "same account",
        Refusal::NameTaken(_) => "name taken",
        Refusal::Limits(_) => "limits",
        Refusal::Twice(_) => "twice",
        Refusal::ManyAccounts(_) => "many accounts",
        Refusal::ManyReservations(_) => "many reservations",
        _ => "other",
    }
}

/// A rig, and the model as it was after each of its batches.
struct Pair {
    rig: Rig,
    models: Vec<Model>,
}

impl Pair {
    fn new() -> Pair {
        Pair { rig: Rig::new(), models: vec![Model::new(LIMIT)] }
    }

    fn after(deeds: &[Deed]) -> Pair {
        let mut pair = Pair::new();
        for deed in deeds {
            // Whether both say the same is another test's matter.
            let _ = pair.act(deed);
        }
        pair
    }

    fn model(&self) -> &Model {
        self.models.last().expect("there is always the first one")
    }

    /// Does the same in both; what each says.
    fn act(&mut self, deed: &Deed) -> (Said, Said) {
        let mut model = self.model().clone();
        let said = match deed {
            Deed::Run(command) => {
                let told = self.rig.run(command);
                let told = told.map(|answer| if answer == Answer::Fresh { "fresh" } else { "known" });
                (told.map_err(word), model.run(self.rig.now_ms, command))
            }
            Deed::Wait(ms) => {
                self.rig.now_ms += ms;
                (Ok(""), Ok(""))
            }
            Deed::Expire => {
                self.rig.expire();
                model.expire(self.rig.now_ms);
                (Ok(""), Ok(""))
            }
            Deed::Crash { lost, snapshot } => {
                let kept = self.rig.batches.len().saturating_sub(*lost);
                self.rig.batches.truncate(kept);
                self.models.truncate(kept + 1);
                self.rig.state = reopened(&self.rig.batches, kept.saturating_sub(*snapshot));
                return (Ok(""), Ok(""));
            }
        };
        if self.rig.batches.len() == self.models.len() {
            self.models.push(model);
        }
        said
    }

    fn agree(&self) -> Result<(), TestCaseError> {
        let (state, model) = (&self.rig.state, self.model());
        prop_assert_eq!(state.accounts().len() as u32, model.accounts());
        for account in 0..model.accounts() {
            let balance = self.rig.balance(account);
            prop_assert_eq!(balance.map(i128::from), model.balance(account), "account {}", account);
        }
        prop_assert_eq!((state.strays(), state.misheld()), (0, None));
        prop_assert!(state.trial().values().all(|trial| trial.is_even()));
        Ok(())
    }
}

fn reopened(batches: &[Vec<Fact>], snapshot: usize) -> State {
    let mut state = State::new(LIMIT, 99);
    batches[..snapshot].iter().for_each(|batch| apply(&mut state, batch));
    let mut state = State::decode(&state.encode(), LIMIT, 100).unwrap();
    for batch in &batches[snapshot..] {
        let read: Vec<Fact> = batch
            .iter()
            .map(|fact| {
                let mut bytes = Vec::new();
                fact.encode(&mut bytes);
                Fact::decode(&bytes).unwrap()
            })
            .collect();
        apply(&mut state, &read);
    }
    state
}

/// Every link leads to the fact before that touched the account, down to the one that opened it.
fn links_hold(batches: &[Vec<Fact>]) -> Result<(), TestCaseError> {
    let mut last: std::collections::BTreeMap<u32, u64> = std::collections::BTreeMap::new();
    let mut seq = 0;
    for batch in batches {
        seq += 2;
        for fact in batch {
            seq += 1;
            let links = match fact {
                Fact::Opened { account, .. } => {
                    last.insert(*account, seq);
                    continue;
                }
                Fact::Limited { account, link, .. } => vec![(*account, *link)],
                Fact::Posting(posting) => {
                    vec![(posting.debit, posting.links[0]), (posting.credit, posting.links[1])]
                }
            };
            for (account, link) in links {
                prop_assert_eq!(last.insert(account, seq), Some(link.seq(seq)));
            }
        }
    }
    Ok(())
}

/// What the verifier makes of the same facts, numbered as a rig numbers them.
fn reckoned(batches: &[Vec<Fact>]) -> Result<Reckoning, Contradiction> {
    let (mut reckoning, mut seq) = (Reckoning::default(), 0);
    for batch in batches {
        seq += 2;
        for fact in batch {
            seq += 1;
            reckoning.take(seq, fact)?;
        }
    }
    reckoning.close().map_err(|(_, why)| why)?;
    Ok(reckoning)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn a_verifier_finds_nothing_in_what_a_book_decided_and_the_same_balances(deeds in deeds()) {
        let pair = Pair::after(&deeds);
        let reckoning = reckoned(&pair.rig.batches);
        prop_assert!(reckoning.is_ok(), "{:?}", reckoning.err());
        let (reckoning, state) = (reckoning.unwrap(), &pair.rig.state);
        prop_assert_eq!(reckoning.trial(), state.trial());
        prop_assert_eq!(reckoning.reservations(), state.reservations());
        let sums = |account: &Reckoned| [account.posted, account.outgoing, account.incoming];
        let sums: Vec<_> = reckoning.accounts().iter().map(sums).collect();
        let balances: Vec<_> = (0..sums.len() as u32).map(|number| pair.rig.balance(number)).collect();
        prop_assert_eq!(sums, balances);
    }

    #[test]
    fn a_verifier_finds_a_fact_that_says_something_else(deeds in deeds(), at in 0..60_usize, what in 0..6_u8) {
        let mut batches = Pair::after(&deeds).rig.batches;
        let mut postings = batches.iter_mut().flatten().filter_map(|fact| match fact {
            Fact::Posting(posting) => Some(posting),
            _ => None,
        });
        let Some(posting) = postings.nth(at % 8) else { return Ok(()) };
        match what {
            0 => posting.amount ^= 1,
            1 => posting.after[0].posted ^= 1,
            2 => posting.after[1].incoming ^= 1,
            3 => posting.links[1] = Link::At(1_000_000),
            4 => posting.at_ms = 1,
            _ => posting.debit = 77,
        }
        prop_assert!(reckoned(&batches).is_err());
    }

    #[test]
    fn a_book_says_and_holds_what_the_model_does_also_over_crashes(deeds in deeds()) {
        let mut pair = Pair::new();
        for deed in &deeds {
            let (book, model) = pair.act(deed);
            prop_assert_eq!(book, model, "{:?}", deed);
            pair.agree()?;
        }
        links_hold(&pair.rig.batches)?;
    }

    #[test]
    fn a_replay_of_all_facts_is_the_book_byte_for_byte(deeds in deeds(), snapshot in 0..60_usize) {
        let pair = Pair::after(&deeds);
        let batches = &pair.rig.batches;
        let from_start = reopened(batches, 0);
        prop_assert_eq!(from_start.encode(), reopened(batches, snapshot.min(batches.len())).encode());
        prop_assert_eq!(from_start.encode(), pair.rig.state.encode());
    }

    #[test]
    fn a_fact_that_was_changed_by_one_unit_is_a_stray(deeds in deeds(), at in 0..60_usize) {
        let mut batches = Pair::after(&deeds).rig.batches;
        let mut postings = batches.iter_mut().flatten().filter_map(|fact| match fact {
            Fact::Posting(posting) => Some(posting),
            _ => None,
        });
        let Some(posting) = postings.nth(at % 8) else { return Ok(()) };
        posting.amount ^= 1;
        prop_assert!(reopened(&batches, 0).strays() > 0);
    }
}
