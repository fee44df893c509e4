//! A set of tags as few reads: which stretches of memory, and which of them in one PDU.
//!
//! Tags are taken in the order of their addresses, and a PDU takes as many as go into it. A value is never parted between two PDUs,
//! so it is never torn. What lies between two tags is read along where that is shorter than another item would be; and where a
//! PDU has room for bytes but not for items, the smallest of its gaps are. For what those gaps cost, no plan that keeps
//! the order has fewer PDUs: each one leaves to the next as little as can be.

use crate::answer::Outcomes;
use crate::client::Negotiated;
use crate::fault::ItemFault;
use crate::item::{Area, Extent, ITEM_BYTES, Item};
use crate::job::{COUNT_BYTES, VALUE_HEAD_BYTES};
use crate::pdu::{ANSWER_HEAD_BYTES, JOB_HEAD_BYTES};
use crate::tag::Tag;
use crate::value::{Value, ValueError};
use bytes::Bytes;

/// A gap that is not read, whatever it takes.
const APART: u32 = u32::MAX;

/// What a plan keeps to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    pub pdu_bytes: u16,
    /// Of one job; stations take 20.
    pub items_max: u8,
    /// No longer stretch than this is read for nothing.
    pub gap_bytes_max: u32,
}

impl Limits {
    pub const ITEMS_MAX: u8 = 20;
    pub const GAP_BYTES_MAX: u32 = 128;

    pub fn of(negotiated: Negotiated) -> Limits {
        let Negotiated { pdu_bytes, .. } = negotiated;
        Limits { pdu_bytes, items_max: Self::ITEMS_MAX, gap_bytes_max: Self::GAP_BYTES_MAX }
    }

    /// Values and their heads in one answer.
    fn answer_bytes(&self) -> usize {
        usize::from(self.pdu_bytes).saturating_sub(ANSWER_HEAD_BYTES + COUNT_BYTES)
    }

    /// Items that one job has room for.
    fn items(&self) -> usize {
        let room = usize::from(self.pdu_bytes).saturating_sub(JOB_HEAD_BYTES + COUNT_BYTES) / ITEM_BYTES;
        room.min(self.items_max.into()).max(1)
    }
}

/// Reads that bring all tags but those that are too long.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Plan {
    pub reads: Vec<PlannedRead>,
    /// Indexes of tags that no PDU has room for.
    pub too_long: Vec<usize>,
}

/// One job, and where the tags are in its answer.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PlannedRead {
    pub items: Vec<Item>,
    pub members: Vec<Member>,
}

/// A tag in an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Member {
    /// Its index among those that were planned.
    pub tag: usize,
    pub item: usize,
    /// Its first byte in the value of the item.
    pub at: usize,
}

impl Plan {
    /// A tag that `is_alone` has an item for itself, so that what is wrong with it is no other tag's fault.
    pub fn new(tags: &[Tag], limits: Limits, is_alone: impl Fn(usize) -> bool) -> Plan {
        let mut order: Vec<usize> = (0..tags.len()).collect();
        order.sort_by_key(|index| (tags[*index].area, tags[*index].at));
        let mut plan = Plan::default();
        let mut draft = Draft::new(limits);
        for index in order {
            let next = Next { index, tag: tags[index], is_alone: is_alone(index) };
            if !draft.add(next) {
                plan.reads.extend(draft.finish());
                if !draft.add(next) {
                    plan.too_long.push(index);
                }
            }
        }
        plan.reads.extend(draft.finish());
        plan
    }
}

impl PlannedRead {
    /// What an answer says of each tag: its index and its value. An answer with too few items or bytes has none for some.
    pub fn values<'a>(
        &'a self,
        tags: &'a [Tag],
        outcomes: &'a Outcomes<Bytes>,
    ) -> impl Iterator<Item = (usize, Result<Value, ValueError>)> + 'a {
        self.members.iter().map(|member| {
            let tag = &tags[member.tag];
            let value = match outcomes.get(member.item) {
                Some(Ok(bytes)) => {
                    let end = member.at + usize::from(tag.bytes());
                    bytes.get(member.at..end).ok_or(ValueError::Read).and_then(|bytes| tag.value(bytes))
                }
                Some(Err(fault)) => Err(ValueError::Item(*fault)),
                None => Err(ValueError::Read),
            };
            (member.tag, value)
        })
    }

    /// Tags that share an item whose address was refused: one of them is outside, and the others suffer for it.
    pub fn suspects<'a>(&'a self, outcomes: &'a Outcomes<Bytes>) -> impl Iterator<Item = usize> + 'a {
        let sharers = |item: usize| self.members.iter().filter(move |member| member.item == item);
        let refused = outcomes.iter().enumerate();
        let refused =
            refused.filter(|(_, outcome)| matches!(outcome, Err(ItemFault::Address))).map(|(item, _)| item);
        refused
            .filter(move |item| sharers(*item).nth(1).is_some())
            .flat_map(move |item| sharers(item).map(|one| one.tag))
    }
}

#[derive(Clone, Copy)]
struct Next {
    index: usize,
    tag: Tag,
    is_alone: bool,
}

/// Tags that touch, or nearly.
#[derive(Debug, Clone, Copy)]
struct Stretch {
    area: Area,
    at: u32,
    end: u32,
    is_alone: bool,
}

/// A gap that is not read, before the stretch of this index.
#[derive(Debug, Clone, Copy)]
struct Gap {
    bytes: u32,
    before: usize,
}

/// A PDU that grows. With n stretches and room for fewer items, all gaps but the largest are read along.
#[derive(Debug)]
struct Draft {
    limits: Limits,
    stretches: Vec<Stretch>,
    /// The gaps between items, the smallest first.
    gaps: Vec<Gap>,
    /// Of stretches and of gaps that are read along, each made even.
    bytes: usize,
    /// Index of a tag, of its stretch, and its address.
    tags: Vec<(usize, usize, u32)>,
}

impl Draft {
    fn new(limits: Limits) -> Draft {
        Draft { limits, stretches: Vec::new(), gaps: Vec::new(), bytes: 0, tags: Vec::new() }
    }

    /// Whether there is room for it; if not, nothing is changed.
    fn add(&mut self, next: Next) -> bool {
        let has_room = match self.gap_before(next) {
            gap if gap <= VALUE_HEAD_BYTES as u32 => self.extend(next.tag.end()),
            gap => self.append(next, gap),
        };
        if has_room {
            self.tags.push((next.index, self.stretches.len() - 1, next.tag.at));
        }
        has_room
    }

    /// Nothing where it touches the last stretch, `APART` where what is between them must not be read.
    fn gap_before(&self, next: Next) -> u32 {
        let Some(last) = self.stretches.last() else { return APART };
        let gap = next.tag.at.saturating_sub(last.end);
        let is_apart = next.is_alone || last.is_alone || last.area != next.tag.area;
        if is_apart || gap > self.limits.gap_bytes_max { APART } else { gap }
    }

    fn extend(&mut self, end: u32) -> bool {
        let items = self.items();
        let last = self.stretches.last_mut().expect("there is one, for there is no gap before it");
        let longer = Stretch { end: end.max(last.end), ..*last };
        let bytes = self.bytes - last.bytes() + longer.bytes();
        let has_room = bytes + items * VALUE_HEAD_BYTES <= self.limits.answer_bytes();
        if has_room {
            *last = longer;
            self.bytes = bytes;
        }
        has_room
    }

    fn append(&mut self, next: Next, gap: u32) -> bool {
        let Next { tag, is_alone, .. } = next;
        let stretch = Stretch { area: tag.area, at: tag.at, end: tag.end(), is_alone };
        let mut bytes = self.bytes + stretch.bytes();
        let mut items = self.items() + 1;
        let smallest = self.gaps.first().map_or(gap, |first| first.bytes.min(gap));
        let is_full = items > self.limits.items();
        if is_full {
            if smallest == APART {
                return false;
            }
            bytes += even(smallest);
            items -= 1;
        }
        let has_room = bytes + items * VALUE_HEAD_BYTES <= self.limits.answer_bytes();
        if has_room {
            self.keep(gap, is_full);
            self.stretches.push(stretch);
            self.bytes = bytes;
        }
        has_room
    }

    fn keep(&mut self, bytes: u32, is_full: bool) {
        if !self.stretches.is_empty() {
            let at = self.gaps.partition_point(|gap| gap.bytes <= bytes);
            self.gaps.insert(at, Gap { bytes, before: self.stretches.len() });
        }
        if is_full {
            self.gaps.remove(0);
        }
    }

    fn items(&self) -> usize {
        if self.stretches.is_empty() { 0 } else { self.gaps.len() + 1 }
    }

    /// The read, if there is anything in it; the draft is empty again.
    fn finish(&mut self) -> Option<PlannedRead> {
        let mut read = PlannedRead::default();
        let mut item_of = Vec::with_capacity(self.stretches.len());
        for (index, stretch) in self.stretches.iter().enumerate() {
            let begins = index == 0 || self.gaps.iter().any(|gap| gap.before == index);
            match read.items.last_mut() {
                Some(item) if !begins => item.extent = extent(item.at, stretch.end),
                _ => read.items.push(Item {
                    area: stretch.area,
                    at: stretch.at,
                    extent: extent(stretch.at, stretch.end),
                }),
            }
            item_of.push(read.items.len() - 1);
        }
        for (tag, stretch, at) in self.tags.drain(..) {
            let item = item_of[stretch];
            read.members.push(Member { tag, item, at: (at - read.items[item].at) as usize });
        }
        *self = Draft { tags: std::mem::take(&mut self.tags), ..Draft::new(self.limits) };
        (!read.items.is_empty()).then_some(read)
    }
}

impl Stretch {
    /// In an answer, where values are padded.
    fn bytes(&self) -> usize {
        even(self.end - self.at)
    }
}

fn even(bytes: u32) -> usize {
    bytes.next_multiple_of(2) as usize
}

fn extent(at: u32, end: u32) -> Extent {
    Extent::Bytes(u16::try_from(end - at).expect("it fits into a PDU"))
}
