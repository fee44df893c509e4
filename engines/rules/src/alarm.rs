//! Alarms as ANSI/ISA-18.2-2016 names their states, as a pure state machine: decide on facts, apply facts; the time is handed in.
//!
//! ```text
//!   normal ── raise ──> unacknowledged ── acknowledge ──> acknowledged
//!     ^                   │      ^                          │
//!     │                 clear    │ raise                  clear
//!     │                   v      │                          │
//!     ├── acknowledge ── returned                           │
//!     └─────────────────────────────────────────────────────┘
//! ```
//! Shelving lies across all of it: a shelved alarm goes its way and makes no noise until its time is over. An alarm is one by its
//! key, so what is raised twice is one alarm.

use crate::rule::Severity;
use std::collections::BTreeMap;

/// Alarms that are not normal, or shelved, at once.
pub const ALARMS_MAX: usize = 16_384;

/// One alarm that somebody has to know of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Alarm {
    pub severity: Severity,
    pub text: String,
    /// The condition is present.
    pub active: bool,
    pub acknowledged: bool,
    pub raised_at: u64,
    pub cleared_at: Option<u64>,
    /// How often it was raised since it was last normal.
    pub occurrences: u32,
    pub shelved: Option<Shelf>,
}

/// Who put an alarm aside, and until when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shelf {
    pub by: String,
    pub until: u64,
}

/// What ISA-18.2 calls the state of an alarm; all but normal, in which nothing is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum AlarmState {
    Unacknowledged,
    Acknowledged,
    /// Returned to normal, and nobody has acknowledged it yet.
    Returned,
    Shelved,
}

/// Something that was decided about one alarm, at one time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AlarmFact {
    pub key: String,
    pub at: u64,
    pub change: AlarmChange,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AlarmChange {
    Raised {
        severity: Severity,
        text: String,
    },
    Cleared,
    Acknowledged {
        by: String,
    },
    Shelved {
        by: String,
        until: u64,
    },
    /// By somebody, or by nobody: its time was over.
    Unshelved {
        by: Option<String>,
    },
}

/// Why something cannot be done to an alarm.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AlarmRefusal {
    #[error("there is no such alarm that is not normal")]
    NoAlarm,
    #[error("the alarm is acknowledged already")]
    Acknowledged,
    #[error("an alarm is shelved for at least a second and at most {max_ms} ms")]
    ShelfSpan { max_ms: u64 },
    #[error("the alarm is not shelved")]
    NotShelved,
    #[error("there are {ALARMS_MAX} alarms already")]
    TooMany,
}

/// All alarms that are not normal, by key.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Alarms {
    pub(crate) by_key: BTreeMap<String, Alarm>,
}

/// Alarms by what they ask of people.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct AlarmCounts {
    pub active: u64,
    pub unacknowledged: u64,
    pub shelved: u64,
}

impl AlarmChange {
    pub fn name(&self) -> &'static str {
        match self {
            AlarmChange::Raised { .. } => "raised",
            AlarmChange::Cleared => "cleared",
            AlarmChange::Acknowledged { .. } => "acknowledged",
            AlarmChange::Shelved { .. } => "shelved",
            AlarmChange::Unshelved { .. } => "unshelved",
        }
    }

    /// Who did it, where somebody did.
    pub fn by(&self) -> Option<&str> {
        match self {
            AlarmChange::Acknowledged { by } | AlarmChange::Shelved { by, .. } => Some(by),
            AlarmChange::Unshelved { by } => by.as_deref(),
            AlarmChange::Raised { .. } | AlarmChange::Cleared => None,
        }
    }
}

type Decided = Result<AlarmFact, AlarmRefusal>;

impl AlarmRefusal {
    pub fn code(&self) -> &'static str {
        match self {
            AlarmRefusal::NoAlarm => "TG-AL-001",
            AlarmRefusal::Acknowledged => "TG-AL-002",
            AlarmRefusal::ShelfSpan { .. } => "TG-AL-003",
            AlarmRefusal::NotShelved => "TG-AL-004",
            AlarmRefusal::TooMany => "TG-AL-005",
        }
    }

    /// What to do about it, in one line.
    pub fn hint(&self) -> &'static str {
        match self {
            AlarmRefusal::NoAlarm => "list the alarms; it may have returned to normal by itself",
            AlarmRefusal::Acknowledged => "nothing is left to do",
            AlarmRefusal::ShelfSpan { .. } => "choose a shorter time, and shelve again when it is over",
            AlarmRefusal::NotShelved => "its time may be over already",
            AlarmRefusal::TooMany => "acknowledge what has returned; one cause may be behind most of them",
        }
    }
}

impl Alarm {
    pub fn state(&self) -> AlarmState {
        match self {
            Alarm { shelved: Some(_), .. } => AlarmState::Shelved,
            Alarm { active: false, .. } => AlarmState::Returned,
            Alarm { acknowledged: false, .. } => AlarmState::Unacknowledged,
            Alarm { .. } => AlarmState::Acknowledged,
        }
    }

    fn is_normal(&self) -> bool {
        !self.active && self.acknowledged && self.shelved.is_none()
    }
}

impl AlarmState {
    pub fn name(self) -> &'static str {
        match self {
            AlarmState::Unacknowledged => "unacknowledged",
            AlarmState::Acknowledged => "acknowledged",
            AlarmState::Returned => "returned",
            AlarmState::Shelved => "shelved",
        }
    }
}

impl Alarms {
    /// Nothing if it is raised already.
    pub fn raise(
        &self,
        key: &str,
        severity: Severity,
        text: &str,
        at: u64,
    ) -> Result<Option<AlarmFact>, AlarmRefusal> {
        match self.by_key.get(key) {
            Some(alarm) if alarm.active => Ok(None),
            None if self.by_key.len() >= ALARMS_MAX => Err(AlarmRefusal::TooMany),
            _ => Ok(Some(fact(key, at, AlarmChange::Raised { severity, text: text.to_owned() }))),
        }
    }

    /// Nothing if it is not raised.
    pub fn clear(&self, key: &str, at: u64) -> Option<AlarmFact> {
        let active = self.by_key.get(key).is_some_and(|alarm| alarm.active);
        active.then(|| fact(key, at, AlarmChange::Cleared))
    }

    pub fn acknowledge(&self, key: &str, by: &str, at: u64) -> Decided {
        if self.get(key)?.acknowledged {
            return Err(AlarmRefusal::Acknowledged);
        }
        Ok(fact(key, at, AlarmChange::Acknowledged { by: by.to_owned() }))
    }

    /// Puts it aside until a time at most `max_ms` ahead; one that is shelved already gets the new time.
    pub fn shelve(&self, key: &str, by: &str, until: u64, at: u64, max_ms: u64) -> Decided {
        self.get(key)?;
        if !(1000..=max_ms).contains(&until.saturating_sub(at)) {
            return Err(AlarmRefusal::ShelfSpan { max_ms });
        }
        Ok(fact(key, at, AlarmChange::Shelved { by: by.to_owned(), until }))
    }

    pub fn unshelve(&self, key: &str, by: &str, at: u64) -> Decided {
        if self.get(key)?.shelved.is_none() {
            return Err(AlarmRefusal::NotShelved);
        }
        Ok(fact(key, at, AlarmChange::Unshelved { by: Some(by.to_owned()) }))
    }

    /// Those whose time on the shelf is over.
    pub fn expire(&self, now: u64) -> Vec<AlarmFact> {
        let over = |alarm: &Alarm| alarm.shelved.as_ref().is_some_and(|shelf| shelf.until <= now);
        let keys = self.by_key.iter().filter(|(_, alarm)| over(alarm));
        keys.map(|(key, _)| fact(key, now, AlarmChange::Unshelved { by: None })).collect()
    }

    /// Makes a fact so. Total: what does not fit the state, as after a part of the history was given up, is taken as it can be.
    pub fn apply(&mut self, fact: &AlarmFact) {
        if let AlarmChange::Raised { severity, text } = &fact.change {
            return self.raised(&fact.key, *severity, text, fact.at);
        }
        let Some(alarm) = self.by_key.get_mut(&fact.key) else { return };
        match &fact.change {
            AlarmChange::Raised { .. } => {}
            AlarmChange::Cleared => {
                alarm.active = false;
                alarm.cleared_at = Some(fact.at);
            }
            AlarmChange::Acknowledged { .. } => alarm.acknowledged = true,
            AlarmChange::Shelved { by, until } => {
                alarm.shelved = Some(Shelf { by: by.clone(), until: *until });
            }
            AlarmChange::Unshelved { .. } => alarm.shelved = None,
        }
        if alarm.is_normal() {
            self.by_key.remove(&fact.key);
        }
    }

    fn raised(&mut self, key: &str, severity: Severity, text: &str, at: u64) {
        let before = self.by_key.remove(key);
        let occurrences = before.as_ref().map_or(0, |alarm| alarm.occurrences).saturating_add(1);
        let shelved = before.and_then(|alarm| alarm.shelved);
        let alarm = Alarm {
            severity,
            text: text.to_owned(),
            active: true,
            acknowledged: false,
            raised_at: at,
            cleared_at: None,
            occurrences,
            shelved,
        };
        self.by_key.insert(key.to_owned(), alarm);
    }

    fn get(&self, key: &str) -> Result<&Alarm, AlarmRefusal> {
        self.by_key.get(key).ok_or(AlarmRefusal::NoAlarm)
    }

    /// By key.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Alarm)> {
        self.by_key.iter().map(|(key, alarm)| (key.as_str(), alarm))
    }

    pub fn counts(&self) -> AlarmCounts {
        let many = |is: fn(&Alarm) -> bool| self.by_key.values().filter(|alarm| is(alarm)).count() as u64;
        AlarmCounts {
            active: many(|alarm| alarm.active),
            unacknowledged: many(|alarm| !alarm.acknowledged),
            shelved: many(|alarm| alarm.shelved.is_some()),
        }
    }

    /// When the next one comes off its shelf.
    pub fn next_expiry(&self) -> Option<u64> {
        self.by_key.values().filter_map(|alarm| Some(alarm.shelved.as_ref()?.until)).min()
    }
}

fn fact(key: &str, at: u64, change: AlarmChange) -> AlarmFact {
    AlarmFact { key: key.to_owned(), at, change }
}
