//! Alarms as bytes for a snapshot, and single facts for a log; and back. Pure.
//!
//! ```text
//! snapshot: version u8, 1; count u32, then each alarm: key, severity u8, text, active u8, acknowledged u8, raised_at u64,
//!           cleared_at, occurrences u64, shelf (by, until u64)
//! fact:     at u64, key, then by its kind: 1 raised: severity u8, text; 2 cleared; 3 acknowledged: by; 4 shelved: by, until u64;
//!           5 unshelved: by, or nobody
//! ```

use crate::alarm::{Alarm, AlarmChange, AlarmFact, Alarms, Shelf};
use crate::bytes::{Reader, Writer};
use crate::rule::Severity;

const VERSION: u8 = 1;

impl Alarms {
    /// All alarms as bytes.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Writer::default();
        out.u8(VERSION);
        out.count(self.by_key.len());
        for (key, alarm) in &self.by_key {
            out.text(key);
            alarm.put(&mut out);
        }
        out.0
    }

    /// Nothing for bytes of a later version or that are damaged.
    pub fn decode(bytes: &[u8]) -> Option<Alarms> {
        let (mut from, mut alarms) = (Reader(bytes), Alarms::default());
        if from.u8()? != VERSION {
            return None;
        }
        for _ in 0..from.count()? {
            let key = from.text()?.to_owned();
            alarms.by_key.insert(key, Alarm::take(&mut from)?);
        }
        from.0.is_empty().then_some(alarms)
    }
}

impl Alarm {
    fn put(&self, out: &mut Writer) {
        out.u8(self.severity as u8);
        out.text(&self.text);
        out.u8(u8::from(self.active));
        out.u8(u8::from(self.acknowledged));
        out.u64(self.raised_at);
        out.option(self.cleared_at, Writer::u64);
        out.u64(self.occurrences.into());
        out.option(self.shelved.as_ref(), |out, shelf| {
            out.text(&shelf.by);
            out.u64(shelf.until);
        });
    }

    fn take(from: &mut Reader<'_>) -> Option<Alarm> {
        Some(Alarm {
            severity: severity(from)?,
            text: from.text()?.to_owned(),
            active: from.boolean()?,
            acknowledged: from.boolean()?,
            raised_at: from.u64()?,
            cleared_at: from.option(Reader::u64)?,
            occurrences: from.u64()?.try_into().ok()?,
            shelved: from.option(|from| Some(Shelf { by: from.text()?.to_owned(), until: from.u64()? }))?,
        })
    }
}

impl AlarmFact {
    /// The number of the change, which never gets another meaning.
    pub fn kind(&self) -> u16 {
        match self.change {
            AlarmChange::Raised { .. } => 1,
            AlarmChange::Cleared => 2,
            AlarmChange::Acknowledged { .. } => 3,
            AlarmChange::Shelved { .. } => 4,
            AlarmChange::Unshelved { .. } => 5,
        }
    }

    /// All but the kind.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Writer::default();
        out.u64(self.at);
        out.text(&self.key);
        match &self.change {
            AlarmChange::Raised { severity, text } => {
                out.u8(*severity as u8);
                out.text(text);
            }
            AlarmChange::Cleared => {}
            AlarmChange::Acknowledged { by } => out.text(by),
            AlarmChange::Shelved { by, until } => {
                out.text(by);
                out.u64(*until);
            }
            AlarmChange::Unshelved { by } => out.option(by.as_deref(), Writer::text),
        }
        out.0
    }

    /// Nothing for a kind this version does not know, or for damaged bytes.
    pub fn decode(kind: u16, bytes: &[u8]) -> Option<AlarmFact> {
        let mut from = Reader(bytes);
        let (at, key) = (from.u64()?, from.text()?.to_owned());
        let change = match kind {
            1 => AlarmChange::Raised { severity: severity(&mut from)?, text: from.text()?.to_owned() },
            2 => AlarmChange::Cleared,
            3 => AlarmChange::Acknowledged { by: from.text()?.to_owned() },
            4 => AlarmChange::Shelved { by: from.text()?.to_owned(), until: from.u64()? },
            5 => AlarmChange::Unshelved { by: from.option(|from| from.text().map(str::to_owned))? },
            _ => return None,
        };
        from.0.is_empty().then_some(AlarmFact { key, at, change })
    }
}

fn severity(from: &mut Reader<'_>) -> Option<Severity> {
    Severity::ALL.get(usize::from(from.u8()?)).copied()
}
