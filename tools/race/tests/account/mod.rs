//! What the board needs of `engines/book`, and readings whose halves fit to each other only.

pub(crate) type AccountNumber = u32;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Balance {
    pub(crate) posted: i64,
    pub(crate) outgoing: i64,
    pub(crate) incoming: i64,
}

/// A balance that says which one it is in each of its numbers.
pub(crate) fn reading(number: u64) -> crate::board::Reading {
    let amount = number as i64;
    let balance = Balance { posted: amount, outgoing: -amount, incoming: 3 * amount };
    crate::board::Reading { as_of_seq: number, balance }
}
