//! Facts as bytes: little-endian, written by hand, the kind and the version of the form first. Pure.
//!
//! ```text
//! 1 opened    kind u8, version u8, name u16 bytes, account u32, currency 8 bytes, min i64, max i64, at u64, name
//! 2 limited   kind u8, version u8, zero u16, account u32, min i64, max i64, link u64, at u64
//! 3 moved     kind u8, version u8, memo u16 bytes, debit u32, credit u32, zero u32, id 16 bytes, amount i64, at u64, print u64,
//!             links 2 x u64, after 2 x (posted i64, outgoing i64, incoming i64), memo
//! 4 reserved  as moved, with expires u64 before the memo
//! 5 posted    as moved, with reservation 16 bytes, held i64 before the memo
//! 6 void      as moved, with reservation 16 bytes before the memo
//! 7 expired   as moved
//! ```
//!
//! A link with its highest bit set says how many facts back; otherwise it is a number. One fact has one form, so what decodes encodes to
//! the same bytes.

use crate::account::{Balance, Limits};
use crate::bytes::{Reader, Writer};
use crate::fact::{Fact, Link, Posting, Step};
use crate::id::Id;
use crate::name::{Currency, Memo, Name};

/// The version of all kinds there are.
const VERSION: u8 = 1;
/// No journal ever has so many records that one's number reaches this bit.
const BACK: u64 = 1 << 63;

/// Why bytes are no fact.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotAFact {
    #[error("{0} bytes end before the fact does")]
    Short(usize),
    #[error("there is no kind {0} of facts in this version")]
    Kind(u8),
    #[error("this kind of facts has no version {0} here")]
    Version(u8),
    #[error("the fact ends {0} bytes before its bytes do")]
    Long(usize),
    #[error("the {0} is none")]
    Value(&'static str),
}

impl Fact {
    pub fn kind(&self) -> u8 {
        match self {
            Fact::Opened { .. } => 1,
            Fact::Limited { .. } => 2,
            Fact::Posting(posting) => posting.kind(),
        }
    }

    pub const fn version() -> u8 {
        VERSION
    }

    /// Appends the fact's bytes.
    pub fn encode(&self, out: &mut Vec<u8>) {
        let mut out = Writer(out);
        out.u8(self.kind());
        out.u8(VERSION);
        match self {
            Fact::Opened { account, name, currency, limits, at_ms } => {
                out.u16(name.as_str().len() as u16);
                out.u32(*account);
                out.raw(&currency.0);
                out.limits(limits);
                out.u64(*at_ms);
                out.raw(name.as_str().as_bytes());
            }
            Fact::Limited { account, limits, link, at_ms } => {
                out.u16(0);
                out.u32(*account);
                out.limits(limits);
                out.u64(link_bits(*link));
                out.u64(*at_ms);
            }
            Fact::Posting(posting) => posting.encode(&mut out),
        }
    }

    /// The fact that all of these bytes are.
    pub fn decode(bytes: &[u8]) -> Result<Fact, NotAFact> {
        let mut rest = Reader::new(bytes);
        let (kind, version, length) = (rest.u8()?, rest.u8()?, usize::from(rest.u16()?));
        if version != VERSION {
            return Err(NotAFact::Version(version));
        }
        let fact = match kind {
            1 => opened(&mut rest, length)?,
            2 if length == 0 => limited(&mut rest)?,
            2 => return Err(NotAFact::Value("length of a name")),
            3..=7 => Fact::Posting(Posting::decode(kind, length, &mut rest)?),
            _ => return Err(NotAFact::Kind(kind)),
        };
        if rest.is_empty() { Ok(fact) } else { Err(NotAFact::Long(rest.len())) }
    }
}

fn opened(rest: &mut Reader<'_>, name_bytes: usize) -> Result<Fact, NotAFact> {
    let account = rest.u32()?;
    let currency = Currency::of(rest.array()?).ok_or(NotAFact::Value("currency"))?;
    let (limits, at_ms) = (rest.limits()?, rest.u64()?);
    let name = std::str::from_utf8(rest.take(name_bytes)?).ok().and_then(Name::new);
    Ok(Fact::Opened { account, name: name.ok_or(NotAFact::Value("name"))?, currency, limits, at_ms })
}

fn limited(rest: &mut Reader<'_>) -> Result<Fact, NotAFact> {
    let (account, limits) = (rest.u32()?, rest.limits()?);
    Ok(Fact::Limited { account, limits, link: link(rest)?, at_ms: rest.u64()? })
}

impl Posting {
    fn kind(&self) -> u8 {
        match self.step {
            Step::Move => 3,
            Step::Reserve { .. } => 4,
            Step::Post { .. } => 5,
            Step::Void { .. } => 6,
            Step::Expire => 7,
        }
    }

    fn encode(&self, out: &mut Writer<'_>) {
        out.u16(self.memo.bytes().len() as u16);
        out.u32(self.debit);
        out.u32(self.credit);
        out.u32(0);
        out.raw(&self.id.0);
        out.i64(self.amount);
        out.u64(self.at_ms);
        out.u64(self.print);
        self.links.iter().for_each(|link| out.u64(link_bits(*link)));
        self.after.iter().for_each(|balance| out.balance(balance));
        match self.step {
            Step::Move | Step::Expire => {}
            Step::Reserve { expires_ms } => out.u64(expires_ms),
            Step::Post { reservation, held } => {
                out.raw(&reservation.0);
                out.i64(held);
            }
            Step::Void { reservation } => out.raw(&reservation.0),
        }
        out.raw(self.memo.bytes());
    }

    fn decode(kind: u8, memo_bytes: usize, rest: &mut Reader<'_>) -> Result<Posting, NotAFact> {
        let (debit, credit) = (rest.u32()?, rest.u32()?);
        if rest.u32()? != 0 {
            return Err(NotAFact::Value("zero"));
        }
        let (id, amount, at_ms, print) = (Id(rest.array()?), rest.i64()?, rest.u64()?, rest.u64()?);
        let links = [link(rest)?, link(rest)?];
        let after: [Balance; 2] = [rest.balance()?, rest.balance()?];
        let step = match kind {
            3 => Step::Move,
            4 => Step::Reserve { expires_ms: rest.u64()? },
            5 => Step::Post { reservation: Id(rest.array()?), held: rest.i64()? },
            6 => Step::Void { reservation: Id(rest.array()?) },
            _ => Step::Expire,
        };
        let memo = Memo::new(rest.take(memo_bytes)?.to_vec()).ok_or(NotAFact::Value("memo"))?;
        Ok(Posting { id, step, debit, credit, amount, at_ms, print, links, after, memo })
    }
}

fn link_bits(link: Link) -> u64 {
    match link {
        Link::At(seq) => seq & !BACK,
        Link::Back(distance) => BACK | u64::from(distance),
    }
}

fn link(rest: &mut Reader<'_>) -> Result<Link, NotAFact> {
    let bits = rest.u64()?;
    match bits & BACK {
        0 => Ok(Link::At(bits)),
        _ => u32::try_from(bits & !BACK).map(Link::Back).map_err(|_| NotAFact::Value("link")),
    }
}

impl Writer<'_> {
    pub(crate) fn limits(&mut self, limits: &Limits) {
        self.i64(limits.min);
        self.i64(limits.max);
    }

    pub(crate) fn balance(&mut self, balance: &Balance) {
        self.i64(balance.posted);
        self.i64(balance.outgoing);
        self.i64(balance.incoming);
    }
}

impl Reader<'_> {
    pub(crate) fn limits(&mut self) -> Result<Limits, NotAFact> {
        Ok(Limits { min: self.i64()?, max: self.i64()? })
    }

    pub(crate) fn balance(&mut self) -> Result<Balance, NotAFact> {
        Ok(Balance { posted: self.i64()?, outgoing: self.i64()?, incoming: self.i64()? })
    }
}
