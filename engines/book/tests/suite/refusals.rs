//! Each refusal where it belongs, with its code, and that nothing is changed by it.

use crate::rig::{LIMIT, Rig, id, open, order, transfer};
use std::collections::BTreeSet;
use tidegate_engine_book::{Action, Answer, Command, Limits, Memo, Order, Refusal};

fn reserve(debit: u32, credit: u32, amount: i64, timeout_ms: Option<u64>) -> Action {
    Action::Reserve { debit, credit, amount, timeout_ms }
}

fn post(reservation: tidegate_engine_book::Id, amount: Option<i64>) -> Action {
    Action::Post { reservation, amount }
}

#[test]
fn every_refused_order_changes_nothing_and_has_its_own_code() {
    let mut rig = Rig::with_accounts();
    let (held, ended, over) = (id(1000, 1), id(1000, 2), id(1000, 3));
    rig.one(held, reserve(0, 1, 50, None)).unwrap();
    rig.one(ended, reserve(0, 1, 5, None)).unwrap();
    rig.one(id(1000, 4), Action::Void { reservation: ended }).unwrap();
    rig.one(over, reserve(0, 1, 5, Some(10))).unwrap();
    rig.now_ms += 10;
    let before = rig.state.encode();
    let new = id(1001, 0);
    let asked = [
        (new, transfer(1, 2, 1), "TG-LE-001"),
        (new, transfer(0, 9, 1), "TG-LE-002"),
        (new, transfer(0, 1, 0), "TG-LE-003"),
        (new, transfer(0, 1, i64::MAX), "TG-LE-004"),
        (new, transfer(0, 4, 1), "TG-LE-005"),
        (held, transfer(0, 1, 50), "TG-LE-006"),
        (id(301_011, 0), transfer(0, 1, 1), "TG-LE-008"),
        (new, post(over, None), "TG-LE-009"),
        (new, transfer(0, 3, 101), "TG-LE-010"),
        (new, post(id(9, 9), None), "TG-LE-011"),
        (new, post(ended, None), "TG-LE-012"),
        (new, post(held, Some(51)), "TG-LE-013"),
        (new, transfer(1, 1, 1), "TG-LE-014"),
    ];
    for (id, action, code) in asked {
        let refusal = rig.one(id, action).unwrap_err();
        assert_eq!(refusal.code(), code, "{refusal}");
        assert!(!refusal.hint().is_empty() && !refusal.to_string().ends_with('.'));
        assert_eq!(rig.state.encode(), before);
    }
    let codes: BTreeSet<_> = asked.iter().map(|(_, _, code)| code).collect();
    assert_eq!(codes.len(), asked.len());
}

#[test]
fn a_conflict_shows_what_was_accepted_and_what_is_asked() {
    let mut rig = Rig::with_accounts();
    rig.one(id(1000, 1), transfer(0, 1, 5)).unwrap();
    let memo = Memo::new(b"other".to_vec()).unwrap();
    let asked = Order { id: id(1000, 1), action: transfer(0, 1, 5), memo };
    let refused = rig.run(&Command::One(asked.clone())).unwrap_err();
    let Refusal::Conflict(conflict) = refused.why else { panic!("the memo is another one") };
    assert_eq!((conflict.accepted.amount, conflict.accepted.seq), (5, rig.state.seq()));
    assert_eq!(conflict.asked, asked);
}

#[test]
fn an_id_is_applied_once_and_refused_as_too_old_when_it_is_forgotten() {
    let mut rig = Rig::with_accounts();
    for nth in 0..=LIMIT.window.ids as u64 {
        assert_eq!(rig.one(id(1000 + nth, 0), transfer(0, 1, 1)), Ok(Answer::Fresh));
    }
    assert_eq!(rig.one(id(1001, 0), transfer(0, 1, 1)), Ok(Answer::Known));
    let refusal = rig.one(id(1000, 0), transfer(0, 1, 1)).unwrap_err();
    assert_eq!((refusal.code(), rig.balance(1)), ("TG-LE-007", [9, 0, 0]));
}

#[test]
fn a_refused_id_is_decided_anew() {
    let mut rig = Rig::with_accounts();
    assert!(rig.one(id(1000, 1), transfer(1, 2, 5)).is_err());
    rig.one(id(1000, 2), transfer(0, 1, 5)).unwrap();
    assert_eq!(rig.one(id(1000, 1), transfer(1, 2, 5)), Ok(Answer::Fresh));
}

#[test]
fn a_reservation_is_posted_in_part_and_the_rest_is_free_again() {
    let mut rig = Rig::with_accounts();
    rig.one(id(1000, 1), transfer(0, 1, 100)).unwrap();
    rig.one(id(1000, 2), reserve(1, 2, 60, None)).unwrap();
    assert_eq!((rig.balance(1), rig.balance(2)), ([100, 60, 0], [0, 0, 60]));
    assert_eq!(rig.one(id(1000, 3), transfer(1, 0, 41)).unwrap_err().code(), "TG-LE-001");
    rig.one(id(1000, 4), post(id(1000, 2), Some(25))).unwrap();
    assert_eq!((rig.balance(1), rig.balance(2)), ([75, 0, 0], [25, 0, 0]));
}

#[test]
fn time_ends_a_reservation_and_a_clock_that_runs_backwards_does_not_bring_it_back() {
    let mut rig = Rig::with_accounts();
    rig.one(id(1000, 1), reserve(0, 1, 60, Some(100))).unwrap();
    rig.now_ms += 99;
    rig.expire();
    assert_eq!(rig.balance(1), [0, 0, 60]);
    rig.now_ms += 1;
    rig.expire();
    assert_eq!((rig.balance(0), rig.balance(1)), ([0; 3], [0; 3]));
    rig.now_ms = 1;
    assert_eq!(rig.one(id(1000, 2), post(id(1000, 1), None)).unwrap_err().code(), "TG-LE-009");
}

#[test]
fn accounts_and_reservations_have_limits_and_a_name_is_given_once() {
    let mut rig = Rig::with_accounts();
    let code = |rig: &mut Rig, command: &Command| rig.run(command).unwrap_err().why.code();
    assert_eq!(code(&mut rig, &open("till:1", "USD", 0, i64::MAX)), "TG-LE-015");
    assert_eq!(code(&mut rig, &open("new", "USD", 5, 4)), "TG-LE-016");
    assert_eq!(rig.run(&open("till:1", "CNY", 0, i64::MAX)), Ok(Answer::Known));
    rig.run(&open("sixth", "CNY", 0, 1)).unwrap();
    assert_eq!(code(&mut rig, &open("seventh", "CNY", 0, 1)), "TG-LE-019");
    (0..4).for_each(|nth| {
        rig.one(id(1000, nth), reserve(0, 1, 1, None)).unwrap();
    });
    assert_eq!(rig.one(id(1000, 9), reserve(0, 1, 1, None)).unwrap_err().code(), "TG-LE-020");
    assert_eq!(code(&mut rig, &Command::Linked(vec![])), "TG-LE-017");
    let twice = vec![order(id(1000, 9), transfer(0, 1, 1)); 2];
    assert_eq!(code(&mut rig, &Command::Linked(twice)), "TG-LE-018");
    let limits = Limits { min: 7, max: 9 };
    assert_eq!(rig.run(&Command::Limit { account: 1, limits }), Ok(Answer::Fresh));
    assert_eq!(rig.run(&Command::Limit { account: 1, limits }), Ok(Answer::Known));
}
