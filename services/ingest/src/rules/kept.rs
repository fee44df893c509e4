//! What rules and alarms remember, in the journal's snapshot `rules`. Pure.
//!
//! ```text
//! version u8, 1
//! through u64           the last reading that is in the state
//! alarms_through u64    the last change of an alarm that is in the alarms
//! alarms                length u32, then so many bytes
//! state                 to the end
//! ```

use crate::alarms::Book;
use bytes::Buf;
use tidegate_engine_rules::{Alarms, Engine};

pub(crate) const NAME: &str = "rules";
const VERSION: u8 = 1;

/// A snapshot taken apart.
#[derive(Debug, Default)]
pub(crate) struct Kept {
    pub(crate) through: u64,
    pub(crate) book: Book,
    pub(crate) state: Vec<u8>,
}

pub(crate) fn encode(through: u64, book: &Book, engine: &Engine) -> Vec<u8> {
    let (alarms, state) = (book.alarms.encode(), engine.state.encode(&engine.set));
    let mut out = Vec::with_capacity(21 + alarms.len() + state.len());
    out.push(VERSION);
    out.extend_from_slice(&through.to_le_bytes());
    out.extend_from_slice(&book.through.to_le_bytes());
    let bytes = u32::try_from(alarms.len()).expect("alarms are bounded to a few megabytes");
    out.extend_from_slice(&bytes.to_le_bytes());
    out.extend_from_slice(&alarms);
    out.extend_from_slice(&state);
    out
}

/// Nothing for a later version or a damaged one.
pub(crate) fn decode(mut bytes: &[u8]) -> Option<Kept> {
    if bytes.try_get_u8().ok()? != VERSION {
        return None;
    }
    let (through, alarms_through) = (bytes.try_get_u64_le().ok()?, bytes.try_get_u64_le().ok()?);
    let length = bytes.try_get_u32_le().ok()? as usize;
    let (alarms, state) = bytes.split_at_checked(length)?;
    let book = Book { alarms: Alarms::decode(alarms)?, through: alarms_through, refused: 0 };
    Some(Kept { through, book, state: state.to_vec() })
}
