//! A state as bytes, for a snapshot beside the journal. Pure.
//!
//! ```text
//! version u8, seq u64, now u64, strays u64, floor u64,
//! accounts u64: posted, outgoing, incoming, min, max i64, currency 8 bytes, last u64, name u16 bytes and the name
//! reservations u64: id 16 bytes, debit u32, credit u32, amount i64, expires u64
//! ids u64: id 16 bytes, seq u64, at u64, amount i64, debit u32, credit u32, print u64, fate u8
//! ```

use crate::account::Account;
use crate::bytes::{Reader, Writer};
use crate::form::NotAFact;
use crate::id::Id;
use crate::name::{Currency, Name};
use crate::state::{BookLimit, Reservation, State};
use crate::window::{Fate, Receipt, WindowLimit};

const VERSION: u8 = 1;
const RECEIPT_BYTES: usize = 57;

impl State {
    /// Everything there is to know, so that facts before it need not be read again.
    pub fn encode(&self) -> Vec<u8> {
        let bytes =
            64 + 96 * self.accounts.len() + 40 * self.reservations.len() + RECEIPT_BYTES * self.window.len();
        let mut bytes = Vec::with_capacity(bytes);
        let mut out = Writer(&mut bytes);
        out.u8(VERSION);
        [self.seq, self.now_ms, self.strays, self.window.floor_ms()].into_iter().for_each(|n| out.u64(n));
        out.u64(self.accounts.len() as u64);
        for (account, name) in self.accounts.iter().zip(&self.names) {
            put_account(&mut out, account, name);
        }
        out.u64(self.reservations.len() as u64);
        for (id, reservation) in &self.reservations {
            put_reservation(&mut out, *id, reservation);
        }
        out.u64(self.window.len() as u64);
        self.window.receipts().for_each(|receipt| put_receipt(&mut out, receipt));
        bytes
    }

    /// The state these bytes are, with room for all that is in it: for whoever only compares.
    pub fn decode_all(bytes: &[u8]) -> Result<State, NotAFact> {
        let window = WindowLimit { ids: bytes.len() / RECEIPT_BYTES + 1, age_ms: u64::MAX };
        State::decode(bytes, BookLimit { window, ..BookLimit::default() }, 0)
    }

    /// The state these bytes are, within limits that may be others than before.
    pub fn decode(bytes: &[u8], limit: BookLimit, seed: u64) -> Result<State, NotAFact> {
        let (mut state, mut rest) = (State::new(limit, seed), Reader::new(bytes));
        match rest.u8()? {
            VERSION => {}
            version => return Err(NotAFact::Version(version)),
        }
        (state.seq, state.now_ms, state.strays) = (rest.u64()?, rest.u64()?, rest.u64()?);
        let floor_ms = rest.u64()?;
        for number in 0..rest.u64()? {
            let (account, name) = account(&mut rest)?;
            state.accounts.push(account);
            state.names.push(name.clone());
            if state.by_name.insert(name, number as u32).is_some() {
                return Err(NotAFact::Value("name"));
            }
        }
        for _ in 0..rest.u64()? {
            let (id, reservation) = reservation(&mut rest)?;
            state.deadlines.insert((reservation.expires_ms, id));
            state.reservations.insert(id, reservation);
        }
        for _ in 0..rest.u64()? {
            state.window.remember(receipt(&mut rest)?);
        }
        state.window.raise_floor(floor_ms);
        if rest.is_empty() { Ok(state) } else { Err(NotAFact::Long(rest.len())) }
    }
}

fn put_account(out: &mut Writer<'_>, account: &Account, name: &Name) {
    out.balance(&account.balance);
    out.limits(&account.limits);
    out.raw(&account.currency.0);
    out.u64(account.last_seq);
    out.u16(name.as_str().len() as u16);
    out.raw(name.as_str().as_bytes());
}

fn account(rest: &mut Reader<'_>) -> Result<(Account, Name), NotAFact> {
    let (balance, limits) = (rest.balance()?, rest.limits()?);
    let currency = Currency::of(rest.array()?).ok_or(NotAFact::Value("currency"))?;
    let (last_seq, bytes) = (rest.u64()?, usize::from(rest.u16()?));
    let name = std::str::from_utf8(rest.take(bytes)?).ok().and_then(Name::new);
    Ok((Account { balance, limits, currency, last_seq }, name.ok_or(NotAFact::Value("name"))?))
}

fn put_reservation(out: &mut Writer<'_>, id: Id, reservation: &Reservation) {
    out.raw(&id.0);
    out.u32(reservation.debit);
    out.u32(reservation.credit);
    out.i64(reservation.amount);
    out.u64(reservation.expires_ms);
}

fn reservation(rest: &mut Reader<'_>) -> Result<(Id, Reservation), NotAFact> {
    let (id, debit, credit) = (Id(rest.array()?), rest.u32()?, rest.u32()?);
    Ok((id, Reservation { debit, credit, amount: rest.i64()?, expires_ms: rest.u64()? }))
}

fn put_receipt(out: &mut Writer<'_>, receipt: &Receipt) {
    out.raw(&receipt.id.0);
    out.u64(receipt.seq);
    out.u64(receipt.at_ms);
    out.i64(receipt.amount);
    out.u32(receipt.debit);
    out.u32(receipt.credit);
    out.u64(receipt.print);
    out.u8(receipt.fate as u8);
}

fn receipt(rest: &mut Reader<'_>) -> Result<Receipt, NotAFact> {
    let (id, seq, at_ms, amount) = (Id(rest.array()?), rest.u64()?, rest.u64()?, rest.i64()?);
    let (debit, credit, print) = (rest.u32()?, rest.u32()?, rest.u64()?);
    let fate = Fate::of(rest.u8()?).ok_or(NotAFact::Value("fate"))?;
    Ok(Receipt { id, seq, at_ms, amount, debit, credit, print, fate })
}
