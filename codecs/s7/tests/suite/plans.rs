//! Plans: how few PDUs, that each tag is found again, and that the greedy way is not beaten by any other that keeps the order.

use crate::memory::Blocks;
use bytes::Bytes;
use proptest::prelude::*;
use std::collections::BTreeMap;
use tidegate_codec_s7::{
    Area, Extent, Item, ItemFault, Kind, Limits, Memory, Negotiated, Outcomes, Plan, Tag, Value, ValueError,
};

const AREA: Area = Area::Block(1);

fn limits(pdu_bytes: u16) -> Limits {
    Limits::of(Negotiated { pdu_bytes, jobs: 1 })
}

fn real(block: u16, at: u32) -> Tag {
    Tag { area: Area::Block(block), at, kind: Kind::Real }
}

/// 100,000 of them over 50 stations are 2,000 for each.
fn reals(many: u32, apart: u32) -> Vec<Tag> {
    (0..many).map(|index| real(1 + (index / 1000) as u16, index % 1000 * apart)).collect()
}

#[track_caller]
fn check_reads(tags: &[Tag], pdu_bytes: u16, reads: usize) {
    let plan = Plan::new(tags, limits(pdu_bytes), |_| false);
    assert_eq!((plan.reads.len(), plan.too_long.len()), (reads, 0), "{} tags at {pdu_bytes}", tags.len());
}

#[test]
fn a_hundred_thousand_reals_in_a_row_fill_their_pdus() {
    // 946 bytes of values in an answer: 235 in one item. A block of 1000 ends within a PDU.
    check_reads(&reals(100_000, 4), 960, 426);
    // 466: 115.
    check_reads(&reals(100_000, 4), 480, 871);
    // 226: 55.
    check_reads(&reals(100_000, 4), 240, 1820);
}

#[test]
fn a_hundred_thousand_reals_64_bytes_apart_read_gaps_along_where_items_are_used_up() {
    // 20 items are 160 bytes; with 60 more for each gap, less the head of an item, there is room for 12 gaps.
    check_reads(&reals(100_000, 64), 960, 3125);
    check_reads(&reals(100_000, 64), 480, 4167);
    check_reads(&reals(100_000, 64), 240, 5000);
    let without = Limits { gap_bytes_max: 0, ..limits(960) };
    assert_eq!(Plan::new(&reals(100_000, 64), without, |_| false).reads.len(), 5000);
}

/// What a station answers to these reads, tag by tag.
fn values(plan: &Plan, tags: &[Tag], memory: &mut Blocks) -> BTreeMap<usize, Result<Value, ValueError>> {
    let read = |items: &Vec<Item>, memory: &mut Blocks| -> Outcomes<Bytes> {
        items.iter().map(|item| memory.read(*item)).collect()
    };
    let mut values = BTreeMap::new();
    for one in &plan.reads {
        let outcomes = read(&one.items, memory);
        for (tag, value) in one.values(tags, &outcomes) {
            assert!(values.insert(tag, value).is_none(), "tag {tag} is read twice");
        }
    }
    values
}

fn check_limits(plan: &Plan, limits: Limits) {
    for read in &plan.reads {
        assert!(read.items.len() <= limits.items_max.into());
        assert!(12 + 12 * read.items.len() <= limits.pdu_bytes.into(), "the job fits");
        let answer: usize = read.items.iter().map(|item| 4 + item.bytes().next_multiple_of(2)).sum();
        assert!(14 + answer <= limits.pdu_bytes.into(), "the answer fits");
    }
}

fn kind() -> impl Strategy<Value = Kind> {
    prop_oneof![
        (0u8..8).prop_map(Kind::Bool),
        Just(Kind::Unsigned(1)),
        Just(Kind::Signed(2)),
        Just(Kind::Real),
        Just(Kind::Lreal),
        (1u8..=254).prop_map(Kind::Text),
    ]
}

fn tags() -> impl Strategy<Value = Vec<Tag>> {
    let one = (1u16..3, 0u32..2000, kind()).prop_map(|(block, at, kind)| Tag {
        area: Area::Block(block),
        at,
        kind,
    });
    prop::collection::vec(one, 0..120)
}

/// The same bytes again and again, of which some are texts.
fn memory() -> Blocks {
    let bytes: Vec<u8> = (0..3000u32).map(|at| (at % 251) as u8).collect();
    Blocks((1..3).map(|block| (Area::Block(block), bytes.clone())).collect())
}

proptest! {
    #[test]
    fn every_tag_is_read_once_as_if_it_were_read_alone(
        tags in tags(),
        pdu_bytes in 240u16..=960,
        gap_bytes_max in 0u32..200,
        alone in prop::collection::vec(any::<bool>(), 120),
    ) {
        let limits = Limits { gap_bytes_max, ..limits(pdu_bytes) };
        let plan = Plan::new(&tags, limits, |index| alone[index]);
        check_limits(&plan, limits);
        let mut memory = memory();
        let values = values(&plan, &tags, &mut memory);
        for (index, tag) in tags.iter().enumerate() {
            let item = Item { area: tag.area, at: tag.at, extent: Extent::Bytes(tag.bytes()) };
            let expected = memory.read(item).map_err(ValueError::Item).and_then(|bytes| tag.value(&bytes));
            let is_too_long = 18 + tag.bytes().next_multiple_of(2) > pdu_bytes;
            prop_assert_eq!(plan.too_long.contains(&index), is_too_long);
            // As text, in which a number that is none is equal to itself.
            let expected = (!is_too_long).then_some(&expected);
            prop_assert_eq!(format!("{:?}", values.get(&index)), format!("{expected:?}"));
        }
    }

    #[test]
    fn no_other_cut_of_the_same_order_needs_fewer_pdus(
        steps in prop::collection::vec(2u32..60, 1..40),
        items_max in 2u8..6,
        pdu_bytes in 240u16..300,
    ) {
        let places = steps.iter().scan(0, |at, step| { *at += 4 + step * 2; Some(*at) });
        let tags: Vec<Tag> = places.map(|at| real(1, at)).collect();
        let limits = Limits { items_max, ..limits(pdu_bytes) };
        let plan = Plan::new(&tags, limits, |_| false);
        prop_assert_eq!(plan.reads.len(), fewest(&tags, limits));
    }
}

/// By trying every cut: the fewest PDUs for the first n tags, out of those for fewer.
fn fewest(tags: &[Tag], limits: Limits) -> usize {
    let mut fewest = vec![0];
    for end in 1..=tags.len() {
        let begins = (0..end).filter(|begin| fits(&tags[*begin..end], limits));
        fewest.push(begins.map(|begin| fewest[begin] + 1).min().expect("one tag fits"));
    }
    fewest[tags.len()]
}

/// Whether some choice of gaps makes one PDU of them. Tags are of four bytes and at even places.
fn fits(tags: &[Tag], limits: Limits) -> bool {
    let mut gaps: Vec<u32> = tags.windows(2).map(|pair| pair[1].at - pair[0].at - 4).collect();
    gaps.sort_unstable();
    (0..=gaps.len()).any(|read_along| {
        let (along, apart) = gaps.split_at(read_along);
        let bytes = 4 * tags.len() as u32 + along.iter().sum::<u32>() + 4 * (apart.len() as u32 + 1);
        along.iter().all(|gap| *gap <= limits.gap_bytes_max)
            && apart.len() < limits.items_max.into()
            && bytes + 14 <= limits.pdu_bytes.into()
    })
}

#[test]
fn one_tag_outside_of_its_block_names_those_who_suffer_for_it_and_alone_it_harms_none() {
    let tags: Vec<Tag> = (0..10).map(|index| real(1, index * 4)).collect();
    let mut memory = Blocks::with(AREA, vec![0; 38]);
    let plan = Plan::new(&tags, limits(480), |_| false);
    let outcomes: Outcomes<Bytes> = plan.reads[0].items.iter().map(|item| memory.read(*item)).collect();
    let suspects: Vec<usize> = plan.reads[0].suspects(&outcomes).collect();
    assert_eq!(suspects, (0..10).collect::<Vec<_>>());

    let plan = Plan::new(&tags, limits(480), |index| suspects.contains(&index));
    let found = values(&plan, &tags, &mut memory);
    let bad: Vec<_> = found.iter().filter(|(_, value)| value.is_err()).map(|(index, _)| *index).collect();
    assert_eq!((plan.reads.len(), bad), (1, vec![9]));
    let outcomes: Outcomes<Bytes> = plan.reads[0].items.iter().map(|item| memory.read(*item)).collect();
    assert_eq!(plan.reads[0].suspects(&outcomes).count(), 0, "one that is alone is no suspect");
}

#[test]
fn a_block_that_is_not_there_makes_no_suspects() {
    let tags = [real(1, 0), real(1, 4)];
    let plan = Plan::new(&tags, limits(480), |_| false);
    assert_eq!(plan.reads[0].suspects(&vec![Err(ItemFault::Missing)]).count(), 0);
}

#[test]
fn no_tags_are_no_reads_and_a_text_longer_than_a_pdu_is_named() {
    assert_eq!(Plan::new(&[], limits(480), |_| false), Plan::default());
    let text = Tag { area: AREA, at: 0, kind: Kind::Text(254) };
    let plan = Plan::new(&[real(1, 0), text, real(1, 400)], limits(240), |_| false);
    assert_eq!((plan.too_long, plan.reads.len()), (vec![1], 2));
}

#[test]
fn an_answer_that_has_less_than_was_asked_gives_no_value() {
    let tags = [real(1, 0), real(2, 0)];
    let plan = Plan::new(&tags, limits(480), |_| false);
    let outcomes = vec![Ok(Bytes::from_static(&[1, 2]))];
    let values: Vec<_> = plan.reads[0].values(&tags, &outcomes).collect();
    assert_eq!(values, [(0, Err(ValueError::Read)), (1, Err(ValueError::Read))]);
}
