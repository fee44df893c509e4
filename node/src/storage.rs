//! The journals as the node holds them: their numbers as metrics, ready while they write, closed last.

use std::time::Instant;
use tidegate_kernel_journal::{DataFolder, Durations, Journal, Status};
use tidegate_kernel_plug::{Capability, Draining, Family, Histogram, Leftover, Number, Readiness, Stage};

/// The two journals of the data folder, by name.
#[derive(Debug)]
pub(crate) struct Storage {
    journals: [(&'static str, Journal); 2],
}

impl Storage {
    pub(crate) fn of(folder: &DataFolder) -> Storage {
        Storage { journals: [("books", folder.books().clone()), ("queues", folder.queues().clone())] }
    }

    /// What holds readings, alarms and notices.
    pub(crate) fn queues(&self) -> Status {
        self.journals[1].1.status()
    }

    /// Both, with their names.
    pub(crate) fn journals(&self) -> &[(&'static str, Journal); 2] {
        &self.journals
    }

    pub(crate) fn statuses(&self) -> [(&'static str, Status); 2] {
        self.journals.each_ref().map(|(name, journal)| (*name, journal.status()))
    }
}

impl Capability for Storage {
    fn name(&self) -> &'static str {
        "journal"
    }

    fn stage(&self) -> Stage {
        Stage::Storage
    }

    fn metrics(&self) -> Vec<Family> {
        let statuses = self.statuses();
        let numbers = NUMBERS.iter().map(|number| number.family(&statuses));
        numbers.chain(TIMES.iter().map(|time| time.family(&statuses))).collect()
    }

    fn readiness(&self) -> Readiness {
        match self.statuses().iter().find_map(trouble) {
            None => Readiness::Ready,
            Some(trouble) => Readiness::Unready(trouble),
        }
    }

    fn drain(&self, _deadline: Instant) -> Draining<'_> {
        Box::pin(async {
            let journals = self.journals.each_ref().map(|(_, journal)| journal.clone());
            // A panic in there has been reported by then, and there is nothing else to close.
            let _ = tokio::task::spawn_blocking(move || journals.iter().for_each(Journal::close)).await;
            self.statuses().iter().filter_map(leftover).collect()
        })
    }
}

fn trouble((name, status): &(&'static str, Status)) -> Option<String> {
    match (&status.stopped, &status.read_only) {
        (Some(cause), _) => Some(format!("the journal {name} stopped writing: {cause}")),
        (None, Some(cause)) => Some(format!("the journal {name} takes nothing now: {cause}")),
        (None, None) => None,
    }
}

fn leftover((name, status): &(&'static str, Status)) -> Option<Leftover> {
    let unsynced = status.head_seq.saturating_sub(status.synced_seq);
    let what = "records not written, because the journal had stopped";
    (unsynced > 0).then(|| Leftover { part: (*name).to_owned(), count: unsynced, what })
}

/// One family with a series for each journal.
struct Measure {
    name: &'static str,
    help: &'static str,
    of: fn(&Status) -> Number,
}

impl Measure {
    fn family(&self, statuses: &[(&'static str, Status)]) -> Family {
        let make = if self.name.ends_with("_total") { Family::counter } else { Family::gauge };
        let mut family = make(self.name, self.help);
        for (name, status) in statuses {
            family.push(&[("journal", name)], (self.of)(status));
        }
        family
    }
}

/// One histogram for each journal.
struct Time {
    name: &'static str,
    help: &'static str,
    of: fn(&Status) -> Durations,
}

impl Time {
    fn family(&self, statuses: &[(&'static str, Status)]) -> Family {
        let mut family = Family::histogram(self.name, self.help);
        for (name, status) in statuses {
            let durations = (self.of)(status);
            let sum = durations.sum().as_secs_f64();
            let histogram = Histogram::of_counts(Durations::bounds_s(), durations.counts(), sum);
            family.push_histogram(&[("journal", name)], histogram);
        }
        family
    }
}

const TIMES: &[Time] = &[
    Time {
        name: "tidegate_journal_until_written_seconds",
        help: "From a batch's first append to its write: the longest that anybody in it waited for level os.",
        of: |status| status.tallies.until_written,
    },
    Time {
        name: "tidegate_journal_until_synced_seconds",
        help: "From a batch's first append to its sync: the longest that anybody in it waited for level disk.",
        of: |status| status.tallies.until_synced,
    },
    Time {
        name: "tidegate_journal_sync_seconds",
        help: "How long syncs took.",
        of: |status| status.tallies.sync,
    },
];

const fn measure(name: &'static str, help: &'static str, of: fn(&Status) -> Number) -> Measure {
    Measure { name, help, of }
}

const NUMBERS: &[Measure] = &[
    measure("tidegate_journal_head_seq", "Number of the last record appended.", |s| s.head_seq.into()),
    measure("tidegate_journal_written_seq", "Number of the last record written.", |s| s.written_seq.into()),
    measure("tidegate_journal_synced_seq", "Number of the last record synced.", |s| s.synced_seq.into()),
    measure("tidegate_journal_oldest_seq", "Number of the oldest record kept.", |s| s.oldest_seq.into()),
    measure("tidegate_journal_pending_bytes", "Bytes that wait to be written.", |s| {
        (s.pending_bytes as u64).into()
    }),
    measure("tidegate_journal_log_bytes", "Bytes of segments on disk.", |s| s.log_bytes.into()),
    measure("tidegate_journal_segments", "Segments on disk.", |s| (s.segments as u64).into()),
    measure("tidegate_journal_batches_total", "Writes that ended in a sync, since the start.", |s| {
        s.tallies.batches.into()
    }),
    measure("tidegate_journal_synced_bytes_total", "Bytes written and synced, since the start.", |s| {
        s.tallies.synced_bytes.into()
    }),
    measure("tidegate_journal_segments_made_total", "Segments begun, since the start.", |s| {
        s.tallies.segments_made.into()
    }),
    measure(
        "tidegate_journal_segments_recycled_total",
        "Drained segments written over, since the start.",
        |s| s.tallies.segments_recycled.into(),
    ),
    measure("tidegate_journal_segments_shed_total", "Segments given up over quota, since the start.", |s| {
        s.tallies.segments_shed.into()
    }),
    measure(
        "tidegate_journal_records_carried_total",
        "Critical records copied out of segments that were given up, since the start.",
        |s| s.tallies.records_carried.into(),
    ),
    measure("tidegate_journal_cut_bytes", "Bytes of an unfinished end that the start cut off.", |s| {
        s.cut_bytes.into()
    }),
    measure("tidegate_journal_window_ids", "Ids remembered, so that none is applied twice.", |s| {
        (s.window_ids as u64).into()
    }),
    measure("tidegate_journal_window_age_seconds", "Age of the oldest remembered id.", |s| {
        (s.window_age_ms as f64 / 1000.0).into()
    }),
    measure(
        "tidegate_journal_clock_jump_seconds",
        "How far the wall clock jumped ahead; expiries stand still until that is accepted.",
        |s| (s.clock_jump_ms.unwrap_or(0) as f64 / 1000.0).into(),
    ),
    measure(
        "tidegate_journal_committer_raised_state",
        "1 where the committer runs at a raised priority.",
        |s| u64::from(s.committer_raised).into(),
    ),
    measure("tidegate_journal_read_only_state", "1 while there is no room: appends are refused.", |s| {
        u64::from(s.read_only.is_some()).into()
    }),
    measure(
        "tidegate_journal_stopped_state",
        "1 after a failed write or sync: nothing is written any more.",
        |s| u64::from(s.stopped.is_some()).into(),
    ),
];
