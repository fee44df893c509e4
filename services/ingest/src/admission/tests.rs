//! Admission against a journal of a few lines, through any history of counts, checkpoints, crashes and ends.

use super::*;
use proptest::prelude::*;

#[derive(Debug, Clone, Copy)]
enum Event {
    Journaled(Source, Class),
    Telemetry(Source),
    Absorbed(Source, Class),
    Quarantined,
    Malformed,
    Refused,
    Checkpoint,
    /// Of the records since the last checkpoint so many are not found again.
    Crash {
        lost: usize,
    },
    End,
}

fn events() -> impl Strategy<Value = Vec<Event>> {
    let source = || prop::sample::select(&Source::ALL[..]);
    let class = || prop::sample::select(&[Class::Critical, Class::Process][..]);
    let event = prop_oneof![
        8 => (source(), class()).prop_map(|(source, class)| Event::Journaled(source, class)),
        4 => source().prop_map(Event::Telemetry),
        2 => (source(), class()).prop_map(|(source, class)| Event::Absorbed(source, class)),
        2 => Just(Event::Quarantined),
        1 => Just(Event::Malformed),
        1 => Just(Event::Refused),
        2 => Just(Event::Checkpoint),
        1 => (0..20_usize).prop_map(|lost| Event::Crash { lost }),
        1 => Just(Event::End),
    ];
    prop::collection::vec(event, 1..300)
}

/// The journal, as far as admission sees it.
#[derive(Debug, Default)]
struct Disk {
    register: Option<Register>,
    /// What each record is: a reading, or one in quarantine. A record's number is its place, from 1.
    records: Vec<Option<(Source, Class)>>,
    written: usize,
}

impl Disk {
    fn journaled(&self) -> Journaled {
        let readings = self.records.iter().flatten().count() as u64;
        Journaled { readings, quarantined: self.records.len() as u64 - readings }
    }

    /// Writes the register as the capability does, with the journal's part played at once.
    fn write(&mut self, admission: &mut Admission) {
        let register = admission.register();
        admission.written(1, register.ceiling);
        admission.promise.settle(1);
        self.register = Register::decode(&register.encode());
        self.written = self.records.len();
    }

    fn start(&mut self) -> Admission {
        let as_of = self.register.as_ref().and_then(|register| register.as_of_seq).unwrap_or(0);
        let mut tail = Tail { last_seq: self.records.len() as u64, ..Tail::default() };
        for (at, record) in self.records.iter().enumerate().skip(as_of as usize) {
            match record {
                Some((source, class)) => tail.sources.keep(*source, *class),
                None => tail.held.add(at as u64 + 1, 10),
            }
        }
        let mut admission =
            Admission::recovered(self.register.clone(), self.journaled(), tail, (0, u64::MAX));
        self.write(&mut admission);
        admission
    }
}

fn play(event: Event, admission: &mut Admission, disk: &mut Disk) {
    match event {
        Event::Journaled(source, class) => {
            disk.records.push(Some((source, class)));
            admission.count_journaled(source, class, disk.records.len() as u64);
        }
        Event::Quarantined => {
            disk.records.push(None);
            admission.count_quarantined(disk.records.len() as u64, 10);
        }
        Event::Telemetry(source) => admission.count_kept(source, Class::Telemetry),
        Event::Absorbed(source, class) => admission.count_absorbed(source, class),
        Event::Malformed => admission.count_malformed("TG-MQ-003"),
        Event::Refused => admission.count_refused("stalled"),
        Event::Checkpoint => disk.write(admission),
        Event::Crash { lost } => {
            disk.records.truncate(disk.written.max(disk.records.len().saturating_sub(lost)));
            *admission = disk.start();
        }
        Event::End => {
            admission.closed = true;
            disk.write(admission);
            *admission = disk.start();
        }
    }
}

fn is_received(event: Event) -> bool {
    match event {
        Event::Journaled(source, _) | Event::Telemetry(source) | Event::Absorbed(source, _) => {
            source != Source::Rule
        }
        Event::Quarantined | Event::Malformed | Event::Refused => true,
        Event::Checkpoint | Event::Crash { .. } | Event::End => false,
    }
}

proptest! {
    #[test]
    fn the_sums_close_after_any_history_and_the_bound_covers_what_is_missing(events in events()) {
        let mut disk = Disk::default();
        let mut admission = disk.start();
        let mut sent = 0;
        for event in events {
            sent += u64::from(is_received(event));
            play(event, &mut admission, &mut disk);
            let account = admission.account(disk.journaled());
            prop_assert_eq!((account.difference, account.sources_difference), (0, 0));
            prop_assert_eq!(account.quarantine.readings, account.quarantined);
            prop_assert!(account.received <= sent && sent <= account.received + account.lost_at_crash_max);
            let of_sources: u64 = account.sources.iter().map(|source| source.accepted).sum();
            prop_assert_eq!(of_sources, account.accepted + admission.sources().derived());
        }
    }
}

const ONE: Journaled = Journaled { readings: 1, quarantined: 0 };

fn start(register: Register) -> Admission {
    let sources = Sources::default();
    Admission::recovered(Some(register), ONE, Tail { sources, ..Tail::default() }, (1, u64::MAX))
}

#[test]
fn a_count_that_is_missing_shows_as_a_difference() {
    let mut admission = Admission::recovered(None, Journaled::default(), Tail::default(), (0, u64::MAX));
    admission.count_journaled(Source::Mqtt, Class::Process, 1);
    admission.count_refused("stalled");
    assert_eq!(admission.account(ONE).difference, 0);
    let none = admission.account(Journaled::default());
    assert_eq!((none.difference, none.sources_difference), (1, -1));
    let other = admission.account(Journaled { readings: 0, quarantined: 1 });
    assert_eq!((other.difference, other.sources_difference), (0, -1));
}

#[test]
fn an_orderly_end_is_no_crash_and_a_crash_is_noted_once() {
    let register = Register { clean: true, ceiling: 2000, ..Register::default() };
    assert_eq!(start(register.clone()).account(ONE).crashes, 0);
    let crashed = start(Register { clean: false, ..register });
    assert_eq!(crashed.account(ONE).recent_crashes, [Crash { noticed_ms: 1, lost_max: 1999 }]);
    let next = start(crashed.register());
    assert_eq!((next.account(ONE).crashes, next.account(ONE).lost_at_crash_max), (2, 1999 + 1024));
}

#[test]
fn what_the_journal_no_longer_has_is_no_longer_held() {
    let mut admission = Admission::recovered(None, Journaled::default(), Tail::default(), (0, u64::MAX));
    admission.count_quarantined(5, 10);
    admission.forget_before(5);
    assert_eq!(admission.held().readings, 1);
    admission.forget_before(6);
    assert_eq!((admission.held().readings, admission.held().bytes), (0, 0));
}
