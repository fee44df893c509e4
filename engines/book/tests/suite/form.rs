//! Facts and states as bytes: what is written reads back, and nothing that is read ever panics.

use crate::rig::{LIMIT, Rig, apply, currency, id, transfer};
use proptest::prelude::*;
use tidegate_engine_book::{
    Action, Balance, Fact, Id, Limits, Link, Memo, Name, NotAFact, Posting, State, Step,
};

fn encoded(fact: &Fact) -> Vec<u8> {
    let mut bytes = Vec::new();
    fact.encode(&mut bytes);
    bytes
}

fn links() -> impl Strategy<Value = Link> {
    prop_oneof![(0..1_u64 << 63).prop_map(Link::At), any::<u32>().prop_map(Link::Back)]
}

fn balances() -> impl Strategy<Value = Balance> {
    any::<[i64; 3]>().prop_map(|[posted, outgoing, incoming]| Balance { posted, outgoing, incoming })
}

fn steps() -> impl Strategy<Value = Step> {
    prop_oneof![
        Just(Step::Move),
        any::<u64>().prop_map(|expires_ms| Step::Reserve { expires_ms }),
        (any::<[u8; 16]>(), any::<i64>())
            .prop_map(|(reservation, held)| Step::Post { reservation: Id(reservation), held }),
        any::<[u8; 16]>().prop_map(|reservation| Step::Void { reservation: Id(reservation) }),
        Just(Step::Expire),
    ]
}

fn postings() -> impl Strategy<Value = Fact> {
    let numbers = (any::<[u8; 16]>(), any::<[u32; 2]>(), any::<i64>(), any::<[u64; 2]>());
    let memo = prop::collection::vec(any::<u8>(), 0..513);
    (numbers, steps(), [links(), links()], [balances(), balances()], memo).prop_map(
        |((id, [debit, credit], amount, [at_ms, print]), step, links, after, memo)| {
            let memo = Memo::new(memo).unwrap();
            Fact::Posting(Posting {
                id: Id(id),
                step,
                debit,
                credit,
                amount,
                at_ms,
                print,
                links,
                after,
                memo,
            })
        },
    )
}

fn facts() -> impl Strategy<Value = Fact> {
    let limits = || any::<[i64; 2]>().prop_map(|[min, max]| Limits { min, max });
    let opened = (any::<u32>(), "[a-z现:7]{1,20}", limits(), any::<u64>()).prop_map(
        |(account, name, limits, at_ms)| Fact::Opened {
            account,
            name: Name::new(&name).unwrap(),
            currency: currency("KWH1"),
            limits,
            at_ms,
        },
    );
    let limited = (any::<u32>(), limits(), links(), any::<u64>())
        .prop_map(|(account, limits, link, at_ms)| Fact::Limited { account, limits, link, at_ms });
    prop_oneof![1 => opened, 1 => limited, 4 => postings()]
}

#[test]
fn the_bytes_of_a_transfer_are_these() {
    let mut rig = Rig::with_accounts();
    rig.one(id(1000, 1), transfer(0, 1, 5)).unwrap();
    let bytes = encoded(&rig.batches[5][0]);
    assert_eq!(bytes.len(), 120);
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    let parts = [
        "03010000000000000100000000000000",
        "0000000003e870000000000000000001",
        "0500000000000000e803000000000000",
        &hex[96..112],
        "03000000000000000600000000000000",
        "fbffffffffffffff00000000000000000000000000000000",
        "050000000000000000000000000000000000000000000000",
    ];
    assert_eq!(hex, parts.concat());
    assert_eq!(&hex[96..112], PRINT, "prints are on disk: how they are made never changes");
}

const PRINT: &str = "f9b5175d6cc919ec";

#[test]
fn bytes_that_are_no_fact_say_why() {
    let mut rig = Rig::with_accounts();
    rig.one(id(1000, 1), transfer(0, 1, 5)).unwrap();
    let bytes = encoded(&rig.batches[5][0]);
    let with = |at: usize, byte: u8| {
        let mut bytes = bytes.clone();
        bytes[at] = byte;
        Fact::decode(&bytes)
    };
    assert_eq!(Fact::decode(&[]), Err(NotAFact::Short(0)));
    assert_eq!(with(0, 9), Err(NotAFact::Kind(9)));
    assert_eq!(with(1, 2), Err(NotAFact::Version(2)));
    assert_eq!(with(12, 1), Err(NotAFact::Value("zero")));
    assert_eq!(with(63, 0xc0), Err(NotAFact::Value("link")));
    assert_eq!(with(2, 1), Err(NotAFact::Short(120)));
    assert_eq!(Fact::decode(&[&bytes[..], &[0]].concat()), Err(NotAFact::Long(1)));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn a_fact_reads_back_from_its_bytes_and_from_no_fewer(fact in facts()) {
        let bytes = encoded(&fact);
        prop_assert_eq!(Fact::decode(&bytes), Ok(fact));
        for end in 0..bytes.len() {
            prop_assert!(Fact::decode(&bytes[..end]).is_err());
        }
    }

    #[test]
    fn any_bytes_are_the_one_form_of_a_fact_or_an_error(fact in facts(), at in 0..500_usize, byte: u8) {
        let mut bytes = encoded(&fact);
        let at = at % bytes.len();
        bytes[at] = byte;
        if let Ok(fact) = Fact::decode(&bytes) {
            prop_assert_eq!(encoded(&fact), bytes);
        }
    }

    #[test]
    fn noise_is_a_fact_or_an_error_and_never_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let _ = Fact::decode(&bytes);
        let _ = State::decode(&bytes, LIMIT, 0);
    }

    #[test]
    fn any_facts_in_any_order_can_be_applied_and_the_book_is_read_back(facts in prop::collection::vec(facts(), 0..40)) {
        let mut rig = Rig::with_accounts();
        rig.one(id(1000, 1), Action::Reserve { debit: 0, credit: 1, amount: 5, timeout_ms: None }).unwrap();
        apply(&mut rig.state, &facts);
        let bytes = rig.state.encode();
        prop_assert_eq!(State::decode(&bytes, LIMIT, 5).unwrap().encode(), bytes);
    }

    #[test]
    fn a_changed_snapshot_is_a_state_or_an_error_and_never_a_panic(at in 0..900_usize, byte: u8) {
        let mut rig = Rig::with_accounts();
        rig.one(id(1000, 1), transfer(0, 1, 5)).unwrap();
        let mut bytes = rig.state.encode();
        let at = at % bytes.len();
        bytes[at] = byte;
        let _ = State::decode(&bytes, LIMIT, 0);
        let _ = State::decode(&bytes[..at], LIMIT, 0).unwrap_err();
    }
}
