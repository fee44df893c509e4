//! What a verifier finds in facts that no book ever decided: each would add up.

use crate::rig::{Rig, id, transfer};
use tidegate_engine_book::{Action, Contradiction, Fact, Limits, Link, Posting, Reckoning, Step};

/// Facts of a rig, without gaps, and how often there was a batch before them.
fn facts() -> Vec<Fact> {
    let mut rig = Rig::with_accounts();
    rig.one(id(1000, 1), transfer(0, 1, 100)).unwrap();
    rig.one(id(1000, 2), transfer(1, 2, 30)).unwrap();
    rig.one(id(1000, 3), Action::Reserve { debit: 1, credit: 2, amount: 10, timeout_ms: Some(50) }).unwrap();
    rig.one(id(1000, 4), Action::Post { reservation: id(1000, 3), amount: Some(7) }).unwrap();
    rig.one(id(1000, 5), Action::Reserve { debit: 1, credit: 2, amount: 10, timeout_ms: Some(50) }).unwrap();
    rig.now_ms += 60;
    rig.expire();
    rig.batches.into_iter().flatten().collect()
}

/// The number of the fact that contradicts, and why.
fn first(facts: &[Fact]) -> Option<(u64, Contradiction)> {
    let mut reckoning = Reckoning::default();
    for (seq, fact) in (1..).map(|nth| 3 * nth).zip(facts) {
        if let Err(why) = reckoning.take(seq, fact) {
            return Some((seq, why));
        }
    }
    reckoning.close().err()
}

fn posting(fact: &mut Fact) -> &mut Posting {
    match fact {
        Fact::Posting(posting) => posting,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_history_that_adds_up_is_taken() {
    assert_eq!(first(&facts()), None);
}

#[test]
fn money_out_of_an_account_that_has_none_is_found_though_it_adds_up() {
    let mut facts = facts();
    let limits = Limits { min: 50, max: i64::MAX };
    facts.insert(1, Fact::Limited { account: 0, limits, link: Link::At(3), at_ms: 1000 });
    // Behind it all numbers are three more.
    for fact in &mut facts[2..] {
        if let Fact::Posting(posting) = fact {
            posting.links = posting.links.map(|link| match link {
                Link::At(3) => Link::At(6),
                Link::At(seq) => Link::At(seq + 3),
                back => back,
            });
        }
    }
    assert_eq!(first(&facts), Some((21, Contradiction::OffLimits(0))));
}

#[test]
fn an_order_that_was_applied_twice_is_found() {
    let mut facts = facts();
    let again = posting(&mut facts[5]).id;
    posting(&mut facts[6]).id = again;
    assert_eq!(first(&facts), Some((21, Contradiction::Twice { id: again, first: 18 })));
}

#[test]
fn a_reservation_ends_once_in_its_time_and_by_what_it_was() {
    let spoiled = |spoil: &dyn Fn(&mut Vec<Fact>)| {
        let mut facts = facts();
        spoil(&mut facts);
        first(&facts).map(|(_, why)| why)
    };
    let other = |nth| Some(Contradiction::OtherReservation(id(1000, nth)));
    let never = |facts: &mut Vec<Fact>| {
        posting(&mut facts[8]).step = Step::Post { reservation: id(1000, 9), held: 10 };
    };
    assert_eq!(spoiled(&never), Some(Contradiction::NotReserved(id(1000, 9))));
    let more = |facts: &mut Vec<Fact>| {
        posting(&mut facts[8]).step = Step::Post { reservation: id(1000, 3), held: 11 };
    };
    assert_eq!(spoiled(&more), other(3));
    assert_eq!(spoiled(&|facts| posting(&mut facts[10]).at_ms = 1049), other(5), "before its time");
    assert_eq!(spoiled(&|facts| posting(&mut facts[8]).at_ms = 1050), other(3), "behind its time");
}

#[test]
fn time_does_not_run_backwards_and_accounts_are_opened_in_their_order() {
    let mut facts = facts();
    posting(&mut facts[6]).at_ms = 999;
    assert_eq!(first(&facts), Some((21, Contradiction::Time)));
    facts.swap(1, 2);
    assert_eq!(first(&facts), Some((6, Contradiction::NotNext(2))));
}
