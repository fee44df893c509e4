//! Values written to devices, as acts of their own: who, what, the value, and, behind it, what stood there before and after.
//!
//! A write has the id of whoever asked, and the journal takes an id once, so what was asked for twice is found here and not done twice,
//! also after a crash. Reads the disk for what was asked for before.

use super::{AUDIT, Audit, Event, VERSION, entry, put_text, take_text, unwritten};
use axum::http::StatusCode;
use std::collections::BTreeMap;
use tidegate_kernel_journal::{
    Entry, Id, Level, ReadError, ReadLimit, Record, Refusal as NotTaken, Ticket, Unknown,
};
use tidegate_kernel_plug::Refusal;
use tidegate_kernel_trace::within;
use tidegate_service_plant::Fate;

pub(super) const WRITE: u16 = 3;
pub(super) const WRITTEN: u16 = 4;
/// Acts and outcomes that are looked at behind a write for what came of it. Both are there within moments of each other.
const LOOKED_AT_MAX: usize = 10_000;
const BYTES_AT_ONCE: usize = 1 << 20;
const FATES: [Fate; 5] = [Fate::Confirmed, Fate::Unconfirmed, Fate::Refused, Fate::Failed, Fate::Unknown];

/// What somebody is about to have written. Values are in the tag's unit, as JSON.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct WriteAct {
    pub(crate) who: String,
    pub(crate) device: String,
    pub(crate) tag: String,
    pub(crate) value: String,
    /// The address it came from, or the rule.
    pub(crate) from: String,
    /// The request's id; empty where there is none.
    pub(crate) request: String,
}

/// What came of it; what was not read is empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct WriteEnd {
    pub(crate) fate: Fate,
    pub(crate) code: String,
    pub(crate) message: String,
    pub(crate) value: String,
    pub(crate) before: String,
    pub(crate) after: String,
}

/// A write as it was written down.
#[derive(Debug)]
struct Found {
    act: WriteAct,
    end: Option<WriteEnd>,
    /// None of this id came later.
    is_last: bool,
}

/// Whether there was such a write before.
#[derive(Debug)]
pub(crate) enum Begun {
    /// No; this is its number.
    New(u64),
    /// This one, as far as it came.
    Known(Box<WriteAct>, Option<WriteEnd>),
}

impl Audit {
    /// Writes it down, synced, before it is done. One of the same id that was not sent to the device is done anew.
    pub(crate) async fn begin_write(&self, id: Id, act: &WriteAct) -> Result<Begun, Refusal> {
        let seq = match self.append_write(id, act, true) {
            Err(NotTaken::Known { seq }) => seq,
            ticket => return self.begun(ticket).await,
        };
        let audit = self.clone();
        let found = tokio::task::spawn_blocking(within(move || audit.write_of(seq, id))).await;
        let found = found.map_err(|panic| unwritten(&panic.to_string()))?;
        match found.map_err(|error| unwritten(&error.to_string()))? {
            Some(Found { act: known, end: Some(end), is_last: true })
                if end.fate == Fate::Refused && known.is_same(act) =>
            {
                self.begun(self.append_write(id, act, false)).await
            }
            Some(Found { act, end, .. }) => Ok(Begun::Known(Box::new(act), end)),
            None => Err(taken_otherwise()),
        }
    }

    fn append_write(&self, id: Id, act: &WriteAct, once: bool) -> Result<Ticket, NotTaken> {
        let texts = [&act.who, &act.device, &act.tag, &act.value, &act.from, &act.request];
        let mut payload = Vec::new();
        texts.into_iter().for_each(|text| put_text(text, &mut payload));
        self.0.append(Entry { id, once, ..entry(WRITE, &payload) })
    }

    async fn begun(&self, ticket: Result<Ticket, NotTaken>) -> Result<Begun, Refusal> {
        let ticket = ticket.map_err(|refusal| match refusal {
            NotTaken::TooOld | NotTaken::Ahead => untimely(&refusal),
            refusal => unwritten(&refusal.to_string()),
        })?;
        let synced = ticket.reached(Level::Disk).await;
        synced.map_err(|Unknown| unwritten(&NotTaken::Stopped.to_string()))?;
        Ok(Begun::New(ticket.seq()))
    }

    /// Writes down what came of it. It is done by then.
    pub(crate) async fn end_write(&self, act: u64, end: &WriteEnd) {
        let mut payload = act.to_le_bytes().to_vec();
        payload.push(FATES.iter().position(|fate| *fate == end.fate).expect("all of them are there") as u8);
        let texts = [&end.code, &end.message, &end.value, &end.before, &end.after];
        texts.into_iter().for_each(|text| put_text(text, &mut payload));
        if let Err(refusal) = self.append(WRITTEN, payload).await {
            tracing::error!(
                code = refusal.code,
                act,
                "what came of a write to a device was not written down"
            );
        }
    }

    /// The last write of this id, from the record `seq` on, and what came of it. Reads the disk.
    fn write_of(&self, seq: u64, id: Id) -> Result<Option<Found>, ReadError> {
        let limit = ReadLimit { records: LOOKED_AT_MAX, bytes: BYTES_AT_ONCE };
        let (records, _) = self.0.read(AUDIT, seq - 1, limit)?;
        let is_last = records.len() < LOOKED_AT_MAX;
        let last = records.iter().rev().find(|record| record.head.kind == WRITE && record.head.id == id);
        let Some((number, act)) = last.and_then(|last| Some((last.head.seq, act_of(last)?))) else {
            return Ok(None);
        };
        let mut ends = records.iter().filter(|record| record.head.kind == WRITTEN).filter_map(end_of);
        let end = ends.find_map(|(of, end)| (of == number).then_some(end));
        Ok(Some(Found { act, end, is_last }))
    }
}

impl WriteAct {
    /// Whether both ask for the same. Where from does not matter: a retry comes over another connection.
    pub(crate) fn is_same(&self, other: &WriteAct) -> bool {
        let asked = |act: &WriteAct| [&act.who, &act.device, &act.tag, &act.value].map(String::clone);
        asked(self) == asked(other)
    }
}

impl WriteEnd {
    /// As a status of HTTP.
    pub(crate) fn status(&self) -> StatusCode {
        match self.fate {
            Fate::Confirmed | Fate::Unconfirmed => StatusCode::OK,
            Fate::Refused => StatusCode::SERVICE_UNAVAILABLE,
            Fate::Failed => StatusCode::BAD_GATEWAY,
            Fate::Unknown => StatusCode::GATEWAY_TIMEOUT,
        }
    }

    /// For the auditor.
    fn detail(&self) -> String {
        let known = |value: &str| if value.is_empty() { "?".to_owned() } else { value.to_owned() };
        match self.fate {
            Fate::Confirmed => format!("{} -> {}", known(&self.before), known(&self.after)),
            Fate::Unconfirmed | Fate::Unknown => {
                let (before, after) = (known(&self.before), known(&self.after));
                format!(
                    "{} ({}): {before} -> {after}, and {} was asked for",
                    self.fate.name(),
                    self.code,
                    self.value
                )
            }
            Fate::Refused | Fate::Failed => format!("{} ({}): {}", self.fate.name(), self.code, self.message),
        }
    }
}

fn act_of(record: &Record) -> Option<WriteAct> {
    let mut payload = (record.head.version == VERSION).then_some(&record.payload[..])?;
    let mut text = || take_text(&mut payload);
    let (who, device, tag) = (text()?, text()?, text()?);
    Some(WriteAct { who, device, tag, value: text()?, from: text()?, request: text()? })
}

/// The number of its write, and what came of that.
fn end_of(record: &Record) -> Option<(u64, WriteEnd)> {
    let payload = (record.head.version == VERSION).then_some(&record.payload[..])?;
    let (act, rest) = payload.split_first_chunk()?;
    let (fate, mut rest) = rest.split_first()?;
    let fate = *FATES.get(usize::from(*fate))?;
    let mut text = || take_text(&mut rest);
    let (code, message, value) = (text()?, text()?, text()?);
    let end = WriteEnd { fate, code, message, value, before: text()?, after: text()? };
    Some((u64::from_le_bytes(*act), end))
}

/// A write among the acts.
pub(super) fn event(record: &Record) -> Option<Event> {
    let act = act_of(record)?;
    let (seq, id, at_ms) = (record.head.seq, record.head.id.to_string(), record.head.stamp_ms);
    let target = format!("{}/{} = {}", act.device, act.tag, act.value);
    let (what, detail) = ("write".to_owned(), String::new());
    Some(Event {
        seq,
        id,
        at_ms,
        who: act.who,
        what,
        target,
        from: act.from,
        request_id: act.request,
        status: None,
        detail,
    })
}

pub(super) fn put_end(events: &mut BTreeMap<u64, Event>, record: &Record) {
    if let Some((act, end)) = end_of(record)
        && let Some(event) = events.get_mut(&act)
    {
        (event.status, event.detail) = (Some(end.status().as_u16()), end.detail());
    }
}

fn untimely(refusal: &NotTaken) -> Refusal {
    let hint = "make a UUIDv7 with the time of now; GET /api/v1/audit says what came of older ones";
    Refusal::new(StatusCode::CONFLICT, refusal.code(), refusal.to_string(), hint)
}

/// The id is another record's, or too far back to be looked up.
fn taken_otherwise() -> Refusal {
    let hint = "take a new id; GET /api/v1/audit says what came of older ones";
    let message = "this id was used before, and what for cannot be looked up any more";
    Refusal::new(StatusCode::CONFLICT, "TG-PL-050", message, hint)
}

#[cfg(test)]
mod tests {
    use super::*;
    use tempfile::TempDir;
    use tidegate_kernel_journal::DataFolder;

    fn act(value: &str) -> WriteAct {
        let [who, device, tag, value, from, request] =
            ["lin", "press-9", "speed", value, "10.0.0.9:4000", "r-1"].map(str::to_owned);
        WriteAct { who, device, tag, value, from, request }
    }

    fn end(fate: Fate) -> WriteEnd {
        let [code, message, value, before, after] =
            ["TG-PL-046", "differs", "12", "7", "8"].map(str::to_owned);
        WriteEnd { fate, code, message, value, before, after }
    }

    async fn begin(audit: &Audit, id: Id, value: &str) -> Begun {
        audit.begin_write(id, &act(value)).await.unwrap()
    }

    fn number(begun: Begun) -> u64 {
        match begun {
            Begun::New(number) => number,
            Begun::Known(..) => panic!("{begun:?}"),
        }
    }

    #[tokio::test]
    async fn a_write_is_begun_once_by_its_id_and_its_end_is_found_again_after_a_restart() {
        let dir = TempDir::new().unwrap();
        let folder = DataFolder::open(dir.path()).unwrap();
        let audit = Audit::new(folder.books().clone());
        let (ended, open) = (Id::v7(super::super::wall_ms()), Id::v7(super::super::wall_ms()));
        let first = number(begin(&audit, ended, "12").await);
        number(begin(&audit, open, "12").await);
        audit.end_write(first, &end(Fate::Unconfirmed)).await;
        folder.close();
        let folder = DataFolder::open(dir.path()).unwrap();
        let audit = Audit::new(folder.books().clone());
        let Begun::Known(known, found) = begin(&audit, ended, "12").await else { panic!("it is known") };
        assert_eq!((*known, found), (act("12"), Some(end(Fate::Unconfirmed))));
        let Begun::Known(_, found) = begin(&audit, open, "12").await else { panic!("it is known") };
        assert_eq!(found, None, "nobody knows what came of it");
        let events = audit.page(0).unwrap().events;
        let told: Vec<_> = events.iter().map(|event| (event.target.as_str(), event.status)).collect();
        assert_eq!(told, [("press-9/speed = 12", Some(200)), ("press-9/speed = 12", None)]);
        assert_eq!(events[0].detail, "unconfirmed (TG-PL-046): 7 -> 8, and 12 was asked for");
    }

    #[tokio::test]
    async fn only_a_write_that_was_never_sent_is_begun_anew_and_only_as_the_same() {
        let dir = TempDir::new().unwrap();
        let folder = DataFolder::open(dir.path()).unwrap();
        let audit = Audit::new(folder.books().clone());
        let id = Id::v7(super::super::wall_ms());
        let first = number(begin(&audit, id, "12").await);
        audit.end_write(first, &end(Fate::Refused)).await;
        assert!(matches!(begin(&audit, id, "13").await, Begun::Known(..)));
        let second = number(begin(&audit, id, "12").await);
        assert!(matches!(begin(&audit, id, "12").await, Begun::Known(_, None)), "it is under way");
        audit.end_write(second, &end(Fate::Failed)).await;
        let Begun::Known(_, Some(found)) = begin(&audit, id, "12").await else { panic!("it is known") };
        assert_eq!(found.fate, Fate::Failed);
    }

    #[tokio::test]
    async fn an_id_of_another_time_is_refused_and_nothing_is_begun() {
        let dir = TempDir::new().unwrap();
        let folder = DataFolder::open(dir.path()).unwrap();
        let audit = Audit::new(folder.books().clone());
        let ahead = Id::v7(super::super::wall_ms() + 3_600_000);
        assert_eq!(audit.begin_write(ahead, &act("12")).await.unwrap_err().code, "TG-JR-008");
        folder.close();
        let id = Id::v7(super::super::wall_ms());
        assert_eq!(audit.begin_write(id, &act("12")).await.unwrap_err().code, "TG-ID-021");
    }
}
