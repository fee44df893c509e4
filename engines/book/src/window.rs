//! The ids accepted lately and what each was accepted for, so that one sent again gets its answer and is not applied again.
//!
//! Holds so many ids and so much time, whichever ends first. What fell out is remembered by one number: an id made no later than the
//! newest that fell out is too old, for nobody can say any more whether it was applied. Receipts lie in a ring in the order they came;
//! beside it is an open-addressed table of their places with linear probing, at most half full. Nothing is allocated per id, and
//! nothing ever walks the table. Pure.

use crate::account::AccountNumber;
use crate::fact::{Posting, Step};
use crate::id::Id;
use crate::mix::mix;

/// An id made later than this ahead of the book's time is refused: the window could never close behind it.
pub(crate) const AHEAD_MS_MAX: u64 = 5 * 60 * 1000;

/// The bounds of a window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WindowLimit {
    /// 64 bytes each, and 16 more for the table.
    pub ids: usize,
    pub age_ms: u64,
}

impl Default for WindowLimit {
    fn default() -> WindowLimit {
        WindowLimit { ids: 1 << 20, age_ms: 24 * 60 * 60 * 1000 }
    }
}

/// What an accepted id stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Receipt {
    pub id: Id,
    /// The number of the fact.
    pub seq: u64,
    pub at_ms: u64,
    pub amount: i64,
    pub debit: AccountNumber,
    pub credit: AccountNumber,
    pub(crate) print: u64,
    pub fate: Fate,
}

/// What an order came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Fate {
    /// A transfer, or the end of a reservation.
    Final = 0,
    /// A reservation that is open.
    Open = 1,
    /// A reservation that was posted or made void.
    Settled = 2,
    /// A reservation whose time was over.
    Expired = 3,
}

impl Fate {
    pub(crate) fn of(byte: u8) -> Option<Fate> {
        [Fate::Final, Fate::Open, Fate::Settled, Fate::Expired].into_iter().find(|fate| *fate as u8 == byte)
    }
}

impl Receipt {
    pub(crate) fn of(seq: u64, posting: &Posting) -> Receipt {
        let Posting { id, at_ms, amount, debit, credit, print, .. } = *posting;
        let fate = if matches!(posting.step, Step::Reserve { .. }) { Fate::Open } else { Fate::Final };
        Receipt { id, seq, at_ms, amount, debit, credit, print, fate }
    }
}

#[derive(Debug, Clone)]
pub(crate) struct Window {
    limit: WindowLimit,
    ring: Vec<Receipt>,
    /// Of the oldest in the ring.
    first: usize,
    len: usize,
    /// Half of a hash above, the place in the ring and one below; zero is empty.
    slots: Vec<u64>,
    /// Ids made at or before this millisecond are too old, unless known.
    floor_ms: u64,
    /// Makes it hard to choose ids that meet in one slot.
    seed: u64,
}

impl Window {
    pub(crate) fn new(limit: WindowLimit, seed: u64) -> Window {
        let limit = WindowLimit { ids: limit.ids.clamp(1, 1 << 30), ..limit };
        let slots = vec![0; (2 * limit.ids).next_power_of_two().max(4)];
        Window { limit, ring: Vec::with_capacity(limit.ids), first: 0, len: 0, slots, floor_ms: 0, seed }
    }

    pub(crate) fn find(&self, id: Id) -> Option<&Receipt> {
        self.slot_of(self.tag(id), id).map(|slot| &self.ring[place(self.slots[slot])])
    }

    pub(crate) fn is_too_old(&self, id: Id) -> bool {
        id.unix_ms() <= self.floor_ms
    }

    /// Takes an id in and lets go of what is beyond the limits. One that is there already keeps what it has.
    pub(crate) fn remember(&mut self, receipt: Receipt) {
        let tag = self.tag(receipt.id);
        if self.slot_of(tag, receipt.id).is_some() {
            return;
        }
        self.forget_older(receipt.at_ms);
        if self.len == self.limit.ids {
            self.forget_oldest();
        }
        let at = self.wrapped(self.first + self.len);
        match self.ring.get_mut(at) {
            Some(place) => *place = receipt,
            None => self.ring.push(receipt),
        }
        self.len += 1;
        self.insert(tag, at);
    }

    pub(crate) fn set_fate(&mut self, id: Id, fate: Fate) {
        if let Some(slot) = self.slot_of(self.tag(id), id) {
            self.ring[place(self.slots[slot])].fate = fate;
        }
    }

    /// Reads what deciding about these ids, and letting go of as many, will read: the memory of all of them is fetched at once instead
    /// of one after the other. Gives a sum, so that it is not left out.
    pub(crate) fn touch(&self, ids: &[Id]) -> u64 {
        let full = self.len == self.limit.ids;
        let oldest = self.receipts().take(if full { ids.len() } else { 0 }).map(|receipt| receipt.id);
        ids.iter().copied().chain(oldest).fold(0, |sum, id| sum ^ self.slots[self.home(self.tag(id))])
    }

    fn forget_older(&mut self, now_ms: u64) {
        while self.len > 0 && now_ms.saturating_sub(self.ring[self.first].at_ms) > self.limit.age_ms {
            self.forget_oldest();
        }
    }

    fn forget_oldest(&mut self) {
        let id = self.ring[self.first].id;
        self.floor_ms = self.floor_ms.max(id.unix_ms());
        if let Some(slot) = self.slot_of(self.tag(id), id) {
            self.remove(slot);
        }
        self.first = self.wrapped(self.first + 1);
        self.len -= 1;
    }

    /// A place in the ring; a division would take as long as all the rest.
    fn wrapped(&self, at: usize) -> usize {
        if at >= self.limit.ids { at - self.limit.ids } else { at }
    }

    fn tag(&self, id: Id) -> u64 {
        let [high, low] = id.halves();
        mix(mix(self.seed, high), low) >> 32
    }

    fn home(&self, tag: u64) -> usize {
        tag as usize & (self.slots.len() - 1)
    }

    fn slot_of(&self, tag: u64, id: Id) -> Option<usize> {
        let mut slot = self.home(tag);
        while self.slots[slot] != 0 {
            if self.slots[slot] >> 32 == tag && self.ring[place(self.slots[slot])].id == id {
                return Some(slot);
            }
            slot = (slot + 1) & (self.slots.len() - 1);
        }
        None
    }

    fn insert(&mut self, tag: u64, at: usize) {
        let mut slot = self.home(tag);
        while self.slots[slot] != 0 {
            slot = (slot + 1) & (self.slots.len() - 1);
        }
        self.slots[slot] = tag << 32 | (at as u64 + 1);
    }

    /// Moves back what probing put behind the hole, so that no slot is ever marked as deleted.
    fn remove(&mut self, mut hole: usize) {
        let mask = self.slots.len() - 1;
        let mut slot = hole;
        loop {
            slot = (slot + 1) & mask;
            let entry = self.slots[slot];
            if entry == 0 {
                break;
            }
            let from_home = slot.wrapping_sub(self.home(entry >> 32)) & mask;
            if from_home >= slot.wrapping_sub(hole) & mask {
                self.slots[hole] = entry;
                hole = slot;
            }
        }
        self.slots[hole] = 0;
    }

    /// What is remembered, oldest first.
    pub(crate) fn receipts(&self) -> impl Iterator<Item = &Receipt> {
        (0..self.len).map(|nth| &self.ring[self.wrapped(self.first + nth)])
    }

    pub(crate) fn len(&self) -> usize {
        self.len
    }

    pub(crate) fn oldest_ms(&self) -> Option<u64> {
        self.receipts().next().map(|receipt| receipt.at_ms)
    }

    pub(crate) fn floor_ms(&self) -> u64 {
        self.floor_ms
    }

    pub(crate) fn raise_floor(&mut self, floor_ms: u64) {
        self.floor_ms = self.floor_ms.max(floor_ms);
    }
}

fn place(slot: u64) -> usize {
    (slot as u32 - 1) as usize
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::VecDeque;

    fn receipt(id: u128, at_ms: u64) -> Receipt {
        let id = Id(id.to_be_bytes());
        Receipt { id, seq: 1, at_ms, amount: 1, debit: 0, credit: 1, print: 0, fate: Fate::Final }
    }

    #[test]
    fn a_receipt_is_one_line_of_a_cache() {
        assert_eq!(size_of::<Receipt>(), 64);
    }

    #[test]
    fn age_closes_the_window_as_well_and_raises_the_floor() {
        let mut window = Window::new(WindowLimit { ids: 9, age_ms: 1000 }, 0);
        window.remember(receipt(100_u128 << 80, 100));
        window.remember(receipt(1200_u128 << 80, 1101));
        assert_eq!((window.len(), window.floor_ms()), (1, 100));
        assert!(window.is_too_old(Id((100_u128 << 80).to_be_bytes())));
    }

    proptest! {
        #[test]
        fn the_window_knows_the_last_ids_and_no_others(ids in prop::collection::vec(0..40_u128, 1..200), most in 1..12_usize) {
            let mut window = Window::new(WindowLimit { ids: most, age_ms: u64::MAX }, 7);
            let mut order: VecDeque<u128> = VecDeque::new();
            for id in ids {
                window.remember(receipt(id, 1));
                if !order.contains(&id) {
                    order.push_back(id);
                }
                if order.len() > most {
                    order.pop_front();
                }
                for other in 0..40_u128 {
                    prop_assert_eq!(window.find(Id(other.to_be_bytes())).is_some(), order.contains(&other));
                }
            }
            let kept: Vec<u128> = window.receipts().map(|known| u128::from_be_bytes(known.id.0)).collect();
            prop_assert_eq!(kept, Vec::from(order));
        }
    }
}
