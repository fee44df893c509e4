//! Where every reading is, as numbers that close. What `GET /api/v1/ingest/accounts` answers, as JSON, is [`Accounts`].
//!
//! ```text
//! received = accepted + quarantined + malformed + refused
//! accepted + derived = routed + unrouted
//! routed   = delivered + absorbed + coalesced + shed + dead_lettered + lag + in_flight      per class and sink
//! decided  = published + unheard + expired + refused + waiting                              commands
//! ```
//!
//! Each line has a `difference`, left side less right side, which must be 0. Pure.

use crate::admission::difference;
use crate::class::Class;
use crate::command::CommandAccount;
use crate::quarantine::Held;
use crate::sources::{SourceAccount, Sources};
use crate::stake::Stake;
use crate::telemetry::TelemetryTally;
use serde::Serialize;
use std::collections::BTreeMap;
use tidegate_kernel_journal::{Account, Counts};

/// All accounts, taken at one moment.
#[derive(Debug, Clone, Serialize)]
pub struct Accounts {
    /// The journal's last record number when this was taken.
    pub as_of_seq: u64,
    pub admission: AdmissionAccount,
    pub routing: RoutingAccount,
    /// One for each class and sink, sinks by name.
    pub sinks: Vec<SinkAccount>,
    /// What each sink is doing, by name.
    pub sink_states: Vec<SinkReport>,
    /// What became of what rules wanted done.
    pub commands: CommandAccount,
}

/// What became of everything that was received, over all starts of this data folder.
#[derive(Debug, Clone, Serialize)]
pub struct AdmissionAccount {
    /// Readings offered, and packets that were none.
    pub received: u64,
    pub accepted: u64,
    /// Of devices nobody knows.
    pub quarantined: u64,
    pub malformed: u64,
    pub refused: u64,
    pub malformed_by_code: BTreeMap<String, u64>,
    pub refused_by_reason: BTreeMap<String, u64>,
    pub difference: i64,
    /// What was taken and what rules made, by the way it came and by class.
    pub sources: Vec<SourceAccount>,
    /// Readings in the journal less those that a source is known of.
    pub sources_difference: i64,
    /// What is in quarantine now.
    pub quarantine: Held,
    /// Starts that found no orderly end before them.
    pub crashes: u64,
    /// Beside the sums: at most so many were received and forgotten, over all crashes.
    pub lost_at_crash_max: u64,
    /// The last few crashes.
    pub recent_crashes: Vec<Crash>,
}

/// A start that found no orderly end before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Crash {
    /// When the start noticed it, in milliseconds since 1970.
    pub noticed_ms: u64,
    /// At most so many were received and neither found in the journal nor counted as malformed or refused.
    pub lost_max: u64,
}

/// Whether what was accepted goes anywhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct RoutingAccount {
    pub accepted: u64,
    /// Made by rules.
    pub derived: u64,
    /// To at least one sink.
    pub routed: u64,
    /// Accepted or derived before there was any sink.
    pub unrouted: u64,
    pub difference: i64,
}

/// What became of one class of readings at one sink.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SinkAccount {
    pub sink: String,
    pub class: Class,
    pub routed: u64,
    pub delivered: u64,
    pub absorbed: u64,
    pub coalesced: u64,
    pub shed: u64,
    pub dead_lettered: u64,
    pub lag: u64,
    pub in_flight: u64,
    pub difference: i64,
    /// Of those delivered, how many were marked as perhaps delivered before.
    pub replayed: u64,
}

/// What a sink is doing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SinkReport {
    pub sink: String,
    pub running: bool,
    /// `closed`, `half-open` or `open`.
    pub breaker: &'static str,
    /// Deliveries that may be under way at once.
    pub limit: usize,
    /// A backlog drains beside what is new.
    pub catching_up: bool,
    pub failures: u64,
    pub last_error: Option<LastError>,
}

/// The last delivery that failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LastError {
    pub code: &'static str,
    pub message: String,
    /// Milliseconds since 1970.
    pub at_ms: u64,
}

/// The name the cursor of a sink has in the journal, less this, is the name of the sink.
pub(crate) const CURSOR_PREFIX: &str = "ingest.";
/// Behind the name of a cursor that holds what an outage left.
pub(crate) const BACKLOG_SUFFIX: &str = ".backlog";

impl SinkAccount {
    /// The account of each class: what a cursor keeps, and the sink's stake in what is not in the journal.
    pub(crate) fn of_sink(cursor: &Account, stake: &Stake, sources: &Sources) -> [SinkAccount; 3] {
        let absorbed = stake.absorbed(sources);
        Class::ALL.map(|class| {
            let account = match class {
                Class::Telemetry => SinkAccount::of_telemetry(cursor, stake, sources),
                class => SinkAccount::of_class(cursor, class),
            };
            account.with_absorbed(absorbed[class.index()])
        })
    }

    fn of_class(account: &Account, class: Class) -> SinkAccount {
        let of = |counts: Counts| if class.is_critical() { counts.critical } else { counts.process };
        let tally = &account.tally;
        SinkAccount {
            sink: sink_name(&account.cursor).to_owned(),
            class,
            routed: of(account.routed),
            delivered: of(tally.delivered),
            absorbed: of(tally.absorbed),
            coalesced: of(tally.coalesced),
            shed: of(tally.shed),
            dead_lettered: of(tally.dead_lettered),
            lag: of(account.lag),
            in_flight: of(account.in_flight),
            difference: 0,
            replayed: of(tally.replayed),
        }
    }

    fn of_telemetry(account: &Account, stake: &Stake, sources: &Sources) -> SinkAccount {
        let TelemetryTally { delivered, coalesced, shed, dead_lettered, lag, in_flight } = stake.tally();
        SinkAccount {
            sink: sink_name(&account.cursor).to_owned(),
            class: Class::Telemetry,
            routed: stake.telemetry_routed(sources),
            delivered,
            absorbed: 0,
            coalesced,
            shed,
            dead_lettered,
            lag,
            in_flight,
            difference: 0,
            replayed: 0,
        }
    }

    /// With so many more that brought no news, and the difference.
    fn with_absorbed(self, absorbed: u64) -> SinkAccount {
        let whole =
            SinkAccount { routed: self.routed + absorbed, absorbed: self.absorbed + absorbed, ..self };
        SinkAccount { difference: difference(whole.routed, whole.ways_out()), ..whole }
    }

    fn ways_out(&self) -> u64 {
        let settled = self.delivered + self.absorbed + self.coalesced + self.shed + self.dead_lettered;
        settled + self.lag + self.in_flight
    }
}

impl RoutingAccount {
    /// A sink takes all that comes after it was opened, so of each class the one with the most has all that any has.
    pub(crate) fn new(accepted: u64, derived: u64, sinks: &[SinkAccount]) -> RoutingAccount {
        let most = |class| {
            let of_class = sinks.iter().filter(|account| account.class == class);
            of_class.map(|account| account.routed).max().unwrap_or(0)
        };
        let routed = Class::ALL.map(most).iter().sum();
        let whole = accepted + derived;
        let unrouted = whole.saturating_sub(routed);
        RoutingAccount {
            accepted,
            derived,
            routed,
            unrouted,
            difference: difference(whole, routed + unrouted),
        }
    }
}

pub(crate) fn sink_name(cursor: &str) -> &str {
    let name = cursor.strip_prefix(CURSOR_PREFIX).unwrap_or(cursor);
    name.strip_suffix(BACKLOG_SUFFIX).unwrap_or(name)
}

/// One account for each sink, by name: a sink that catches up has two cursors, and what is one's is not the other's.
pub(crate) fn by_sink(accounts: impl Iterator<Item = Account>) -> Vec<Account> {
    let mut merged: BTreeMap<String, Account> = BTreeMap::new();
    for account in accounts {
        let cursor = format!("{CURSOR_PREFIX}{}", sink_name(&account.cursor));
        match merged.get_mut(&cursor) {
            Some(whole) => add(whole, account),
            None => drop(merged.insert(cursor.clone(), Account { cursor, ..account })),
        }
    }
    merged.into_values().collect()
}

fn add(whole: &mut Account, part: Account) {
    whole.position = whole.position.min(part.position);
    whole.routed += part.routed;
    whole.tally += part.tally;
    whole.in_flight += part.in_flight;
    whole.lag += part.lag;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reading::Source;
    use tidegate_kernel_journal::Tally;

    fn of_sink(account: &Account) -> [SinkAccount; 3] {
        SinkAccount::of_sink(account, &Stake::default(), &Sources::default())
    }

    fn account() -> Account {
        let both = |process, critical| Counts { process, critical };
        Account {
            cursor: "ingest.file".to_owned(),
            stream: 16,
            position: 40,
            routed: both(20, 3),
            tally: Tally { delivered: both(10, 1), dead_lettered: both(1, 0), ..Tally::default() },
            in_flight: both(4, 2),
            lag: both(5, 0),
        }
    }

    #[test]
    fn an_account_closes_in_each_class() {
        let [critical, process, telemetry] = of_sink(&account());
        assert_eq!((critical.sink.as_str(), critical.delivered, critical.difference), ("file", 1, 0));
        assert_eq!((process.delivered, process.dead_lettered, process.difference), (10, 1, 0));
        assert_eq!((telemetry.routed, telemetry.difference), (0, 0));
    }

    #[test]
    fn a_reading_that_left_no_trace_shows_as_a_difference() {
        let mut account = account();
        account.lag.process -= 1;
        assert_eq!(of_sink(&account)[1].difference, 1);
    }

    #[test]
    fn a_sink_with_two_cursors_has_one_account_that_closes() {
        let backlog = Account { cursor: "ingest.file.backlog".to_owned(), ..account() };
        let merged = by_sink([account(), backlog].into_iter());
        let [critical, process, _] = of_sink(&merged[0]);
        assert_eq!(
            (merged.len(), process.sink.as_str(), process.routed, process.difference),
            (1, "file", 40, 0)
        );
        assert_eq!((critical.in_flight, critical.difference), (4, 0));
    }

    #[test]
    fn what_came_before_the_first_sink_is_unrouted() {
        let routing = RoutingAccount::new(28, 2, &of_sink(&account()));
        assert_eq!((routing.routed, routing.unrouted, routing.difference), (23, 7, 0));
        let impossible = RoutingAccount::new(22, 0, &of_sink(&account()));
        assert_eq!(impossible.difference, -1);
    }

    #[test]
    fn telemetry_and_absorbed_readings_are_routed_by_the_stake_of_the_sink() {
        let mut sources = Sources::default();
        sources.keep(Source::Mqtt, Class::Telemetry);
        let mut stake = Stake::new(&sources);
        (0..5).for_each(|_| sources.keep(Source::Mqtt, Class::Telemetry));
        sources.absorb(Source::Mqtt, Class::Process);
        stake.update(TelemetryTally { delivered: 3, coalesced: 1, lag: 1, ..TelemetryTally::default() });
        let [_, process, telemetry] = SinkAccount::of_sink(&account(), &stake, &sources);
        assert_eq!((process.routed, process.absorbed, process.difference), (21, 1, 0));
        assert_eq!((telemetry.routed, telemetry.coalesced, telemetry.difference), (5, 1, 0));
        stake.update(TelemetryTally::default());
        assert_eq!(SinkAccount::of_sink(&account(), &stake, &sources)[2].difference, 5);
    }
}
