//! Linked orders: all or none, each with what those before it did.

use crate::rig::{Rig, id, order, transfer};
use tidegate_engine_book::{Action, Answer, Command, Fact, Link};

#[test]
fn money_passes_through_an_account_within_linked_orders() {
    let mut rig = Rig::with_accounts();
    let orders = vec![order(id(1000, 1), transfer(0, 1, 30)), order(id(1000, 2), transfer(1, 2, 30))];
    assert_eq!(rig.run(&Command::Linked(orders.clone())), Ok(Answer::Fresh));
    assert_eq!((rig.balance(0), rig.balance(1), rig.balance(2)), ([-30, 0, 0], [0; 3], [30, 0, 0]));
    let Fact::Posting(second) = &rig.batches[5][1] else { panic!("both are postings") };
    assert_eq!((second.links[0], rig.batches[5].len()), (Link::Back(1), 2));
    assert_eq!(rig.run(&Command::Linked(orders)), Ok(Answer::Known));
}

#[test]
fn one_that_is_refused_takes_the_others_with_it_and_is_named() {
    let mut rig = Rig::with_accounts();
    let orders = vec![order(id(1000, 1), transfer(0, 1, 30)), order(id(1000, 2), transfer(1, 2, 31))];
    let refused = rig.run(&Command::Linked(orders)).unwrap_err();
    assert_eq!((refused.at, refused.why.code(), rig.balance(1)), (1, "TG-LE-001", [0; 3]));
    assert_eq!(rig.one(id(1000, 1), transfer(0, 1, 30)), Ok(Answer::Fresh));
}

#[test]
fn a_reservation_may_be_made_and_posted_by_linked_orders_but_not_twice() {
    let mut rig = Rig::with_accounts();
    let reserve = Action::Reserve { debit: 0, credit: 1, amount: 9, timeout_ms: Some(5) };
    let post = Action::Post { reservation: id(1000, 1), amount: None };
    let orders = vec![order(id(1000, 1), reserve), order(id(1000, 2), post)];
    let twice = [&orders[..], &[order(id(1000, 3), post)]].concat();
    assert_eq!(rig.run(&Command::Linked(twice)).unwrap_err().why.code(), "TG-LE-012");
    rig.run(&Command::Linked(orders)).unwrap();
    assert_eq!((rig.balance(1), rig.state.reservations()), ([9, 0, 0], 0));
}

#[test]
fn an_order_that_was_linked_is_not_the_same_order_alone() {
    let mut rig = Rig::with_accounts();
    let orders = vec![order(id(1000, 1), transfer(0, 1, 3)), order(id(1000, 2), transfer(0, 2, 3))];
    rig.run(&Command::Linked(orders.clone())).unwrap();
    assert_eq!(rig.one(id(1000, 1), transfer(0, 1, 3)).unwrap_err().code(), "TG-LE-006");
    let other = vec![orders[0].clone(), order(id(1000, 3), transfer(0, 2, 3))];
    assert_eq!(rig.run(&Command::Linked(other)).unwrap_err().why.code(), "TG-LE-006");
}
