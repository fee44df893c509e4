//! The accounts and the sinks' states as metrics. Pure but for asking the capability.

use crate::accounts::{Accounts, SinkAccount};
use crate::command::CommandAccount;
use crate::ingest::Ingest;
use crate::reading::Source;
use crate::rules::Rules;
use crate::rules::report::RulesReport;
use crate::state::Facts;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use tidegate_kernel_plug::Family;

pub(crate) fn families(ingest: &Ingest) -> Vec<Family> {
    let accounts = ingest.accounts();
    let mut families = vec![accepted(&accounts), derived(&accounts), point_faults(ingest)];
    families.extend(held(ingest, &accounts));
    families.extend(admission(&accounts));
    families.push(turned_away(ingest));
    families.extend(sinks(&accounts));
    let states: Vec<_> =
        ingest.sinks().iter().map(|outlet| (outlet.state.name.clone(), outlet.state.facts())).collect();
    families.extend(deliveries(&states));
    families.extend(ingest.rules.get().into_iter().flat_map(rules));
    families.extend(commands(&accounts.commands));
    families.extend(letters(ingest));
    families
}

fn turned_away(ingest: &Ingest) -> Family {
    let help = "Readings over HTTP that found no room and were to be sent again; not among those received.";
    let count = ingest.turned_away.load(Ordering::Relaxed);
    Family::counter("tidegate_ingest_turned_away_readings_total", help).with(&[], count)
}

/// By class, and by class and source where there is any.
fn accepted(accounts: &Accounts) -> Family {
    let mut family = Family::counter(
        "tidegate_ingest_accepted_readings_total",
        "Readings taken: into the journal, into memory, or absorbed.",
    );
    for source in &accounts.admission.sources {
        let labels = [("source", source.source), ("class", source.class.name())];
        if source.source != Source::Rule.name() {
            family.push(&labels, source.accepted);
        }
    }
    family
}

fn derived(accounts: &Accounts) -> Family {
    Family::counter("tidegate_ingest_derived_readings_total", "Readings that rules made.")
        .with(&[], accounts.routing.derived)
}

fn point_faults(ingest: &Ingest) -> Family {
    let mut family = Family::counter(
        "tidegate_ingest_point_faults_total",
        "Tags of payloads that had no usable value, or a worse one than they said, by code, since the start.",
    );
    ingest.point_faults.told().for_each(|(code, count)| family.push(&[("code", code)], count));
    family
}

/// What lies in quarantine and in memory.
fn held(ingest: &Ingest, accounts: &Accounts) -> Vec<Family> {
    let (keys, bytes) = ingest.telemetry.size();
    let held = accounts.admission.quarantine;
    let gauge = |name, help, value: u64| Family::gauge(name, help).with(&[], value);
    vec![
        Family::counter("tidegate_ingest_quarantined_readings_total", "Readings of devices nobody knows.")
            .with(&[], accounts.admission.quarantined),
        gauge("tidegate_ingest_quarantine_held_readings", "Readings in quarantine.", held.readings),
        gauge("tidegate_ingest_quarantine_held_bytes", "Bytes in quarantine.", held.bytes),
        gauge("tidegate_ingest_telemetry_held_topics", "Topics of class telemetry in memory.", keys as u64),
        gauge("tidegate_ingest_telemetry_held_bytes", "Bytes of class telemetry in memory.", bytes as u64),
    ]
}

fn admission(accounts: &Accounts) -> Vec<Family> {
    let account = &accounts.admission;
    let mut malformed = Family::counter(
        "tidegate_ingest_malformed_packets_total",
        "Packets that were no reading, by error code.",
    );
    for (code, count) in &account.malformed_by_code {
        malformed.push(&[("code", code)], *count);
    }
    let mut refused =
        Family::counter("tidegate_ingest_refused_readings_total", "Readings not taken, by reason.");
    for (reason, count) in &account.refused_by_reason {
        refused.push(&[("reason", reason)], *count);
    }
    let whole = |name, help, value: u64| Family::counter(name, help).with(&[], value);
    vec![
        whole(
            "tidegate_ingest_received_readings_total",
            "Everything received: accepted, quarantined, malformed and refused.",
            account.received,
        ),
        malformed,
        refused,
        Family::gauge(
            "tidegate_ingest_admission_difference_readings",
            "Received less accepted, quarantined, malformed and refused; 0 unless counting is at fault.",
        )
        .with(&[], account.difference),
        Family::gauge("tidegate_ingest_unrouted_readings", "Readings taken before there was any sink.")
            .with(&[], accounts.routing.unrouted),
        whole(
            "tidegate_ingest_crashes_total",
            "Starts that found no orderly end before them.",
            account.crashes,
        ),
        Family::gauge(
            "tidegate_ingest_lost_at_crash_readings_max",
            "Received and forgotten at crashes: at most so many, over all of them.",
        )
        .with(&[], account.lost_at_crash_max),
    ]
}

fn sinks(accounts: &Accounts) -> Vec<Family> {
    let mut routed =
        Family::counter("tidegate_ingest_sink_routed_readings_total", "Readings meant for the sink.");
    let mut settled = Family::counter(
        "tidegate_ingest_sink_settled_readings_total",
        "Readings that are done with, by how they left.",
    );
    let mut replayed = Family::counter(
        "tidegate_ingest_sink_replayed_readings_total",
        "Readings delivered that may have been delivered before.",
    );
    let mut lag =
        Family::gauge("tidegate_ingest_sink_lag_readings", "Readings the sink has yet to be given.");
    let mut in_flight = Family::gauge("tidegate_ingest_sink_in_flight_readings", "Readings being delivered.");
    let mut difference = Family::gauge(
        "tidegate_ingest_sink_difference_readings",
        "Routed less settled, lag and in flight; 0 unless counting is at fault.",
    );
    for account in &accounts.sinks {
        let labels = [("sink", account.sink.as_str()), ("class", account.class.name())];
        routed.push(&labels, account.routed);
        for (outcome, count) in outcomes(account) {
            settled.push(&[labels[0], labels[1], ("outcome", outcome)], count);
        }
        replayed.push(&labels, account.replayed);
        lag.push(&labels, account.lag);
        in_flight.push(&labels, account.in_flight);
        difference.push(&labels, account.difference);
    }
    vec![routed, settled, replayed, lag, in_flight, difference]
}

fn outcomes(account: &SinkAccount) -> [(&'static str, u64); 5] {
    [
        ("delivered", account.delivered),
        ("absorbed", account.absorbed),
        ("coalesced", account.coalesced),
        ("shed", account.shed),
        ("dead_lettered", account.dead_lettered),
    ]
}

fn deliveries(states: &[(Arc<str>, Facts)]) -> Vec<Family> {
    let mut running = Family::gauge("tidegate_ingest_sink_running_state", "1 while the sink's pump runs.");
    let mut breaker = Family::gauge(
        "tidegate_ingest_sink_breaker_state",
        "0 closed, 1 half-open, 2 open: nothing is tried.",
    );
    let mut limit =
        Family::gauge("tidegate_ingest_sink_limit_deliveries", "Deliveries that may be under way at once.");
    let mut catching_up = Family::gauge(
        "tidegate_ingest_sink_catching_up_state",
        "1 while readings that waited go out beside new ones.",
    );
    let mut failures = Family::counter("tidegate_ingest_sink_failures_total", "Deliveries that failed.");
    let mut restarts =
        Family::counter("tidegate_ingest_sink_restarts_total", "Panics after which it was started anew.");
    let mut repairs = Family::counter(
        "tidegate_ingest_sink_repairs_total",
        "Remains of an unfinished delivery that were taken back.",
    );
    let mut last_error = Family::gauge(
        "tidegate_ingest_sink_last_error_time_seconds",
        "When a delivery last failed, since 1970, with its code.",
    );
    let mut batches =
        Family::histogram("tidegate_ingest_sink_batch_seconds", "How long a delivery that worked took.");
    for (sink, facts) in states {
        let labels = [("sink", &**sink)];
        running.push(&labels, u64::from(facts.running));
        breaker.push(&labels, u64::from(facts.breaker.level()));
        limit.push(&labels, facts.limit as u64);
        catching_up.push(&labels, u64::from(facts.catching_up));
        failures.push(&labels, facts.failures);
        restarts.push(&labels, facts.restarts);
        repairs.push(&labels, facts.repairs);
        if let Some(error) = &facts.last_error {
            last_error.push(&[labels[0], ("code", error.code)], error.at_ms as f64 / 1000.0);
        }
        batches.push_histogram(&labels, facts.batch_seconds.clone());
    }
    vec![running, breaker, limit, catching_up, failures, restarts, repairs, last_error, batches]
}

fn letters(ingest: &Ingest) -> [Family; 2] {
    let (kept, dropped) = ingest.letters.counts();
    [
        Family::gauge("tidegate_ingest_dead_letters", "Dead letters kept, to be shown or replayed.")
            .with(&[], kept),
        Family::counter(
            "tidegate_ingest_dropped_dead_letters_total",
            "Dead letters given up since the start because there were too many.",
        )
        .with(&[], dropped),
    ]
}

fn rules(rules: &Rules) -> Vec<Family> {
    let (report, alarms) = (rules.report(), rules.alarms());
    let totals = &report.totals;
    let mut unknown =
        Family::counter("tidegate_ingest_rules_unknown_total", "Evaluations without a verdict, by reason.");
    for (reason, count) in &totals.unknown {
        unknown.push(&[("reason", reason)], *count);
    }
    let outcomes = Family::counter("tidegate_ingest_rules_outcomes_total", "What followed from rules.")
        .with(&[("outcome", "derived")], totals.derived)
        .with(&[("outcome", "alarm_raised")], totals.raised)
        .with(&[("outcome", "alarm_cleared")], totals.cleared)
        .with(&[("outcome", "command")], totals.commands);
    let counts = alarms.counts();
    let states =
        Family::gauge("tidegate_ingest_alarms_count", "Alarms that are not normal, by what they ask for.")
            .with(&[("state", "active")], counts.active)
            .with(&[("state", "unacknowledged")], counts.unacknowledged)
            .with(&[("state", "shelved")], counts.shelved);
    let whole = |name, help, value: u64| Family::counter(name, help).with(&[], value);
    vec![
        Family::counter(
            "tidegate_ingest_rules_telemetry_values_total",
            "Values of class telemetry that rules were to look at, by what became of them.",
        )
        .with(&[("outcome", "seen")], report.telemetry.seen)
        .with(&[("outcome", "shed")], report.telemetry.shed),
        Family::gauge("tidegate_ingest_rules_running_state", "1 while rules are evaluated.")
            .with(&[], u64::from(report.running)),
        Family::gauge("tidegate_ingest_rules_lag_readings", "Readings rules have yet to look at.")
            .with(&[], report.lag),
        whole("tidegate_ingest_rules_evaluations_total", "Evaluations of all rules.", totals.evaluations),
        unknown,
        outcomes,
        whole(
            "tidegate_ingest_rules_restarts_total",
            "Panics after which they were started anew.",
            report.restarts,
        ),
        trial(&report),
        states,
        whole(
            "tidegate_ingest_alarms_refused_total",
            "Alarms not taken in, for there were too many.",
            alarms.refused(),
        ),
    ]
}

fn trial(report: &RulesReport) -> Family {
    let rules = || report.shadow.iter().flat_map(|shadow| &shadow.rules);
    Family::gauge(
        "tidegate_ingest_rules_trial_verdicts",
        "How a set on trial compares with the one in force.",
    )
    .with(&[("verdict", "agreed")], rules().map(|rule| rule.agreed).sum::<u64>())
    .with(&[("verdict", "disagreed")], rules().map(|rule| rule.disagreed).sum::<u64>())
    .with(&[("verdict", "alone")], rules().map(|rule| rule.alone).sum::<u64>())
}

fn commands(account: &CommandAccount) -> [Family; 3] {
    [
        Family::counter("tidegate_ingest_rules_commands_total", "Commands that are done with, by how.")
            .with(&[("outcome", "published")], account.published)
            .with(&[("outcome", "unheard")], account.unheard)
            .with(&[("outcome", "expired")], account.expired)
            .with(&[("outcome", "refused")], account.refused),
        Family::gauge("tidegate_ingest_rules_waiting_commands", "Commands that are not sent yet.")
            .with(&[], account.waiting),
        Family::gauge(
            "tidegate_ingest_rules_difference_commands",
            "Commands decided less those done with and waiting; 0 unless counting is at fault.",
        )
        .with(&[], account.difference),
    ]
}
