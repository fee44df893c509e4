//! Reads what nearly all devices send without a general parser: one flat object whose values are numbers, booleans, plain texts and
//! arrays of numbers. Anything else, faults included, it leaves to `payload`, which begins anew; so nothing is decided here that is not
//! decided there as well, and a property test holds the two together. Pure.

use crate::interpret::{Gathered, Raw};
use crate::payload::short;
use crate::plan::To;
use crate::value::Type;

/// Digits of a number that is read here; any of them fits an integer.
const DIGITS_MAX: usize = 18;
/// Up to here a real holds every integer, so that one division by a power of ten is exact to the last bit.
const EXACT_MAX: u64 = 1 << 53;
const POWERS: [f64; DIGITS_MAX + 1] =
    [1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18];

struct Scanner<'j> {
    json: &'j [u8],
    at: usize,
}

/// Nothing for a payload of another shape; what was gathered until then is of no use.
pub(crate) fn object(json: &[u8], gathered: &mut Gathered<'_>) -> Option<()> {
    let mut scanner = Scanner { json, at: 0 };
    scanner.expect(b'{')?;
    let (node, mut hint) = (&gathered.plan.nodes[0], 0);
    loop {
        let key = scanner.text()?;
        scanner.expect(b':')?;
        match node.find(key, hint) {
            Some((at, to)) => {
                hint = at + 1;
                scanner.field(to, gathered)?;
            }
            None => scanner.scalar().map(drop)?,
        }
        match scanner.next()? {
            b',' => {}
            b'}' => return scanner.end(),
            _ => return None,
        }
    }
}

impl<'j> Scanner<'j> {
    fn field(&mut self, to: To, gathered: &mut Gathered<'_>) -> Option<()> {
        let plan = gathered.plan;
        let raw = match to {
            To::Tag(tag) if plan.tag(tag).of == Type::Reals && self.peek()? == b'[' => {
                Some(Raw::Samples(self.samples(plan.limits.array_len_max)?))
            }
            _ => self.scalar()?,
        };
        // Null: the tag is not in this message.
        let Some(raw) = raw else { return Some(()) };
        let raw = if let Raw::Text(text) = raw { short(text, gathered) } else { raw };
        gathered.put(to, raw).then_some(())
    }

    /// A value without parts; nothing in it for null.
    fn scalar(&mut self) -> Option<Option<Raw<'j>>> {
        match self.peek()? {
            b'"' => self.text().map(|text| Some(Raw::Text(text))),
            b't' => self.word(b"true").map(|()| Some(Raw::Boolean(true))),
            b'f' => self.word(b"false").map(|()| Some(Raw::Boolean(false))),
            b'n' => self.word(b"null").map(|()| None),
            _ => self.number().map(Some),
        }
    }

    fn samples(&mut self, len_max: usize) -> Option<Vec<f64>> {
        self.expect(b'[')?;
        let mut samples = Vec::new();
        loop {
            self.peek()?;
            samples.push(match self.number()? {
                Raw::Integer(integer) => integer as f64,
                Raw::Real(real) => real,
                _ => return None,
            });
            match self.next()? {
                b',' if samples.len() < len_max => {}
                b']' => return Some(samples),
                _ => return None,
            }
        }
    }

    /// As the grammar has it, but for exponents, minus zero, and what has more digits than are exact.
    fn number(&mut self) -> Option<Raw<'j>> {
        let is_negative = self.json.get(self.at) == Some(&b'-');
        self.at += usize::from(is_negative);
        let first = self.json.get(self.at).copied();
        let (whole, digits) = self.digits(0, DIGITS_MAX)?;
        if first == Some(b'0') && digits > 1 {
            return None;
        }
        match self.json.get(self.at) {
            Some(b'.') => {
                self.at += 1;
                let (all, behind) = self.digits(whole, DIGITS_MAX - digits)?;
                let is_plain = all <= EXACT_MAX && !self.has_exponent();
                let real = all as f64 / POWERS[behind];
                is_plain.then_some(Raw::Real(if is_negative { -real } else { real }))
            }
            _ if self.has_exponent() || (is_negative && whole == 0) => None,
            _ => Some(Raw::Integer(if is_negative { -(whole as i64) } else { whole as i64 })),
        }
    }

    fn has_exponent(&self) -> bool {
        matches!(self.json.get(self.at), Some(b'e' | b'E'))
    }

    /// The number that `before` becomes by the digits here, and how many there are: one at least, and no more than `max`.
    fn digits(&mut self, before: u64, max: usize) -> Option<(u64, usize)> {
        let (mut number, from) = (before, self.at);
        while let Some(digit) =
            self.json.get(self.at).map(|byte| byte.wrapping_sub(b'0')).filter(|digit| *digit < 10)
        {
            if self.at - from == max {
                return None;
            }
            number = number * 10 + u64::from(digit);
            self.at += 1;
        }
        (self.at > from).then_some((number, self.at - from))
    }

    /// A text in quotes that has nothing to be unescaped.
    fn text(&mut self) -> Option<&'j str> {
        self.expect(b'"')?;
        let rest = &self.json[self.at..];
        let length = rest.iter().position(|byte| matches!(byte, b'"' | b'\\' | 0..0x20))?;
        self.at += length + 1;
        if rest[length] == b'"' { std::str::from_utf8(&rest[..length]).ok() } else { None }
    }

    fn word(&mut self, word: &[u8]) -> Option<()> {
        let is_here = self.json[self.at..].starts_with(word);
        self.at += word.len();
        is_here.then_some(())
    }

    fn expect(&mut self, byte: u8) -> Option<()> {
        (self.next()? == byte).then_some(())
    }

    fn next(&mut self) -> Option<u8> {
        let byte = self.peek()?;
        self.at += 1;
        Some(byte)
    }

    /// The next byte that is no white space, which is left.
    fn peek(&mut self) -> Option<u8> {
        loop {
            match *self.json.get(self.at)? {
                b' ' | b'\t' | b'\n' | b'\r' => self.at += 1,
                byte => return Some(byte),
            }
        }
    }

    fn end(&mut self) -> Option<()> {
        self.peek().is_none().then_some(())
    }
}
