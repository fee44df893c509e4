//! From the feed of alarms to notices: pulls by offset, keeps what is said only when an alarm is raised, and puts it in the outbox.
//!
//! What an alarm is called and how much it matters stands in its first event only, so the events that are kept are read once more at a
//! start; nothing is told twice, for a notice has the id of its event. A shelved alarm makes no noise until it comes back. Reads the
//! feed in the calling thread.

use crate::notice::{Change, Notice, Severity};
use crate::outbox::Outbox;
use std::collections::BTreeMap;
use std::time::Duration;
use tidegate_kernel_journal::{Id, Refusal};
use tokio::time::sleep;

/// Alarms remembered; those beyond are told without their text when they end.
const ALARMS_MAX: usize = 20_000;
/// How often the feed is looked at.
const TICK: Duration = Duration::from_millis(200);
/// The register of the offset.
const REGISTER: &str = "notice.alarms";
/// Offsets without an alarm after which the register is written all the same, so that a start reads no more than that again.
const QUIET_MAX: u64 = 100_000;

/// What the alarms' side has: numbered, pulled by offset.
pub trait AlarmFeed: Send + Sync {
    /// Events behind `offset`, in order. Reads the disk in the calling thread.
    fn since(&self, offset: u64) -> Result<AlarmPage, String>;
}

/// Some events in a row.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AlarmPage {
    pub events: Vec<AlarmEvent>,
    /// Ask for what is behind this next; the offset asked for when there is nothing.
    pub next: u64,
}

/// One change of an alarm.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AlarmEvent {
    pub offset: u64,
    pub id: Id,
    pub key: String,
    pub at_ms: u64,
    pub change: AlarmChange,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AlarmChange {
    Raised { severity: Severity, text: String, origin: String, value: String },
    Cleared,
    Acknowledged { by: String },
    Shelved,
    Unshelved,
}

/// What is known of one alarm.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Known {
    notice: Notice,
    is_active: bool,
    is_acknowledged: bool,
    is_shelved: bool,
}

/// What is known of all of them. Pure.
#[derive(Debug, Default)]
pub(crate) struct Watch {
    known: BTreeMap<String, Known>,
}

impl Watch {
    /// Takes an event in, and says what is to be told of it.
    pub(crate) fn take(&mut self, event: &AlarmEvent) -> Option<Notice> {
        let mut known = self.known.remove(&event.key).unwrap_or_else(|| unknown(event));
        let notice = &mut known.notice;
        (notice.id, notice.at_ms) = (event.id, event.at_ms);
        let mut is_told = !known.is_shelved;
        match &event.change {
            AlarmChange::Raised { severity, text, origin, value } => {
                notice.change = Change::Raised;
                notice.severity = *severity;
                (notice.text, notice.origin, notice.value) = (text.clone(), origin.clone(), value.clone());
                notice.by.clear();
                (known.is_active, known.is_acknowledged) = (true, false);
            }
            AlarmChange::Cleared => {
                (notice.change, known.is_active) = (Change::Cleared, false);
                notice.by.clear();
            }
            AlarmChange::Acknowledged { by } => {
                (notice.change, known.is_acknowledged) = (Change::Acknowledged, true);
                notice.by.clone_from(by);
            }
            AlarmChange::Shelved => (is_told, known.is_shelved) = (false, true),
            AlarmChange::Unshelved => {
                // It is heard of again where it still asks for somebody.
                is_told = known.is_shelved && known.is_active && !known.is_acknowledged;
                (notice.change, known.is_shelved) = (Change::Raised, false);
            }
        }
        let told = is_told.then(|| known.notice.clone());
        let is_normal = !known.is_active && known.is_acknowledged && !known.is_shelved;
        if !is_normal && self.known.len() < ALARMS_MAX {
            self.known.insert(event.key.clone(), known);
        }
        told
    }
}

impl Watch {
    /// As if the last event of this alarm had not been taken in.
    fn restore(&mut self, key: &str, before: Option<Known>) {
        match before {
            Some(known) => drop(self.known.insert(key.to_owned(), known)),
            None => drop(self.known.remove(key)),
        }
    }
}

/// An alarm whose beginning is no longer kept.
fn unknown(event: &AlarmEvent) -> Known {
    let notice = Notice {
        id: event.id,
        change: Change::Raised,
        severity: Severity::High,
        at_ms: event.at_ms,
        alarm: event.key.clone(),
        origin: String::new(),
        value: String::new(),
        text: String::new(),
        by: String::new(),
    };
    Known { notice, is_active: true, is_acknowledged: false, is_shelved: false }
}

/// Follows a feed into the outbox.
#[derive(Debug)]
pub struct Follower {
    outbox: Outbox,
    watch: Watch,
    /// Read and put in up to here.
    offset: u64,
    /// What the register says.
    kept: u64,
}

impl Follower {
    /// Goes on where the last one was; the very first begins behind `head`, for what was before is no news.
    pub fn new(outbox: Outbox, feed: &dyn AlarmFeed, head: u64) -> Result<Follower, String> {
        let register = outbox.journal.register(REGISTER);
        let kept = register.and_then(|bytes| Some(u64::from_le_bytes(bytes.try_into().ok()?)));
        let (offset, mut watch, mut at) = (kept.unwrap_or(head), Watch::default(), 0);
        while at < offset {
            let page = feed.since(at)?;
            page.events.iter().filter(|event| event.offset <= offset).for_each(|event| {
                watch.take(event);
            });
            if page.next <= at {
                break;
            }
            at = page.next;
        }
        let mut follower = Follower { outbox, watch, offset, kept: kept.unwrap_or(0) };
        if kept.is_none() {
            follower.keep();
        }
        Ok(follower)
    }

    /// Until it is dropped.
    pub async fn run(mut self, feed: &dyn AlarmFeed) {
        loop {
            match self.step(feed) {
                Ok(true) => continue,
                Ok(false) => {}
                Err(error) => tracing::warn!(code = "TG-NO-007", "could not follow the alarms: {error}"),
            }
            sleep(TICK).await;
        }
    }

    /// Puts in what is new; whether there was anything. What fails comes again.
    pub fn step(&mut self, feed: &dyn AlarmFeed) -> Result<bool, String> {
        let page = feed.since(self.offset)?;
        let behind = self.offset;
        for event in page.events.iter().filter(|event| event.offset > behind) {
            let before = self.watch.known.get(&event.key).cloned();
            if let Some(notice) = self.watch.take(event) {
                match self.outbox.post(&notice) {
                    // Older than what ids are remembered for: it was put in long ago.
                    Ok(_) | Err(Refusal::TooOld) => {}
                    Err(refusal) => {
                        self.watch.restore(&event.key, before);
                        return Err(refusal.to_string());
                    }
                }
            }
            self.offset = event.offset;
        }
        self.offset = self.offset.max(page.next);
        if !page.events.is_empty() || self.offset > self.kept + QUIET_MAX {
            self.keep();
        }
        Ok(!page.events.is_empty())
    }

    fn keep(&mut self) {
        // What is not kept is read again, and then known by its ids.
        if self.outbox.journal.set_register(REGISTER, &self.offset.to_le_bytes()).is_ok() {
            self.kept = self.offset;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(number: u64, change: AlarmChange) -> AlarmEvent {
        AlarmEvent { offset: number, id: Id::v7(number), key: "boiler".to_owned(), at_ms: number, change }
    }

    fn raised() -> AlarmChange {
        let (text, origin, value) = ("hot".to_owned(), "line/7".to_owned(), "93".to_owned());
        AlarmChange::Raised { severity: Severity::Critical, text, origin, value }
    }

    /// What is told of each change, in turn.
    fn told(changes: Vec<AlarmChange>) -> Vec<Option<(Change, Severity, String)>> {
        let mut watch = Watch::default();
        let each = (1..).zip(changes).map(|(number, change)| watch.take(&event(number, change)));
        each.map(|told| told.map(|notice| (notice.change, notice.severity, notice.text))).collect()
    }

    fn of(change: Change) -> Option<(Change, Severity, String)> {
        Some((change, Severity::Critical, "hot".to_owned()))
    }

    #[test]
    fn the_end_of_an_alarm_is_told_with_what_its_beginning_said() {
        let acknowledged = AlarmChange::Acknowledged { by: "ada".to_owned() };
        let found = told(vec![raised(), AlarmChange::Cleared, acknowledged]);
        assert_eq!(found, [of(Change::Raised), of(Change::Cleared), of(Change::Acknowledged)]);
        // Nothing is known of it, and it is told all the same.
        assert_eq!(
            told(vec![AlarmChange::Cleared])[0],
            Some((Change::Cleared, Severity::High, String::new()))
        );
    }

    #[test]
    fn a_shelved_alarm_makes_no_noise_and_is_heard_of_again_if_it_is_still_there() {
        let found = told(vec![
            raised(),
            AlarmChange::Shelved,
            AlarmChange::Cleared,
            raised(),
            AlarmChange::Unshelved,
        ]);
        assert_eq!(found, [of(Change::Raised), None, None, None, of(Change::Raised)]);
        let found = told(vec![raised(), AlarmChange::Shelved, AlarmChange::Cleared, AlarmChange::Unshelved]);
        assert_eq!(found[2..], [None, None]);
    }
}
