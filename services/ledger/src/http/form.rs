//! Requests as they come, made into what cannot be wrong. Pure.
//!
//! ```text
//! {"name":"till:7","currency":"CNY","min":0,"max":100000}
//! {"linked":false,"orders":[
//!   {"id":"019aaa90-...","kind":"transfer","debit":"capital","credit":"till:7","amount":1250,"memo":"shift 2","subject":"c-17"},
//!   {"id":"...","kind":"reserve","debit":"a","credit":"b","amount":5,"timeout_ms":60000},
//!   {"id":"...","kind":"post","reservation":"...","amount":3},
//!   {"id":"...","kind":"void","reservation":"..."}]}
//! ```

use super::malformed;
use crate::ask::{Ask, NamedAction, NamedOrder};
use crate::memos::{Note, Noted};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use tidegate_engine_book::{Currency, Id, Limits, Memo, Name};
use tidegate_kernel_plug::Refusal;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Opening {
    name: String,
    currency: String,
    #[serde(default)]
    min: i64,
    #[serde(default = "most")]
    max: i64,
}

/// What is left out is as of an account without limits of its own: never overdrawn.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Bounds {
    #[serde(default)]
    min: i64,
    #[serde(default = "most")]
    max: i64,
}

fn most() -> i64 {
    i64::MAX
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Orders {
    /// All or none.
    #[serde(default)]
    pub(super) linked: bool,
    orders: Vec<Order>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Order {
    id: String,
    kind: Kind,
    debit: Option<String>,
    credit: Option<String>,
    amount: Option<i64>,
    timeout_ms: Option<u64>,
    reservation: Option<String>,
    #[serde(default)]
    memo: String,
    /// Whose memo it is.
    subject: Option<String>,
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Kind {
    Transfer,
    Reserve,
    Post,
    Void,
}

pub(super) fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, Refusal> {
    serde_json::from_slice(body).map_err(|error| malformed(format!("the body cannot be read: {error}")))
}

/// Ids as text, with or without dashes.
pub(super) fn id(text: &str) -> Result<Id, Refusal> {
    let id: Result<tidegate_kernel_id::Id, _> = text.parse();
    id.map(|id| Id(id.0)).map_err(|error| malformed(format!("{text:?} is {error}")))
}

impl Bounds {
    pub(super) fn limits(&self) -> Limits {
        Limits { min: self.min, max: self.max }
    }
}

impl Opening {
    pub(super) fn ask(&self) -> Result<Ask, Refusal> {
        let what = "a name has 1 to 64 bytes, and no spaces, slashes or control characters";
        let name = Name::new(&self.name).ok_or_else(|| malformed(format!("{:?}: {what}", self.name)))?;
        let what = "a currency has 1 to 8 upper-case letters and digits";
        let currency = Currency::new(&self.currency);
        let currency = currency.ok_or_else(|| malformed(format!("{:?}: {what}", self.currency)))?;
        Ok(Ask::Open { name, currency, limits: Limits { min: self.min, max: self.max } })
    }
}

impl Orders {
    pub(super) fn len(&self) -> usize {
        self.orders.len()
    }

    /// What is asked, in the order of the request.
    pub(super) fn noted(self) -> Result<Vec<Noted>, Refusal> {
        self.orders.into_iter().enumerate().map(|(at, order)| order.noted(at)).collect()
    }
}

impl Order {
    fn noted(self, at: usize) -> Result<Noted, Refusal> {
        let order = NamedOrder { id: id(&self.id)?, action: self.action(at)?, memo: Memo::default() };
        Ok(Noted { order, note: self.note(at)? })
    }

    fn note(self, at: usize) -> Result<Option<Note>, Refusal> {
        if self.memo.is_empty() && self.subject.is_none() {
            return Ok(None);
        }
        let what = "a memo has 1 to 256 bytes, and its subject, if one is named, 1 to 64 letters, digits, '.', '_' and '-'";
        let note = Note::new(self.subject, self.memo);
        note.map(Some).ok_or_else(|| malformed(format!("order {at}: {what}")))
    }

    fn action(&self, at: usize) -> Result<NamedAction, Refusal> {
        let reservation = || id(&need(at, "reservation", self.reservation.clone())?);
        let sides = || {
            let (debit, credit) =
                (need(at, "debit", self.debit.clone())?, need(at, "credit", self.credit.clone())?);
            Ok((debit, credit, need(at, "amount", self.amount)?))
        };
        let is_ended = matches!(self.kind, Kind::Post | Kind::Void);
        let strange = match self.kind {
            _ if is_ended && (self.debit.is_some() || self.credit.is_some()) => Some("debit and credit"),
            _ if !is_ended && self.reservation.is_some() => Some("a reservation"),
            Kind::Transfer | Kind::Post | Kind::Void if self.timeout_ms.is_some() => Some("timeout_ms"),
            Kind::Void if self.amount.is_some() => Some("an amount"),
            _ => None,
        };
        if let Some(strange) = strange {
            return Err(malformed(format!("order {at} has {strange}, which its kind does not take")));
        }
        match self.kind {
            Kind::Transfer => {
                sides().map(|(debit, credit, amount)| NamedAction::Transfer { debit, credit, amount })
            }
            Kind::Reserve => sides().map(|(debit, credit, amount)| NamedAction::Reserve {
                debit,
                credit,
                amount,
                timeout_ms: self.timeout_ms,
            }),
            Kind::Post => Ok(NamedAction::Post { reservation: reservation()?, amount: self.amount }),
            Kind::Void => Ok(NamedAction::Void { reservation: reservation()? }),
        }
    }
}

fn need<T>(at: usize, what: &str, value: Option<T>) -> Result<T, Refusal> {
    value.ok_or_else(|| malformed(format!("order {at} has no {what}")))
}
